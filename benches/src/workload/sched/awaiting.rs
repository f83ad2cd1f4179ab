//! `spawn-await`: from inside a task a task is spawned and awaited, over and over.
//!
//! With N threads there are N tasks that do so at once, spawned from outside before any of them begins: as many as there
//! are threads, and on a system that spreads its tasks, one on each. Where a spawned task runs is the system's choice:
//! on the thread that spawned it, while the spawning task waits, or on another that has nothing to do. The figure is one
//! spawning task's time for spawn, run and await.
//!
//! A spawned task returns the number that it was given, and the number is checked.

use std::time::{Duration, Instant};

use futures_lite::future::block_on;
use reweave_core::sync::Arc;

use super::drive;
use super::pool::Spawn;
use crate::Error;
use crate::workload::window::{Window, warm_up};
use crate::workload::{Sample, Trial};

/// Times tasks in a pool of type `P`, so many between two looks at the clock.
pub(super) fn trial<P: Spawn>(tasks: usize, system: &'static str, trial: &Trial) -> Result<Sample, Error> {
    let threads = trial.threads;
    let (awaited, seconds) = drive::with_pool(system, threads, |pool: &P| {
        run(pool, tasks, threads, warm_up(trial.window))?;
        run(pool, tasks, threads, trial.window)
    })?;
    let sample = Sample::of(awaited, seconds);
    Ok(Sample { ns_per_op: threads as f64 * sample.ns_per_op, ..sample })
}

/// How many tasks were awaited by so many others, and the seconds of it all.
fn run<P: Spawn>(pool: &P, look_every: usize, loops: usize, length: Duration) -> Result<(u64, f64), String> {
    let window = Arc::new(Window::new(length));
    let spawner = pool.spawner();
    let spawned: Vec<_> = (0..loops)
        .map(|_| P::spawn(&spawner, until_over::<P>(spawner.clone(), look_every, Arc::clone(&window))))
        .collect();
    let done: Vec<(u64, Instant)> = spawned.into_iter().map(block_on).collect::<Result<_, String>>()?;
    let seconds = window.seconds(done.iter().map(|&(_, end)| end));
    Ok((done.iter().map(|&(tasks, _)| tasks).sum(), seconds))
}

/// Spawns and awaits until the window is over: how often, and when that was.
async fn until_over<P: Spawn>(
    spawner: P::Spawner,
    look_every: usize,
    window: Arc<Window>,
) -> Result<(u64, Instant), String> {
    let start = window.start();
    let mut tasks = 0;
    loop {
        for _ in 0..look_every {
            let returned = P::spawn(&spawner, async move { tasks }).await;
            if returned != tasks {
                return Err(format!("a task that had to return {tasks} returned {returned}"));
            }
            tasks += 1;
        }
        if let Some(now) = window.over(start) {
            return Ok((tasks, now));
        }
    }
}
