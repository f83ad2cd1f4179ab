//! The waiting side of a trigger: parking a thread, deadlines, wakers, and several triggers at once.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use super::{MAX_TOKEN, Trigger, Waiter};
use crate::sync::{Arc, thread};

impl Trigger {
    /// Blocks the thread until the signal, and returns its token.
    ///
    /// # Panics
    /// When somebody else waits on this trigger already.
    pub fn wait(&self) -> usize {
        if let Some(token) = self.signalled() {
            return token;
        }
        if let Err(token) = self.register(Waiter::Thread(thread::current())) {
            return token;
        }
        loop {
            thread::park();
            if let Some(token) = self.signalled() {
                return token;
            }
        }
    }

    /// Blocks the thread until the signal or `deadline`, whichever comes first; `None` means that the deadline did.
    ///
    /// A wait that ended by its deadline has left nothing behind: the trigger can be waited on again.
    ///
    /// # Panics
    /// When somebody else waits on this trigger already.
    pub fn wait_until(&self, deadline: Instant) -> Option<usize> {
        if let Some(token) = self.signalled() {
            return Some(token);
        }
        if let Err(token) = self.register(Waiter::Thread(thread::current())) {
            return Some(token);
        }
        loop {
            let expired = thread::park_until(deadline);
            if let Some(token) = self.signalled() {
                return Some(token);
            }
            if expired {
                return self.withdraw();
            }
        }
    }

    /// A future that is ready, with the token, at the signal. Dropping it withdraws from the trigger; one that is forgotten
    /// instead keeps the place of the one waiter.
    pub fn wait_async(&self) -> Wait<'_> {
        Wait { trigger: self, registered: false }
    }

    /// Hangs `waker` on the trigger, in place of the one that hangs there already if `hung` says so, or returns the token
    /// of the signal. Keeps `hung` up to date: it belongs to the one waiter.
    pub(crate) fn hang(&self, hung: &mut bool, waker: &Waker) -> Option<usize> {
        // A task may be polled again with another waker: the old one is taken back before the new one is hung up.
        let signalled = if *hung { self.withdraw() } else { self.signalled() };
        *hung = false;
        let registered = match signalled {
            Some(token) => Err(token),
            None => self.register(Waiter::Task(waker.clone())),
        };
        *hung = registered.is_ok();
        registered.err()
    }

    /// Takes back the waker that hangs on the trigger, if it still does.
    pub(crate) fn unhang(&self) {
        self.withdraw();
    }

    /// Arranges that the signal is passed on to `next`, with `token`; if it has come already, that happens now.
    ///
    /// Takes the place of the one waiter until the returned [`Forward`] is dropped, or the signal.
    ///
    /// # Panics
    /// When somebody else waits on this trigger already, or `token` is above [`MAX_TOKEN`].
    pub fn forward(&self, next: &Arc<Trigger>, token: usize) -> Forward<'_> {
        assert!(token <= MAX_TOKEN, "the token {token} is above MAX_TOKEN ({MAX_TOKEN})");
        if self.register(Waiter::Forward(next.clone(), token)).is_err() {
            next.signal(token);
        }
        Forward(self)
    }
}

/// A signal that will be passed on: see [`Trigger::forward`]. Dropping it ends that, unless the signal has come.
#[derive(Debug)]
#[must_use = "dropping it ends the forwarding"]
pub struct Forward<'a>(&'a Trigger);

impl Drop for Forward<'_> {
    fn drop(&mut self) {
        self.0.withdraw();
    }
}

/// Blocks until one of `triggers` is signalled, and returns its index. The others keep their signals for a later wait.
///
/// If several are signalled already, the lowest index wins. Two allocations; a registration and a withdrawal a trigger.
///
/// # Panics
/// When `triggers` is empty, or somebody else waits on one of them already (or one occurs twice).
pub fn wait_any(triggers: &[&Trigger]) -> usize {
    assert!(!triggers.is_empty(), "wait_any needs at least one trigger");
    let first = Arc::new(Trigger::new());
    let mut forwards = Vec::with_capacity(triggers.len());
    for (index, trigger) in triggers.iter().enumerate() {
        forwards.push(trigger.forward(&first, index));
        if first.signalled().is_some() {
            break;
        }
    }
    first.wait()
}

/// The future of [`Trigger::wait_async`].
#[derive(Debug)]
#[must_use = "a future does nothing until it is polled"]
pub struct Wait<'a> {
    trigger: &'a Trigger,
    registered: bool,
}

impl Future for Wait<'_> {
    type Output = usize;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<usize> {
        let Self { trigger, registered } = &mut *self;
        trigger.hang(registered, cx.waker()).map_or(Poll::Pending, Poll::Ready)
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        if self.registered {
            self.trigger.withdraw();
        }
    }
}
