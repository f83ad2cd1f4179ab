//! Waiting for the end of a task: as an event, and as a future.

use std::borrow::BorrowMut;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use reweave_core::event::{Awaits, Event, Source, Ticket, Waiter, Waiting};
use reweave_core::seeded;

use super::waker::{awaits_directly, cancelled_here};
use super::{Failed, Task};

/// The event of a task's end, without its result.
pub(super) struct Ended<'a, T> {
    task: &'a Task<T>,
    ticket: Option<Ticket>,
}

impl<'a, T> Ended<'a, T> {
    pub(super) fn new(task: &'a Task<T>) -> Self {
        Self { task, ticket: None }
    }
}

impl<T> Event for Ended<'_, T> {
    type Output = ();

    fn attempt(&mut self) -> Option<()> {
        self.task.is_ended().then_some(())
    }

    fn enlist(&mut self, waiter: &Waiter) -> bool {
        self.ticket = Some(self.task.head().waiters.push(waiter));
        self.task.is_ended()
    }

    fn delist(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.task.head().waiters.remove(ticket);
        }
    }

    /// Nothing: all waiters are woken.
    fn pass_on(&mut self) {}

    fn awaits(&self) -> Awaits {
        self.task.head().awaits()
    }

    fn source(&self) -> Option<&dyn Source> {
        Some(self.task.head())
    }
}

/// The same with its result, of a task that is borrowed or owned.
struct Ending<B, T> {
    task: B,
    ticket: Option<Ticket>,
    _output: PhantomData<fn() -> T>,
}

impl<B: BorrowMut<Task<T>>, T> Ending<B, T> {
    fn new(task: B) -> Self {
        Self { task, ticket: None, _output: PhantomData }
    }
}

impl<B: BorrowMut<Task<T>>, T> Event for Ending<B, T> {
    type Output = Result<T, Failed>;

    fn attempt(&mut self) -> Option<Self::Output> {
        let task = self.task.borrow_mut();
        if seeded("task/take-before-looking") {
            let result = task.take();
            return task.is_ended().then(|| result.expect("the result of this task has been taken already"));
        }
        // One look decides: it may end at any moment.
        task.is_ended().then(|| task.outcome())
    }

    fn enlist(&mut self, waiter: &Waiter) -> bool {
        let task = self.task.borrow();
        self.ticket = Some(task.head().waiters.push(waiter));
        task.is_ended()
    }

    fn delist(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.task.borrow().head().waiters.remove(ticket);
        }
    }

    fn pass_on(&mut self) {}

    fn awaits(&self) -> Awaits {
        self.task.borrow().head().awaits()
    }

    fn source(&self) -> Option<&dyn Source> {
        Some(self.task.borrow().head())
    }
}

/// The event of a task's end: see [`Task::event`].
#[must_use = "an event does nothing until it is waited for"]
pub struct End<'a, T>(Ending<&'a mut Task<T>, T>);

impl<'a, T> End<'a, T> {
    pub(super) fn new(task: &'a mut Task<T>) -> Self {
        Self(Ending::new(task))
    }
}

impl<T> Event for End<'_, T> {
    type Output = Result<T, Failed>;

    fn attempt(&mut self) -> Option<Self::Output> {
        self.0.attempt()
    }

    fn enlist(&mut self, waiter: &Waiter) -> bool {
        self.0.enlist(waiter)
    }

    fn delist(&mut self) {
        self.0.delist();
    }

    fn pass_on(&mut self) {}

    fn awaits(&self) -> Awaits {
        self.0.awaits()
    }

    fn source(&self) -> Option<&dyn Source> {
        self.0.source()
    }
}

impl<T> fmt::Debug for End<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("End").field("task", &self.0.task).finish_non_exhaustive()
    }
}

/// The future of `task.await`: what came of the task. Dropped before it is ready, it lets the task go on by itself. To poll it panics if the result has been
/// [taken](Task::take) before.
///
/// A task that awaits another leaves its waker there, and is woken through its own token if it is cancelled. Everybody else waits as for any event.
#[must_use = "a future does nothing until it is polled"]
pub struct Joining<T>(Way<T>);

enum Way<T> {
    Direct(Task<T>),
    AsEvent(Waiting<Ending<Task<T>, T>>),
    /// It has been ready.
    Over,
}

// The output is never pinned: every access goes through `&mut`.
impl<T> Unpin for Joining<T> {}

impl<T> IntoFuture for Task<T> {
    type Output = Result<T, Failed>;
    type IntoFuture = Joining<T>;

    fn into_future(self) -> Joining<T> {
        Joining(Way::Direct(self))
    }
}

impl<T> Joining<T> {
    /// Goes on as for any event.
    fn wait_as_event(&mut self) {
        self.0 = match std::mem::replace(&mut self.0, Way::Over) {
            Way::Direct(task) => {
                task.head().forget_waker();
                Way::AsEvent(Waiting::new(Ending::new(task)))
            }
            other => other,
        };
    }
}

impl<T> Future for Joining<T> {
    type Output = Result<T, Failed>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Way::Direct(task) = &mut self.0 {
            if let Some(result) = task.take() {
                self.0 = Way::Over;
                return Poll::Ready(result);
            }
            if awaits_directly(cx.waker()) {
                if let Err(cancelled) = cancelled_here() {
                    task.head().forget_waker();
                    return Poll::Ready(Err(Failed::Stopped(cancelled.into())));
                }
                if task.head().wait_by(cx.waker()) {
                    return Poll::Pending;
                }
                let result = task.outcome();
                self.0 = Way::Over;
                return Poll::Ready(result);
            }
            self.wait_as_event();
        }
        match &mut self.0 {
            Way::AsEvent(waiting) => {
                let ended = ready!(Pin::new(waiting).poll(cx));
                Poll::Ready(ended.unwrap_or_else(|stopped| Err(Failed::Stopped(stopped))))
            }
            Way::Direct(_) | Way::Over => panic!("polled again after it was ready"),
        }
    }
}

impl<T> Drop for Joining<T> {
    fn drop(&mut self) {
        if let Way::Direct(task) = &self.0 {
            task.head().forget_waker();
        }
    }
}

impl<T> fmt::Debug for Joining<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Joining")
    }
}
