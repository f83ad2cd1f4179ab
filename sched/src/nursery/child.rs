//! A child: a closure or future of the user, whose failure is reported to its nursery before its task ends.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use reweave_core::sync::Arc;

use super::group::{Group, Panic};
use crate::job::quietly;

/// A closure that is a child.
pub(super) struct Called<F, E> {
    /// None: it has been run.
    body: Option<F>,
    group: Arc<Group<E>>,
}

impl<F: FnOnce() -> Result<(), E>, E> Called<F, E> {
    pub(super) fn new(body: F, group: Arc<Group<E>>) -> Self {
        Self { body: Some(body), group }
    }

    /// Runs it. Does not unwind.
    pub(super) fn run(mut self) {
        if let Some(body) = self.body.take() {
            let outcome = catch_unwind(AssertUnwindSafe(body));
            self.group.heed_child(outcome);
        }
    }
}

impl<F, E> Drop for Called<F, E> {
    /// One that has not begun, and never will.
    fn drop(&mut self) {
        if let Some(body) = self.body.take() {
            let dropped = catch_unwind(AssertUnwindSafe(|| drop(body)));
            self.group.heed_drop(dropped);
        }
    }
}

/// A future that is a child.
pub(super) struct Polled<F, E> {
    /// Pinned with the whole. None: it has ended.
    future: Option<F>,
    group: Arc<Group<E>>,
}

impl<F, E> Polled<F, E> {
    pub(super) fn new(future: F, group: Arc<Group<E>>) -> Self {
        Self { future: Some(future), group }
    }

    /// The future, and the others.
    fn parts(self: Pin<&mut Self>) -> (Pin<&mut Option<F>>, &Group<E>) {
        // SAFETY: nothing is moved out of the reference: `future` is pinned again, the group never is. `drop` does the same.
        let this = unsafe { self.get_unchecked_mut() };
        // SAFETY: as above.
        (unsafe { Pin::new_unchecked(&mut this.future) }, &this.group)
    }
}

impl<F: Future<Output = Result<(), E>>, E> Future for Polled<F, E> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let (future, group) = self.parts();
        let outcome = ready!(poll_contained(future, cx));
        group.heed_child(outcome);
        Poll::Ready(())
    }
}

impl<F, E> Drop for Polled<F, E> {
    /// One that has not ended, and never will.
    fn drop(&mut self) {
        // SAFETY: it is not moved after this, and was pinned if it was ever polled.
        let (future, group) = unsafe { Pin::new_unchecked(self) }.parts();
        if future.is_some() {
            group.heed_drop(drop_contained(future));
        }
    }
}

/// Polls a future that has not ended. When it has, by a panic or otherwise, it is dropped here, too.
pub(super) fn poll_contained<F: Future>(
    mut future: Pin<&mut Option<F>>,
    cx: &mut Context<'_>,
) -> Poll<Result<F::Output, Panic>> {
    let polled = catch_unwind(AssertUnwindSafe(|| {
        future.as_mut().as_pin_mut().expect("it is not polled after its end").poll(cx)
    }));
    let outcome = match polled {
        Ok(Poll::Pending) => return Poll::Pending,
        Ok(Poll::Ready(output)) => Ok(output),
        Err(panic) => Err(panic),
    };
    Poll::Ready(match (outcome, drop_contained(future)) {
        (Ok(output), Err(panic)) => {
            quietly(|| drop(output));
            Err(panic)
        }
        (Err(panic), Err(later)) => {
            quietly(|| drop(later));
            Err(panic)
        }
        (outcome, Ok(())) => outcome,
    })
}

/// Drops a future where it is.
pub(super) fn drop_contained<F>(mut future: Pin<&mut Option<F>>) -> Result<(), Panic> {
    catch_unwind(AssertUnwindSafe(|| future.set(None)))
}
