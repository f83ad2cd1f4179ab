//! Waiting as a future: the driver's protocol with a task in place of the thread.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use super::arm::{Arms, Only, Slot};
use super::drive::{CANCELLED, DROPPED, READY, attempt};
use super::{Event, Order, Stopped, Waiter};
use crate::cancel::Cancellation;
use crate::context::Context;
use crate::seeded;

/// How often one poll tries an event that looks ready and does not happen, before it lets other tasks run.
const TRIES: usize = 8;

/// A future that is ready when the event happens, or when the token that was current at its first wait is cancelled.
///
/// Dropping it leaves nothing behind: no value is lost, and a notification that it had received goes to the next waiter. It needs
/// no particular executor.
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

    /// The event, to take back what was put into it when the wait has ended without it.
    pub(crate) fn event_mut(&mut self) -> &mut E {
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
    cancellation: Option<Cancellation>,
    /// The waiter that is enlisted.
    waiter: Option<Waiter>,
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
        for _ in 0..TRIES {
            if let Some(waiter) = &self.waiter {
                let Some(token) = waiter.trigger.hang(&mut self.hung, cx.waker()) else { return Poll::Pending };
                self.leave(arms, token);
                // Invariant 3: the event that was signalled is the first to be attempted.
                if token < arms.len() && arms.arm(token).attempt() {
                    return Poll::Ready(Ok(token));
                }
            }
            if let Some(index) = attempt(arms, order) {
                return Poll::Ready(Ok(index));
            }
            if self.cancellation.is_none() {
                self.cancellation = Context::current().cancel.map(|token| token.cancelled());
            }
            if let Some(cancelled) = self.cancellation.as_mut().and_then(Cancellation::attempt) {
                return Poll::Ready(Err(Stopped::Cancelled(cancelled)));
            }
            self.enlist(arms);
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Enlists a new waiter; if something looks ready, its wait is decided at once.
    fn enlist(&mut self, arms: &mut dyn Arms) {
        let waiter = Waiter::new(false);
        let mut ready = false;
        for index in 0..arms.len() {
            ready |= arms.arm(index).enlist(&waiter.with_token(index));
        }
        if let Some(cancellation) = &mut self.cancellation {
            ready |= cancellation.enlist(&waiter.with_token(CANCELLED));
        }
        if ready {
            waiter.close(READY);
        }
        self.waiter = Some(waiter);
    }

    /// Leaves all lists; returns the token that decided the wait, which is `why` unless a source was first.
    fn leave(&mut self, arms: &mut dyn Arms, why: usize) -> Option<usize> {
        let waiter = self.waiter.take()?;
        if std::mem::take(&mut self.hung) {
            // Before the trigger is closed, which would wake the task.
            waiter.trigger.unhang();
        }
        let token = waiter.close(why);
        for index in 0..arms.len() {
            arms.arm(index).delist();
        }
        if let Some(cancellation) = &mut self.cancellation {
            cancellation.delist();
        }
        Some(token)
    }

    /// Ends the wait from outside. A notification that came and will not be used goes to another waiter (invariant 3).
    pub(super) fn abandon(&mut self, arms: &mut dyn Arms) {
        if let Some(token) = self.leave(arms, DROPPED)
            && token < arms.len()
            && !seeded("event/drop-notification")
        {
            arms.arm(token).pass_on();
        }
    }
}
