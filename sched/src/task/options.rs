//! A task to be: what it is called, how urgent it is, what it counts among, how long it may take.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::time::Duration;

use reweave_core::Reason;
use reweave_core::event;
use reweave_core::sync::Arc;

use super::card::Card;
use super::head::Head;
use super::record::{Body, Closure, Polled, Record};
use super::waker::current_card;
use super::{Handle, Task};
use crate::agenda::{Class, Group, Room, Seat};
use crate::nursery::Children;
use crate::pool::{Pool, Shared};
use crate::worker::Worker;

/// A task to be: described step by step, then started.
///
/// [`Pool::task`], [`Handle::task`] and [`Class::task`] make one for their pool; [`new`](Self::new) one for the pool of the worker that starts it, or the
/// [global](Pool::global) one.
///
/// # Examples
/// ```
/// use reweave_sched::task::Options;
/// use std::time::Duration;
///
/// let task = Options::new().name("analysis").timeout(Duration::from_secs(5)).spawn(|| 6 * 7);
/// assert_eq!(task.name().unwrap().as_str(), "analysis");
/// assert_eq!(task.join().unwrap(), 42);
/// ```
#[derive(Clone, Default)]
#[must_use = "it does nothing until it is started"]
pub struct Options {
    pool: Option<Arc<Shared>>,
    name: Option<Reason>,
    priority: i32,
    group: Option<Reason>,
    class: Option<Class>,
    timeout: Option<Duration>,
    /// Those it is one of, if it is spawned in a nursery.
    siblings: Option<Arc<Children>>,
}

impl Options {
    /// A task of which nothing is said.
    pub fn new() -> Self {
        Self::default()
    }

    pub(super) fn of(pool: Arc<Shared>) -> Self {
        Self { pool: Some(pool), ..Self::default() }
    }

    /// It is one of these, who count it already.
    pub(super) fn among(mut self, siblings: Option<Arc<Children>>) -> Self {
        self.siblings = siblings;
        self
    }

    /// What it is called: for whoever looks, in reports and traces.
    pub fn name(mut self, name: impl Into<Reason>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// How urgent it is, the greater the more; 0 if nothing is said. It matters in a pool whose policy is
    /// [`Priority`](crate::Fairness::Priority).
    pub fn priority(mut self, priority: i32) -> Self {
        self.priority = priority;
        self
    }

    /// With which others it takes turns, in a pool whose policy is [`RoundRobin`](crate::Fairness::RoundRobin): those that
    /// name the same. If nothing is said, those that have the same parent.
    pub fn group(mut self, group: impl Into<Reason>) -> Self {
        self.group = Some(group.into());
        self
    }

    /// Which class it belongs to, and so which limit it counts against. It is started in the pool of the class.
    pub fn class(mut self, class: &Class) -> Self {
        self.pool = Some(class.pool.clone());
        self.class = Some(class.clone());
        self
    }

    /// How long it may take from its beginning, by the clock of the spawner's [context](reweave_core::context). Then its token is cancelled, as by its deadline:
    /// [`Failed::is_timeout`](super::Failed::is_timeout) tells it from other cancellations.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Starts a closure as this task.
    ///
    /// Where the pool's policy says [how many may wait](crate::Policy::max_waiting), and so many do, this waits until there is room, unless it is called by one of
    /// the pool's own workers. If that wait is stopped (the current token is cancelled), the task is cancelled, and never begins.
    ///
    /// # Complexity
    /// Two allocations.
    pub fn spawn<T: Send + 'static>(self, body: impl FnOnce() -> T + Send + 'static) -> Task<T> {
        self.start(Closure::new(body))
    }

    /// Starts a future as this task: see [`spawn`](Self::spawn).
    pub fn spawn_async<T: Send + 'static>(self, future: impl Future<Output = T> + Send + 'static) -> Task<T> {
        self.start(Polled::new(future))
    }

    /// Starts a closure as this task, unless as many wait as the pool's policy allows.
    ///
    /// # Errors
    /// [`Full`], with the closure.
    ///
    /// # Examples
    /// ```
    /// use reweave_core::promise;
    /// use reweave_sched::{Policy, Pool};
    ///
    /// let pool = Pool::builder().threads(1).policy(Policy::new().max_running(1).max_waiting(1)).build().unwrap();
    /// let (promise, eventual) = promise::pair::<(), ()>();
    /// let running = pool.spawn(move || eventual.wait().is_ok());
    /// while pool.stats().waiting > 0 {}
    ///
    /// let waiting = pool.spawn(|| ());
    /// assert!(pool.task().try_spawn(|| ()).is_err(), "one runs, one waits");
    ///
    /// promise.fulfil(());
    /// assert!(running.join().unwrap());
    /// waiting.join().unwrap();
    /// ```
    pub fn try_spawn<T: Send + 'static, F: FnOnce() -> T + Send + 'static>(self, body: F) -> Result<Task<T>, Full<F>> {
        match self.reserve() {
            Some(turn) => Ok(turn.start(Closure::new(body))),
            None => Err(Full(body)),
        }
    }

    /// Starts a future as this task: see [`try_spawn`](Self::try_spawn).
    ///
    /// # Errors
    /// [`Full`], with the future.
    pub fn try_spawn_async<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
        self,
        future: F,
    ) -> Result<Task<T>, Full<F>> {
        match self.reserve() {
            Some(turn) => Ok(turn.start(Polled::new(future))),
            None => Err(Full(future)),
        }
    }

    /// Waits for room, if that has to be waited for, and starts it.
    pub(super) fn start<T: Send + 'static, B: Body<T>>(self, body: B) -> Task<T> {
        let pool = self.pool.clone().unwrap_or_else(Shared::here);
        if !self.has_to_wait(&pool) {
            return Ready { options: self, pool, reserved: false }.start(body);
        }
        match event::wait(Room::of(&pool.agenda)) {
            Ok(()) => Ready { options: self, pool, reserved: true }.start(body),
            Err(stopped) => {
                let ready = Ready { options: self, pool, reserved: false };
                ready.never(body, format!("the wait for room was stopped: {stopped}").into())
            }
        }
    }

    /// If it can be started without a wait: what starts it.
    fn reserve(self) -> Option<Ready> {
        let pool = self.pool.clone().unwrap_or_else(Shared::here);
        let waits = self.has_to_wait(&pool);
        (!waits || pool.agenda.reserve()).then_some(Ready { options: self, pool, reserved: waits })
    }

    /// Whether it needs a place among those that wait.
    fn has_to_wait(&self, pool: &Shared) -> bool {
        (self.class.is_some() || pool.agenda.governs()) && Worker::of(pool).is_none()
    }

    fn card(self, pool: &Arc<Shared>, is_child: bool, reserved: bool) -> Card {
        let Self { name, priority, group, class, timeout, .. } = self;
        let parent = current_card().filter(|parent| parent.is_of(pool)).map(|parent| parent.id);
        let group = group.map_or(Group::Children(parent), Group::Named);
        let number = class.as_ref().map_or(0, |class| class.number);
        let mut card = Card::new(pool);
        card.named = name.as_ref().and_then(|name| pool.recorder.as_ref()?.named(name.as_str()));
        card.name = name;
        card.parent = parent;
        card.priority = priority;
        card.timeout = timeout.or_else(|| pool.agenda.timeout());
        // Children of a nursery that a task of the pool has opened count as one with it, as jobs of a scope do.
        let governed = pool.agenda.governs() && !(is_child && parent.is_some());
        // What has a place has a seat, even if the policy has changed since.
        card.seat = (reserved || class.is_some() || governed).then(|| Seat::new(number, priority, group));
        card.class = class.map(|class| class.name);
        card.observed = pool.table_of_tasks.observes();
        card
    }
}

/// A task that can be started now.
struct Ready {
    options: Options,
    pool: Arc<Shared>,
    /// A place is kept for it.
    reserved: bool,
}

impl Ready {
    fn start<T: Send + 'static, B: Body<T>>(self, body: B) -> Task<T> {
        let reserved = self.reserved;
        let head = self.make(body);
        Head::start(head, reserved);
        Task { head, _output: PhantomData }
    }

    /// A task that was cancelled before it could be started.
    fn never<T: Send + 'static, B: Body<T>>(self, body: B, reason: Reason) -> Task<T> {
        let head = self.make(body);
        Head::cancel(head, reason);
        // SAFETY: the entry's reference, for there will be none.
        unsafe { Head::release(head) };
        Task { head, _output: PhantomData }
    }

    /// The record, entered in the pool's account.
    fn make<T: Send + 'static, B: Body<T>>(self, body: B) -> NonNull<Head> {
        let Self { mut options, pool, reserved } = self;
        let siblings = options.siblings.take();
        let card = Arc::new(options.card(&pool, siblings.is_some(), reserved));
        let head = Record::make(pool.clone(), body, Some(card.clone()), siblings);
        if card.observed {
            // SAFETY: just made.
            pool.table_of_tasks.enter(&card, unsafe { head.as_ref() });
        }
        head
    }
}

impl Shared {
    /// Whether every task has a card.
    #[inline]
    pub(super) fn describes_all(&self) -> bool {
        self.agenda.is_asked_for() || self.table_of_tasks.observes() || self.recorder.is_some()
    }
}

impl Pool {
    /// A task of this pool, to be described and started.
    pub fn task(&self) -> Options {
        Options::of(self.shared().clone())
    }
}

impl Handle {
    /// A task of this pool, to be described and started.
    pub fn task(&self) -> Options {
        Options::of(self.0.clone())
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("name", &self.name)
            .field("priority", &self.priority)
            .field("group", &self.group)
            .field("class", &self.class)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// As many tasks wait as the pool's policy allows. What was to be started comes back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Full<F>(pub F);

impl<F> fmt::Debug for Full<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Full")
    }
}

impl<F> fmt::Display for Full<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "as many tasks wait as the policy of the pool allows: try again later, or spawn, which waits for room",
        )
    }
}

impl<F> Error for Full<F> {}
