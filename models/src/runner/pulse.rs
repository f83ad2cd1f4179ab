//! The pulse of a run: counts executions and says how far it is.
//!
//! It beats at the start of every execution, on the checker's own thread; there is no thread beside it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::cover;
use crate::config::Completeness;
use crate::report::{Event, Report};

/// How long the process that started this one waits for news at most.
const BETWEEN_BEATS: Duration = Duration::from_millis(500);

static EXECUTIONS: AtomicU64 = AtomicU64::new(0);
static STARTED: OnceLock<Instant> = OnceLock::new();
static LAST_BEAT: Mutex<Option<Instant>> = Mutex::new(None);
static WATCHED: AtomicBool = AtomicBool::new(false);
static PARENT: OnceLock<Option<u32>> = OnceLock::new();

/// Starts the clock; with `watched`, the run prints progress and ends when its parent process is gone.
pub(super) fn start(watched: bool) {
    STARTED.get_or_init(Instant::now);
    PARENT.get_or_init(parent);
    WATCHED.store(watched, Ordering::Relaxed);
}

/// One execution begins.
#[cfg_attr(not(any(reweave_loom, reweave_shuttle)), allow(dead_code))]
pub(super) fn beat() {
    EXECUTIONS.fetch_add(1, Ordering::Relaxed);
    if !WATCHED.load(Ordering::Relaxed) {
        return;
    }
    let now = Instant::now();
    let due = {
        let mut last = LAST_BEAT.lock().unwrap_or_else(PoisonError::into_inner);
        let due = last.is_none_or(|last| now - last >= BETWEEN_BEATS);
        if due {
            *last = Some(now);
        }
        due
    };
    if due {
        if PARENT.get().is_some_and(|started_by| *started_by != parent()) {
            // Nobody is left to read the outcome, and an exploration can go on for hours.
            std::process::exit(1);
        }
        print_progress();
    }
}

/// Prints how far the run is, if anybody watches.
pub(super) fn print_progress() {
    if WATCHED.load(Ordering::Relaxed)
        && let Ok(line) = serde_json::to_string(&report(Event::Progress, None))
    {
        println!("{line}");
    }
}

/// How many executions have begun.
pub(super) fn executions() -> u64 {
    EXECUTIONS.load(Ordering::Relaxed)
}

/// The report of a run that came to its end.
pub(super) fn finished(completeness: Completeness) -> Report {
    report(Event::Finished, Some(completeness))
}

fn report(event: Event, completeness: Option<Completeness>) -> Report {
    Report {
        event,
        executions: executions(),
        completeness,
        covered: cover::reached(),
        seconds: STARTED.get().map_or(0.0, |start| start.elapsed().as_secs_f64()),
    }
}

#[cfg(unix)]
fn parent() -> Option<u32> {
    Some(std::os::unix::process::parent_id())
}

#[cfg(not(unix))]
fn parent() -> Option<u32> {
    None
}
