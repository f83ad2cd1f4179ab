//! Events: what can be waited for, and the one way of waiting for it.
//!
//! An [`Event`] is something that may happen: a value can be received, a lock can be had, a promise is kept, a time has come.
//! An event is a description; nothing happens before somebody waits for it. One driver does all the waiting: it makes a
//! thread block ([`wait`]), a task suspend ([`Waiting`]) or a [`select!`](crate::select) choose among several, until one
//! event happens, the thread's cancellation token is cancelled, or a deadline passes. Channels, promises, locks, timers and
//! tokens only say how *their* event happens; blocking, async, select, timeout and cancellation come with it.
//!
//! # Protocol
//!
//! What can make an event happen (the *source*: a channel, a lock) keeps a list of waiters. A [`Waiter`] is a trigger, and the token
//! that tells the driver which of its events signalled. The driver goes through
//!
//! | state | what it does |
//! |---|---|
//! | *free* | asks each event to happen now ([`Event::attempt`]); the first that does ends the wait |
//! | *enlisted* | has put one waiter into the lists of all events ([`Event::enlist`]); attempts nothing |
//! | *signalled* | one source has won the waiter's trigger: leaves all lists, is free again, and attempts that event first |
//! | *closed* | the driver has won its own trigger (deadline, cancellation, an event that is ready): no source can any more |
//!
//! # Invariants
//!
//! 1. *One winner.* The trigger is signalled once. A source that hands something over to a waiter (a rendezvous) does so by
//!    winning its trigger, and the driver attempts events only while it is in no list or its trigger is decided. So an event
//!    happens by the driver's own attempt or by a source's signal, never both, and never two events.
//! 2. *No lost wake-up.* [`Event::enlist`] first publishes the waiter and then says whether the event looks ready, and a source first
//!    changes its state and then looks for waiters, with a full fence between the two on both sides ([`WaitList`]).
//!    So either the driver sees the change, or the source sees the waiter.
//! 3. *No lost notification.* A source that wakes one of many waiters counts on it to attempt the event. The driver does attempt it
//!    before anything else. If that fails, it owes the notification: should the wait end in another way, it is passed on
//!    ([`Event::pass_on`]); so is that of a task that is dropped, or of a wait that a panic unwinds.
//! 4. *Losers leave nothing behind*: [`Event::delist`] follows each `enlist`.
//!
//! First-class events are those of Concurrent ML (Reppy, 1991); the one-word decision of who won is that of
//! crossbeam-channel's context and of picos' trigger. The proof is in `papers/event.md`.

mod arm;
mod described;
mod drive;
mod enlisted;
mod list;
mod order;
mod random;
mod select;
mod spin;
mod stagger;
mod stopped;
mod waiting;

#[cfg(all(test, not(any(reweave_loom, reweave_shuttle))))]
mod tests;

use crate::sync::Arc;
use crate::trigger::{Claim, Trigger};

#[doc(hidden)]
pub use arm::{Arm, Slot};
pub(crate) use arm::{Arms, Only};
pub(crate) use described::Described;
pub(crate) use drive::wait_on;
pub use drive::{Limits, wait, wait_signal, wait_signal_for, wait_with};
pub use list::{Ticket, WaitList, WaitQueue};
pub use order::Order;
pub use select::{Select, Selecting};
#[doc(hidden)]
pub use select::{select_blocking, select_now};
pub use spin::Spin;
pub use stopped::Stopped;
pub use waiting::Waiting;

/// Something that may happen, and that can be waited for.
///
/// Implement it for a new kind of source; wait for it with [`wait`], `.await` it through [`Waiting`], or put it into a
/// [`select!`](crate::select). The driver calls the methods in the order of the [protocol](self).
pub trait Event {
    /// What the event yields.
    type Output;

    /// Whether the driver may call [`attempt`](Event::attempt) in a short loop before it enlists: so it should, if a failing
    /// attempt only reads.
    fn polls(&self) -> bool {
        true
    }

    /// Makes the event happen now, if it can, and takes what it yields. Never blocks.
    ///
    /// After a signal by this event's source this is where the outcome is collected.
    fn attempt(&mut self) -> Option<Self::Output>;

    /// Puts the waiter into the source's list, then says whether the event looks ready: if so, the driver closes the waiter and
    /// attempts again.
    ///
    /// From here on until `delist` the source signals the waiter at the next change after which an attempt may succeed. Where
    /// an attempt can fail although something is there (a value that is being written), the event looks ready for as long as something that was announced
    /// has not been taken: the notification for it may have been used up by an attempt that came too early.
    ///
    /// A source may also let the event happen right here, if another wait can serve it: it then [claims](Waiter::claim) this waiter
    /// before it takes anything, does not list it, keeps what the event yields for the next attempt, and says that it is ready.
    ///
    /// Dropped without `delist` (a future that was forgotten), an event may leave its entry behind; the memory safety of a source must not depend on
    /// `delist`. What a source writes to belongs to the entry, never to the waiter's stack.
    fn enlist(&mut self, waiter: &Waiter) -> bool;

    /// Takes the waiter out of the source's list, if it is still there. The trigger is decided by then. Does nothing the
    /// second time.
    fn delist(&mut self);

    /// Gives the notification that this waiter has received, and will not use, to another waiter ([`WaitList::pass_on`]).
    /// Does nothing for a source that wakes all its waiters.
    fn pass_on(&mut self);

    /// What the event waits for, as the wait-for graph is to see it. Asked once, when the wait falls asleep: who can
    /// end the wait must stay the same for as long as it lasts. Where it does not, there is a
    /// [`source`](Event::source) to ask.
    fn awaits(&self) -> Awaits {
        Awaits::unknown("an event")
    }

    /// Who can tell, at any time while the wait sleeps and from any thread, what it waits for; in place of
    /// [`awaits`](Event::awaits).
    fn source(&self) -> Option<&dyn Source> {
        None
    }

    /// The same event with `f` applied to what it yields (Concurrent ML's `wrap`).
    fn map<F, R>(self, f: F) -> Map<Self, F>
    where
        Self: Sized,
        F: FnMut(Self::Output) -> R,
    {
        Map { event: self, f }
    }
}

/// Whoever waits, as a source sees it: a trigger to signal, and the token to signal it with.
#[derive(Clone, Debug)]
pub struct Waiter {
    trigger: Arc<Trigger>,
    token: usize,
    attends: bool,
}

impl Waiter {
    /// Signals; tells whether this was the signal that won. What was written before is visible to the waiter.
    pub fn signal(&self) -> bool {
        self.trigger.signal(self.token)
    }

    /// Signals, and leaves it to the caller when the waiter is woken: for a source that decides under its lock and wakes
    /// outside. `None` if the wait was decided before.
    #[must_use = "dropping it wakes the waiter"]
    pub fn claim(&self) -> Option<Claim> {
        self.trigger.claim(self.token)
    }

    /// Whether the wait is decided, so that a signal would come too late.
    pub fn is_decided(&self) -> bool {
        self.trigger.signalled().is_some()
    }

    /// Whether the waiter is a blocked thread, which is sure to collect what is given to it. A suspended task is not: it
    /// may be dropped instead, and what cannot be given back (a value) would be lost. So a source gives a value to an attending waiter
    /// only; it notifies a task, which then takes the value itself. Taking *from* a task that waits to send is always allowed, by winning its trigger.
    pub fn attends(&self) -> bool {
        self.attends
    }

    /// Whether both belong to the same wait, so that neither can serve the other.
    pub fn same_wait(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.trigger, &other.trigger)
    }

    /// The same waiter for another of its events.
    fn with_token(&self, token: usize) -> Self {
        Self { token, ..self.clone() }
    }
}

/// What a wait is for: its name, and who could end it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Awaits {
    /// What is waited for, such as `lock "accounts"` or `receive on channel 7`.
    pub what: String,
    /// Who could end the wait.
    pub enders: Enders,
    /// What a report adds to that, such as what would have to be declared for them to be known.
    pub note: Option<String>,
}

/// What the wait-for graph asks about a wait that sleeps: an event, or what it waits for.
///
/// It is asked from other threads and under the graph's lock. It takes at most locks of its own under which
/// nothing waits, and does not touch the graph. See [`waitfor`](crate::waitfor) for what makes its answer sound.
pub trait Source: Sync {
    /// What is waited for, and who could end the wait as things are now.
    fn awaits(&self) -> Awaits;
}

/// Who could end a wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Enders {
    /// This one alone: the owner of a lock. A cycle of such waits is a deadlock.
    One(crate::context::Agent),
    /// All of these, each in its turn, and perhaps others: the readers that a writer waits for. One that cannot act is
    /// enough for a deadlock, so the list need not be complete.
    All(Vec<crate::context::Agent>),
    /// Any of these: the holders of a semaphore, the threads at the other end of a channel. The list is complete. A set
    /// of waits from which no way leads out is a deadlock (a knot).
    Any(Vec<crate::context::Agent>),
    /// Not known: a latch, a channel whose other end could be anywhere. Never part of a deadlock that is reported,
    /// unless the program declares who it is ([`ended_by`](crate::waitfor::ended_by)).
    Unknown,
    /// Not to be told, whatever is declared: time, or a lock that changes hands or has a guard that roams. Never part
    /// of a deadlock that is reported.
    Open,
}

impl Awaits {
    /// A wait of which nobody knows who could end it.
    pub fn unknown(what: impl Into<String>) -> Self {
        Self::new(what, Enders::Unknown)
    }

    /// A wait that these could end.
    pub fn new(what: impl Into<String>, enders: Enders) -> Self {
        Self { what: what.into(), enders, note: None }
    }
}

/// The event of [`Event::map`].
#[derive(Clone, Debug)]
#[must_use = "an event does nothing until it is waited for"]
pub struct Map<E, F> {
    event: E,
    f: F,
}

impl<E: Event, F: FnMut(E::Output) -> R, R> Event for Map<E, F> {
    type Output = R;

    fn polls(&self) -> bool {
        self.event.polls()
    }

    fn attempt(&mut self) -> Option<R> {
        self.event.attempt().map(&mut self.f)
    }

    fn enlist(&mut self, waiter: &Waiter) -> bool {
        self.event.enlist(waiter)
    }

    fn delist(&mut self) {
        self.event.delist();
    }

    fn pass_on(&mut self) {
        self.event.pass_on();
    }

    fn awaits(&self) -> Awaits {
        self.event.awaits()
    }

    fn source(&self) -> Option<&dyn Source> {
        self.event.source()
    }
}

/// An event that may be absent: `None` never happens. In a select, an arm that is switched on and off.
impl<E: Event> Event for Option<E> {
    type Output = E::Output;

    fn polls(&self) -> bool {
        self.as_ref().is_none_or(Event::polls)
    }

    fn attempt(&mut self) -> Option<E::Output> {
        self.as_mut()?.attempt()
    }

    fn enlist(&mut self, waiter: &Waiter) -> bool {
        self.as_mut().is_some_and(|event| event.enlist(waiter))
    }

    fn delist(&mut self) {
        self.iter_mut().for_each(E::delist);
    }

    fn pass_on(&mut self) {
        self.iter_mut().for_each(E::pass_on);
    }

    fn awaits(&self) -> Awaits {
        self.as_ref().map_or_else(|| Awaits::unknown("nothing"), E::awaits)
    }

    fn source(&self) -> Option<&dyn Source> {
        self.as_ref()?.source()
    }
}

impl<E: Event + ?Sized> Event for &mut E {
    type Output = E::Output;

    fn polls(&self) -> bool {
        (**self).polls()
    }

    fn attempt(&mut self) -> Option<E::Output> {
        (**self).attempt()
    }

    fn enlist(&mut self, waiter: &Waiter) -> bool {
        (**self).enlist(waiter)
    }

    fn delist(&mut self) {
        (**self).delist();
    }

    fn pass_on(&mut self) {
        (**self).pass_on();
    }

    fn awaits(&self) -> Awaits {
        (**self).awaits()
    }

    fn source(&self) -> Option<&dyn Source> {
        (**self).source()
    }
}
