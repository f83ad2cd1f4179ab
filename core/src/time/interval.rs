//! Ticks at equal distances.

use std::time::{Duration, Instant};

use super::{At, Clock};
use crate::event::{Awaits, Enders, Event, Stopped, Waiter, wait};

/// What an [`Interval`] does about ticks that nobody took in time.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum MissedTicks {
    /// They come one right after the other, until the schedule is caught up with: as many ticks as periods.
    #[default]
    Burst,
    /// One of them comes, the others are left out; the next ones are where they were scheduled.
    Skip,
    /// One of them comes, and a new schedule starts from when it was taken: at least a period between two ticks.
    Delay,
}

/// Ticks at equal distances, by the clock that was current when it was made: see [`interval`].
#[derive(Debug)]
pub struct Interval {
    clock: Clock,
    period: Duration,
    missed: MissedTicks,
    /// When the next tick is due; `None` if no `Instant` can express it.
    next: Option<Instant>,
}

/// Ticks every `period`, the first of them a period from now.
///
/// Each tick is scheduled from the one before, not from when that was taken, so the schedule does not drift.
///
/// # Panics
/// When the period is zero.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use reweave_core::time::{self, MissedTicks, VirtualClock};
///
/// let clock = VirtualClock::new();
/// let _entered = clock.enter();
/// let mut ticks = time::interval(Duration::from_secs(10)).on_missed(MissedTicks::Skip);
/// ticks.tick().unwrap();
/// assert_eq!(clock.elapsed(), Duration::from_secs(10));
/// clock.advance(Duration::from_secs(35));
/// ticks.tick().unwrap(); // that of second 20; those of 30 and 40 are skipped
/// ticks.tick().unwrap();
/// assert_eq!(clock.elapsed(), Duration::from_secs(50));
/// ```
pub fn interval(period: Duration) -> Interval {
    let clock = Clock::current();
    let next = clock.after(period);
    Interval::by(clock, next, period)
}

/// Ticks at `start` and every `period` from then on.
///
/// # Panics
/// When the period is zero.
pub fn interval_at(start: Instant, period: Duration) -> Interval {
    Interval::by(Clock::current(), Some(start), period)
}

impl Interval {
    fn by(clock: Clock, next: Option<Instant>, period: Duration) -> Self {
        assert!(!period.is_zero(), "an interval's period is longer than zero");
        Self { clock, period, missed: MissedTicks::default(), next }
    }

    /// The same with this behaviour about missed ticks; [`MissedTicks::Burst`] by default.
    pub fn on_missed(mut self, missed: MissedTicks) -> Self {
        self.missed = missed;
        self
    }

    /// Blocks until the next tick is due, and returns the instant for which it was scheduled.
    ///
    /// # Errors
    /// [`Stopped::Cancelled`], if the current token is cancelled before; the tick is still to come then.
    pub fn tick(&mut self) -> Result<Instant, Stopped> {
        wait(self.tick_event())
    }

    /// The event of the next tick. If a select chooses something else, the tick is still to come.
    pub fn tick_event(&mut self) -> Tick<'_> {
        Tick { at: At::by(self.clock.clone(), self.next), interval: self }
    }

    /// Schedules the tick after the one of `due`.
    fn took(&mut self, due: Instant) {
        self.next = match self.missed {
            MissedTicks::Burst => due.checked_add(self.period),
            MissedTicks::Delay => self.clock.after(self.period),
            MissedTicks::Skip => {
                let late = self.clock.now().saturating_duration_since(due);
                // From `due` to the first scheduled tick after now: the rest of the period in which now lies.
                let into = late.as_nanos() % self.period.as_nanos();
                let into = Duration::new((into / 1_000_000_000) as u64, (into % 1_000_000_000) as u32);
                due.checked_add(late - into).and_then(|last| last.checked_add(self.period))
            }
        };
    }
}

/// The event of an interval's next tick: see [`Interval::tick_event`].
#[derive(Debug)]
#[must_use = "an event does nothing until it is waited for"]
pub struct Tick<'a> {
    at: At,
    interval: &'a mut Interval,
}

impl Event for Tick<'_> {
    type Output = Instant;

    fn polls(&self) -> bool {
        self.at.polls()
    }

    fn attempt(&mut self) -> Option<Instant> {
        let due = self.at.attempt()?;
        self.interval.took(due);
        Some(due)
    }

    fn enlist(&mut self, waiter: &Waiter) -> bool {
        self.at.enlist(waiter)
    }

    fn delist(&mut self) {
        self.at.delist();
    }

    /// Each timer has one waiter.
    fn pass_on(&mut self) {}

    fn awaits(&self) -> Awaits {
        Awaits::new("the tick of an interval", Enders::Open)
    }
}
