//! The real clock: the system's, and the one thread that serves its timers.
//!
//! A thread that blocks with a deadline sleeps until then by itself. Timers are for what no thread sleeps on: an arm
//! of a select, a suspended task, the deadline of a token. The thread is started by the first of them, lasts as long
//! as the process, and sleeps without a deadline when there are none. Under the model checkers there is no such
//! thread, and no real time: see [`now`].

use std::time::Instant;

use super::Alarm;
use super::timers::{Timer, Timers};
use crate::reclaim::contain;
use crate::sync::{Lazy, MODELLED, thread};

/// The timers of the process, and the instant from which they count.
static TIMERS: Lazy<Timers<Alarm>> = Lazy::new(|| Timers::new(Instant::now()));

/// The first instant that was asked for in this execution of a model.
static STILL: Lazy<Instant> = Lazy::new(Instant::now);

/// The system's monotonic clock. Under the model checkers it stands still, since what it says would change from one
/// execution to the next.
pub(super) fn now() -> Instant {
    if MODELLED { *STILL.get() } else { Instant::now() }
}

/// Sets a timer; `None` if it is due already.
pub(super) fn set(at: Instant, alarm: Alarm) -> Option<Timer> {
    if MODELLED {
        panic!("a model has no timer thread: make a virtual clock the current one (`VirtualClock::enter`)");
    }
    if at <= now() {
        return None;
    }
    let timers = TIMERS.get();
    Some(timers.insert(timers.ticks(at), alarm, start))
}

/// Removes a timer.
pub(super) fn unset(timer: Timer) {
    drop(TIMERS.get().remove(timer));
}

/// Starts the thread that serves the timers.
fn start() {
    if let Err(error) = thread::try_spawn("reweave-timer".to_owned(), || serve(TIMERS.get())) {
        panic!("the thread that serves timers could not be started: {error}; the limit on threads may be too low");
    }
}

fn serve(timers: &Timers<Alarm>) {
    let mut due = Vec::new();
    loop {
        let sleeper = timers.turn(timers.ticks(now()), &mut due);
        for alarm in due.drain(..) {
            // Wakers and callbacks are contained one by one; this is for what nobody thought of.
            contain(|| alarm.fire());
        }
        if let Some(sleeper) = sleeper {
            let _signalled = match sleeper.until.and_then(|until| timers.instant(until)) {
                Some(until) => sleeper.trigger.wait_until(until),
                None => Some(sleeper.trigger.wait()),
            };
        }
    }
}
