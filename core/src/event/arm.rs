//! Events side by side: the driver's view of one among several, whatever it yields.

use super::{Awaits, Event, Source, Waiter};

/// An event in a wait, its outcome kept inside. Not for use outside this crate's macros.
pub trait Arm {
    /// [`Event::attempt`]; the outcome is kept. Tells whether the event happened.
    fn attempt(&mut self) -> bool;
    /// [`Event::polls`].
    fn polls(&self) -> bool;
    /// [`Event::enlist`].
    fn enlist(&mut self, waiter: &Waiter) -> bool;
    /// [`Event::delist`].
    fn delist(&mut self);
    /// [`Event::pass_on`].
    fn pass_on(&mut self);
    /// [`Event::awaits`].
    fn awaits(&self) -> Awaits;
    /// [`Event::source`].
    fn source(&self) -> Option<&dyn Source>;
}

/// An arm that can give its outcome away.
pub(crate) trait ArmOf<T>: Arm {
    fn take(&mut self) -> Option<T>;
}

/// An event, and what it has yielded.
#[derive(Debug)]
pub struct Slot<E: Event> {
    event: E,
    outcome: Option<E::Output>,
}

impl<E: Event> Slot<E> {
    /// An event that has not happened.
    pub fn new(event: E) -> Self {
        Self { event, outcome: None }
    }

    pub(super) fn event_mut(&mut self) -> &mut E {
        &mut self.event
    }

    pub(super) fn take_outcome(&mut self) -> Option<E::Output> {
        self.outcome.take()
    }

    /// What it has yielded, if it has happened.
    pub fn into_outcome(self) -> Option<E::Output> {
        self.outcome
    }
}

impl<E: Event> Arm for Slot<E> {
    fn attempt(&mut self) -> bool {
        self.outcome = self.event.attempt();
        self.outcome.is_some()
    }

    fn polls(&self) -> bool {
        self.event.polls()
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

impl<E: Event> ArmOf<E::Output> for Slot<E> {
    fn take(&mut self) -> Option<E::Output> {
        self.take_outcome()
    }
}

/// The arms of one wait.
pub(crate) trait Arms {
    fn len(&self) -> usize;
    fn arm(&mut self, index: usize) -> &mut dyn Arm;
}

/// A wait for one event.
pub(crate) struct Only<'a>(pub(crate) &'a mut dyn Arm);

impl Arms for Only<'_> {
    fn len(&self) -> usize {
        1
    }

    fn arm(&mut self, _index: usize) -> &mut dyn Arm {
        self.0
    }
}

/// A wait for several events of any types.
pub(crate) struct Several<'a, 'b>(pub(crate) &'a mut [&'b mut dyn Arm]);

impl Arms for Several<'_, '_> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn arm(&mut self, index: usize) -> &mut dyn Arm {
        self.0[index]
    }
}
