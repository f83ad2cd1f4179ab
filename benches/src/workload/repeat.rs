//! One short operation, over and over, on one thread or on several at once.
//!
//! Each thread looks at the clock once in a number of operations that its [`Pace`] chooses so that the looks cost about a
//! hundredth of the operations, or less.

use std::time::{Duration, Instant};

use reweave_core::sync::Arc;

use super::window::{Window, warm_up};
use super::{Sample, Trial};
use crate::{Error, team};

/// Aborted attempts so far, by cause.
pub(super) type Aborts = Vec<(&'static str, u64)>;

/// How an operation is repeated.
#[derive(Clone, Copy)]
pub(super) struct Pace<'a> {
    /// Operations between two looks at the clock, for each thread.
    pub(super) look_every: fn(usize) -> u64,
    /// How many attempts were aborted so far.
    pub(super) aborts: &'a dyn Fn() -> Aborts,
}

impl Pace<'_> {
    /// Operations of some nanoseconds, of a system that aborts none.
    pub(super) const SHORT: Self = Self { look_every: |_| 4096, aborts: &Vec::new };
}

/// What was done.
#[derive(Debug)]
pub(super) struct Done {
    /// The operations of each thread in the warm-up.
    before: Vec<u64>,
    /// The operations of each thread in the timed run.
    ops: Vec<u64>,
    seconds: f64,
    aborts: Aborts,
}

impl Done {
    /// All operations, the warm-up's among them.
    pub(super) fn all(&self) -> u64 {
        (0..self.ops.len()).map(|thread| self.all_of(thread)).sum()
    }

    /// All operations of a thread, the warm-up's among them.
    pub(super) fn all_of(&self, thread: usize) -> u64 {
        self.before[thread] + self.ops[thread]
    }

    /// The figure of all threads.
    pub(super) fn sample(&self) -> Sample {
        self.sample_of(|_| true)
    }

    /// The figure of some of the threads: one thread's time for an operation.
    pub(super) fn sample_of(&self, counts: impl Fn(usize) -> bool) -> Sample {
        let counting: Vec<u64> = (0..self.ops.len()).filter(|&thread| counts(thread)).map(|it| self.ops[it]).collect();
        let sample = Sample::of(counting.iter().sum(), self.seconds);
        let ns_per_op = counting.len() as f64 * sample.ns_per_op;
        Sample { ns_per_op, aborts: self.aborts.clone(), ..sample }
    }
}

/// A generator for one thread. Seeds that are neighbours give sequences that are not.
pub(super) fn rng(seed: u64, thread: usize) -> fastrand::Rng {
    fastrand::Rng::with_seed(seed ^ (thread as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// The counts of `after` without those of `before`.
pub(super) fn since(before: &[(&'static str, u64)], after: Aborts) -> Aborts {
    let earlier = |cause| before.iter().find(|known| known.0 == cause).map_or(0, |known| known.1);
    after.into_iter().map(|(cause, count)| (cause, count.saturating_sub(earlier(cause)))).collect()
}

/// Warms up and times a short operation that `prepare` makes for each thread, as [`on_threads`] does, of a system that
/// aborts none. Also says how many operations there were in all, the warm-up's among them.
///
/// # Errors
/// As there.
pub(super) fn repeat<F>(
    system: &'static str,
    trial: &Trial,
    prepare: impl Fn(usize) -> F + Send + Sync + 'static,
) -> Result<(Sample, u64), Error>
where
    F: FnMut() -> Result<(), String>,
{
    let done = on_threads(system, trial, Pace::SHORT, prepare)?;
    Ok((done.sample(), done.all()))
}

/// Warms up and times the operation that `prepare` makes for each thread.
///
/// `prepare` is called on the thread with its number, once for the warm-up and once for the timed run. What the warm-up
/// aborts does not count.
///
/// # Errors
/// [`Error::Wrong`] with what an operation found to be wrong, [`Error::Broken`] when a thread fails.
pub(super) fn on_threads<F>(
    system: &'static str,
    trial: &Trial,
    pace: Pace<'_>,
    prepare: impl Fn(usize) -> F + Send + Sync + 'static,
) -> Result<Done, Error>
where
    F: FnMut() -> Result<(), String>,
{
    let prepare = Arc::new(prepare);
    let (before, _) = work(system, trial.threads, warm_up(trial.window), pace.look_every, &prepare)?;
    let aborted = (pace.aborts)();
    let (ops, seconds) = work(system, trial.threads, trial.window, pace.look_every, &prepare)?;
    Ok(Done { before, ops, seconds, aborts: since(&aborted, (pace.aborts)()) })
}

/// Operations of each thread, and the seconds that all of them took together.
fn work<F>(
    system: &'static str,
    threads: usize,
    length: Duration,
    look_every: fn(usize) -> u64,
    prepare: &Arc<impl Fn(usize) -> F + Send + Sync + 'static>,
) -> Result<(Vec<u64>, f64), Error>
where
    F: FnMut() -> Result<(), String>,
{
    let window = Arc::new(Window::new(length));
    let (shared, prepare) = (Arc::clone(&window), Arc::clone(prepare));
    let member = move |thread| until_over(&shared, look_every(thread), prepare(thread));
    let done = team::run(threads, member)
        .map_err(|cause| Error::Broken { system, threads, cause })?
        .into_iter()
        .collect::<Result<Vec<(u64, Instant)>, String>>()
        .map_err(|finding| Error::Wrong { system, threads, finding })?;
    let seconds = window.seconds(done.iter().map(|&(_, end)| end));
    Ok((done.iter().map(|&(ops, _)| ops).collect(), seconds))
}

/// Repeats the operation until the window is over: how often, and when that was.
fn until_over(
    window: &Window,
    look_every: u64,
    mut op: impl FnMut() -> Result<(), String>,
) -> Result<(u64, Instant), String> {
    let start = window.start();
    let mut ops = 0;
    loop {
        for _ in 0..look_every {
            op()?;
        }
        ops += look_every;
        if let Some(now) = window.over(start) {
            return Ok((ops, now));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reweave_core::sync::atomic::{AtomicU64, Ordering};

    const TRIAL: Trial = Trial { threads: 2, window: Duration::from_millis(2), seed: 1 };

    #[test]
    fn all_operations_of_the_timed_run_count() {
        let count = Arc::new(AtomicU64::new(0));
        let shared = Arc::clone(&count);
        let (sample, all) = repeat("x", &TRIAL, move |_| {
            let count = Arc::clone(&shared);
            move || {
                count.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
        })
        .unwrap();
        assert_eq!(all, count.load(Ordering::Relaxed));
        // The warm-up of both threads is at least this much.
        assert!(sample.ops + 2 * 4096 <= all);
        assert!((sample.ns_per_op * sample.ops_per_sec - 2e9).abs() < 1.0, "{sample:?}");
    }

    #[test]
    fn what_an_operation_finds_ends_the_trial() {
        let prepare = |thread| move || if thread == 1 { Err("no such thing".to_owned()) } else { Ok(()) };
        let error = repeat("x", &TRIAL, prepare).unwrap_err();
        assert_eq!(error.to_string(), "x with 2 threads: no such thing");
    }

    #[test]
    fn some_threads_can_be_asked_for_their_figure() {
        let done = Done { before: vec![1, 2, 3], ops: vec![10, 200, 400], seconds: 2.0, aborts: vec![("a", 5)] };
        assert_eq!((done.all(), done.all_of(1)), (616, 202));
        let others = done.sample_of(|thread| thread != 0);
        assert_eq!((others.ops, others.ops_per_sec, others.aborts), (600, 300.0, vec![("a", 5)]));
        assert!((others.ns_per_op - 2e9 / 300.0).abs() < 1e-6, "two threads at 300 operations a second");
    }

    #[test]
    fn aborts_of_the_warm_up_do_not_count() {
        assert_eq!(since(&[("a", 3)], vec![("a", 5), ("b", 1)]), [("a", 2), ("b", 1)]);
    }
}
