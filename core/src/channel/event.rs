//! Sending and receiving as events.
//!
//! A receive is notified, and then takes the value by itself; so a wait that ends otherwise has no value to lose. In
//! a rendezvous channel it may also take the value of a sender that it finds as it enlists, which ends its wait; and, a blocked
//! thread only, be given one: a sender puts the value into its entry, from which it is collected on leaving the list. A
//! send keeps its value until it has happened; [`SendEvent::into_inner`] gives it back.

use std::fmt;

use super::error::{Closed, SendError};
use super::record::{Receives, Sends};
use super::rendezvous::Entrance;
use super::shared::{Flavour, Nothing, Refusal, Refused, Shared};
use super::unbounded::List;
use crate::event::{Awaits, Event, Source, Ticket, Waiter};
use crate::seeded;
use crate::sync::MODELLED;

/// The event that a value is sent: see [`Sender::send_event`](super::Sender::send_event).
///
/// It happens once, with `Ok` when the value is sent and `Err` with the value when the channel is closed. Dropped
/// before, it drops the value.
#[must_use = "an event does nothing until it is waited for"]
pub struct SendEvent<'a, T> {
    shared: &'a Shared<T>,
    /// `None` while it is in a rendezvous channel's list, and when it has gone.
    value: Option<T>,
    ticket: Option<Ticket>,
    /// The value was taken from the list.
    met: bool,
    wait: Sends<'a>,
}

impl<'a, T> SendEvent<'a, T> {
    #[inline]
    pub(super) fn new(shared: &'a Shared<T>, value: T) -> Self {
        Self { shared, value: Some(value), ticket: None, met: false, wait: Sends(&shared.record) }
    }

    /// The value, if it has not been sent.
    pub fn into_inner(mut self) -> Option<T> {
        self.take_value()
    }

    pub(super) fn take_value(&mut self) -> Option<T> {
        self.delist();
        self.value.take()
    }
}

impl<T> Event for SendEvent<'_, T> {
    type Output = Result<(), SendError<T>>;

    fn polls(&self) -> bool {
        // An attempt to meet takes the lock.
        !matches!(self.shared.flavour, Flavour::Rendezvous(_))
    }

    #[inline]
    fn attempt(&mut self) -> Option<Self::Output> {
        let Some(value) = self.value.take() else {
            return std::mem::take(&mut self.met).then_some(Ok(()));
        };
        match self.shared.push(value) {
            Ok(()) => Some(Ok(())),
            Err(Refused { value, why: Refusal::Closed }) => Some(Err(self.shared.closed_for_send(value))),
            Err(Refused { value, why: Refusal::Full | Refusal::Busy }) => {
                self.value = Some(value);
                None
            }
        }
    }

    fn enlist(&mut self, waiter: &Waiter) -> bool {
        // It has happened before, and will not again.
        let Some(value) = self.value.take() else { return false };
        match &self.shared.flavour {
            Flavour::Bounded(ring) => {
                self.value = Some(value);
                self.ticket = Some(ring.senders.push(waiter));
                ring.push_looks_possible()
            }
            // There is always room.
            Flavour::Unbounded(_) => {
                self.value = Some(value);
                true
            }
            Flavour::Rendezvous(meeting) => {
                match meeting.enter_send(waiter, value) {
                    Entrance::Enlisted(ticket) => self.ticket = Some(ticket),
                    Entrance::Met(()) => self.met = true,
                    Entrance::Refused(value) => self.value = Some(value),
                }
                self.ticket.is_none()
            }
        }
    }

    fn delist(&mut self) {
        let Some(ticket) = self.ticket.take() else { return };
        if seeded("channel/leave-entry-behind") {
            return;
        }
        match &self.shared.flavour {
            Flavour::Bounded(ring) => ring.senders.remove(ticket),
            Flavour::Unbounded(_) => {}
            Flavour::Rendezvous(meeting) => {
                self.value = meeting.leave_send(ticket);
                self.met = self.value.is_none();
            }
        }
    }

    fn pass_on(&mut self) {
        if let Flavour::Bounded(ring) = &self.shared.flavour {
            ring.senders.pass_on();
        }
    }

    fn awaits(&self) -> Awaits {
        self.wait.awaits()
    }

    fn source(&self) -> Option<&dyn Source> {
        Some(&self.wait)
    }
}

impl<T> Drop for SendEvent<'_, T> {
    fn drop(&mut self) {
        // It is in a list only if a panic has ended its wait.
        self.delist();
    }
}

impl<T> fmt::Debug for SendEvent<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendEvent").field("has_value", &self.value.is_some()).finish_non_exhaustive()
    }
}

/// The event that a value is received: see [`Receiver::recv_event`](super::Receiver::recv_event).
///
/// It happens with `Ok(value)`, again and again, and with `Err` when the channel is closed and drained.
#[must_use = "an event does nothing until it is waited for"]
pub struct RecvEvent<'a, T> {
    shared: &'a Shared<T>,
    ticket: Option<Ticket>,
    /// What a sender has put into the entry.
    given: Option<T>,
    /// Nothing was there, and it is about to be looked for again.
    missed: bool,
    wait: Receives<'a>,
}

impl<'a, T> RecvEvent<'a, T> {
    #[inline]
    pub(super) fn new(shared: &'a Shared<T>) -> Self {
        Self { shared, ticket: None, given: None, missed: false, wait: Receives(&shared.record) }
    }

    /// The event for one that has just found nothing.
    pub(super) fn after_miss(shared: &'a Shared<T>) -> Self {
        Self { shared, ticket: None, given: None, missed: true, wait: Receives(&shared.record) }
    }

    /// Receives again, where values are let gather in between.
    fn pop_gathered(&mut self, list: &List<T>) -> Result<T, Nothing> {
        list.gather();
        let popped = list.pop();
        if popped.is_ok() {
            self.missed = false;
            list.gathered();
        }
        popped
    }
}

impl<T> Event for RecvEvent<'_, T> {
    type Output = Result<T, Closed>;

    fn polls(&self) -> bool {
        // An attempt to meet takes the lock.
        !matches!(self.shared.flavour, Flavour::Rendezvous(_))
    }

    #[inline]
    fn attempt(&mut self) -> Option<Self::Output> {
        if let Some(value) = self.given.take() {
            return Some(Ok(value));
        }
        let popped = match &self.shared.flavour {
            Flavour::Unbounded(list) if self.missed && !MODELLED => self.pop_gathered(list),
            _ => self.shared.pop(),
        };
        match popped {
            Ok(value) => Some(Ok(value)),
            Err(Nothing::Closed) => Some(Err(self.shared.closed())),
            Err(Nothing::Empty | Nothing::Busy) => {
                self.missed = true;
                None
            }
        }
    }

    fn enlist(&mut self, waiter: &Waiter) -> bool {
        self.missed = false;
        let ready = match &self.shared.flavour {
            Flavour::Bounded(ring) => {
                self.ticket = Some(ring.receivers.push(waiter));
                ring.pop_looks_possible()
            }
            Flavour::Unbounded(list) => {
                self.ticket = Some(list.receivers.push(waiter));
                list.pop_looks_possible()
            }
            Flavour::Rendezvous(meeting) => {
                match meeting.enter_recv(waiter) {
                    Entrance::Enlisted(ticket) => self.ticket = Some(ticket),
                    Entrance::Met(value) => self.given = Some(value),
                    Entrance::Refused(()) => {}
                }
                self.ticket.is_none()
            }
        };
        ready && !seeded("channel/enlist-without-look")
    }

    fn delist(&mut self) {
        let Some(ticket) = self.ticket.take() else { return };
        match &self.shared.flavour {
            Flavour::Bounded(ring) => ring.receivers.remove(ticket),
            Flavour::Unbounded(list) => list.receivers.remove(ticket),
            Flavour::Rendezvous(meeting) => self.given = meeting.leave_recv(ticket),
        }
    }

    fn pass_on(&mut self) {
        if seeded("channel/no-pass-on") {
            return;
        }
        match &self.shared.flavour {
            Flavour::Bounded(ring) => ring.receivers.pass_on(),
            Flavour::Unbounded(list) => list.receivers.pass_on(),
            Flavour::Rendezvous(meeting) => meeting.pass_on_recv(),
        }
    }

    fn awaits(&self) -> Awaits {
        self.wait.awaits()
    }

    fn source(&self) -> Option<&dyn Source> {
        Some(&self.wait)
    }
}

impl<T> Drop for RecvEvent<'_, T> {
    fn drop(&mut self) {
        // It is in a list only if a panic has ended its wait.
        self.delist();
    }
}

impl<T> fmt::Debug for RecvEvent<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecvEvent").finish_non_exhaustive()
    }
}
