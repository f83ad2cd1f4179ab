//! Waiting for a promise: its event, and the futures.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::shared::{Outcome, Shared};
use super::{Eventual, Failure};
use crate::event::{Awaits, Event, Source, Ticket, Waiter, Waiting};

/// The event of a promise's being kept or broken: see [`Eventual::event`]. Yields a reference to the value.
#[must_use = "an event does nothing until it is waited for"]
pub struct Kept<'a, T, E> {
    shared: &'a Shared<T, E>,
    ticket: Option<Ticket>,
}

impl<'a, T, E> Kept<'a, T, E> {
    pub(super) fn new(shared: &'a Shared<T, E>) -> Self {
        Self { shared, ticket: None }
    }
}

impl<'a, T, E> Event for Kept<'a, T, E> {
    type Output = Result<&'a T, Failure<&'a E>>;

    fn attempt(&mut self) -> Option<Self::Output> {
        self.shared.outcome().map(Outcome::read)
    }

    fn enlist(&mut self, waiter: &Waiter) -> bool {
        self.ticket = Some(self.shared.waiters.push(waiter));
        self.shared.is_done()
    }

    fn delist(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.shared.waiters.remove(ticket);
        }
    }

    /// Nothing: all waiters are woken.
    fn pass_on(&mut self) {}

    fn awaits(&self) -> Awaits {
        self.shared.keeper.awaits()
    }

    fn source(&self) -> Option<&dyn Source> {
        Some(&self.shared.keeper)
    }
}

/// The future of `(&eventual).await`: a reference to the value.
#[must_use = "a future does nothing until it is polled"]
pub struct Reading<'a, T, E>(Waiting<Kept<'a, T, E>>);

impl<'a, T, E> IntoFuture for &'a Eventual<T, E> {
    type Output = Result<&'a T, Failure<&'a E>>;
    type IntoFuture = Reading<'a, T, E>;

    fn into_future(self) -> Reading<'a, T, E> {
        Reading(Waiting::new(self.event()))
    }
}

impl<'a, T, E> Future for Reading<'a, T, E> {
    type Output = Result<&'a T, Failure<&'a E>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = ready!(Pin::new(&mut self.0).poll(cx));
        Poll::Ready(outcome.unwrap_or_else(|stopped| Err(Failure::Stopped(stopped))))
    }
}

/// The event behind a [`ReadingOwned`]: it keeps what it waits for.
struct Done<T, E> {
    eventual: Eventual<T, E>,
    ticket: Option<Ticket>,
}

impl<T: Clone, E: Clone> Event for Done<T, E> {
    type Output = Result<T, Failure<E>>;

    fn attempt(&mut self) -> Option<Self::Output> {
        let outcome = self.eventual.try_get()?;
        Some(outcome.cloned().map_err(Failure::cloned))
    }

    fn enlist(&mut self, waiter: &Waiter) -> bool {
        let mut kept = self.eventual.event();
        let done = kept.enlist(waiter);
        self.ticket = kept.ticket;
        done
    }

    fn delist(&mut self) {
        let ticket = self.ticket.take();
        Kept { ticket, ..self.eventual.event() }.delist();
    }

    fn pass_on(&mut self) {}

    fn awaits(&self) -> Awaits {
        self.eventual.event().awaits()
    }

    fn source(&self) -> Option<&dyn Source> {
        Some(&self.eventual.0.keeper)
    }
}

/// The future of `eventual.await`: a clone of the value, for tasks that outlive what they borrow from.
#[must_use = "a future does nothing until it is polled"]
pub struct ReadingOwned<T: Clone, E: Clone>(Waiting<Done<T, E>>);

impl<T: Clone, E: Clone> IntoFuture for Eventual<T, E> {
    type Output = Result<T, Failure<E>>;
    type IntoFuture = ReadingOwned<T, E>;

    fn into_future(self) -> ReadingOwned<T, E> {
        ReadingOwned(Waiting::new(Done { eventual: self, ticket: None }))
    }
}

impl<T: Clone, E: Clone> Future for ReadingOwned<T, E> {
    type Output = Result<T, Failure<E>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = ready!(Pin::new(&mut self.0).poll(cx));
        Poll::Ready(outcome.unwrap_or_else(|stopped| Err(Failure::Stopped(stopped))))
    }
}

impl<T, E> fmt::Debug for Kept<'_, T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kept")
    }
}

impl<T, E> fmt::Debug for Reading<'_, T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reading")
    }
}

impl<T: Clone, E: Clone> fmt::Debug for ReadingOwned<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReadingOwned")
    }
}
