//! The rendezvous flavour: no buffer; a sender and a receiver meet.
//!
//! Under one lock are the senders that wait, each with its value, and the receivers that wait, each with a place for
//! one. Whoever comes second completes the exchange; by *winning the trigger* of the other, so that a wait which has
//! just ended otherwise (another arm of a select, a deadline, a cancellation) takes no part.
//!
//! | who comes | finds | does |
//! |---|---|---|
//! | receiver | a waiting sender | wins its trigger and takes the value out of its entry |
//! | sender | a receiver that is a blocked thread | wins its trigger and puts the value into its entry |
//! | sender | a receiver that is a suspended task | enlists with its value, notifies the task, which takes it |
//! | either | nobody | enlists |
//!
//! A value is put only where it is sure to be collected: a suspended task may be dropped instead. To take from one is
//! safe: its send has happened then, whether it lives to see it or not.
//!
//! One that comes to wait has one step for all of that, so that a wait takes the lock once on its way in and once on its way
//! out: it wins its own trigger before its partner's. If it then cannot win the partner's, which has just ended otherwise, its
//! own wait has ended for nothing, and it tries again.
//!
//! # Invariants
//!
//! 1. *A value is in one place*: in the event of a sender that is not enlisted, in its entry while it is, in the
//!    entry of the receiver that it was given to, or with a receiver. Every move is made under the lock.
//! 2. *A sender's entry is empty or gone exactly if its value was taken*; a receiver's entry holds a value exactly if its
//!    trigger was won for it. Each looks when it leaves the list ([`Meeting::leave_send`], [`Meeting::leave_recv`]).
//!    The entry of a blocked thread is left to that thread, which is sure to come, and whose cache has it; that of a task
//!    is taken out.
//! 3. *Nobody sleeps beside a partner*: entering the list and looking at the other is one step under the lock, so of
//!    two that could meet the second sees the first.
//! 4. *A wait does not meet itself*: entries of one wait (a select that both sends and receives) do not see each other.
//!
//! No user code runs under the lock: values are moved there, never dropped, and wake-ups happen behind it.

use crossbeam_utils::CachePadded;

use crate::event::{Ticket, WaitQueue, Waiter};
use crate::seeded;
use crate::sync::Mutex;
use crate::trigger::Claim;

use super::shared::{Nothing, Refusal, Refused};

/// The rendezvous flavour. See the [module](self). What is under the lock lies beside it, in two cache lines that no
/// other data shares.
pub(super) struct Meeting<T>(CachePadded<Mutex<Hall<T>>>);

struct Hall<T> {
    /// With its value each, `None` when that has been taken.
    senders: WaitQueue<Option<T>>,
    /// With the value each was given.
    receivers: WaitQueue<Option<T>>,
    closed: bool,
}

/// What becomes of one that came to wait. `In` is what it brought, `Out` what it gets.
pub(super) enum Entrance<In, Out> {
    /// It waits.
    Enlisted(Ticket),
    /// It has met somebody; its wait is decided.
    Met(Out),
    /// It does not wait: the channel is closed, or it has won its own trigger for a partner that was decided by then.
    Refused(In),
}

/// An exchange that may happen under the lock, and what is to be dropped behind the lock: the wake-ups, and the entry of a
/// task.
struct Exchange<T> {
    /// What is brought, and after the exchange what is got.
    hand: Option<T>,
    mine: Option<Claim>,
    others: Option<Claim>,
    entry: Option<(Waiter, Option<T>)>,
}

impl<T> Exchange<T> {
    fn new(hand: Option<T>) -> Self {
        Self { hand, mine: None, others: None, entry: None }
    }

    /// Exchanges with the first of the line that `may` and whose wait can be won.
    ///
    /// With a waiter of its own (`me`) both waits are won, its own first.
    fn with_first_of(
        &mut self,
        line: &mut WaitQueue<Option<T>>,
        me: Option<&Waiter>,
        without_winning: bool,
        may: impl Fn(&Waiter) -> bool,
    ) {
        let Self { hand, mine, others, entry } = self;
        *entry = line.serve(|other, value| {
            // One that is decided has its entry in the list for a moment still; it meets nobody.
            if !may(other) || other.is_decided() && !without_winning {
                return false;
            }
            if let Some(me) = me {
                if other.same_wait(me) && !seeded("channel/meet-oneself") {
                    return false;
                }
                if mine.is_none() {
                    *mine = me.claim();
                }
                if mine.is_none() && !seeded("channel/meet-though-decided") {
                    return false;
                }
            }
            *others = other.claim();
            let won = others.is_some() || without_winning;
            if won {
                std::mem::swap(hand, value);
            }
            won
        });
    }
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

impl<T> Meeting<T> {
    pub(super) fn new() -> Self {
        let hall = Hall { senders: WaitQueue::new(), receivers: WaitQueue::new(), closed: false };
        Self(CachePadded::new(Mutex::new(hall)))
    }

    /// Gives the value to a blocked receiver, if there is one.
    pub(super) fn push(&self, value: T) -> Result<(), Refused<T>> {
        let mut exchange = Exchange::new(Some(value));
        let closed = {
            let mut hall = self.0.lock();
            if !hall.closed {
                let without_winning = seeded("channel/give-without-winning");
                exchange.with_first_of(&mut hall.receivers, None, without_winning, Waiter::attends);
            }
            hall.closed
        };
        match exchange.hand.take() {
            None => Ok(()),
            Some(value) => Err(Refused { value, why: if closed { Refusal::Closed } else { Refusal::Full } }),
        }
    }

    /// Takes the value of a waiting sender, if there is one.
    pub(super) fn pop(&self) -> Result<T, Nothing> {
        let mut exchange = Exchange::new(None);
        {
            let mut hall = self.0.lock();
            // There is nothing to drain: a sender that still waits has not sent, and will be told.
            if hall.closed {
                return Err(Nothing::Closed);
            }
            exchange.with_first_of(&mut hall.senders, None, seeded("channel/take-without-winning"), |_| true);
        }
        exchange.hand.take().ok_or(Nothing::Empty)
    }

    /// A sender comes to wait: it meets a blocked receiver, or enlists with its value and notifies a suspended one.
    pub(super) fn enter_send(&self, waiter: &Waiter, value: T) -> Entrance<T, ()> {
        let mut exchange = Exchange::new(Some(value));
        let mut wake = None;
        let mut hall = self.0.lock();
        if !hall.closed {
            exchange.with_first_of(&mut hall.receivers, Some(waiter), false, Waiter::attends);
        }
        let refused = hall.closed || exchange.mine.is_some();
        let entrance = match exchange.hand.take() {
            None => Entrance::Met(()),
            Some(value) if refused => Entrance::Refused(value),
            value => {
                let ticket = hall.senders.push(waiter, value);
                wake = hall.notify_task(Some(waiter));
                Entrance::Enlisted(ticket)
            }
        };
        drop(hall);
        drop(wake);
        entrance
    }

    /// Takes a sender off the list, whose wait is decided: its value, if it has not been taken.
    pub(super) fn leave_send(&self, ticket: Ticket) -> Option<T> {
        self.0.lock().senders.remove(ticket).flatten()
    }

    /// A receiver comes to wait: it meets a sender, or enlists.
    pub(super) fn enter_recv(&self, waiter: &Waiter) -> Entrance<(), T> {
        let mut exchange = Exchange::new(None);
        let mut hall = self.0.lock();
        if !hall.closed && !seeded("channel/enlist-without-look") {
            exchange.with_first_of(&mut hall.senders, Some(waiter), false, |_| true);
        }
        let refused = hall.closed || exchange.mine.is_some();
        let entrance = match exchange.hand.take() {
            Some(value) => Entrance::Met(value),
            None if refused => Entrance::Refused(()),
            None => Entrance::Enlisted(hall.receivers.push(waiter, None)),
        };
        drop(hall);
        entrance
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
