//! A time as an event, and sleeping.

use std::time::{Duration, Instant};

use super::timers::Timer;
use super::{Alarm, Clock};
use crate::event::{Awaits, Enders, Event, Limits, Stopped, Waiter, wait_with};
use crate::seeded;

/// The event that an instant has come, by the clock that was current when it was made: see [`at`] and [`after`].
///
/// It yields that instant. As an arm of a select or in a future it needs a timer, which is removed when the wait ends
/// otherwise.
#[derive(Debug)]
#[must_use = "an event does nothing until it is waited for"]
pub struct At {
    clock: Clock,
    /// `None`: never.
    instant: Option<Instant>,
    timer: Option<Timer>,
}

/// The event that the current clock reads `instant`.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use reweave_core::cancel::Token;
/// use reweave_core::{select, time};
///
/// let answer = Token::new();
/// let outcome = select! {
///     _ = answer.cancelled() => "answered",
///     _ = time::after(Duration::from_millis(1)) => "too late",
/// };
/// assert_eq!(outcome.unwrap(), "too late");
/// ```
pub fn at(instant: Instant) -> At {
    At { clock: Clock::current(), instant: Some(instant), timer: None }
}

/// The event that `duration` has passed from now. One that is beyond what an `Instant` can express never does.
pub fn after(duration: Duration) -> At {
    let clock = Clock::current();
    At { instant: clock.after(duration), clock, timer: None }
}

impl At {
    /// The same by this clock.
    pub(super) fn by(clock: Clock, instant: Option<Instant>) -> Self {
        Self { clock, instant, timer: None }
    }
}

impl Event for At {
    type Output = Instant;

    /// To look at the clock again and again brings it no nearer.
    fn polls(&self) -> bool {
        false
    }

    fn attempt(&mut self) -> Option<Instant> {
        self.instant.filter(|&instant| instant <= self.clock.now())
    }

    fn enlist(&mut self, waiter: &Waiter) -> bool {
        let Some(instant) = self.instant else { return false };
        self.timer = self.clock.set(instant, Alarm::Wake(waiter.clone()));
        self.timer.is_none()
    }

    fn delist(&mut self) {
        if let Some(timer) = self.timer.take()
            && !seeded("time/loser-keeps-its-timer")
        {
            self.clock.unset(timer);
        }
    }

    /// Each timer has one waiter.
    fn pass_on(&mut self) {}

    fn awaits(&self) -> Awaits {
        Awaits::new("a time", Enders::Open)
    }
}

/// Blocks the thread for `duration`, by the current clock.
///
/// # Errors
/// [`Stopped::Cancelled`], if the current token is cancelled before.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use reweave_core::cancel::Token;
/// use reweave_core::time;
///
/// time::sleep(Duration::from_millis(1)).unwrap();
///
/// let token = Token::new();
/// token.cancel("no time for that");
/// assert!(token.run(|| time::sleep(Duration::MAX)).is_err());
/// ```
pub fn sleep(duration: Duration) -> Result<(), Stopped> {
    sleep_by(Clock::current().after(duration))
}

/// Blocks the thread until the current clock reads `instant`. Needs no timer: the thread wakes by itself.
///
/// # Errors
/// [`Stopped::Cancelled`], if the current token is cancelled before.
pub fn sleep_until(instant: Instant) -> Result<(), Stopped> {
    sleep_by(Some(instant))
}

fn sleep_by(deadline: Option<Instant>) -> Result<(), Stopped> {
    match wait_with(Never, Limits { deadline, ..Limits::default() }) {
        Err(Stopped::TimedOut) => Ok(()),
        Err(stopped) => Err(stopped),
        Ok(never) => match never {},
    }
}

/// The event that does not happen.
struct Never;

impl Event for Never {
    type Output = std::convert::Infallible;

    fn polls(&self) -> bool {
        false
    }

    fn attempt(&mut self) -> Option<Self::Output> {
        None
    }

    fn enlist(&mut self, _waiter: &Waiter) -> bool {
        false
    }

    fn delist(&mut self) {}

    /// Each timer has one waiter.
    fn pass_on(&mut self) {}

    fn awaits(&self) -> Awaits {
        Awaits::new("a sleep", Enders::Open)
    }
}
