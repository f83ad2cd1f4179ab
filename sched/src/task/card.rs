//! What is known of a task beyond what runs it: its number, name, parent, times, its place in the pool's agenda.
//!
//! Most tasks have none of it, and no card. One gets a card if it was described ([`Options`](super::Options)), if the pool has a
//! [`Policy`](crate::Policy) for all, or if it keeps an account of them.

use std::fmt;
use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use reweave_core::Reason;
use reweave_core::cancel::{Callback, Token};
use reweave_core::sync::atomic::{AtomicU64, Ordering};
use reweave_core::sync::{Arc, Mutex};

use super::State;
use crate::agenda::Seat;
use crate::pool::Shared;
use crate::trace::Named;

/// The number of a task: no other task of its pool has it, and later ones are greater.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(NonZeroU64);

impl TaskId {
    pub(super) fn of(number: u64) -> Self {
        Self(NonZeroU64::new(number).expect("numbers begin with 1"))
    }

    /// As a number.
    pub fn get(self) -> u64 {
        self.0.get()
    }

    /// The task of this number, where one was written down.
    pub fn from_number(number: u64) -> Option<Self> {
        NonZeroU64::new(number).map(Self)
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

impl fmt::Debug for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TaskId({})", self.0)
    }
}

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Card {
    pub(super) id: TaskId,
    /// Where the pool is: it is there as long as the task runs.
    pool: usize,
    pub(super) name: Option<Reason>,
    /// Its name in the pool's trace.
    pub(super) named: Option<Named>,
    pub(super) parent: Option<TaskId>,
    pub(super) priority: i32,
    pub(super) class: Option<Reason>,
    pub(super) timeout: Option<Duration>,
    /// If it has to wait for its turn.
    pub(super) seat: Option<Seat>,
    /// Whether the pool's account has it.
    pub(super) observed: bool,
    /// In nanoseconds of the pool.
    pub(super) created: u64,
    /// The same, or 0: it has not. Written by the owner of the body.
    started: AtomicU64,
    ended: AtomicU64,
    /// What cancels it when its time is over.
    pub(super) alarm: Mutex<Option<(Token, Callback)>>,
}

impl Card {
    /// Of a task that is about to be made in this pool. The caller fills in the rest.
    pub(super) fn new(pool: &Arc<Shared>) -> Self {
        Self {
            id: pool.table_of_tasks.fresh(),
            pool: Arc::as_ptr(pool).addr(),
            name: None,
            named: None,
            parent: None,
            priority: 0,
            class: None,
            timeout: None,
            seat: None,
            observed: false,
            created: pool.now(),
            started: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            alarm: Mutex::new(None),
        }
    }

    /// Whether it is that of a task of this pool. Asked while the task runs.
    pub(super) fn is_of(&self, pool: &Arc<Shared>) -> bool {
        self.pool == Arc::as_ptr(pool).addr()
    }

    /// Whether it is about to end, or has.
    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire) > 0
    }

    /// It is about to run for the first time. By the owner of the body.
    pub(super) fn starts(&self, now: u64) {
        self.started.store(now, Ordering::Release);
    }

    /// It ends. By the owner of the body.
    pub(super) fn ends(&self, now: u64) {
        self.ended.store(now, Ordering::Release);
    }

    /// What is known of it; it was made in a pool that was started at `origin`.
    pub(super) fn info(&self, origin: Instant, state: State) -> TaskInfo {
        let at = |ns: u64| (ns > 0).then(|| origin + Duration::from_nanos(ns));
        TaskInfo {
            id: self.id,
            name: self.name.clone(),
            parent: self.parent,
            priority: self.priority,
            class: self.class.clone(),
            state,
            created: at(self.created).expect("no time of a pool is 0"),
            started: at(self.started.load(Ordering::Acquire)),
            // Not before it can be found ended.
            ended: at(self.ended.load(Ordering::Acquire)).filter(|_| state.is_final()),
        }
    }
}

/// What is known of a task, at some moment: see [`Task::info`](super::Task::info) and [`Pool::tasks`](crate::Pool::tasks).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskInfo {
    /// Its number.
    pub id: TaskId,
    /// Its name, if it was given one.
    pub name: Option<Reason>,
    /// The task in which it was started, if it was started in one of the same pool that has a number itself.
    pub parent: Option<TaskId>,
    /// Its priority; 0 if it was given none.
    pub priority: i32,
    /// The name of its class, if it has one.
    pub class: Option<Reason>,
    /// Where it stands.
    pub state: State,
    /// When it was started by its spawner, by the real clock.
    pub created: Instant,
    /// When it was begun, if it was.
    pub started: Option<Instant>,
    /// When it ended, if it has.
    pub ended: Option<Instant>,
}
