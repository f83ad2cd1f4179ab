//! Nurseries, supervisors and scopes with options.

use std::future::Future;
use std::time::{Duration, Instant};

use reweave_core::cancel::Token;
use reweave_core::time::Clock;

use super::body::{run, run_async};
use super::{Nursery, NurseryError, Supervisor};
use crate::scope::{self, Scope};

/// How a nursery, a supervisor or a scope is to be run: with a deadline, and what becomes of panics.
///
/// At the deadline the token of body and children is cancelled, as from outside; all of them are waited for all the same. Times are by the
/// clock of the current [context](reweave_core::context).
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use reweave_core::time;
/// use reweave_sched::nursery::Options;
///
/// let brief = Options::new().timeout(Duration::from_millis(1));
/// let cut_off = brief.nursery(|n| {
///     n.spawn(|| time::sleep(Duration::MAX)).unwrap();
///     Ok(())
/// });
/// assert!(cut_off.unwrap_err().timed_out());
///
/// let seen = brief.scope(|s| {
///     s.spawn(|| drop(time::sleep(Duration::MAX)));
///     s.token().deadline().is_some()
/// });
/// assert!(seen);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[must_use = "it does nothing by itself"]
pub struct Options {
    limit: Option<Limit>,
    keep_panics: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Limit {
    At(Instant),
    After(Duration),
}

impl Options {
    /// No deadline; the first panic goes on.
    pub fn new() -> Self {
        Self::default()
    }

    /// Cuts it off when the current clock reads `deadline`. The last call of this and of [`timeout`](Self::timeout) counts.
    pub fn deadline(mut self, deadline: Instant) -> Self {
        self.limit = Some(Limit::At(deadline));
        self
    }

    /// Cuts it off when `timeout` has passed since it began. One that is beyond what an `Instant` can express never passes.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.limit = Some(Limit::After(timeout));
        self
    }

    /// Keeps panics as errors: a panic that came first is the [`cause`](NurseryError::cause) of an error, with all others beside it, instead of going
    /// on. Does nothing for a scope.
    ///
    /// # Examples
    /// ```
    /// use reweave_sched::nursery::Options;
    ///
    /// let error = Options::new().keep_panics().nursery(|n| -> Result<(), String> {
    ///     n.spawn(|| panic!("on purpose")).unwrap();
    ///     Ok(())
    /// });
    /// let error = error.unwrap_err();
    /// assert_eq!((error.cause.panic_message(), error.panics()), (Some("on purpose"), 1));
    /// ```
    pub fn keep_panics(mut self) -> Self {
        self.keep_panics = true;
        self
    }

    /// As [`nursery`](fn@super::nursery).
    ///
    /// # Errors
    /// As there. [`NurseryError::timed_out`] tells whether it was the deadline.
    ///
    /// # Panics
    /// As there.
    pub fn nursery<T, E>(self, body: impl FnOnce(&Nursery<E>) -> Result<T, E>) -> Result<T, NurseryError<E>> {
        run(&self, |group| body(&Nursery::of(group)))
    }

    /// As [`nursery_async`](super::nursery_async).
    ///
    /// # Errors
    /// As [`nursery`](Self::nursery).
    ///
    /// # Panics
    /// As there.
    pub fn nursery_async<T, E, F>(
        self,
        body: impl FnOnce(Nursery<E>) -> F,
    ) -> impl Future<Output = Result<T, NurseryError<E>>>
    where
        F: Future<Output = Result<T, E>>,
    {
        run_async(self, |group| body(Nursery::of(group)))
    }

    /// As [`supervisor`](super::supervisor).
    ///
    /// # Errors
    /// As there. [`NurseryError::timed_out`] tells whether it was the deadline.
    ///
    /// # Panics
    /// As there.
    pub fn supervisor<T, E>(self, body: impl FnOnce(&Supervisor) -> Result<T, E>) -> Result<T, NurseryError<E>> {
        run(&self, |group| body(&Supervisor::of(&group.children)))
    }

    /// As [`supervisor_async`](super::supervisor_async).
    ///
    /// # Errors
    /// As [`supervisor`](Self::supervisor).
    ///
    /// # Panics
    /// As there.
    pub fn supervisor_async<T, E, F>(
        self,
        body: impl FnOnce(Supervisor) -> F,
    ) -> impl Future<Output = Result<T, NurseryError<E>>>
    where
        F: Future<Output = Result<T, E>>,
    {
        run_async(self, |group| body(Supervisor::of(&group.children)))
    }

    /// As [`scope`](crate::scope()). Whether the deadline has passed, its [token](Scope::token) tells.
    ///
    /// # Panics
    /// As there.
    pub fn scope<'env, T>(self, body: impl for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> T) -> T {
        let token = self.limit.map(|_| self.token_below(reweave_core::cancel::current().as_ref()));
        scope::run(token, body)
    }

    /// The token of body and children.
    pub(super) fn token_below(&self, above: Option<&Token>) -> Token {
        let deadline = match self.limit {
            Some(Limit::At(deadline)) => Some(deadline),
            Some(Limit::After(timeout)) => Clock::current().after(timeout),
            None => None,
        };
        match (above, deadline) {
            (Some(above), Some(deadline)) => above.child_with_deadline(deadline),
            (Some(above), None) => above.child(),
            (None, Some(deadline)) => Token::with_deadline(deadline),
            (None, None) => Token::new(),
        }
    }

    pub(super) fn keeps_panics(&self) -> bool {
        self.keep_panics
    }
}
