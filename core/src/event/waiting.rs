//! Waiting as a future: the driver's protocol with a task in place of the thread.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use super::arm::{Arms, Only, Slot};
use super::drive::{attempt, polls};
use super::enlisted::{Enlisted, Owed, READY};
use super::stagger::Stagger;
use super::{Event, Limits, Order, Stopped};
use crate::cancel::Cancellation;
use crate::context::Context;
use crate::seeded;
use crate::sync::MODELLED;

/// How often one poll tries an event that looks ready and does not happen, before it lets other tasks run.
const TRIES: usize = if MODELLED { 2 } else { 8 };

/// A future that is ready when the event happens, or when the token that is current at its first poll is cancelled.
///
/// Dropping it leaves nothing behind: no value is lost, and a notification that it had received goes to the next waiter. One that is
/// kept but never polled again holds on to a notification that it has received, as one that is forgotten does. It needs no particular executor.
#[must_use = "a future does nothing until it is polled"]
pub struct Waiting<E: Event> {
    slot: Slot<E>,
    suspended: Suspended,
}

// The event is never pinned: every access goes through `&mut`.
impl<E: Event> Unpin for Waiting<E> {}

impl<E: Event> Waiting<E> {
    /// A future of the event.
    pub fn new(event: E) -> Self {
        Self { slot: Slot::new(event), suspended: Suspended::default() }
    }

    /// A future of the event that no cancellation token ends.
    pub fn unstoppable(event: E) -> Self {
        let suspended = Suspended { limits: Limits::unstoppable(), ..Suspended::default() };
        Self { slot: Slot::new(event), suspended }
    }

    /// The event, to take back what was put into it when the wait has ended without it. Not to be waited for meanwhile.
    pub fn event_mut(&mut self) -> &mut E {
        self.slot.event_mut()
    }
}

impl<E: Event> Future for Waiting<E> {
    type Output = Result<E::Output, Stopped>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let Self { slot, suspended } = &mut *self;
        suspended
            .poll(&mut Only(slot), Order::Listed, cx)
            .map_ok(|_| self.slot.take_outcome().expect("the event has happened"))
    }
}

impl<E: Event> Drop for Waiting<E> {
    fn drop(&mut self) {
        self.suspended.abandon(&mut Only(&mut self.slot));
    }
}

impl<E: Event> fmt::Debug for Waiting<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiting").field("suspended", &self.suspended).finish_non_exhaustive()
    }
}

/// The state of a wait between two polls.
#[derive(Debug, Default)]
pub(super) struct Suspended {
    limits: Limits,
    /// Whether the token that may end the wait has been taken from the context.
    begun: bool,
    cancellation: Option<Cancellation>,
    enlisted: Option<Enlisted>,
    owed: Owed,
    stagger: Stagger,
    /// Whether the task's waker hangs on the waiter's trigger.
    hung: bool,
}

impl Suspended {
    /// Goes on with the wait; ready with the index of the event that happened.
    pub(super) fn poll(
        &mut self,
        arms: &mut dyn Arms,
        order: Order,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Result<usize, Stopped>> {
        if !self.begun {
            self.begun = true;
            self.cancellation = self.limits.cancellation(&Context::shared());
        }
        let outcome = (0..TRIES).find_map(|_| self.step(arms, order, cx));
        // An event that happened as it was enlisted in the last round is this poll's to return: the task may be dropped
        // before the next.
        let outcome = if outcome.is_none() && !seeded("event/suspend-with-what-was-taken") {
            self.heed(arms, cx)
        } else {
            outcome
        };
        match outcome {
            Some(Poll::Ready(outcome)) => {
                self.owed.settle(arms, outcome.as_ref().ok().copied());
                Poll::Ready(outcome)
            }
            Some(Poll::Pending) => Poll::Pending,
            None => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }

    /// One round of the protocol; `None` if another is due.
    fn step(
        &mut self,
        arms: &mut dyn Arms,
        order: Order,
        cx: &mut TaskContext<'_>,
    ) -> Option<Poll<Result<usize, Stopped>>> {
        let again = self.enlisted.is_some();
        let heeded = self.heed(arms, cx);
        if heeded.is_some() {
            return heeded;
        }
        if let Some(index) = attempt(arms, order) {
            return Some(Poll::Ready(Ok(index)));
        }
        if let Some(cancelled) = self.cancellation.as_mut().and_then(Cancellation::attempt) {
            return Some(Poll::Ready(Err(Stopped::Cancelled(cancelled))));
        }
        if again && !polls(arms) {
            self.stagger.pause();
        }
        let enlisted = self.enlisted.insert(Enlisted::new(false));
        if enlisted.enlist(arms, &mut self.cancellation) {
            enlisted.waiter.close(READY);
        }
        None
    }

    /// The first half of a round: suspends if the wait is undecided, or leaves all lists and attempts the event that has
    /// signalled; `None` if none has, or in vain.
    fn heed(&mut self, arms: &mut dyn Arms, cx: &mut TaskContext<'_>) -> Option<Poll<Result<usize, Stopped>>> {
        let enlisted = self.enlisted.as_ref()?;
        let Some(token) = enlisted.waiter.trigger.hang(&mut self.hung, cx.waker()) else {
            return Some(Poll::Pending);
        };
        enlisted.leave(arms, &mut self.cancellation, token);
        self.enlisted = None;
        if token < arms.len() {
            // Invariant 3: owed from now on, whether the attempt fails or panics; and the event that was signalled is
            // the first to be attempted.
            self.owed.add(token);
            if arms.arm(token).attempt() {
                return Some(Poll::Ready(Ok(token)));
            }
        }
        None
    }

    /// Ends the wait from outside, if there is one: leaves all lists, and passes on what was received and will not be used.
    pub(super) fn abandon(&mut self, arms: &mut dyn Arms) {
        if let Some(enlisted) = self.enlisted.take() {
            if std::mem::take(&mut self.hung) {
                // Before the trigger is closed, which would wake the task.
                enlisted.waiter.trigger.unhang();
            }
            enlisted.abandon(arms, &mut self.cancellation);
        }
        self.owed.settle(arms, None);
        self.begun = false;
    }
}
