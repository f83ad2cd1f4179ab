//! Exploring under loom.
//!
//! Every setting is made here, none is left to `LOOM_*`. With `max_permutations` and `max_duration` absent, `check`
//! returns only when nothing is left to explore within the preemption bound.

use loom::model::Builder;

use super::pulse;
use crate::config::Config;

/// The main thread and four more: as many as loom takes.
const MAX_THREADS: usize = 5;

/// Steps an execution may take before loom calls it endless.
const MAX_BRANCHES: usize = 50_000;

pub(super) fn run(config: Config, locations: bool, body: fn()) {
    let mut builder = Builder::new();
    builder.max_threads = MAX_THREADS;
    builder.max_branches = MAX_BRANCHES;
    builder.max_permutations = None;
    builder.max_duration = None;
    builder.preemption_bound = match config {
        Config::LoomBounded { preemptions } => Some(preemptions),
        _ => None,
    };
    builder.checkpoint_file = None;
    builder.checkpoint_interval = usize::MAX;
    builder.expect_explicit_explore = false;
    builder.location = locations;
    builder.log = false;
    builder.check(move || {
        pulse::beat();
        body();
    });
}
