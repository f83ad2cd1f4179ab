//! Tasks: work that goes on by itself, closures and futures alike, and the handle of whoever wants its result.
//!
//! [`spawn`] starts a closure, [`spawn_async`] a future, in the pool of the worker that calls it or the [global](Pool::global) one. Both
//! give a [`Task`], to wait for by blocking, by `.await` or in a [`select!`](reweave_core::select). Dropped, the task goes on without it.
//!
//! # What a task inherits
//!
//! The token, clock and wait-for graph that surround the spawner, but not the spawner's own token: a task that is cancelled does not take
//! along those that it has started and let go. Children that are to end with their parent belong into a [scope](crate::scope()) or a [nursery](crate::nursery()).
//!
//! # Cancellation
//!
//! [`Task::cancel`] cancels the task's own token. A task that has not begun never does. A closure learns of it where it waits or looks
//! ([`check`](reweave_core::cancel::check)). A future that is suspended is polled once more, so that what it waits for can tell
//! it; if it suspends again, it is dropped. In all cases, what has already ended stays as it ended.
//!
//! | module | concept |
//! |---|---|
//! | `options` | a task to be: name, priority, class, limit of time |
//! | `head` | the state of a task, and who may do what with it |
//! | `record` | a task as a whole: what is run, and what came of it |
//! | `card` | what else is known of a task |
//! | `table` | the account that a pool keeps of its tasks |
//! | `waker` | what refers to a task from outside |
//! | `end` | waiting for the end |
//! | `link` | tasks whose outcome comes through a channel |
//! | `timeout` | tasks that have only so much time |
//! | [`group`] | waiting for several: all, the first that succeeds, the first that ends |

mod card;
mod end;
pub mod group;
mod head;
mod link;
mod options;
mod record;
mod table;
mod timeout;
mod waker;

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::ptr::NonNull;

use reweave_core::cancel::{Cancelled, How, Token};
use reweave_core::event::{self, Limits, Stopped};
use reweave_core::sync::Arc;
use reweave_core::{Reason, panic_text};

use crate::nursery::Children;
use crate::pool::{Pool, Shared};

use head::Head;
use record::{Closure, Polled, Record};

pub use card::{TaskId, TaskInfo};
pub use end::{End, Joining};
pub use link::spawn_link;
pub use options::{Full, Options};
pub(crate) use table::Table;
pub use table::TaskStats;
pub use timeout::{TimeoutError, timeout};
pub(crate) use waker::Lingering;

/// Starts a closure as a task.
///
/// Where the system refuses the threads of the global pool, the closure is run here and now.
///
/// # Complexity
/// One allocation.
///
/// # Examples
/// ```
/// let task = reweave_sched::spawn(|| 6 * 7);
/// assert_eq!(task.join().unwrap(), 42);
/// ```
pub fn spawn<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> Task<T> {
    start(Shared::here(), Closure::new(body))
}

/// Starts a future as a task: it is polled by the workers of the pool.
///
/// Where the system refuses the threads of the global pool, it is polled here and now, and then by whoever wakes it.
///
/// # Complexity
/// As [`spawn`].
///
/// # Examples
/// ```
/// use reweave_sched::spawn_async;
///
/// let task = spawn_async(async {
///     let part = spawn_async(async { 20 });
///     part.await.unwrap() + 1
/// });
/// assert_eq!(task.join().unwrap(), 21);
/// ```
pub fn spawn_async<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> Task<T> {
    start(Shared::here(), Polled::new(future))
}

impl Pool {
    /// As [`spawn`](fn@spawn), in this pool.
    pub fn spawn<T: Send + 'static>(&self, body: impl FnOnce() -> T + Send + 'static) -> Task<T> {
        start(self.shared().clone(), Closure::new(body))
    }

    /// As [`spawn_async`], in this pool.
    pub fn spawn_async<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> Task<T> {
        start(self.shared().clone(), Polled::new(future))
    }
}

/// Starts tasks in a pool, looks at them and cancels them, and may be passed around: see [`Pool::handle`].
#[derive(Clone)]
pub struct Handle(Arc<Shared>);

impl Pool {
    /// What starts tasks in this pool, looks at them and cancels them, from anywhere. It does not keep the pool from ending: a task that comes too late is cancelled.
    pub fn handle(&self) -> Handle {
        Handle(self.shared().clone())
    }
}

impl Handle {
    pub(crate) fn of(pool: Arc<Shared>) -> Self {
        Self(pool)
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0
    }
}

impl Handle {
    /// As [`spawn`](fn@spawn), in this pool.
    pub fn spawn<T: Send + 'static>(&self, body: impl FnOnce() -> T + Send + 'static) -> Task<T> {
        start(self.0.clone(), Closure::new(body))
    }

    /// As [`spawn_async`], in this pool.
    pub fn spawn_async<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> Task<T> {
        start(self.0.clone(), Polled::new(future))
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handle")
    }
}

/// Starts a closure as one of these, who count it already.
pub(crate) fn spawn_child<T: Send + 'static>(
    siblings: &Arc<Children>,
    body: impl FnOnce() -> T + Send + 'static,
) -> Task<T> {
    start_among(Some(siblings.clone()), siblings.pool().clone(), Closure::new(body))
}

/// The same with a future.
pub(crate) fn spawn_child_async<T: Send + 'static>(
    siblings: &Arc<Children>,
    future: impl Future<Output = T> + Send + 'static,
) -> Task<T> {
    start_among(Some(siblings.clone()), siblings.pool().clone(), Polled::new(future))
}

/// Starts a task of which nothing was said.
fn start<T: Send + 'static, B: record::Body<T>>(pool: Arc<Shared>, body: B) -> Task<T> {
    start_among(None, pool, body)
}

fn start_among<T: Send + 'static, B: record::Body<T>>(
    siblings: Option<Arc<Children>>,
    pool: Arc<Shared>,
    body: B,
) -> Task<T> {
    if pool.describes_all() {
        return Options::of(pool).among(siblings).start(body);
    }
    let head = Record::make(pool, body, None, siblings);
    Head::start(head, false);
    Task { head, _output: PhantomData }
}

/// The number of the task that runs here, if one does that has a number: see [`Task::id`]. Halves of joins and jobs of scopes belong to the task that waits for
/// them, wherever they run.
pub fn current() -> Option<TaskId> {
    waker::current_card().map(|card| card.id)
}

/// A task that was started, and its result, once: see the [module](self).
#[must_use = "dropped, the task goes on by itself: say so with `detach`"]
pub struct Task<T> {
    /// A record whose output is a `T`; the handle counts as one reference.
    head: NonNull<Head>,
    _output: PhantomData<T>,
}

// SAFETY: the output is taken out by the one who has the handle; all else of a record is Sync.
unsafe impl<T: Send> Send for Task<T> {}
// SAFETY: a shared handle gives no access to the output.
unsafe impl<T: Send> Sync for Task<T> {}

impl<T> Task<T> {
    fn head(&self) -> &Head {
        // SAFETY: the handle is one of the references.
        unsafe { self.head.as_ref() }
    }

    /// Blocks until the task has ended, and returns what came of it.
    ///
    /// A worker that waits for a closure which nobody has begun runs it itself.
    ///
    /// # Errors
    /// [`Failed`]. If the wait is stopped, the task goes on by itself; [`wait`](Self::wait) keeps the handle.
    ///
    /// # Panics
    /// If the result has been [taken](Self::take) before.
    pub fn join(mut self) -> Result<T, Failed> {
        match self.wait() {
            Ok(()) => self.outcome(),
            Err(stopped) => Err(Failed::Stopped(stopped)),
        }
    }

    /// Blocks until the task has ended, as [`join`](Self::join), without taking the result.
    ///
    /// # Errors
    /// [`Stopped`], if the wait is stopped: the current token was cancelled.
    pub fn wait(&mut self) -> Result<(), Stopped> {
        self.wait_with(Limits::default())
    }

    /// As [`wait`](Self::wait), within `limits`.
    ///
    /// # Errors
    /// [`Stopped`].
    pub fn wait_with(&mut self, limits: Limits) -> Result<(), Stopped> {
        // Not with a deadline: nobody could say how long it runs.
        if !self.is_ended() && limits.deadline.is_none() {
            Head::run_inline(self.head);
        }
        event::wait_with(end::Ended::new(self), limits)
    }

    /// What came of it, if it has ended and nobody has taken that.
    pub fn take(&mut self) -> Option<Result<T, Failed>> {
        if !self.is_ended() {
            return None;
        }
        // SAFETY: the record's output is a `T`, it has ended, and this is the one handle.
        unsafe { Head::take_output(self.head) }
    }

    /// What came of it. It has ended.
    ///
    /// # Panics
    /// If that has been taken.
    fn outcome(&mut self) -> Result<T, Failed> {
        self.take().expect("the result of this task has been taken already")
    }

    /// The event of its end, for [`select!`](reweave_core::select). Yields what came of it.
    ///
    /// # Panics
    /// The wait for it does, if the result has been taken before.
    pub fn event(&mut self) -> End<'_, T> {
        End::new(self)
    }

    /// Lets the task go on by itself.
    pub fn detach(self) {}

    /// Cancels it, unless it has ended; tells whether this call was the first to.
    pub fn cancel(&self, reason: impl Into<Reason>) -> bool {
        Head::cancel(self.head, reason.into())
    }

    /// The token that is current in the task, and cancelled with it.
    pub fn token(&self) -> Token {
        self.head().token()
    }

    /// Whether it has ended.
    pub fn is_ended(&self) -> bool {
        self.head().is_ended()
    }

    /// Where it stands, at some moment during the call.
    pub fn state(&self) -> State {
        self.head().state()
    }

    /// Its number. Those tasks have one that were [described](Options), and all tasks that are started in a pool while it has a [`Policy`](crate::Policy) that asks
    /// anything of them, an account of its tasks among that, or was built with a [recorder](crate::Builder::trace).
    pub fn id(&self) -> Option<TaskId> {
        self.head().card().map(|card| card.id)
    }

    /// Its name, if it was given one.
    pub fn name(&self) -> Option<&Reason> {
        self.head().card().and_then(|card| card.name.as_ref())
    }

    /// All that is known of it, if it has a [number](Self::id).
    pub fn info(&self) -> Option<TaskInfo> {
        let head = self.head();
        head.card().map(|card| card.info(head.pool().started(), head.state()))
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        // SAFETY: the handle's reference.
        unsafe { Head::release(self.head) }
    }
}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").field("state", &self.state()).finish_non_exhaustive()
    }
}

/// Where a task stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum State {
    /// Queued, and not begun.
    Pending,
    /// A worker runs it; or it is a future that has been woken and will be polled.
    Running,
    /// A future that waits for something.
    Suspended,
    /// It has ended with a result.
    Completed,
    /// It was cancelled before it ended.
    Cancelled,
    /// It has panicked.
    Failed,
}

impl State {
    /// Whether it has ended.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Cancelled | Self::Failed)
    }
}

/// Why there is no result.
#[derive(Debug)]
pub enum Failed {
    /// The task has panicked; with what the panic carried.
    Panicked(Box<dyn Any + Send>),
    /// The task was cancelled before it had a result.
    Cancelled(Cancelled),
    /// The wait for it was stopped. The task goes on.
    Stopped(Stopped),
}

impl Failed {
    /// Whether it was cancelled because it had taken longer than it [may](Options::timeout), or because of another deadline.
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Cancelled(cancelled) if cancelled.source.how == How::Deadline)
    }

    /// The message of a panic, if it had one.
    pub fn panic_message(&self) -> Option<&str> {
        let Self::Panicked(panic) = self else { return None };
        panic_text(&**panic)
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panicked(_) => match self.panic_message() {
                Some(message) => write!(f, "the task panicked: {message}"),
                None => f.write_str("the task panicked"),
            },
            Self::Cancelled(cancelled) => write!(f, "the task was {cancelled}"),
            Self::Stopped(stopped) => write!(f, "the wait for the task was stopped: {stopped}; the task goes on"),
        }
    }
}

impl Error for Failed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Panicked(_) => None,
            Self::Cancelled(cancelled) => Some(cancelled),
            Self::Stopped(stopped) => Some(stopped),
        }
    }
}
