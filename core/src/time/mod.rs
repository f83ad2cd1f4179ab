//! Time: clocks, timers, and what is built from them.
//!
//! Nothing in the library reads the system's clock or sleeps by itself; a [`Clock`] does, which the
//! [context](crate::context) carries. It is the real one, or a [`VirtualClock`], whose time moves when it is told to
//! or when everybody waits: so what depends on time is tested without waiting, and model-checked.
//!
//! | | by the current clock |
//! |---|---|
//! | [`sleep`], [`sleep_until`] | block the thread; cancellable |
//! | [`after`], [`at`] | the same as events, for [`select!`](crate::select) and [`Waiting`](crate::event::Waiting) |
//! | [`interval`], [`interval_at`] | ticks at equal distances, blocking or as events |
//! | [`timeout`], [`timeout_async`] | a limit on a closure, a limit on a future |
//! | [`Token::with_timeout`](crate::cancel::Token::with_timeout) | a token that is cancelled by its deadline |
//!
//! # How a deadline passes
//!
//! A blocked thread with a deadline sleeps until then by itself, and needs no timer. Everything else sets a timer in
//! a wheel (`wheel.rs`): insertion and removal are O(1), deadlines are exact to the nanosecond of the clock, nothing
//! fires early. Timers of the real clock are served by one thread, which the first of them starts (`timers.rs`);
//! those of a virtual clock by whoever moves its time (`virtual_clock.rs`), and there also the deadlines of blocked
//! threads are timers.
//!
//! How late a timer may fire by the real clock is a matter of the system's scheduler. Deadlines more than 584 years
//! away never pass.
//!
//! The page `papers/time.md` has the proofs and the models.

mod alarm;
mod at;
mod clock;
mod interval;
mod real;
mod timeout;
mod timers;
mod virtual_clock;
mod wheel;

#[cfg(all(test, not(any(reweave_loom, reweave_shuttle))))]
mod tests;
#[cfg(all(test, not(any(reweave_loom, reweave_shuttle))))]
mod wheel_tests;

pub(crate) use alarm::Alarm;
pub use at::{At, after, at, sleep, sleep_until};
pub use clock::Clock;
pub use interval::{Interval, MissedTicks, Tick, interval, interval_at};
pub use timeout::{TimedOut, Timeout, timeout, timeout_async};
#[doc(hidden)]
pub use timers::{Sleeper, Timer, Timers};
pub use virtual_clock::{Participant, Participating, VirtualClock};
