//! Supervisors: the failure of a child stays with it.

use std::future::Future;

use reweave_core::Reason;
use reweave_core::cancel::Token;
use reweave_core::sync::Arc;

use super::{Children, NurseryError, Options, Refused};
use crate::task::{self, Task};

/// As [`nursery`](fn@super::nursery), but a child that fails harms no other: what came of it is in its [`Task`].
///
/// The body's own failure, by an error or a panic, cancels the children and comes out, as in a nursery. When this returns, all
/// tasks have ended, and [`Task::take`] tells at once what came of them.
///
/// # Errors
/// [`NurseryError`], if the body failed, or the supervisor was cancelled before all had ended.
///
/// # Panics
/// If the body panics, when all have ended, unless panics are [kept](Options::keep_panics).
///
/// # Complexity
/// As [`nursery`](fn@super::nursery).
///
/// # Examples
/// ```
/// use reweave_sched::supervisor;
///
/// let tasks = supervisor(|s| {
///     let parts = ["1", "2", "three"];
///     parts.into_iter().map(|part| s.spawn(move || part.parse::<u32>())).collect::<Result<Vec<_>, _>>()
/// });
/// let parsed: Vec<_> = tasks.unwrap().into_iter().map(|mut task| task.take().unwrap().unwrap()).collect();
/// assert_eq!(parsed[..2], [Ok(1), Ok(2)]);
/// assert!(parsed[2].is_err());
/// ```
pub fn supervisor<T, E>(body: impl FnOnce(&Supervisor) -> Result<T, E>) -> Result<T, NurseryError<E>> {
    Options::new().supervisor(body)
}

/// As [`supervisor`], for a body that is a future. Dropped before it is ready, it does what [`nursery_async`](super::nursery_async) does.
///
/// # Errors
/// As [`supervisor`].
///
/// # Panics
/// As there.
///
/// # Examples
/// ```
/// use reweave_sched::{spawn_async, supervisor_async};
///
/// let answer = spawn_async(supervisor_async(|s| async move {
///     let broken = s.spawn_async(async { panic!("this one alone") }).map_err(|e| e.to_string())?;
///     let whole = s.spawn_async(async { 42 }).map_err(|e| e.to_string())?;
///     let _: Result<(), _> = broken.await;
///     whole.await.map_err(|e| e.to_string())
/// }));
/// assert_eq!(answer.join().unwrap().unwrap(), 42);
/// ```
pub fn supervisor_async<T, E, F>(body: impl FnOnce(Supervisor) -> F) -> impl Future<Output = Result<T, NurseryError<E>>>
where
    F: Future<Output = Result<T, E>>,
{
    Options::new().supervisor_async(body)
}

/// Where children are spawned whose failures are their own: see [`supervisor`]. Cloning it makes another handle.
#[derive(Clone, Debug)]
pub struct Supervisor(Arc<Children>);

impl Supervisor {
    pub(super) fn of(children: &Arc<Children>) -> Self {
        Self(children.clone())
    }

    /// Starts a closure as a child, which ends before the supervisor does. From anywhere: the body, a child, another thread.
    ///
    /// What it returns lives in its task; of one whose handle was dropped, the worker drops it as the last it does.
    ///
    /// # Errors
    /// [`Refused`], if the supervisor has been cancelled or has ended; `body` is dropped then.
    pub fn spawn<R: Send + 'static>(&self, body: impl FnOnce() -> R + Send + 'static) -> Result<Task<R>, Refused> {
        self.0.admit()?;
        Ok(task::spawn_child(&self.0, body))
    }

    /// Starts a future as a child, as [`spawn`](Self::spawn) does with a closure.
    ///
    /// # Errors
    /// As there.
    pub fn spawn_async<R: Send + 'static>(
        &self,
        future: impl Future<Output = R> + Send + 'static,
    ) -> Result<Task<R>, Refused> {
        self.0.admit()?;
        Ok(task::spawn_child_async(&self.0, future))
    }

    /// Cancels the children and the body; tells whether this call was the first to. Then it comes out as [`Failure::Cancelled`](super::Failure::Cancelled), unless
    /// the supervisor is just being left, or has been: nothing had cancelled that either.
    pub fn cancel(&self, reason: impl Into<Reason>) -> bool {
        self.0.token().cancel(reason)
    }

    /// The token above those of the body and all children.
    pub fn token(&self) -> Token {
        self.0.token().clone()
    }
}
