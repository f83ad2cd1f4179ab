//! The timers of the real clock, and how the one thread that serves them sleeps.
//!
//! # Protocol
//!
//! Under one lock: the wheel, and the *sleeper*, which is the trigger that the timer thread sleeps on and the time
//! until which it means to.
//!
//! | who | step |
//! |---|---|
//! | timer thread, [`Timers::turn`] | takes out all that is due; if nothing is, leaves a new sleeper |
//! | timer thread, outside | fires what was due, or sleeps on the trigger until the time |
//! | whoever [inserts](Timers::insert) | if it is due before the sleeper's time, takes the sleeper and signals it |
//!
//! # Invariant
//!
//! *While the thread sleeps, no timer is due before the time until which it sleeps*, unless its trigger is being
//! signalled: the sleeper is left under the lock under which the wheel was looked at, and every earlier timer that
//! comes later finds it. The time is the wheel's lower bound; a thread that wakes too early, because the first timer
//! was removed, looks again and sleeps on.
//!
//! Sources: the sleeping is that of tokio's time driver, with a trigger in place of the parker.

use std::time::Instant;

use super::wheel::{Key, Wheel};
use crate::seeded;
use crate::sync::{Arc, Mutex};
use crate::trigger::Trigger;

/// Timers, served by one thread.
#[derive(Debug)]
pub struct Timers<A> {
    origin: Instant,
    state: Mutex<State<A>>,
}

#[derive(Debug)]
struct State<A> {
    wheel: Wheel<A>,
    sleeper: Option<Sleeper>,
    /// Whether the serving thread has been started.
    served: bool,
}

/// What the timer thread sleeps on.
#[derive(Clone, Debug)]
pub struct Sleeper {
    /// Signalled when there is an earlier timer.
    pub trigger: Arc<Trigger>,
    /// Until when to sleep, in ticks; `None` without any timer.
    pub until: Option<u64>,
}

/// A timer that has been set.
#[derive(Clone, Copy, Debug)]
pub struct Timer(pub(super) Key);

impl<A> Timers<A> {
    /// No timers; ticks are counted from `origin`.
    pub fn new(origin: Instant) -> Self {
        Self { origin, state: Mutex::new(State { wheel: Wheel::new(), sleeper: None, served: false }) }
    }

    /// An instant in ticks: nanoseconds from the origin, at most 584 years.
    pub fn ticks(&self, instant: Instant) -> u64 {
        ticks(self.origin, instant)
    }

    /// The instant of a number of ticks; far ones that no `Instant` can express are `None`.
    pub fn instant(&self, ticks: u64) -> Option<Instant> {
        self.origin.checked_add(std::time::Duration::from_nanos(ticks))
    }

    /// Sets a timer. If that is the first, `start` is called under the lock: it starts the thread that serves them.
    pub fn insert(&self, at: u64, alarm: A, start: impl FnOnce()) -> Timer {
        let (timer, earlier) = {
            let mut state = self.state.lock();
            if !state.served {
                // If it panics, nothing has been set, and the next insertion tries again.
                start();
                state.served = true;
            }
            let timer = Timer(state.wheel.insert(at, alarm));
            let earlier = state.sleeper.take_if(|sleeper| sleeper.until.is_none_or(|until| at < until));
            (timer, earlier)
        };
        if let Some(sleeper) = earlier
            && !seeded("time/earlier-timer-wakes-nobody")
        {
            sleeper.trigger.signal(0);
        }
        timer
    }

    /// Removes a timer that has not fired; its alarm is the caller's to drop.
    pub fn remove(&self, timer: Timer) -> Option<A> {
        self.state.lock().wheel.remove(timer.0)
    }

    /// Appends all that is due to `due`; if that is nothing, says what to sleep on, and until when.
    pub fn turn(&self, now: u64, due: &mut Vec<A>) -> Option<Sleeper> {
        let mut state = self.state.lock();
        while let Some(alarm) = state.wheel.advance(now) {
            due.push(alarm);
        }
        if !due.is_empty() {
            state.sleeper = None;
            return None;
        }
        let sleeper = Sleeper { trigger: Arc::new(Trigger::new()), until: state.wheel.not_before() };
        if seeded("time/sleeper-left-late") {
            drop(state);
            state = self.state.lock();
        }
        state.sleeper = Some(sleeper.clone());
        Some(sleeper)
    }
}

/// The number of ticks that stands for never.
pub(super) const NEVER: u64 = u64::MAX;

/// Nanoseconds from `origin` to `instant`: 0 if it is before, [`NEVER`] if it is more than 584 years after.
pub(super) fn ticks(origin: Instant, instant: Instant) -> u64 {
    u64::try_from(instant.saturating_duration_since(origin).as_nanos()).unwrap_or(NEVER)
}
