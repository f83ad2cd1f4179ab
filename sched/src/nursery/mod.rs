//! Nurseries: children that may fail, may be futures, and end before whoever started them goes on.
//!
//! A [scope](crate::scope()) is for jobs that borrow from the stack and cannot fail but by a panic. The children of a [`nursery`]
//! are tasks: closures or futures that own what they use and return a `Result`. The [`Nursery`] itself can be cloned and passed
//! around, so children start siblings. A [`supervisor`] is the same but for one thing: a failure stays with its child.
//!
//! | | its body | a child | its failure | comes out as |
//! |---|---|---|---|---|
//! | [`scope`](crate::scope()) | a closure | borrows; returns nothing | a panic cancels all others | the first panic |
//! | [`nursery`], [`nursery_async`] | a closure, a future | `'static`; returns `Result<(), E>` | cancels all others | [`NurseryError`], or the first panic |
//! | [`supervisor`], [`supervisor_async`] | the same | `'static`; returns anything | is in its [`Task`](crate::Task) | the body's own |
//!
//! [`Options`] set a deadline for any of them.
//!
//! # Protocol
//!
//! A word counts the body and the children that have not ended. The body is counted from the beginning.
//!
//! | step | by | what |
//! |---|---|---|
//! | admit | who spawns | refuses if the token is cancelled; raises the count by compare-and-swap, unless it is zero: then the nursery has ended, and it refuses |
//! | fail | a child, or the body | cancels the token. If that was the token's first cancellation, this is the failure that comes out; else it is kept as a later one |
//! | end | a child, after its end has been published; the body | lowers the count; who lowers it to zero wakes whoever waits |
//! | wait | the body's thread or task | runs children that are the newest of its worker, ends as the body, and waits until the count is zero |
//! | verdict | the same | takes the failures, and looks at the token |
//!
//! # Invariants
//!
//! 1. *Zero is final.* It is raised by compare-and-swap from a count that is not zero only. So what is admitted is waited for, and what is refused was
//!    never started.
//! 2. *Nothing outlives its nursery.* A child is counted before it is queued, and lowers the count as the last step of its task: its body has been
//!    dropped and its handle says that it has ended. The nursery is left at zero, on every way out: the body's panic is caught, and the future of
//!    an async nursery that is dropped early waits in its destructor.
//! 3. *One verdict: that of the token.* The token is told once, by the first of: a failure of a child or of the body, a cancellation from outside or
//!    from inside, the deadline. That one comes out. A failure is recorded before its child ends, so whoever finds the count zero sees all.
//! 4. *Everybody hears of it.* The tokens of the children and the token of the body are below the nursery's, which is below the caller's.
//!
//! # Cancellation
//!
//! A child that has not begun when the token is cancelled never does. One that runs learns of it where it waits or looks, one that is
//! suspended is polled once more and then dropped ([`task`]). Cancelled children are no failures; what they return after
//! that is kept as [`suppressed`](NurseryError::suppressed), because an error that somebody returned is not thrown away. A task that a
//! child starts with [`spawn`](fn@crate::spawn) goes on by itself and is no part of the nursery.
//!
//! # Costs
//!
//! A nursery: three allocations. A child: that of a task, a handle of the nursery, and two read-modify-writes of the count. All write that word,
//! unlike the count of a scope, so very small jobs belong there.
//!
//! # Sources
//! Nurseries, whose children start siblings and whose first error cancels the rest: Trio (Smith, *Notes on structured concurrency*, 2018). Failures that
//! stay with their child: Kotlin's `supervisorScope`, beside its `coroutineScope`; Erlang's supervisors in the large. Deadlines, and errors
//! that carry those they have suppressed: Java's `StructuredTaskScope` (JEP 505) and `Throwable`.

mod body;
mod child;
mod children;
mod error;
mod group;
mod options;
mod supervisor;

use std::fmt;
use std::future::Future;

use reweave_core::Reason;
use reweave_core::cancel::Token;
use reweave_core::sync::Arc;

use crate::task;

use child::{Called, Polled};
use group::Group;

pub(crate) use children::Children;
pub use error::{Failure, NurseryError, Refused};
pub use options::Options;
pub use supervisor::{Supervisor, supervisor, supervisor_async};

/// Runs `body`, which may spawn children, and returns what it returned when all of them have ended.
///
/// In a worker of a [`Pool`](crate::Pool) that pool runs the children, elsewhere the [global](crate::Pool::global) one, and if that cannot be had, each child is run
/// where it is spawned. A worker that waits for
/// its children runs those that it has itself started and nobody has begun; then it sleeps, and its pool makes up for it.
///
/// The first failure cancels the children and the body. So does the token that surrounds the caller. What came first comes out; see the
/// [module](mod@crate::nursery).
///
/// # Errors
/// [`NurseryError`], if a child or the body failed, or the nursery was cancelled before all had ended; the value of the body is dropped then.
///
/// # Panics
/// If the first failure was a panic, with that panic, when all have ended; the other failures are dropped, unless
/// [kept](Options::keep_panics).
///
/// # Complexity
/// Three allocations, and one a child.
///
/// # Examples
/// ```
/// use reweave_core::channel;
/// use reweave_sched::nursery;
///
/// let (sender, lengths) = channel::unbounded();
/// let sum = nursery(|n| {
///     for word in ["four", "score", "and", "seven"] {
///         let sender = sender.clone();
///         n.spawn(move || sender.send(word.len()).map_err(|e| e.to_string())).map_err(|e| e.to_string())?;
///     }
///     drop(sender);
///     Ok::<usize, String>(std::iter::from_fn(|| lengths.recv().ok()).sum())
/// });
/// assert_eq!(sum.unwrap(), 17);
///
/// let failed = nursery(|n| {
///     n.spawn(|| Err("no such file")).unwrap();
///     n.spawn_async(std::future::pending()).ok();
///     Ok(())
/// });
/// assert_eq!(failed.unwrap_err().to_string(), "no such file");
/// ```
pub fn nursery<T, E>(body: impl FnOnce(&Nursery<E>) -> Result<T, E>) -> Result<T, NurseryError<E>> {
    Options::new().nursery(body)
}

/// As [`nursery`](fn@nursery), for a body that is a future: it, too, suspends until all children have ended. Begins at the first poll.
///
/// A body that suspends again after it was cancelled is dropped, as a task is.
///
/// A task that awaits it and is cancelled goes on when the children have ended. Dropped before it is ready, it cancels the children, drops those that have
/// not begun, and **blocks** until the others have ended; a worker's pool makes up for it meanwhile. One that is forgotten
/// ([`mem::forget`](std::mem::forget)) lets its children go on by themselves: they own what they use.
///
/// # Errors
/// As [`nursery`](fn@nursery).
///
/// # Panics
/// As there.
///
/// # Examples
/// ```
/// use reweave_sched::{nursery_async, spawn_async};
///
/// let task = spawn_async(nursery_async(|n| async move {
///     let sibling = n.clone();
///     n.spawn_async(async move {
///         sibling.spawn(|| Ok(())).map_err(|e| e.to_string())
///     })
///     .map_err(|e| e.to_string())?;
///     Ok::<_, String>("both have ended")
/// }));
/// assert_eq!(task.join().unwrap().unwrap(), "both have ended");
/// ```
pub fn nursery_async<T, E, F>(body: impl FnOnce(Nursery<E>) -> F) -> impl Future<Output = Result<T, NurseryError<E>>>
where
    F: Future<Output = Result<T, E>>,
{
    Options::new().nursery_async(body)
}

/// Where children are spawned whose failure is everybody's: see [`nursery`](fn@nursery). Cloning it makes another handle.
pub struct Nursery<E>(Arc<Group<E>>);

impl<E> Nursery<E> {
    fn of(group: &Arc<Group<E>>) -> Self {
        Self(group.clone())
    }

    /// Cancels the children and the body; tells whether this call was the first to. Then it comes out as [`Failure::Cancelled`], unless the nursery is just being
    /// left, or has been: nothing had cancelled that either.
    pub fn cancel(&self, reason: impl Into<Reason>) -> bool {
        self.0.children.token().cancel(reason)
    }

    /// The token above those of the body and all children.
    pub fn token(&self) -> Token {
        self.0.children.token().clone()
    }
}

impl<E: Send + 'static> Nursery<E> {
    /// Starts a closure as a child, which ends before the nursery does. From anywhere: the body, a child, another thread.
    ///
    /// # Errors
    /// [`Refused`], if the nursery has been cancelled or has ended; `body` is dropped then.
    pub fn spawn(&self, body: impl FnOnce() -> Result<(), E> + Send + 'static) -> Result<(), Refused> {
        self.0.children.admit()?;
        let child = Called::new(body, self.0.clone());
        task::spawn_child(&self.0.children, move || child.run()).detach();
        Ok(())
    }

    /// Starts a future as a child, as [`spawn`](Self::spawn) does with a closure.
    ///
    /// # Errors
    /// As there.
    pub fn spawn_async(&self, future: impl Future<Output = Result<(), E>> + Send + 'static) -> Result<(), Refused> {
        self.0.children.admit()?;
        task::spawn_child_async(&self.0.children, Polled::new(future, self.0.clone())).detach();
        Ok(())
    }
}

impl<E> Clone for Nursery<E> {
    fn clone(&self) -> Self {
        Self::of(&self.0)
    }
}

impl<E> fmt::Debug for Nursery<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nursery").field("children", &self.0.children).finish()
    }
}
