//! Cancellation: tokens that end waits, in a tree, with a reason.
//!
//! A [`Token`] is a request to stop, shared by those who may make it and those who heed it. [`Token::run`] makes it
//! the current one: from then on it ends every wait of the library that can be cancelled, and [`check`] asks it
//! between two steps of a computation. Cancellation is cooperative: nothing is torn down from outside.
//!
//! Tokens form a tree. Who cancels a token cancels all below it, with the same reason; what is above or beside it
//! does not notice. The first reason wins, for each token by itself. A token may have a deadline, at which it cancels
//! itself; work that must not be interrupted runs in a [`shield`].
//!
//! # Protocol
//!
//! | state of a token | transition | by |
//! |---|---|---|
//! | *open* | to *told*, under its lock: writes the verdict, raises the flag | the first who cancels it |
//! | *told* | to *done*: its waiters are woken, then its children told and its callbacks run | the same |
//! | *open* | to *released*: its last handle is gone; it leaves its parent | whoever dropped the handle |
//!
//! Who tells a token takes its dependents out under the same lock. It is cancelled by a caller, by the clock, or by
//! whoever cancelled its parent. Whoever adds a dependent (a child, a callback) does so under the same lock, and
//! finds the token either open, so that the dependent is in the list when the token is told, or told, and sees to the
//! dependent itself.
//!
//! # Invariants
//!
//! 1. *One verdict*: it is written once, under the lock, before the flag is raised.
//! 2. *Every dependent is told once*: it is taken out of the list under the lock, by the one who told the token or by
//!    the one who removes it, and never put back.
//! 3. *No lost wake-up*: the flag is raised by a read-modify-write before the look for waiters, and a waiter enlists
//!    before it looks at the flag ([`WaitList`](crate::event::WaitList)).
//! 4. *No lock is held* while a waiter is woken, a callback run, or anything of a user dropped; and never two at once.
//! 5. *Nothing stays behind*: a token is in its parent's list only while it is open and has a handle or a child.
//!
//! No step recurses along the tree, so its depth is bounded by memory alone. The page `papers/cancellation.md` has
//! the proof and the models.
//!
//! # Sources
//! A tree of requests, and deadlines that children inherit: Go's `context`. A current scope that every blocking call
//! heeds, and shields against it: Trio. Callbacks with a handle to remove them: .NET's `CancellationToken`. Reasons:
//! what was asked of tokio in its issue 5249.

mod callback;
mod cancellation;
mod cancelled;
mod guard;
mod node;
mod token;

#[cfg(all(test, not(any(reweave_loom, reweave_shuttle))))]
mod tests;

pub use callback::Callback;
pub use cancellation::Cancellation;
pub use cancelled::{Cancelled, How, Source};
pub use guard::CancelOnDrop;
pub(crate) use node::Node;
pub use token::Token;

use crate::context::Context;

/// The current token of this thread, if there is one: see [`Token::run`].
pub fn current() -> Option<Token> {
    Context::with(|context| context.cancel.clone())
}

/// Goes on unless the current token is cancelled: to be called between two steps of a long computation.
///
/// A thread-local read and one load. `Ok` where no token is current.
///
/// # Errors
/// [`Cancelled`], with the reason.
///
/// # Examples
/// ```
/// use reweave_core::cancel::{self, Cancelled, Token};
///
/// fn count(limit: u32, stop: &Token) -> Result<u32, Cancelled> {
///     let mut counted = 0;
///     while counted < limit {
///         cancel::check()?;
///         counted += 1;
///         if counted == 10 {
///             stop.cancel("ten are enough");
///         }
///     }
///     Ok(counted)
/// }
///
/// let token = Token::new();
/// assert_eq!(token.run(|| count(5, &token)), Ok(5));
/// let stopped = token.run(|| count(100, &token)).unwrap_err();
/// assert_eq!(stopped.reason.as_str(), "ten are enough");
/// ```
#[inline]
pub fn check() -> Result<(), Cancelled> {
    Context::with(|context| match &context.cancel {
        Some(token) => token.check(),
        None => Ok(()),
    })
}

/// Runs `body` without a current token: nothing in it is stopped, whatever happens outside.
///
/// For the part of a computation that must be finished once begun. Shields nest. A token that is made current inside,
/// by [`Token::run`] or a [`timeout`](crate::time::timeout), counts there as anywhere.
///
/// # Examples
/// ```
/// use reweave_core::cancel::{self, Token};
///
/// let token = Token::new();
/// token.run(|| {
///     token.cancel("stop");
///     assert!(cancel::check().is_err());
///     cancel::shield(|| assert!(cancel::check().is_ok()));
///     assert!(cancel::check().is_err());
/// });
/// ```
pub fn shield<R>(body: impl FnOnce() -> R) -> R {
    let _entered = Context::enter_under(None);
    body()
}
