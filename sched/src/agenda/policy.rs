//! What a pool's tasks must keep to: who goes first, how many at a time, how many may wait.

use std::time::Duration;

use super::{GOVERNS, TIMES};

/// The order in which waiting tasks begin.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum Fairness {
    /// The order of work stealing, the fastest: a worker begins its own newest task first, others take its oldest. Now and then every
    /// worker begins the oldest one that it finds, so nothing starves. Where there are limits, too, tasks begin in the order in which they were started.
    #[default]
    Stealing,
    /// The order in which they were started.
    Fifo,
    /// Those of higher [priority](crate::task::Options::priority) first, and among equals the order in which they were started; but each step of
    /// priority lets a task pass at most `ageing` others that were started before it.
    ///
    /// So a task of priority `p` that no limit holds back is passed by at most `(q - p) * ageing` later ones of priority `q` that begin in their turn, and nothing
    /// starves. With an `ageing` of 0 this is [`Fifo`](Self::Fifo); a great one makes it strict priority.
    ///
    /// Ageing by what came since, rather than by time, is that of the static keys of Jensen's and Liu and Layland's deadline orders, with the count
    /// of tasks as the clock: what has been waiting keeps its place, and those to come must do better.
    Priority {
        /// How many tasks that were started before it a task passes for each step of priority.
        ageing: u32,
    },
    /// In rounds: one task of each [group](crate::task::Options::group) after another. A task that names no group belongs to that of its parent's children.
    ///
    /// Start-time fair queueing (Goyal, Vin and Cheng, SIGCOMM 1996), with every task as long as any other. A task that is cancelled before its turn has
    /// used it up, as long as others of its group wait.
    RoundRobin,
}

/// What a pool's tasks must keep to. The default is no limit at all, in the order of work stealing, and costs nothing.
///
/// It concerns tasks, and when they *begin*: jobs of scopes, halves of joins and futures that have begun go on as in any pool, before
/// anything else begins.
///
/// # Limits, and waiting under them
///
/// A task that has begun counts until it has ended, also while it waits: a limit of 4 on calls of a service means that many calls under way. It
/// counts as one with all that is done in its place: halves of [joins](crate::join()), jobs of [scopes](crate::scope()) and children of [nurseries](crate::nursery()), wherever they run, and closures
/// of the same class that it waits for by blocking ([`Task::join`](crate::Task::join)) and that may not begin by themselves.
///
/// So a task that waits for another which may not begin under the same limit waits for ever, unless that is such a closure. Futures that wait for each
/// other should be of different classes, or have timeouts.
///
/// # Examples
/// ```
/// use reweave_sched::{Fairness, Policy, Pool};
///
/// let policy = Policy::new().fairness(Fairness::Priority { ageing: 16 }).max_running(64);
/// let pool = Pool::builder().threads(2).policy(policy).build().unwrap();
/// let urgent = pool.task().priority(10).spawn(|| "done");
/// assert_eq!(urgent.join().unwrap(), "done");
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[must_use = "it does nothing until a pool has it"]
pub struct Policy {
    pub(super) fairness: Fairness,
    pub(super) max_running: Option<usize>,
    pub(super) max_waiting: Option<usize>,
    pub(crate) timeout: Option<Duration>,
    /// How many tasks that have ended an account keeps, if there is one.
    pub(crate) observed: Option<usize>,
}

impl Policy {
    /// No limits.
    pub fn new() -> Self {
        Self::default()
    }

    /// The order in which waiting tasks begin.
    pub fn fairness(mut self, fairness: Fairness) -> Self {
        self.fairness = fairness;
        self
    }

    /// At most so many tasks count as begun and not ended; at least 1. Those of a [class](crate::Class) count here, too.
    pub fn max_running(mut self, most: usize) -> Self {
        self.max_running = Some(most.max(1));
        self
    }

    /// At most so many tasks wait to begin; at least 1. Whoever starts another from outside the pool waits for room, or is
    /// [refused](crate::task::Options::try_spawn). The pool's own tasks are not held back: they might wait for themselves.
    pub fn max_waiting(mut self, most: usize) -> Self {
        self.max_waiting = Some(most.max(1));
        self
    }

    /// How long a task may take from its beginning, unless it has [a limit of its own](crate::task::Options::timeout).
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Keeps an account of all tasks: those that have not ended, and the last so many that have. See [`Pool::tasks`](crate::Pool::tasks).
    ///
    /// Costs an allocation and an entry in a table for each task.
    pub fn observed(mut self, ended: usize) -> Self {
        self.observed = Some(ended);
        self
    }

    /// What every task has to keep to.
    pub(super) fn flags(&self) -> usize {
        let governs = self.fairness != Fairness::Stealing || self.max_running.is_some() || self.max_waiting.is_some();
        (usize::from(governs) * GOVERNS) | (usize::from(self.timeout.is_some()) * TIMES)
    }
}
