//! Explores one model in one configuration, in this process.
//!
//! This is the one module of the project, beside the sync facade, that names loom and shuttle. Both checkers run the
//! body of a model again and again, on coroutines of one OS thread, and panic at the first execution that violates the
//! property; so [`explore`] returns only from a run that passed, and a failing one ends the process. That is why `cargo
//! verify` gives every run a process of its own, and enforces time limits from outside: the checkers' own limits on
//! time and executions end in silent success, and are off here.
//!
//! What is counted here (executions, cover points) is counted in plain std types that the checkers do not see, so that
//! counting adds no ordering to the program under test.
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "the bookkeeping of a run must be invisible to the checkers"
)]

mod aftermath;
mod cover;
mod pulse;
#[cfg(reweave_shuttle)]
mod pursuit;
mod replay;
#[cfg(reweave_loom)]
mod under_loom;
#[cfg(reweave_shuttle)]
mod under_shuttle;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;

pub use aftermath::{leave_word, take_word_back};
pub use cover::cover;
pub use replay::{Failure, HANDOVER_PREFIX};

use crate::config::{Backend, Config};
use crate::model::{Component, Model};
use crate::report::Report;

/// One run: what to explore, and how.
#[derive(Debug)]
pub struct Order {
    /// The component that the model belongs to.
    pub component: &'static Component,
    /// The model.
    pub model: &'static Model,
    /// The configuration; any will do, not only those that the model lists.
    pub config: Config,
    /// The seeded bug to switch on.
    pub bug: Option<String>,
    /// Print a progress line about twice a second, and end when the starting process is gone.
    pub progress: bool,
    /// Where a schedule that fails under shuttle is written to.
    pub schedules: PathBuf,
    /// Let loom's messages name the source line of every access: slow, but it says what raced.
    pub locations: bool,
}

impl Order {
    fn path(&self) -> String {
        format!("{}/{}", self.component.name, self.model.name)
    }
}

/// Explores the model as ordered and reports what was seen.
///
/// # Errors
/// Without exploring anything, if this build lacks the backend or the environment would change the exploration.
///
/// # Panics
/// At the first execution that violates the property.
pub fn explore(order: Order) -> Result<Report, String> {
    check_backend(order.config.backend())?;
    if let Some(bug) = &order.bug {
        reweave_core::seed_bug(bug);
    }
    pulse::start(order.progress);
    let handover = replay::describe_failures(&order);
    with_aftermath(order.config, || run_checker(&order, &handover));
    Ok(pulse::finished(order.config.completeness()))
}

/// Runs the one execution that a [`Failure`] stored, and reports that it passed, if it does.
///
/// # Errors
/// If the failure cannot be replayed by this build.
///
/// # Panics
/// As the stored execution did.
pub fn replay(failure: &Failure, model: &'static Model) -> Result<Report, String> {
    check_backend(Backend::Shuttle)?;
    failure.check_version()?;
    if let Some(bug) = &failure.bug {
        reweave_core::seed_bug(bug);
    }
    pulse::start(false);
    #[cfg(reweave_shuttle)]
    {
        let config = failure.config.parse().unwrap_or(Config::ShuttleRandom { iterations: 1 });
        with_aftermath(config, || under_shuttle::replay(&failure.schedule, model.body));
    }
    #[cfg(not(reweave_shuttle))]
    let _ = model;
    let seen = Config::ShuttleRandom { iterations: 1 }.completeness();
    Ok(pulse::finished(seen))
}

/// The line behind which a failed run prints what it found out afterwards: that is no part of its failure.
pub const AFTERWARDS: &str = "found out after the failure:";

/// Runs a checker; when an execution fails, lets the model pursue the failure.
#[cfg_attr(not(reweave_shuttle), allow(unused_variables))]
fn with_aftermath(config: Config, run: impl FnOnce()) {
    let Err(panic) = catch_unwind(AssertUnwindSafe(run)) else { return };
    let message = aftermath::message(&*panic);
    // The panic hook has told it already, unless there is none, as in a replay.
    if let Some(text) = aftermath::told(message) {
        eprintln!("{text}");
    }
    #[cfg(reweave_shuttle)]
    if let Some(pursue) = aftermath::pursuit() {
        eprintln!("{AFTERWARDS}");
        pursuit::pursue_like(config);
        eprintln!("{}", pursue(message));
    }
    resume_unwind(panic);
}

/// Searches another program for a failure, once a model has failed: what the pursuit of [`leave_word`] may call. `None`
/// if none was found, or this build cannot search: only shuttle can.
///
/// `body` is run for every execution and returns its failure, if it has one. Searches schedules of the same kind as
/// those of the failed run, no more than 2,000. Returns the first failure: what `body` returned, or the panic of the
/// checker, and behind it what `body` left word of.
pub fn search(body: impl Fn() -> Option<String> + Send + Sync + 'static) -> Option<String> {
    #[cfg(reweave_shuttle)]
    return pursuit::search(body);
    #[cfg(not(reweave_shuttle))]
    {
        drop(body);
        None
    }
}

/// A number below `limit` that the schedule chooses; replaying the schedule chooses it again. Only shuttle can choose.
///
/// # Panics
/// When `limit` is zero, or outside shuttle.
pub fn choose(limit: usize) -> usize {
    assert!(limit > 0, "there is nothing to choose from");
    #[cfg(reweave_shuttle)]
    return under_shuttle::choose(limit);
    #[cfg(not(reweave_shuttle))]
    panic!("only schedules of shuttle choose among {limit}");
}

/// Runs `work` on a thread of its own that the checkers do not see, whose stack is deep; their own are not.
///
/// `work` must not use the facade.
///
/// # Panics
/// As `work` does.
pub fn on_a_deep_stack<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| scope.spawn(work).join().unwrap_or_else(|panic| resume_unwind(panic)))
}

/// How many hardware threads this process may use.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The version of a dependency that this workspace is locked to.
pub fn locked_version(package: &str) -> &'static str {
    replay::locked_version(package)
}

/// The name of the file in which a failing run under shuttle stores its schedule.
pub fn schedule_name(model: &str, config: Config, bug: Option<&str>) -> String {
    replay::file_name(model, config, bug)
}

fn check_backend(wanted: Backend) -> Result<(), String> {
    if wanted != Backend::BUILT {
        return Err(format!("this build explores under {}, and a run under {wanted} was asked for", Backend::BUILT));
    }
    // The one variable that no setting of ours overrides: the schedulers take their seed from it.
    if std::env::var_os("SHUTTLE_RANDOM_SEED").is_some() {
        return Err("SHUTTLE_RANDOM_SEED is set, but models run from fixed seeds: unset it".into());
    }
    Ok(())
}

#[cfg(reweave_loom)]
fn run_checker(order: &Order, _: &replay::Handover) {
    under_loom::run(order.config, order.locations, order.model.body);
}

#[cfg(reweave_shuttle)]
fn run_checker(order: &Order, handover: &replay::Handover) {
    under_shuttle::run(order.config, handover.folder(), order.model.body);
}

#[cfg(not(any(reweave_loom, reweave_shuttle)))]
fn run_checker(_: &Order, _: &replay::Handover) {
    unreachable!("no configuration names the std backend");
}
