//! How a pool is driven: started, warmed up, timed, and asked for the same work again and again.
//!
//! The loop runs inside the pool, so that no round begins with waking it up. Each round times its own work and then
//! checks it: neither the check nor what it needs is in the figure.

use std::panic::{self, AssertUnwindSafe};
use std::time::{Duration, Instant};

use super::pool::{Install, Pool};
use crate::Error;
use crate::team::describe;
use crate::workload::window::warm_up;
use crate::workload::{Sample, Trial};

/// Rounds that were done, and the time of their work alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rounds {
    pub(super) count: u64,
    pub(super) taken: Duration,
}

impl Rounds {
    /// The figure, where each round is so many operations.
    pub(super) fn sample(self, operations: usize) -> Sample {
        Sample::of(self.count, self.taken.as_secs_f64()).in_parts_of(operations as u64)
    }
}

/// Starts a pool and lets `work` use it.
///
/// # Errors
/// [`Error::Wrong`] with what the work finds to be wrong; [`Error::Broken`] when the pool does not start, or on a panic.
pub(super) fn with_pool<P: Pool, R>(
    system: &'static str,
    threads: usize,
    work: impl FnOnce(&P) -> Result<R, String>,
) -> Result<R, Error> {
    // A pool that something panicked in is dropped, and nothing else is shared.
    let done = panic::catch_unwind(AssertUnwindSafe(|| P::start(threads).map(|pool| work(&pool))));
    let broken = |cause| Error::Broken { system, threads, cause };
    done.map_err(|panic| broken(describe(&*panic)))?.map_err(broken)?.map_err(|finding| Error::Wrong {
        system,
        threads,
        finding,
    })
}

/// Does rounds until they took this long with everything around them, and at least one.
///
/// # Errors
/// What a round finds to be wrong.
pub(super) fn rounds(length: Duration, mut round: impl FnMut() -> Result<Duration, String>) -> Result<Rounds, String> {
    let begun = Instant::now();
    let mut rounds = Rounds { count: 0, taken: Duration::ZERO };
    while rounds.count == 0 || begun.elapsed() < length {
        rounds.taken += round()?;
        rounds.count += 1;
    }
    Ok(rounds)
}

/// Warms up and times rounds of so many operations each, in a pool of type `P`. A round says how long its work took.
///
/// # Errors
/// As [`with_pool`].
pub(super) fn trial<P: Install>(
    system: &'static str,
    trial: &Trial,
    operations: usize,
    mut round: impl FnMut(&P) -> Result<Duration, String> + Send,
) -> Result<Sample, Error> {
    let done = with_pool(system, trial.threads, |pool: &P| {
        pool.install(|| {
            rounds(warm_up(trial.window), || round(pool))?;
            rounds(trial.window, || round(pool))
        })
    })?;
    Ok(done.sample(operations))
}

/// How long `work` took, and what it returned.
pub(super) fn timed<R>(work: impl FnOnce() -> R) -> (Duration, R) {
    let begun = Instant::now();
    let result = work();
    (begun.elapsed(), result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_round_at_least_and_only_its_work_counts() {
        let once = rounds(Duration::ZERO, || Ok(Duration::from_nanos(700))).unwrap();
        assert_eq!(once, Rounds { count: 1, taken: Duration::from_nanos(700) });
        let sample = once.sample(7);
        assert_eq!((sample.ops, sample.ns_per_op.round()), (7, 100.0));
        assert_eq!(rounds(Duration::MAX, || Err("no".to_owned())), Err("no".to_owned()));
    }

    /// A pool that does not start.
    #[derive(Debug)]
    struct Refused;

    impl Pool for Refused {
        fn start(threads: usize) -> Result<Self, String> {
            if threads > 8 { Err("too many".to_owned()) } else { Ok(Self) }
        }
    }

    #[test]
    fn what_goes_wrong_is_told_by_kind() {
        let told = |threads, work: fn(&Refused) -> Result<(), String>| with_pool("x", threads, work).unwrap_err();
        assert!(matches!(told(1, |_| Err("bad".to_owned())), Error::Wrong { finding, .. } if finding == "bad"));
        assert!(matches!(told(9, |_| Ok(())), Error::Broken { cause, .. } if cause == "too many"));
        let panicked = told(1, |_| panic!("on purpose"));
        assert!(matches!(panicked, Error::Broken { cause, .. } if cause == "a thread panicked: on purpose"));
    }
}
