//! `scoped-spawn`: a scope, so many jobs spawned in it one by one, and the wait for all of them.
//!
//! Each job counts in a place of its own, on cache lines of its own, so that jobs of two threads meet in the scheduler and nowhere else. After every
//! round each place must have been counted once more.

use crossbeam_utils::CachePadded;
use reweave_core::sync::atomic::{AtomicU64, Ordering};

use super::drive;
use super::pool::Scope;
use crate::Error;
use crate::workload::{Sample, Trial};

/// Times scopes with so many jobs.
pub(super) fn trial<P: Scope>(jobs: usize, system: &'static str, trial: &Trial) -> Result<Sample, Error> {
    let counts: Vec<CachePadded<AtomicU64>> = (0..jobs).map(|_| CachePadded::default()).collect();
    let mut rounds = 0;
    drive::trial(system, trial, jobs, |pool: &P| {
        let count = |job: usize| {
            counts[job].fetch_add(1, Ordering::Relaxed);
        };
        let (taken, ()) = drive::timed(|| pool.spawn_each(jobs, count));
        rounds += 1;
        match counts.iter().position(|count| count.load(Ordering::Relaxed) != rounds) {
            None => Ok(taken),
            Some(job) => {
                let ran = counts[job].load(Ordering::Relaxed) + 1 - rounds;
                Err(format!("job {job} of a scope was run {ran} times by the time that the scope ended"))
            }
        }
    })
}
