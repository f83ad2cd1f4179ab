//! The handle of a node: what users call a token.

use std::time::{Duration, Instant};

use super::callback::Job;
use super::node::Node;
use super::{Callback, CancelOnDrop, Cancellation, Cancelled, How};
use crate::Reason;
use crate::context::Context;
use crate::sync::Arc;
use crate::time::Clock;

/// A request to stop, shared by those who may make it and those who heed it. Cloning it makes another handle.
///
/// # Examples
/// ```
/// use reweave_core::cancel::Token;
///
/// let server = Token::named("server");
/// let request = server.child();
/// assert!(!request.is_cancelled());
///
/// server.cancel("shutting down");
/// let cancelled = request.reason().unwrap();
/// assert_eq!(cancelled.reason.as_str(), "shutting down");
/// assert_eq!(cancelled.source.id, server.id());
/// assert!(cancelled.source.inherited);
/// ```
#[derive(Debug)]
pub struct Token(Arc<Node>);

impl Token {
    /// A token that is not cancelled, without a parent.
    pub fn new() -> Self {
        Self::make(None, None, None)
    }

    /// The same with a name, for errors and for whoever debugs.
    pub fn named(name: impl Into<Reason>) -> Self {
        Self::make(Some(name.into()), None, None)
    }

    /// A token that is cancelled when the clock of the current [context](crate::context) reads `deadline`.
    ///
    /// By the real clock it is the timer thread that cancels it, and that runs its callbacks: they must not block. By a
    /// [virtual clock](crate::time::VirtualClock) it is whoever moves the time.
    pub fn with_deadline(deadline: Instant) -> Self {
        Self::make(None, None, Some((deadline, Clock::current())))
    }

    /// A token that is cancelled when `timeout` has passed: see [`with_deadline`](Self::with_deadline). One that is
    /// beyond what an `Instant` can express never passes.
    pub fn with_timeout(timeout: Duration) -> Self {
        Self::make(None, None, from_now(timeout))
    }

    /// A token below this one: cancelled with it and for its reason. Cancelling the child does not touch the parent.
    ///
    /// If this token is cancelled already, so is the child. A child whose last handle is dropped leaves nothing
    /// behind in the parent. O(log n) in the number of children, under the parent's lock.
    pub fn child(&self) -> Self {
        Self::make(None, Some(self), None)
    }

    /// A child with a name.
    pub fn named_child(&self, name: impl Into<Reason>) -> Self {
        Self::make(Some(name.into()), Some(self), None)
    }

    /// A child that is also cancelled when the clock of the current context reads `deadline`.
    ///
    /// If a token above is to be cancelled earlier by the same clock, it is that deadline that cancels both.
    pub fn child_with_deadline(&self, deadline: Instant) -> Self {
        Self::make(None, Some(self), Some((deadline, Clock::current())))
    }

    /// A child that is also cancelled when `timeout` has passed: see
    /// [`child_with_deadline`](Self::child_with_deadline).
    pub fn child_with_timeout(&self, timeout: Duration) -> Self {
        Self::make(None, Some(self), from_now(timeout))
    }

    fn make(name: Option<Reason>, parent: Option<&Self>, deadline: Option<(Instant, Clock)>) -> Self {
        Self(Node::make(name, parent.map(|parent| &parent.0), deadline))
    }

    pub(super) fn node(&self) -> &Arc<Node> {
        &self.0
    }

    /// Its number: no other token of this process has it.
    pub fn id(&self) -> u64 {
        self.0.id()
    }

    /// Its name.
    pub fn name(&self) -> Option<&Reason> {
        self.0.name()
    }

    /// Cancels this token and all below it, unless that has happened before: the first reason wins. Tells whether
    /// this call was the first.
    ///
    /// When it returns `true`, all tokens below are cancelled, all who waited for one of them have been woken, and
    /// the callbacks have run, in this thread: first everybody is told, level by level, then the callbacks run, in
    /// the same order, and those of one token in the order in which they were added. `false` says that this token is
    /// cancelled, by somebody who may still be at the rest.
    ///
    /// O(n) in the number of tokens and callbacks below; needs no stack for the depth of the tree.
    pub fn cancel(&self, reason: impl Into<Reason>) -> bool {
        self.0.cancel(reason.into(), How::Explicit)
    }

    /// As [`cancel`](Self::cancel), saying how: for who keeps deadlines of his own, so that what has passed its time can be told from
    /// what somebody has cancelled.
    pub fn cancel_by(&self, reason: impl Into<Reason>, how: How) -> bool {
        self.0.cancel(reason.into(), how)
    }

    /// Whether it has been cancelled. One load.
    #[inline]
    pub fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Goes on unless it has been cancelled: to be called between two steps of a long computation. One load, if not.
    ///
    /// # Errors
    /// [`Cancelled`], with the reason.
    #[inline]
    pub fn check(&self) -> Result<(), Cancelled> {
        if self.is_cancelled() { Err(self.reason().expect("a cancelled token has a reason")) } else { Ok(()) }
    }

    /// Why it was cancelled, if it was.
    pub fn reason(&self) -> Option<Cancelled> {
        self.0.verdict()
    }

    /// When it is cancelled at the latest: the earliest of its own deadline and, by the same clock, those above it.
    pub fn deadline(&self) -> Option<Instant> {
        self.0.deadline().map(|&(at, _)| at)
    }

    /// How much time is left until the [deadline](Self::deadline), by the clock that it was made by; zero when it has
    /// passed.
    pub fn remaining(&self) -> Option<Duration> {
        self.0.deadline().map(|(at, clock)| at.saturating_duration_since(clock.now()))
    }

    /// Runs `body` with this as the current token: it ends every wait in `body` that can be cancelled.
    ///
    /// It takes the place of the token that was current, which then does not count in `body`: make this one a
    /// [child](Self::child) of it if both are to.
    pub fn run<R>(&self, body: impl FnOnce() -> R) -> R {
        let _entered = Context::enter_under(Some(self.clone()));
        body()
    }

    /// The event of its cancellation.
    pub fn cancelled(&self) -> Cancellation {
        Cancellation::new(self.clone())
    }

    /// Runs `callback` when the token is cancelled: exactly once, in the thread that cancels it, with no lock held;
    /// if it is cancelled already, now and here.
    ///
    /// A panic in it is contained. What it blocks on blocks the canceller. See [`Callback`] for how to remove it,
    /// which dropping the result does too. O(log n) in the number of children and callbacks.
    ///
    /// # Examples
    /// ```
    /// use reweave_core::cancel::Token;
    /// use reweave_core::sync::Arc;
    /// use reweave_core::sync::atomic::{AtomicBool, Ordering};
    ///
    /// let closed = Arc::new(AtomicBool::new(false));
    /// let token = Token::new();
    /// let close = token.on_cancel({
    ///     let closed = closed.clone();
    ///     move |_| closed.store(true, Ordering::Relaxed)
    /// });
    /// token.cancel("done");
    /// assert!(closed.load(Ordering::Relaxed));
    /// assert!(!close.remove(), "it has run");
    /// ```
    pub fn on_cancel(&self, callback: impl FnOnce(&Cancelled) + Send + 'static) -> Callback {
        match self.0.call(Job::new(callback)) {
            Some(key) => Callback::added(self.clone(), key),
            None => Callback::has_run(),
        }
    }

    /// A guard that cancels the token when it is dropped, unless it is [disarmed](CancelOnDrop::disarm) before.
    pub fn cancel_on_drop(&self, reason: impl Into<Reason>) -> CancelOnDrop {
        CancelOnDrop::new(self.clone(), reason.into())
    }
}

/// The deadline that is `timeout` away by the current clock, if an `Instant` can express it.
fn from_now(timeout: Duration) -> Option<(Instant, Clock)> {
    let clock = Clock::current();
    clock.after(timeout).map(|deadline| (deadline, clock))
}

impl Clone for Token {
    fn clone(&self) -> Self {
        self.0.hold();
        Self(self.0.clone())
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        Node::release(&self.0);
    }
}

impl Default for Token {
    fn default() -> Self {
        Self::new()
    }
}
