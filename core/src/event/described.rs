//! A wait that is made by other means than the driver's, as the wait-for graph sees it.

use super::{Awaits, Event, Waiter};

/// An event that says what is waited for, and nothing else: it is never attempted or enlisted.
#[derive(Debug)]
pub(crate) struct Described<F>(pub(crate) F);

impl<F: Fn() -> Awaits> Event for Described<F> {
    type Output = ();

    fn attempt(&mut self) -> Option<()> {
        None
    }

    fn enlist(&mut self, _waiter: &Waiter) -> bool {
        false
    }

    fn delist(&mut self) {}

    fn pass_on(&mut self) {}

    fn awaits(&self) -> Awaits {
        (self.0)()
    }
}
