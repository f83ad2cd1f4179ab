//! The account that a pool keeps of its tasks, if its policy says so: those that have not ended, and the last that have.
//!
//! A task is entered before anybody can run it, and moved to those that have ended before anybody can see its end, both by whoever has
//! its body. So whoever finds that it has ended finds it among those, as long as they are kept.

use std::collections::VecDeque;

use reweave_core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use reweave_core::sync::{Arc, Mutex, ShardedMap};
use reweave_core::{Reason, seeded};

use super::card::{Card, TaskId, TaskInfo};
use super::head::{Head, How};
use super::waker::Reference;
use super::{Handle, State};
use crate::pool::{Pool, Shared};

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Table {
    ids: AtomicU64,
    observes: AtomicBool,
    live: ShardedMap<TaskId, Live>,
    /// How many that have ended are kept.
    keep: AtomicUsize,
    ended: Mutex<VecDeque<TaskInfo>>,
    completed: AtomicU64,
    cancelled: AtomicU64,
    failed: AtomicU64,
}

/// A task that has not ended. It stays as long as it is here.
#[derive(Clone, Debug)]
struct Live {
    card: Arc<Card>,
    head: Reference,
}

/// How many tasks stand where: see [`PoolStats`](crate::PoolStats). Counted only while the pool keeps an account of them. What ends while they are counted may be
/// counted twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskStats {
    /// Have not begun.
    pub pending: u64,
    /// Are run, or have been woken and will be.
    pub running: u64,
    /// Futures that wait.
    pub suspended: u64,
    /// Have ended with a result, since the account was opened.
    pub completed: u64,
    /// Were cancelled.
    pub cancelled: u64,
    /// Have panicked.
    pub failed: u64,
}

impl Table {
    /// Keeps an account if `observed` says how many that have ended it is to keep.
    pub(crate) fn new(observed: Option<usize>) -> Self {
        Self {
            ids: AtomicU64::new(1),
            observes: AtomicBool::new(observed.is_some()),
            live: ShardedMap::new(),
            keep: AtomicUsize::new(observed.unwrap_or(0)),
            ended: Mutex::new(VecDeque::new()),
            completed: AtomicU64::new(0),
            cancelled: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        }
    }

    /// Keeps one from now on, or does not.
    pub(crate) fn observe(&self, observed: Option<usize>) {
        self.observes.store(observed.is_some(), Ordering::Relaxed);
        self.keep.store(observed.unwrap_or(0), Ordering::Relaxed);
        self.shorten(&mut self.ended.lock());
    }

    /// Whether it does.
    #[inline]
    pub(crate) fn observes(&self) -> bool {
        self.observes.load(Ordering::Relaxed)
    }

    /// A number that no task has.
    pub(super) fn fresh(&self) -> TaskId {
        // Relaxed: it need only differ from all others.
        TaskId::of(self.ids.fetch_add(1, Ordering::Relaxed))
    }

    /// A task has been made.
    pub(super) fn enter(&self, card: &Arc<Card>, head: &Head) {
        self.live.insert(card.id, Live { card: card.clone(), head: Reference::new(head) });
    }

    /// It is about to be found ended.
    pub(super) fn retire(&self, info: TaskInfo, how: How) {
        let id = info.id;
        let count = match how {
            How::Completed => &self.completed,
            How::Cancelled => &self.cancelled,
            How::Panicked => &self.failed,
        };
        count.fetch_add(1, Ordering::Relaxed);
        if seeded("table/remove-first") {
            drop(self.live.remove(&id));
        }
        {
            let mut ended = self.ended.lock();
            ended.push_back(info);
            self.shorten(&mut ended);
        }
        drop(self.live.remove(&id));
    }

    fn shorten(&self, ended: &mut VecDeque<TaskInfo>) {
        let keep = self.keep.load(Ordering::Relaxed);
        let surplus = ended.len().saturating_sub(keep);
        ended.drain(..surplus);
    }
}

impl Pool {
    /// The tasks that the pool keeps an account of, in the order in which they were started: all that have not ended, and the last that have. None, unless its policy
    /// [says so](crate::Policy::observed).
    ///
    /// Each is as it was at some moment during the call. O(n log n) for n tasks.
    ///
    /// # Examples
    /// ```
    /// use reweave_sched::{Policy, Pool};
    /// use reweave_sched::task::State;
    ///
    /// let pool = Pool::builder().threads(2).policy(Policy::new().observed(100)).build().unwrap();
    /// let task = pool.task().name("analysis").spawn(|| 42);
    /// assert_eq!(task.join().unwrap(), 42);
    ///
    /// let tasks = pool.tasks();
    /// assert_eq!(tasks[0].name.as_ref().unwrap().as_str(), "analysis");
    /// assert_eq!(tasks[0].state, State::Completed);
    /// assert!(tasks[0].started.unwrap() >= tasks[0].created);
    /// ```
    pub fn tasks(&self) -> Vec<TaskInfo> {
        self.shared().tasks()
    }

    /// Those of them in this state.
    pub fn tasks_in(&self, state: State) -> Vec<TaskInfo> {
        self.tasks().into_iter().filter(|task| task.state == state).collect()
    }

    /// What is known of the task of this number, if the pool keeps an account of it. O(n) for n that have ended and are kept.
    pub fn find_task(&self, id: TaskId) -> Option<TaskInfo> {
        let table = &self.shared().table_of_tasks;
        let live = table.live.get(&id);
        // Afterwards, as in `tasks`.
        let ended = table.ended.lock().iter().rev().find(|task| task.id == id).cloned();
        ended.or_else(|| live.map(|live| live.info()))
    }

    /// Cancels the task of this number, as [`Task::cancel`](super::Task::cancel) does, if the pool keeps an account of it and it has not
    /// ended; tells whether this call was the first to.
    pub fn cancel_task(&self, id: TaskId, reason: impl Into<Reason>) -> bool {
        self.shared().cancel_task(id, reason.into())
    }

    /// How many tasks stand where.
    pub(crate) fn task_stats(&self) -> TaskStats {
        let table = &self.shared().table_of_tasks;
        let mut stats = TaskStats::default();
        for live in table.live.values().into_iter().filter(|live| !live.card.has_ended()) {
            match live.head.state() {
                State::Pending => stats.pending += 1,
                State::Running => stats.running += 1,
                State::Suspended => stats.suspended += 1,
                // On its way to those that have ended, where it is counted.
                State::Completed | State::Cancelled | State::Failed => {}
            }
        }
        // Afterwards: what ends in between is counted twice rather than not at all.
        stats.completed = table.completed.load(Ordering::Relaxed);
        stats.cancelled = table.cancelled.load(Ordering::Relaxed);
        stats.failed = table.failed.load(Ordering::Relaxed);
        stats
    }
}

impl Handle {
    /// As [`Pool::tasks`], of this pool.
    pub fn tasks(&self) -> Vec<TaskInfo> {
        self.shared().tasks()
    }

    /// As [`Pool::cancel_task`], in this pool.
    pub fn cancel_task(&self, id: TaskId, reason: impl Into<Reason>) -> bool {
        self.shared().cancel_task(id, reason.into())
    }
}

impl Shared {
    /// As [`Pool::cancel_task`].
    pub(crate) fn cancel_task(&self, id: TaskId, reason: Reason) -> bool {
        self.table_of_tasks.live.get(&id).is_some_and(|live| live.head.cancel(reason))
    }

    /// As [`Pool::tasks`].
    pub(crate) fn tasks(&self) -> Vec<TaskInfo> {
        let table = &self.table_of_tasks;
        let live = table.live.values();
        // Afterwards: a task that ends in between is found in both, and not in neither.
        let mut tasks: Vec<TaskInfo> = table.ended.lock().iter().cloned().collect();
        tasks.extend(live.into_iter().map(|live| live.info()));
        // Stable: of the two it is the one that has ended.
        tasks.sort_by_key(|task| task.id);
        tasks.dedup_by_key(|task| task.id);
        tasks
    }
}

impl Live {
    fn info(&self) -> TaskInfo {
        self.head.info(&self.card)
    }
}
