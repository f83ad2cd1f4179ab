//! What a timer does when it is due.

use crate::cancel::Node;
use crate::event::Waiter;
use crate::sync::Arc;

/// What a timer does when it is due. Fired, and dropped, with no lock held.
#[derive(Debug)]
pub(crate) enum Alarm {
    /// Wakes somebody who waits.
    Wake(Waiter),
    /// Cancels a token because of its deadline; runs its callbacks.
    Cancel(Arc<Node>),
}

impl Alarm {
    pub(super) fn fire(self) {
        match self {
            Self::Wake(waiter) => {
                waiter.signal();
            }
            Self::Cancel(node) => node.expire(),
        }
    }
}
