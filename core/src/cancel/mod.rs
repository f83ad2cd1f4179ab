//! Cancellation: a token that ends waits, with a reason.

use std::error::Error;
use std::fmt;

use crate::Reason;
use crate::context::Context;
use crate::event::{Event, Ticket, WaitList, Waiter};
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Arc, Mutex};

/// Why something was cancelled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cancelled {
    /// The reason given by whoever cancelled.
    pub reason: Reason,
}

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cancelled: {}", self.reason)
    }
}

impl Error for Cancelled {}

/// A request to stop, shared by those who may make it and those who heed it.
#[derive(Clone, Debug)]
pub struct Token(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    cancelled: AtomicBool,
    reason: Mutex<Option<Reason>>,
    waiters: WaitList,
}

impl Token {
    /// A token that is not cancelled.
    pub fn new() -> Self {
        Self(Arc::new(Inner { cancelled: AtomicBool::new(false), reason: Mutex::new(None), waiters: WaitList::new() }))
    }

    /// Cancels, unless that has happened before: the first reason wins. Tells whether this call was the first.
    pub fn cancel(&self, reason: impl Into<Reason>) -> bool {
        // The conversion is user code, and must not run under the lock.
        let reason = reason.into();
        {
            let mut given = self.0.reason.lock();
            if given.is_some() {
                return false;
            }
            *given = Some(reason);
            // Under the lock, so that whoever is told `false` finds the token cancelled. A swap, not a store: it comes
            // before the look for waiters (see `WaitList`).
            self.0.cancelled.swap(true, Ordering::Release);
        }
        self.0.waiters.wake_all_after_rmw();
        true
    }

    /// Whether it has been cancelled. One load.
    #[inline]
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::Acquire)
    }

    /// Runs `body` with this as the current token: it ends every wait in `body` that can be cancelled.
    pub fn run<R>(&self, body: impl FnOnce() -> R) -> R {
        let _entered = Context::enter_with(|context| context.cancel = Some(self.clone()));
        body()
    }

    /// The event of its cancellation.
    pub fn cancelled(&self) -> Cancellation {
        Cancellation { token: self.clone(), ticket: None }
    }
}

impl Default for Token {
    fn default() -> Self {
        Self::new()
    }
}

/// The event of a token's cancellation: see [`Token::cancelled`].
#[derive(Debug)]
#[must_use = "an event does nothing until it is waited for"]
pub struct Cancellation {
    token: Token,
    ticket: Option<Ticket>,
}

impl Event for Cancellation {
    type Output = Cancelled;

    fn attempt(&mut self) -> Option<Cancelled> {
        if !self.token.is_cancelled() {
            return None;
        }
        let reason = self.token.0.reason.lock().clone().expect("a cancelled token has a reason");
        Some(Cancelled { reason })
    }

    fn enlist(&mut self, waiter: &Waiter) -> bool {
        self.ticket = Some(self.token.0.waiters.push(waiter));
        self.token.is_cancelled()
    }

    fn delist(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.token.0.waiters.remove(ticket);
        }
    }

    /// All waiters are woken.
    fn pass_on(&mut self) {}
}
