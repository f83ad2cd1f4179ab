//! One short operation, over and over, on one thread or on several at once.
//!
//! Each thread looks at the clock once in [`LOOK_EVERY`] operations, which costs each of them less than a hundredth of a
//! nanosecond.

use std::time::{Duration, Instant};

use reweave_core::sync::Arc;

use super::window::{Window, warm_up};
use super::{Sample, Trial};
use crate::{Error, team};

/// Operations between two looks at the clock.
const LOOK_EVERY: u64 = 4096;

/// Warms up and times the operation that `prepare` makes for each thread.
///
/// `prepare` is called on the thread with its number, once for the warm-up and once for the timed run. The figure is
/// one thread's time for an operation. Also says how many operations there were in all, the warm-up's among them.
///
/// # Errors
/// [`Error::Wrong`] with what an operation found to be wrong, [`Error::Broken`] when a thread fails.
pub(super) fn repeat<F>(
    system: &'static str,
    trial: &Trial,
    prepare: impl Fn(usize) -> F + Send + Sync + 'static,
) -> Result<(Sample, u64), Error>
where
    F: FnMut() -> Result<(), String>,
{
    let prepare = Arc::new(prepare);
    let (before, _) = work(system, trial.threads, warm_up(trial.window), &prepare)?;
    let (ops, seconds) = work(system, trial.threads, trial.window, &prepare)?;
    let ops_per_sec = ops as f64 / seconds;
    let sample = Sample { ns_per_op: trial.threads as f64 * 1e9 / ops_per_sec, ..Sample::of(ops, seconds) };
    Ok((sample, before + ops))
}

/// Operations of all threads together, and the seconds they took.
fn work<F>(
    system: &'static str,
    threads: usize,
    length: Duration,
    prepare: &Arc<impl Fn(usize) -> F + Send + Sync + 'static>,
) -> Result<(u64, f64), Error>
where
    F: FnMut() -> Result<(), String>,
{
    let window = Arc::new(Window::new(length));
    let (shared, prepare) = (Arc::clone(&window), Arc::clone(prepare));
    let member = move |thread| until_over(&shared, prepare(thread));
    let done = team::run(threads, member)
        .map_err(|cause| Error::Broken { system, threads, cause })?
        .into_iter()
        .collect::<Result<Vec<(u64, Instant)>, String>>()
        .map_err(|finding| Error::Wrong { system, threads, finding })?;
    let seconds = window.seconds(done.iter().map(|&(_, end)| end));
    Ok((done.iter().map(|&(ops, _)| ops).sum(), seconds))
}

/// Repeats the operation until the window is over: how often, and when that was.
fn until_over(window: &Window, mut op: impl FnMut() -> Result<(), String>) -> Result<(u64, Instant), String> {
    let start = window.start();
    let mut ops = 0;
    loop {
        for _ in 0..LOOK_EVERY {
            op()?;
        }
        ops += LOOK_EVERY;
        let now = Instant::now();
        if now - start >= window.length() {
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
        assert!(sample.ops + 2 * LOOK_EVERY <= all);
        assert!((sample.ns_per_op * sample.ops_per_sec - 2e9).abs() < 1.0, "{sample:?}");
    }

    #[test]
    fn what_an_operation_finds_ends_the_trial() {
        let prepare = |thread| move || if thread == 1 { Err("no such thing".to_owned()) } else { Ok(()) };
        let error = repeat("x", &TRIAL, prepare).unwrap_err();
        assert_eq!(error.to_string(), "x with 2 threads: no such thing");
    }
}
