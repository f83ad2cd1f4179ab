//! Places in a line: waiters that keep their place from wake-up to wake-up.
//!
//! A wait that is woken and finds that it cannot go yet waits again, as a new [`Waiter`]; its place is that of its
//! first try. The place is a number that grows with arrival. Not synchronised: a lock keeps its line under a lock of
//! its own.

use std::collections::VecDeque;

use crate::event::Waiter;

/// A line of places, first come first.
#[derive(Debug)]
pub(super) struct Places<P> {
    line: VecDeque<Place<P>>,
    next: u64,
}

/// A place in the line.
#[derive(Debug)]
pub(super) struct Place<P> {
    number: u64,
    /// Whom to signal; nobody while the wait is awake.
    waiter: Option<Waiter>,
    pub(super) with: P,
}

impl<P> Place<P> {
    /// Takes the waiter out, to be signalled when no lock is held.
    pub(super) fn call(&mut self) -> Option<Waiter> {
        self.waiter.take()
    }
}

impl<P> Places<P> {
    pub(super) fn new() -> Self {
        Self { line: VecDeque::new(), next: 0 }
    }

    /// Sits down: at `place`, if it was taken before, else at the end. Returns the place.
    pub(super) fn sit(&mut self, place: Option<u64>, waiter: &Waiter, with: impl FnOnce() -> P) -> u64 {
        let number = place.unwrap_or(self.next);
        match self.find(number) {
            Ok(index) => self.line[index].waiter = Some(waiter.clone()),
            Err(index) => {
                // At the end for all but those that come back to a place which they were called from.
                self.line.insert(index, Place { number, waiter: Some(waiter.clone()), with: with() });
                self.next = self.next.max(number + 1);
            }
        }
        number
    }

    /// Stands up but keeps the place.
    pub(super) fn stand(&mut self, number: u64) {
        if let Ok(index) = self.find(number) {
            self.line[index].waiter = None;
        }
    }

    /// Gives the place up; `None` if it was given up before.
    pub(super) fn leave(&mut self, number: u64) -> Option<P> {
        let index = self.find(number).ok()?;
        self.line.remove(index).map(|place| place.with)
    }

    /// Takes the first out of the line, for good.
    pub(super) fn call_first(&mut self) -> Option<(Waiter, P)> {
        let first = self.line.pop_front()?;
        Some((first.waiter.expect("whoever stands has left this line"), first.with))
    }

    pub(super) fn get_mut(&mut self, number: u64) -> Option<&mut Place<P>> {
        let index = self.find(number).ok()?;
        Some(&mut self.line[index])
    }

    /// Those before this place, first come first.
    pub(super) fn before(&self, number: u64) -> impl Iterator<Item = &P> {
        self.line.iter().take_while(move |place| place.number < number).map(|place| &place.with)
    }

    pub(super) fn is_first(&self, number: u64) -> bool {
        self.line.front().is_some_and(|place| place.number == number)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Place<P>> {
        self.line.iter_mut()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.line.is_empty()
    }

    /// Where the place is, or would be. O(log n).
    fn find(&self, number: u64) -> Result<usize, usize> {
        self.line.binary_search_by_key(&number, |place| place.number)
    }
}
