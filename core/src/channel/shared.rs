//! What the handles of a channel share: its flavour, and the record of its handles and of how it was closed.
//!
//! # Close
//!
//! A close is two steps under the lock of the record: the record is written, unless there is one, and the flavour is
//! marked. So whoever sees the mark finds the record, and a close that comes second returns when the first has taken
//! effect. Waiters are woken behind the lock.

use std::borrow::Cow;
use std::mem::needs_drop;

use super::bounded::Ring;
use super::error::{Closed, How, SendError};
use super::record::Record;
use super::rendezvous::Meeting;
use super::unbounded::List;
use crate::reclaim::contain;
use crate::sync::MODELLED;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::{Reason, seeded};

/// A value that was not taken, and why.
pub(super) struct Refused<T> {
    pub(super) value: T,
    pub(super) why: Refusal,
}

pub(super) enum Refusal {
    /// No room, or no partner.
    Full,
    /// It is not known whether there is room: another thread is in the middle of a receive, and seems to have been
    /// preempted.
    Busy,
    Closed,
}

/// Why there is no value.
pub(super) enum Nothing {
    Empty,
    /// It is not known whether there is one: another thread is in the middle of a send, and seems to have been
    /// preempted.
    Busy,
    /// None will come.
    Closed,
}

pub(super) enum Flavour<T> {
    Bounded(Ring<T>),
    Unbounded(List<T>),
    Rendezvous(Meeting<T>),
}

pub(super) struct Shared<T> {
    pub(super) flavour: Flavour<T>,
    pub(super) record: Record,
}

impl<T> Shared<T> {
    /// A channel with one handle on each side.
    pub(super) fn new(flavour: Flavour<T>) -> Self {
        Self { flavour, record: Record::new() }
    }

    /// Sends if that is possible at once.
    #[inline]
    pub(super) fn push(&self, value: T) -> Result<(), Refused<T>> {
        match &self.flavour {
            Flavour::Bounded(ring) => ring.push(value),
            Flavour::Unbounded(list) => list.push(value),
            Flavour::Rendezvous(meeting) => meeting.push(value),
        }
    }

    /// Sends if that is possible at once and cheap to try. A sender that is going to wait if it fails meets a receiver when
    /// it enlists: then it takes the lock once.
    #[inline]
    pub(super) fn push_or_wait(&self, value: T) -> Result<(), Refused<T>> {
        match &self.flavour {
            Flavour::Rendezvous(_) => Err(Refused { value, why: Refusal::Full }),
            _ => self.push(value),
        }
    }

    /// Receives if that is possible at once and cheap to try, as [`push_or_wait`](Self::push_or_wait) sends.
    #[inline]
    pub(super) fn pop_or_wait(&self) -> Result<T, Nothing> {
        match &self.flavour {
            Flavour::Rendezvous(_) => Err(Nothing::Empty),
            _ => self.pop(),
        }
    }

    /// Receives if that is possible at once.
    #[inline]
    pub(super) fn pop(&self) -> Result<T, Nothing> {
        match &self.flavour {
            Flavour::Bounded(ring) => ring.pop(),
            Flavour::Unbounded(list) => list.pop(),
            Flavour::Rendezvous(meeting) => meeting.pop(),
        }
    }

    /// Closes, unless that has happened before.
    pub(super) fn close(&self, how: How, reason: Reason) -> bool {
        {
            let mut about = self.record.about.lock();
            if about.closed.is_some() {
                return false;
            }
            about.closed = Some(Closed::new(how, reason, about.name.clone()));
            match &self.flavour {
                Flavour::Bounded(ring) => ring.close(),
                Flavour::Unbounded(list) => list.close(),
                Flavour::Rendezvous(meeting) => meeting.close(),
            }
        }
        if seeded("channel/close-without-wake") {
            return true;
        }
        match &self.flavour {
            Flavour::Bounded(ring) => ring.wake_all(),
            Flavour::Unbounded(list) => list.wake_all(),
            Flavour::Rendezvous(meeting) => meeting.wake_all(),
        }
        true
    }

    /// How it was closed; to be called by those who have seen that it is.
    #[cold]
    pub(super) fn closed(&self) -> Closed {
        self.record.about.lock().closed.clone().expect("a channel is marked closed when the record has been written")
    }

    #[cold]
    pub(super) fn closed_for_send(&self, value: T) -> SendError<T> {
        SendError { value, why: self.closed().into() }
    }

    pub(super) fn is_closed(&self) -> bool {
        match &self.flavour {
            Flavour::Bounded(ring) => ring.is_closed(),
            Flavour::Unbounded(list) => list.is_closed(),
            Flavour::Rendezvous(meeting) => meeting.is_closed(),
        }
    }

    pub(super) fn len(&self) -> usize {
        match &self.flavour {
            Flavour::Bounded(ring) => ring.len(),
            Flavour::Unbounded(list) => list.len(),
            Flavour::Rendezvous(_) => 0,
        }
    }

    pub(super) fn capacity(&self) -> Option<usize> {
        match &self.flavour {
            Flavour::Bounded(ring) => Some(ring.capacity()),
            Flavour::Unbounded(_) => None,
            Flavour::Rendezvous(_) => Some(0),
        }
    }

    pub(super) fn set_name(&self, name: Cow<'static, str>) {
        let before = self.record.about.lock().name.replace(name);
        drop(before);
    }

    pub(super) fn name(&self) -> Option<Cow<'static, str>> {
        self.record.about.lock().name.clone()
    }

    /// A new handle of this side.
    pub(super) fn arrive(side: &AtomicUsize) {
        // Relaxed: whoever clones a handle has one, so the count is not 0.
        let before = side.fetch_add(1, Ordering::Relaxed);
        assert!(before <= usize::MAX / 2, "a channel has at most {} handles on a side", usize::MAX / 2);
    }

    /// A handle of this side is gone; tells whether it was the last.
    pub(super) fn leave(side: &AtomicUsize) -> bool {
        // AcqRel: what was done through every handle comes before what the last one does now.
        side.fetch_sub(1, Ordering::AcqRel) == 1
    }

    /// Drops what is left, value by value, for nobody will receive it. The channel is closed.
    pub(super) fn discard(&self) {
        // What waits to meet has not been sent.
        if let Flavour::Rendezvous(_) = self.flavour {
            return;
        }
        loop {
            match self.pop() {
                Ok(value) if seeded("channel/discard-nothing") => std::mem::forget(value),
                Ok(value) => dispose(value),
                // The send that is under way came before the close: its value is ours to drop.
                Err(Nothing::Busy) => {}
                Err(Nothing::Empty | Nothing::Closed) => return,
            }
        }
    }
}

/// Drops a value; a panic of its destructor is contained (the panic hook has reported it by then), so that the others
/// are dropped too. Not under the model checkers, which report by panicking.
fn dispose<T>(value: T) {
    if needs_drop::<T>() && !MODELLED {
        contain(|| drop(value));
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        // Nothing is left after the last receiver; a list relies on it.
        self.discard();
    }
}
