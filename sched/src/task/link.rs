//! Linked tasks: their outcome comes through a channel, whatever it is.
//!
//! # Invariants
//!
//! 1. *One outcome comes, then the channel is closed.* It is sent when the body is settled: once, by whoever ends the task, also one that has
//!    not begun.
//! 2. *Telling does not wait*: there is room for one.

use std::task::{Context, Poll};

use reweave_core::channel::{self, Receiver, Sender};
use reweave_core::seeded;
use reweave_core::sync::Arc;

use super::record::Body;
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
    start(pool, Linked { body: Some(body), value: None, sender }).detach();
    receiver
}

/// A closure, and where what comes of it is told. The task itself has nothing to yield.
struct Linked<F, T> {
    body: Option<F>,
    /// There when it has been run.
    value: Option<T>,
    sender: Sender<Result<T, Failed>>,
}

impl<T: Send + 'static, F: FnOnce() -> T + Send + 'static> Body<()> for Linked<F, T> {
    const IS_CLOSURE: bool = true;

    unsafe fn step(&mut self, _: &mut Context<'_>) -> Poll<()> {
        self.value = Some(self.body.take().expect("a closure is run once")());
        Poll::Ready(())
    }

    fn settle(self, output: &mut Result<(), Failed>) {
        let ended = std::mem::replace(output, Ok(()));
        if ended.is_err() && seeded("task/link-silently") {
            return;
        }
        let outcome = ended.map(|()| self.value.expect("a closure that has returned has a value"));
        // Refused where nobody is left to receive: then it is dropped, which is user code.
        quietly(|| drop(self.sender.try_send(outcome)));
    }
}
