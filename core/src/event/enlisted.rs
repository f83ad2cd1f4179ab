//! From enlisting to leaving all lists: the part of the driver's protocol that threads and tasks share.

use super::arm::Arms;
use super::{Event, Waiter};
use crate::cancel::Cancellation;
use crate::seeded;
use crate::trigger::MAX_TOKEN;

/// Token: the current cancellation token was cancelled.
pub(super) const CANCELLED: usize = MAX_TOKEN;
/// Token: the deadline has passed. Signalled by the driver itself, or by a virtual clock.
pub(super) const TIMED_OUT: usize = MAX_TOKEN - 1;
/// Token: the driver closed its waiter because an event is ready.
pub(super) const READY: usize = MAX_TOKEN - 2;
/// Token: the wait was given up: a task was dropped, or a panic unwinds.
pub(super) const DROPPED: usize = MAX_TOKEN - 3;
/// Token: the wait-for graph breaks a deadlock by ending this wait.
pub(super) const BROKEN: usize = MAX_TOKEN - 4;

/// A waiter that is in the lists of its events.
#[derive(Debug)]
pub(super) struct Enlisted {
    pub(super) waiter: Waiter,
    /// How many of the events have been enlisted with: the first so many.
    events: usize,
}

impl Enlisted {
    pub(super) fn new(attends: bool) -> Self {
        Self { waiter: Waiter::new(attends), events: 0 }
    }

    /// Enlists with one event after the other and with the token, until something looks ready; tells whether something does.
    pub(super) fn enlist(&mut self, arms: &mut dyn Arms, cancellation: &mut Option<Cancellation>) -> bool {
        for index in 0..arms.len() {
            // Counted first: should the event panic halfway, it is delisted too.
            self.events = index + 1;
            if arms.arm(index).enlist(&self.waiter.with_token(index)) {
                return true;
            }
        }
        cancellation.as_mut().is_some_and(|it| it.enlist(&self.waiter.with_token(CANCELLED)))
    }

    /// Decides the wait, unless that has happened, and leaves all lists; returns the token that decided it.
    pub(super) fn leave(&self, arms: &mut dyn Arms, cancellation: &mut Option<Cancellation>, why: usize) -> usize {
        let token = if seeded("event/leave-undecided") {
            self.waiter.trigger().signalled().unwrap_or(why)
        } else {
            self.waiter.close(why)
        };
        if !seeded("event/stay-listed") {
            for index in 0..self.events {
                arms.arm(index).delist();
            }
            cancellation.iter_mut().for_each(|it| it.delist());
        }
        token
    }

    /// Gives the wait up. A notification that came and will not be used goes to another waiter.
    pub(super) fn abandon(&self, arms: &mut dyn Arms, cancellation: &mut Option<Cancellation>) {
        let token = self.leave(arms, cancellation, DROPPED);
        if token < arms.len() && !seeded("event/drop-notification") {
            arms.arm(token).pass_on();
        }
    }
}

/// The events whose source has woken this waiter for something that it has not taken.
#[derive(Debug, Default)]
pub(super) struct Owed {
    /// The one that woke it last: most waits owe no other, and allocate nothing for it.
    latest: Option<usize>,
    earlier: Vec<usize>,
}

impl Owed {
    /// The source of this event has woken the waiter. What it then takes is not owed: see [`settle`](Self::settle).
    pub(super) fn add(&mut self, index: usize) {
        if let Some(before) = self.latest.replace(index)
            && before != index
        {
            self.earlier.retain(|&earlier| earlier != index);
            self.earlier.push(before);
        }
    }

    /// At the end of a wait: whatever was not used in the end goes to another waiter.
    pub(super) fn settle(&mut self, arms: &mut dyn Arms, happened: Option<usize>) {
        for index in self.earlier.drain(..).chain(self.latest.take()) {
            if Some(index) != happened && !seeded("event/forget-what-is-owed") {
                arms.arm(index).pass_on();
            }
        }
    }
}
