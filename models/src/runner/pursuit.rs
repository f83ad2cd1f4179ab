//! Searching other programs for a failure, after a model has failed under shuttle.
//!
//! Quietly: a search is a step of a description, and its failures are expected. A body reports a failure by returning
//! it, as a panic makes shuttle print; only a failure of shuttle's own (a deadlock) is a panic here. The search ends
//! with the first.

use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use shuttle::scheduler::{DataSource, PctScheduler, RandomDataSource, Schedule, Scheduler, Task, TaskId};
use shuttle::{FailurePersistence, Runner};

use super::aftermath;
use super::under_shuttle::{SEED, settings};
use crate::config::Config;

/// Schedules that a search tries at most.
const MOST_SEARCHED: usize = 2_000;

/// The configuration of the run that has failed.
static FAILED: OnceLock<Config> = OnceLock::new();

/// Searches will be of the kind of this run, which has failed.
pub(super) fn pursue_like(config: Config) {
    FAILED.get_or_init(|| config);
}

/// Looks for a failure of `body`; returns its message and what it had to tell.
pub(super) fn search(body: impl Fn() -> Option<String> + Send + Sync + 'static) -> Option<String> {
    let found: Found = Arc::default();
    let noted = found.clone();
    let body = move || {
        if let Some(failure) = body() {
            noted.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(failure);
        }
    };
    let hook = take_hook();
    set_hook(Box::new(|_| {}));
    let outcome = catch_unwind(AssertUnwindSafe(|| match FAILED.get() {
        Some(Config::ShuttlePct { depth, iterations }) => {
            let iterations = MOST_SEARCHED.min(*iterations);
            drive(PctScheduler::new_from_seed(SEED, *depth, iterations), &found, body);
        }
        _ => drive(Uniform::new(), &found, body),
    }));
    set_hook(hook);
    match outcome {
        Ok(()) => found.lock().unwrap_or_else(PoisonError::into_inner).take(),
        Err(panic) => {
            let message = aftermath::message(&*panic);
            let told = aftermath::told(message).unwrap_or_default();
            Some(format!("{message}\n{told}"))
        }
    }
}

/// The failure that ends a search.
type Found = Arc<Mutex<Option<String>>>;

fn drive(scheduler: impl Scheduler + 'static, found: &Found, body: impl Fn() + Send + Sync + 'static) {
    let scheduler = UntilFound { scheduler, found: found.clone() };
    Runner::new(scheduler, settings(FailurePersistence::None)).run(body);
}

/// Schedules until there is a failure.
struct UntilFound<S> {
    scheduler: S,
    found: Found,
}

impl<S: Scheduler> Scheduler for UntilFound<S> {
    fn new_execution(&mut self) -> Option<Schedule> {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        if found { None } else { self.scheduler.new_execution() }
    }

    fn next_task(&mut self, runnable: &[&Task], current: Option<TaskId>, is_yielding: bool) -> Option<TaskId> {
        self.scheduler.next_task(runnable, current, is_yielding)
    }

    fn next_u64(&mut self) -> u64 {
        self.scheduler.next_u64()
    }
}

/// Random schedules as those of shuttle's own `RandomScheduler`, which prints its seed when it fails.
struct Uniform {
    left: usize,
    data: RandomDataSource,
}

impl Uniform {
    fn new() -> Self {
        Self { left: MOST_SEARCHED, data: RandomDataSource::initialize(SEED) }
    }
}

impl Scheduler for Uniform {
    fn new_execution(&mut self) -> Option<Schedule> {
        self.left = self.left.checked_sub(1)?;
        Some(Schedule::new(self.data.reinitialize()))
    }

    fn next_task(&mut self, runnable: &[&Task], _: Option<TaskId>, _: bool) -> Option<TaskId> {
        let at = self.data.next_u64() % runnable.len() as u64;
        Some(runnable[at as usize].id())
    }

    fn next_u64(&mut self) -> u64 {
        self.data.next_u64()
    }
}
