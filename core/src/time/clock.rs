//! The clock that a context carries: real or virtual.

use std::time::{Duration, Instant};

use super::timers::Timer;
use super::{Alarm, VirtualClock, real};
use crate::context::Context;
use crate::event::Waiter;

/// By whose time deadlines pass: the system's clock, or a [`VirtualClock`].
#[derive(Clone, Debug, Default)]
pub struct Clock(Kind);

#[derive(Clone, Debug, Default)]
enum Kind {
    #[default]
    Real,
    Virtual(VirtualClock),
}

impl Clock {
    /// The system's monotonic clock.
    pub fn real() -> Self {
        Self::default()
    }

    /// The clock of the current [context](crate::context).
    pub fn current() -> Self {
        Context::with(|context| context.clock.clone())
    }

    /// What time it is. Under a model checker the real clock stands still.
    pub fn now(&self) -> Instant {
        match &self.0 {
            Kind::Real => real::now(),
            Kind::Virtual(clock) => clock.now(),
        }
    }

    /// The instant that is `duration` away from now; `None` if it is beyond what an `Instant` can express, and will
    /// never come.
    pub fn after(&self, duration: Duration) -> Option<Instant> {
        self.now().checked_add(duration)
    }

    /// The virtual clock, if it is one.
    pub fn as_virtual(&self) -> Option<&VirtualClock> {
        match &self.0 {
            Kind::Real => None,
            Kind::Virtual(clock) => Some(clock),
        }
    }

    /// Whether both are the same clock.
    pub fn is(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Kind::Real, Kind::Real) => true,
            (Kind::Virtual(this), Kind::Virtual(other)) => this.is(other),
            _ => false,
        }
    }

    /// Runs `body` with this as the current clock.
    pub fn run<R>(&self, body: impl FnOnce() -> R) -> R {
        let _entered = Context::enter_with(|context| context.clock = self.clone());
        body()
    }

    /// Sets a timer; `None` if it is due already: then nothing will fire.
    pub(crate) fn set(&self, at: Instant, alarm: Alarm) -> Option<Timer> {
        match &self.0 {
            Kind::Real => real::set(at, alarm),
            Kind::Virtual(clock) => clock.set(at, alarm),
        }
    }

    /// Removes a timer, if it has not fired.
    pub(crate) fn unset(&self, timer: Timer) {
        match &self.0 {
            Kind::Real => real::unset(timer),
            Kind::Virtual(clock) => clock.unset(timer),
        }
    }

    /// Blocks the thread until the waiter is signalled, and returns the token of the signal, or until the deadline:
    /// `None`. A virtual clock may signal the deadline instead.
    pub(crate) fn wait(&self, waiter: &Waiter, deadline: Option<Instant>) -> Option<usize> {
        match (&self.0, deadline) {
            (Kind::Real, None) => Some(waiter.trigger().wait()),
            (Kind::Real, Some(deadline)) => waiter.trigger().wait_until(deadline),
            (Kind::Virtual(clock), deadline) => clock.wait(waiter, deadline),
        }
    }
}

impl From<VirtualClock> for Clock {
    fn from(clock: VirtualClock) -> Self {
        Self(Kind::Virtual(clock))
    }
}
