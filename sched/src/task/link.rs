//! Linked tasks: their outcome comes through a channel, whatever it is.
//!
//! # Invariants
//!
//! 1. *One outcome comes, then the channel is closed.* It is sent by the task when its body has ended; or, if that never begins, by what the
//!    body was to tell through, when it is dropped with it.
//! 2. *Telling does not wait*: there is room for one.

use std::panic::{AssertUnwindSafe, catch_unwind};

use reweave_core::cancel::Token;
use reweave_core::channel::{self, Receiver, Sender};
use reweave_core::context::Context;
use reweave_core::seeded;
use reweave_core::sync::Arc;

use super::record::Closure;
use super::{Failed, Handle, start};
use crate::job::quietly;
use crate::pool::{Pool, Shared};

/// Starts a closure as a task whose outcome comes through a channel: its value, its panic, or that it was cancelled before it began.
///
/// So it can be waited for like any other message: blocking, by `.await`, in a [`select!`](reweave_core::select), by whoever has the receiver.
/// One outcome comes, and then the channel is closed. A panic harms nobody else. If the receiver is dropped the task goes on, as when
/// a [`Task`](super::Task) is dropped, and its outcome is dropped; to end it with its reader, use [`timeout`](super::timeout()) or a token.
/// What it inherits is said at [task](super).
///
/// # Complexity
/// That of [`spawn`](fn@super::spawn), a channel for one message, and a send.
///
/// # Examples
/// ```
/// use reweave_sched::spawn_link;
///
/// let answer = spawn_link(|| 6 * 7);
/// assert_eq!(answer.recv().unwrap().unwrap(), 42);
/// let failed = spawn_link(|| -> u32 { panic!("division by zero") });
/// assert_eq!(failed.recv().unwrap().unwrap_err().to_string(), "the task panicked: division by zero");
/// ```
///
/// The idea is `spawn_link` of Erlang, with a message in place of a signal.
pub fn spawn_link<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> Receiver<Result<T, Failed>> {
    link(Shared::here(), body)
}

impl Pool {
    /// As [`spawn_link`], in this pool.
    pub fn spawn_link<T: Send + 'static>(
        &self,
        body: impl FnOnce() -> T + Send + 'static,
    ) -> Receiver<Result<T, Failed>> {
        link(self.shared().clone(), body)
    }
}

impl Handle {
    /// As [`spawn_link`], in this pool.
    pub fn spawn_link<T: Send + 'static>(
        &self,
        body: impl FnOnce() -> T + Send + 'static,
    ) -> Receiver<Result<T, Failed>> {
        link(self.0.clone(), body)
    }
}

fn link<T: Send + 'static>(
    pool: Arc<Shared>,
    body: impl FnOnce() -> T + Send + 'static,
) -> Receiver<Result<T, Failed>> {
    let (sender, receiver) = channel::bounded(1);
    let above = Context::handed_on().cancel;
    let link = Link { sender: Some(sender), above, era: pool.roots.era(), pool: pool.clone() };
    start(pool, Closure::new(move || link.tell(catch_unwind(AssertUnwindSafe(body)).map_err(Failed::Panicked))))
        .detach();
    receiver
}

/// What the outcome is told through.
struct Link<T> {
    /// None when it has been told.
    sender: Option<Sender<Result<T, Failed>>>,
    /// The token above that of the task, if it is not the pool's.
    above: Option<Token>,
    pool: Arc<Shared>,
    /// How often all tasks of the pool had been cancelled when the task was made.
    era: usize,
}

impl<T> Link<T> {
    fn tell(mut self, outcome: Result<T, Failed>) {
        self.tell_once(outcome);
    }

    fn tell_once(&mut self, outcome: Result<T, Failed>) {
        if let Some(sender) = self.sender.take() {
            // Refused where nobody is left to receive: then it is dropped, which is user code.
            quietly(|| drop(sender.try_send(outcome)));
        }
    }
}

impl<T> Drop for Link<T> {
    /// The body was not begun. Nobody has a handle of the task: so it was cancelled from above, or its pool has ended.
    fn drop(&mut self) {
        if self.sender.is_none() || seeded("task/link-silently") {
            return;
        }
        let above = self.above.as_ref().and_then(Token::reason);
        let cancelled = above.or_else(|| self.pool.roots.token(self.era).reason()).unwrap_or_else(|| {
            let ended = Token::new();
            ended.cancel("its pool has shut down");
            ended.reason().expect("cancelled just now")
        });
        self.tell_once(Err(Failed::Cancelled(cancelled)));
    }
}
