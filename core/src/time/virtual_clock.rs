//! The virtual clock: time that moves when it is told to, or when everybody waits.
//!
//! # Protocol
//!
//! One lock guards the wheel and the *participants*. A participant is an agent for whose sake time stands still while
//! it runs.
//!
//! | state of a participant | transition | by |
//! |---|---|---|
//! | *expected* | to *awake*, when it enters | who [reserved](VirtualClock::participant) it or was given it |
//! | *awake* | to *asleep*: leaves its waiter and sets its own timer, under the lock | itself, in the driver |
//! | *asleep* | to *signalled*, by its trigger and outside the lock | a source, a canceller, a timer |
//! | *signalled* | to *awake*, under the lock | itself |
//!
//! Whoever goes to sleep or leaves then lets time pass ([`Shared::settle`]): as long as **all** participants are
//! asleep and **none** is signalled, and nobody is firing, time jumps to the next timer, whose alarms are fired
//! outside the lock.
//!
//! # Invariants
//!
//! 1. *Time stands still while somebody can run*: an expected or awake participant is not asleep; one that is
//!    signalled is recognised by its trigger, although it has not taken the lock yet; one whose alarm has been taken
//!    out and is not signalled yet is covered by `firing`.
//! 2. *Nobody who could let time pass fails to*: the last condition of a jump is made true by a participant that
//!    sleeps or leaves, or by a thread that has finished firing, and each of them looks afterwards.
//! 3. *No timer is lost*: a timer is set under the lock and only if it is due later than the time that the lock
//!    shows; so it is found by the next advance that reaches it.
//! 4. *Never early*: the time is moved to a deadline, under the lock, before its alarms are fired; it never moves back.
//!
//! Sources: tokio's paused time and Trio's `MockClock`, which jump when all tasks of one executor are idle. Here
//! participants are any threads, so who waits is looked up in their triggers.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::time::{Duration, Instant};

use super::timers::{NEVER, Timer, ticks};
use super::wheel::Wheel;
use super::{Alarm, Clock};
use crate::context::{Agent, Context, Entered};
use crate::event::Waiter;
use crate::seeded;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Arc, Mutex, MutexGuard};

/// A clock for tests and models: its time moves when it is told to, or jumps when all participants wait. Cloning
/// shares it.
///
/// Make it the current clock with [`run`](Self::run), and everything in there lives by it: deadlines, sleeps,
/// intervals, timeouts, tokens. Then either move the time by hand ([`advance`](Self::advance)), from a thread that is
/// not a participant, or let threads [participate](Self::enter): when all of them are blocked in waits of this
/// library, and none has been woken, time jumps to the next timer.
///
/// If all participants wait and there is no timer, nothing happens: they wait on, as they would by the real clock. A
/// thread that blocks outside the library (joins a thread, reads a file) counts as running; so does one that holds a
/// place it has not entered. Time does not wait for threads that are not participants, nor for suspended tasks.
///
/// # Examples
/// ```
/// use std::time::{Duration, Instant};
/// use reweave_core::time::{self, Clock, VirtualClock};
///
/// let clock = VirtualClock::new();
/// let _entered = clock.enter();
/// let before = Clock::current().now();
/// time::sleep(Duration::from_secs(3600)).unwrap();
/// assert_eq!(Clock::current().now() - before, Duration::from_secs(3600));
/// ```
#[derive(Clone)]
pub struct VirtualClock(Arc<Shared>);

struct Shared {
    origin: Instant,
    /// The wheel's time, for who only wants to know it. Written under the lock.
    now: AtomicU64,
    state: Mutex<State>,
}

struct State {
    wheel: Wheel<Alarm>,
    /// How many places there are: entered, or held to be entered.
    places: usize,
    /// Those that have entered, by the agent's number.
    entered: BTreeMap<u32, Seat>,
    /// How many threads are firing alarms that they have taken out.
    firing: usize,
}

struct Seat {
    /// How many places the agent has: it may enter again inside.
    places: usize,
    /// On what it waits, while it does.
    asleep: Option<Waiter>,
}

impl State {
    /// Whether no participant runs, and none is about to.
    fn all_wait(&self) -> bool {
        let mut waiting = 0;
        for seat in self.entered.values() {
            match &seat.asleep {
                None => return false,
                Some(waiter)
                    if waiter.trigger().signalled().is_some() && !seeded("time/signalled-counts-as-asleep") =>
                {
                    return false;
                }
                Some(_) => waiting += seat.places,
            }
        }
        waiting == self.places && waiting > 0
    }
}

impl VirtualClock {
    /// A clock that starts at an arbitrary instant.
    pub fn new() -> Self {
        Self::starting_at(super::real::now())
    }

    /// A clock that starts at this instant.
    ///
    /// # Panics
    /// When an `Instant` cannot express the 584 years after it.
    pub fn starting_at(origin: Instant) -> Self {
        let far = origin.checked_add(Duration::from_nanos(NEVER));
        assert!(far.is_some(), "a virtual clock starts at an instant that leaves it 584 years: {origin:?} does not");
        let state = State { wheel: Wheel::new(), places: 0, entered: BTreeMap::new(), firing: 0 };
        Self(Arc::new(Shared { origin, now: AtomicU64::new(0), state: Mutex::new(state) }))
    }

    /// What time it is. One load.
    pub fn now(&self) -> Instant {
        self.0.instant(self.0.now.load(Ordering::Acquire))
    }

    /// How much time has passed since the clock was made.
    pub fn elapsed(&self) -> Duration {
        self.now() - self.0.origin
    }

    /// This clock as a [`Clock`], for [`Context`].
    pub fn clock(&self) -> Clock {
        Clock::from(self.clone())
    }

    /// Runs `body` with this as the current clock, without taking part in it.
    pub fn run<R>(&self, body: impl FnOnce() -> R) -> R {
        self.clock().run(body)
    }

    /// Lets this much time pass: see [`advance_to`](Self::advance_to).
    pub fn advance(&self, duration: Duration) {
        let far = Duration::from_nanos(NEVER - 1);
        self.advance_to(self.0.origin + self.elapsed().saturating_add(duration).min(far));
    }

    /// Moves the time to `instant`, unless it is past. All timers that are due until then fire, in order, each at its
    /// own time; among them those that are set by callbacks on the way.
    ///
    /// It does not wait for the threads that are woken. A virtual clock goes no further than 584 years. The callbacks
    /// of tokens run in this thread.
    pub fn advance_to(&self, instant: Instant) {
        let to = self.0.ticks(instant).min(NEVER - 1);
        let mut state = self.0.state.lock();
        while let Some(at) = state.wheel.next()
            && at <= to
        {
            state = self.0.fire(state, at);
        }
        let passed = state.wheel.advance(to);
        debug_assert!(passed.is_none(), "nothing more is due until then");
        self.0.now.store(state.wheel.now(), Ordering::Release);
        drop(state);
        self.0.settle();
    }

    /// Moves the time to the next timer, and fires all that are due then; tells the time, or `None` if there is no
    /// timer.
    pub fn advance_to_next(&self) -> Option<Instant> {
        let mut state = self.0.state.lock();
        let at = state.wheel.next().filter(|&at| at != NEVER)?;
        drop(self.0.fire(state, at));
        self.0.settle();
        Some(self.0.instant(at))
    }

    /// How many timers are set.
    pub fn timers(&self) -> usize {
        self.0.state.lock().wheel.len()
    }

    /// A place among the participants, to be entered here or in another thread. Until it is dropped, and until it
    /// is entered, time stands still; so take it before the thread is started that will enter it.
    pub fn participant(&self) -> Participant {
        self.0.state.lock().places += 1;
        Participant { clock: Some(self.clone()) }
    }

    /// Takes part: time does not jump while this thread runs. Makes the clock the current one. Ends when the guard is
    /// dropped.
    pub fn enter(&self) -> Participating {
        self.participant().enter()
    }

    fn leave(&self, leave: impl FnOnce(&mut State)) {
        let mut state = self.0.state.lock();
        state.places -= 1;
        leave(&mut state);
        drop(state);
        self.0.settle();
    }

    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Sets a timer; `None` if it is due already.
    pub(super) fn set(&self, at: Instant, alarm: Alarm) -> Option<Timer> {
        let at = self.0.ticks(at);
        let seen = if seeded("time/looks-before-lock") { Some(self.0.now.load(Ordering::Acquire)) } else { None };
        let mut state = self.0.state.lock();
        // Invariant 3: looked at under the lock.
        let due = at <= seen.unwrap_or(state.wheel.now());
        if due { None } else { Some(Timer(state.wheel.insert(at, alarm))) }
    }

    /// Removes a timer.
    pub(super) fn unset(&self, timer: Timer) {
        let removed = self.0.state.lock().wheel.remove(timer.0);
        // What hangs on the alarm may be user code's to drop: the lock is released.
        drop(removed);
    }

    /// Blocks until the waiter is signalled, by the deadline's timer if by nothing else; `None` if the deadline is
    /// past already.
    pub(super) fn wait(&self, waiter: &Waiter, deadline: Option<Instant>) -> Option<usize> {
        let agent = Agent::current().number();
        let mut state = self.0.state.lock();
        let timer = match deadline.map(|deadline| self.0.ticks(deadline)) {
            Some(at) if at <= state.wheel.now() => return None,
            Some(at) => Some(state.wheel.insert(at, Alarm::Wake(waiter.timed_out()))),
            None => None,
        };
        // A callback that waits while its thread, which was asleep, lets time pass: the outer wait goes on afterwards.
        let before = state.entered.get_mut(&agent).map(|seat| seat.asleep.replace(waiter.clone()));
        drop(state);
        if before.is_some() {
            self.0.settle();
        }
        let token = waiter.trigger().wait();
        let mut state = self.0.state.lock();
        if let (Some(before), Some(seat)) = (before, state.entered.get_mut(&agent)) {
            seat.asleep = before;
        }
        let removed = timer.and_then(|timer| state.wheel.remove(timer));
        drop(state);
        drop(removed);
        Some(token)
    }
}

impl Shared {
    fn ticks(&self, instant: Instant) -> u64 {
        ticks(self.origin, instant)
    }

    fn instant(&self, ticks: u64) -> Instant {
        self.origin + Duration::from_nanos(ticks)
    }

    /// Lets time jump as long as all participants wait.
    fn settle(&self) {
        let mut state = self.state.lock();
        while (state.firing == 0 || seeded("time/jumps-while-firing")) && state.all_wait() {
            match state.wheel.next() {
                Some(at) if at != NEVER => state = self.fire(state, at),
                // Everybody waits, and no time will end it: so it is by the real clock too.
                _ => return,
            }
        }
    }

    /// Moves the time to `at`, and fires outside the lock all that is due then.
    fn fire<'a>(&'a self, mut state: MutexGuard<'a, State>, at: u64) -> MutexGuard<'a, State> {
        let mut due = Vec::new();
        while let Some(alarm) = state.wheel.advance(at) {
            due.push(alarm);
        }
        self.now.store(state.wheel.now(), Ordering::Release);
        state.firing += 1;
        drop(state);
        for alarm in due {
            // Wakers and callbacks are contained, each by itself.
            alarm.fire();
        }
        let mut state = self.state.lock();
        state.firing -= 1;
        state
    }
}

impl Default for VirtualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for VirtualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VirtualClock").field("elapsed", &self.elapsed()).finish_non_exhaustive()
    }
}

/// A place among the participants of a virtual clock that has not been entered: see [`VirtualClock::participant`].
#[derive(Debug)]
#[must_use = "dropping it gives the place up"]
pub struct Participant {
    clock: Option<VirtualClock>,
}

impl Participant {
    /// Enters: this thread, or the task that runs on it, is the participant. Makes the clock the current one.
    pub fn enter(mut self) -> Participating {
        let clock = self.clock.take().expect("a place is entered once");
        let agent = Agent::current().number();
        {
            let mut state = clock.0.state.lock();
            let seat = state.entered.entry(agent).or_insert(Seat { places: 0, asleep: None });
            seat.places += 1;
        }
        let entered = Context::enter_with(|context| context.clock = clock.clock());
        Participating { clock, agent, _entered: entered, _not_send: PhantomData }
    }

    /// Enters for the time that `body` takes.
    pub fn run<R>(self, body: impl FnOnce() -> R) -> R {
        let _participating = self.enter();
        body()
    }
}

impl Drop for Participant {
    fn drop(&mut self) {
        if let Some(clock) = self.clock.take() {
            clock.leave(|_| ());
        }
    }
}

/// A participant of a virtual clock; dropping it leaves, and may let time jump.
#[derive(Debug)]
#[must_use = "dropping it leaves the clock"]
pub struct Participating {
    clock: VirtualClock,
    agent: u32,
    _entered: Entered,
    _not_send: PhantomData<*const ()>,
}

impl Drop for Participating {
    fn drop(&mut self) {
        self.clock.leave(|state| {
            if let Some(seat) = state.entered.get_mut(&self.agent) {
                seat.places -= 1;
                if seat.places == 0 {
                    state.entered.remove(&self.agent);
                }
            }
        });
    }
}
