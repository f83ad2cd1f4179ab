//! Tasks that have only so much time: whoever waits goes on when it has passed, and the task is cancelled.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use reweave_core::Reason;
use reweave_core::event::{Limits, Stopped};
use reweave_core::seeded;
use reweave_core::time::Clock;

use super::{Failed, Task, spawn};

/// Runs a closure as a task that has only so much time, and waits for it.
///
/// When the time has passed the task is cancelled and this returns, whatever the task does. That is what it adds to
/// [`time::timeout`](reweave_core::time::timeout()), which runs its body on the calling thread, may therefore borrow, and returns when the
/// body does. Here a body that neither waits nor looks at its token keeps a worker, and not the caller. The time is that of the current
/// [clock](reweave_core::time::Clock), and counts from when the task is started (a pool may have [no room](crate::Policy::max_waiting) for it at once); that of [`Options::timeout`](super::Options::timeout) counts from the task's beginning, and nobody
/// returns for it.
///
/// # Errors
/// [`TimeoutError`]; with the handle, if the task has not ended.
///
/// # Complexity
/// That of [`spawn`](fn@super::spawn), and of setting a timer. The caller does not run the closure itself, unless the time never passes: another thread must.
///
/// # Examples
/// ```
/// use reweave_core::{cancel, time};
/// use reweave_sched::task::{TimeoutError, timeout};
/// use std::time::Duration;
///
/// assert_eq!(timeout(Duration::from_secs(60), || 6 * 7).unwrap(), 42);
///
/// let late = timeout(Duration::from_millis(1), || time::sleep(Duration::from_secs(3600)).is_ok()).unwrap_err();
/// let TimeoutError::Stopped { task, .. } = late else { panic!("{late}") };
/// // It hears of it where it sleeps; or it was cancelled before it began.
/// assert!(!matches!(task.join(), Ok(true)));
/// ```
pub fn timeout<T: Send + 'static>(
    duration: Duration,
    body: impl FnOnce() -> T + Send + 'static,
) -> Result<T, TimeoutError<T>> {
    spawn(body).timeout(duration)
}

impl<T> Task<T> {
    /// Blocks until the task has ended, for so long at most: then it is cancelled. So it is, too, if the wait is stopped by the current
    /// token. See [`timeout`](super::timeout()).
    ///
    /// # Errors
    /// [`TimeoutError`]; with the handle, if the task has not ended.
    ///
    /// # Panics
    /// If the result has been [taken](Self::take) before.
    pub fn timeout(mut self, duration: Duration) -> Result<T, TimeoutError<T>> {
        let limits = Limits { deadline: Clock::current().after(duration), ..Limits::default() };
        match self.wait_with(limits) {
            // It may have ended as the wait did.
            Err(why) if !self.is_ended() => {
                let reason: Reason = match &why {
                    Stopped::Cancelled(cancelled) => cancelled.reason.clone(),
                    why => why.to_string().into(),
                };
                if !seeded("task/time-out-silently") {
                    self.cancel(reason);
                }
                Err(TimeoutError::Stopped { why, task: self })
            }
            _ => self.outcome().map_err(TimeoutError::Failed),
        }
    }
}

/// Why there is no value of a task that has only so much [time](super::timeout()).
pub enum TimeoutError<T> {
    /// The task has ended, and has none.
    Failed(Failed),
    /// The time has passed, or the wait was stopped; the task has been cancelled, and may take a while to end.
    Stopped {
        /// [`Stopped::TimedOut`], or what else ended the wait.
        why: Stopped,
        /// The task.
        task: Task<T>,
    },
}

impl<T> fmt::Debug for TimeoutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(failed) => f.debug_tuple("Failed").field(failed).finish(),
            Self::Stopped { why, task } => f.debug_struct("Stopped").field("why", why).field("task", task).finish(),
        }
    }
}

impl<T> fmt::Display for TimeoutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(failed) => failed.fmt(f),
            Self::Stopped { why, .. } => write!(f, "the wait for the task was stopped: {why}; it has been cancelled"),
        }
    }
}

impl<T> Error for TimeoutError<T> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Failed(failed) => failed.source(),
            Self::Stopped { why, .. } => Some(why),
        }
    }
}
