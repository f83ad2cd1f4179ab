//! The rendezvous flavour: no buffer; a sender and a receiver meet.
//!
//! Under one lock are the senders that wait, each with its value, and the receivers that wait, each with a place for
//! one. Whoever comes second completes the exchange; by *winning the trigger* of the other, so that a wait which has
//! just ended otherwise (another arm of a select, a deadline, a cancellation) takes no part.
//!
//! | who comes | finds | does |
//! |---|---|---|
//! | receiver | a waiting sender | wins its trigger and takes entry and value out of the list |
//! | sender | a receiver that is a blocked thread | wins its trigger and puts the value into its entry |
//! | sender | a receiver that is a suspended task | enlists with its value, notifies the task, which takes it |
//! | either | nobody | enlists |
//!
//! A value is put only where it is sure to be collected: a suspended task may be dropped instead. To take from one is
//! safe: its send has happened then, whether it lives to see it or not.
//!
//! # Invariants
//!
//! 1. *A value is in one place*: in the event of a sender that is not enlisted, in its entry while it is, in the
//!    entry of the receiver that it was given to, or with a receiver. Every move is made under the lock.
//! 2. *A sender's entry is gone exactly if its value was taken*; a receiver's entry holds a value exactly if its
//!    trigger was won for it. Each looks when it leaves the list ([`Meeting::leave_send`], [`Meeting::leave_recv`]).
//! 3. *Nobody sleeps beside a partner*: entering the list and looking at the other is one step under the lock, so of
//!    two that could meet the second sees the first.
//! 4. *A wait does not meet itself*: entries of one wait (a select that both sends and receives) do not see each other.
//!
//! No user code runs under the lock: values are moved there, never dropped, and wake-ups happen behind it.

use crate::event::{Ticket, WaitQueue, Waiter};
use crate::seeded;
use crate::sync::Mutex;
use crate::trigger::Claim;

use super::shared::{Nothing, Refusal, Refused};

/// The rendezvous flavour. See the [module](self).
pub(super) struct Meeting<T>(Mutex<Hall<T>>);

struct Hall<T> {
    senders: WaitQueue<T>,
    receivers: WaitQueue<Option<T>>,
    closed: bool,
}

impl<T> Hall<T> {
    /// Notifies the first suspended task that waits to receive.
    fn notify_task(&mut self, but: Option<&Waiter>) -> Option<Claim> {
        let mut wake = None;
        self.receivers.pop_if(|waiter, _| {
            if !waiter.attends() && but.is_none_or(|but| !waiter.same_wait(but)) {
                wake = waiter.claim();
            }
            wake.is_some()
        });
        wake
    }
}

/// Whether the two could meet. A wait that is decided has its entry in the list for a moment still; it meets nobody.
fn is_partner(other: &Waiter, me: &Waiter) -> bool {
    !other.is_decided() && (!other.same_wait(me) || seeded("channel/meet-oneself"))
}

impl<T> Meeting<T> {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Hall { senders: WaitQueue::new(), receivers: WaitQueue::new(), closed: false }))
    }

    /// Gives the value to a blocked receiver, if there is one.
    pub(super) fn push(&self, value: T) -> Result<(), Refused<T>> {
        let mut hall = self.0.lock();
        if hall.closed {
            drop(hall);
            return Err(Refused { value, why: Refusal::Closed });
        }
        let found = hall.receivers.find(|waiter| {
            if !waiter.attends() {
                return None;
            }
            waiter.claim().map(Some).or_else(|| seeded("channel/give-without-winning").then_some(None))
        });
        let Some((wake, place)) = found else {
            drop(hall);
            return Err(Refused { value, why: Refusal::Full });
        };
        *place = Some(value);
        drop(hall);
        drop(wake);
        Ok(())
    }

    /// Takes the value of a waiting sender, if there is one.
    pub(super) fn pop(&self) -> Result<T, Nothing> {
        let mut hall = self.0.lock();
        // There is nothing to drain: a sender that still waits has not sent, and will be told.
        if hall.closed {
            return Err(Nothing::Closed);
        }
        let mut wake = None;
        let taken = hall.senders.pop_if(|waiter, _| {
            wake = waiter.claim();
            wake.is_some() || seeded("channel/take-without-winning")
        });
        drop(hall);
        drop(wake);
        taken.map(|(_, value)| value).ok_or(Nothing::Empty)
    }

    /// Enlists a sender with its value; tells whether a send should be tried at once.
    pub(super) fn enter_send(&self, waiter: &Waiter, value: T) -> (Ticket, bool) {
        let mut hall = self.0.lock();
        let ticket = hall.senders.push(waiter, value);
        let ready = hall.closed || hall.receivers.iter().any(|(other, _)| other.attends() && is_partner(other, waiter));
        let wake = if ready { None } else { hall.notify_task(Some(waiter)) };
        drop(hall);
        drop(wake);
        (ticket, ready)
    }

    /// Takes a sender off the list, whose wait is decided: its value, if it has not been taken.
    pub(super) fn leave_send(&self, ticket: Ticket) -> Option<T> {
        self.0.lock().senders.remove(ticket)
    }

    /// Enlists a receiver; tells whether a receive should be tried at once.
    pub(super) fn enter_recv(&self, waiter: &Waiter) -> (Ticket, bool) {
        let mut hall = self.0.lock();
        let ticket = hall.receivers.push(waiter, None);
        let ready = hall.closed || hall.senders.iter().any(|(other, _)| is_partner(other, waiter));
        (ticket, ready)
    }

    /// Takes a receiver off the list, whose wait is decided: the value, if it was given one.
    pub(super) fn leave_recv(&self, ticket: Ticket) -> Option<T> {
        self.0.lock().receivers.remove(ticket).flatten()
    }

    /// A task was notified and will not come: another one gets the notification, if there is still something to take.
    pub(super) fn pass_on_recv(&self) {
        let mut hall = self.0.lock();
        let wake = if hall.senders.is_empty() { None } else { hall.notify_task(None) };
        drop(hall);
        drop(wake);
    }

    pub(super) fn close(&self) {
        self.0.lock().closed = true;
    }

    /// Ends all waits. Nobody leaves the lists by it: who waits to send takes its value back by itself.
    pub(super) fn wake_all(&self) {
        let wakes: Vec<Claim> = {
            let hall = self.0.lock();
            let senders = hall.senders.iter().map(|(waiter, _)| waiter);
            let receivers = hall.receivers.iter().map(|(waiter, _)| waiter);
            senders.chain(receivers).filter_map(Waiter::claim).collect()
        };
        drop(wakes);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.0.lock().closed
    }
}
