//! Exploring under shuttle.
//!
//! Schedulers start from a fixed seed, so a run repeats exactly. An execution that does not end within [`MAX_STEPS`]
//! fails; none is given up silently.

use std::path::PathBuf;

use shuttle::rand::RngCore;
use shuttle::scheduler::{DfsScheduler, PctScheduler, RandomScheduler, ReplayScheduler, Scheduler};
use shuttle::{Config as Settings, FailurePersistence, MaxSteps, Runner};

use super::pulse;
use crate::config::Config;

/// The seed of all sampled runs.
pub(super) const SEED: u64 = 0x7277_6561_7665;

/// Steps an execution may take before it counts as endless.
const MAX_STEPS: usize = 1_000_000;

/// A task's stack: optimised code, but with panics and their messages.
const STACK: usize = 128 * 1024;

pub(super) fn run(config: Config, failures: Option<&PathBuf>, body: fn()) {
    // A failing schedule goes where the panic hook looks for it; without a folder for that, to standard error.
    let persistence = match failures {
        Some(folder) => FailurePersistence::File(Some(folder.clone())),
        None => FailurePersistence::Print,
    };
    match config {
        Config::ShuttleDfs => drive(DfsScheduler::new(None, false), persistence, body),
        Config::ShuttlePct { depth, iterations } => {
            drive(PctScheduler::new_from_seed(SEED, depth, iterations), persistence, body)
        }
        Config::ShuttleRandom { iterations } => {
            drive(RandomScheduler::new_from_seed(SEED, iterations), persistence, body)
        }
        Config::LoomComplete | Config::LoomBounded { .. } => {
            unreachable!("the backend was checked before")
        }
    }
}

pub(super) fn replay(schedule: &str, body: fn()) {
    let scheduler = ReplayScheduler::new_from_encoded(schedule);
    drive(scheduler, FailurePersistence::None, body);
}

pub(super) fn choose(limit: usize) -> usize {
    (shuttle::rand::thread_rng().next_u64() % limit as u64) as usize
}

fn drive(scheduler: impl Scheduler + 'static, persistence: FailurePersistence, body: fn()) {
    Runner::new(scheduler, settings(persistence)).run(move || {
        pulse::beat();
        body();
    });
}

/// What all executions have in common.
pub(super) fn settings(persistence: FailurePersistence) -> Settings {
    let mut settings = Settings::new();
    settings.stack_size = STACK;
    settings.failure_persistence = persistence;
    settings.max_steps = MaxSteps::FailAfter(MAX_STEPS);
    settings.max_time = None;
    // The warning is that shuttle's atomics are sequentially consistent; the matrix says so in its own words.
    settings.silence_warnings = true;
    settings
}
