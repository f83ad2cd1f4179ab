//! Dumps: where everything in a pool stands, as a text for a person who wonders why nothing happens.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use reweave_core::Reason;
use reweave_core::time::Clock;

use super::{DumpedGroup, Pool, Shared};
use crate::task::{Handle, State, TaskId, TaskInfo};
use crate::worker::Worker;

/// Where everything in a pool stands, at about the same moment: see [`Pool::dump`]. Displayed, it is a text of several lines.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Dump {
    /// The name of the pool.
    pub pool: String,
    /// When this was, by the real clock.
    pub at: Instant,
    /// How long the pool had been there.
    pub uptime: Duration,
    /// Threads of the pool.
    pub threads: usize,
    /// Those of them that were blocked.
    pub blocked: usize,
    /// The tasks that had not ended, by number; `None`, if the pool keeps no account of them.
    pub tasks: Option<Vec<TaskInfo>>,
    /// The scopes and nurseries that were open, in the order in which they were opened; none, if the pool keeps no account.
    pub groups: Vec<DumpedGroup>,
    /// The workers, by index.
    pub workers: Vec<DumpedWorker>,
    /// Jobs in the injectors.
    pub injected: usize,
    /// Tasks in the agenda, waiting for their turn.
    pub waiting: usize,
    /// The classes, in the order in which they were made.
    pub classes: Vec<DumpedClass>,
}

/// What a [`Dump`] says of a worker.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct DumpedWorker {
    /// The name of its thread.
    pub name: String,
    /// Whether a thread runs as this worker: those that make up for blocked ones come and go.
    pub has_thread: bool,
    /// For how long it has had something to do and was not blocked, without a pause; `None`, if it is idle or blocked.
    pub busy_for: Option<Duration>,
    /// Tasks and jobs of scopes in its deque.
    pub tasks: usize,
    /// Halves of joins in its deque.
    pub halves: usize,
}

/// What a [`Dump`] says of a class.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct DumpedClass {
    /// Its name.
    pub name: Reason,
    /// At most so many of its tasks count as begun and not ended.
    pub limit: usize,
    /// So many do.
    pub running: usize,
    /// So many wait to begin.
    pub waiting: usize,
}

impl Pool {
    /// Where everything stands, for a person: the tasks as a tree, each below the one that has started it, with the scopes and nurseries that it has opened, and the queues.
    ///
    /// Tasks are there if the pool [keeps an account](crate::Policy::observed) of them. Takes the pool's own locks, each for a short while; no user code
    /// runs under them, so a pool that hangs can be looked at.
    ///
    /// # Complexity
    /// O(n log n) for n tasks.
    ///
    /// # Examples
    /// ```
    /// use reweave_sched::{Policy, Pool};
    ///
    /// let pool = Pool::builder().threads(2).name("solver").policy(Policy::new().observed(0)).build().unwrap();
    /// let (promise, eventual) = reweave_core::promise::pair::<(), ()>();
    /// let task = pool.task().name("waits").spawn_async(async move { eventual.await.is_ok() });
    /// let text = pool.dump().to_string();
    /// assert!(text.starts_with("pool solver: 2 threads, 0 of them blocked, up "));
    /// assert!(text.contains("\n  #1 waits: "));
    /// # promise.fulfil(());
    /// # assert!(task.join().unwrap());
    /// ```
    pub fn dump(&self) -> Dump {
        self.shared().dump()
    }
}

impl Handle {
    /// As [`Pool::dump`], of this pool.
    pub fn dump(&self) -> Dump {
        self.shared().dump()
    }
}

impl Shared {
    fn dump(&self) -> Dump {
        let (threads, blocked) = self.crew.read();
        let tasks = self
            .table_of_tasks
            .observes()
            .then(|| self.tasks().into_iter().filter(|task| !task.state.is_final()).collect());
        Dump {
            pool: self.settings.name.clone(),
            at: Clock::real().now(),
            uptime: Duration::from_nanos(self.now()),
            threads,
            blocked,
            tasks,
            groups: self.dump_groups(),
            workers: self.workers().map(|worker| self.dump_worker(worker)).collect(),
            injected: self.injected(),
            waiting: self.agenda.waiting(),
            classes: self.agenda.dump_classes(),
        }
    }

    fn dump_worker(&self, worker: &Worker) -> DumpedWorker {
        let busy_since = worker.counters.busy_since.get();
        DumpedWorker {
            name: self.settings.thread_name(worker.index()),
            has_thread: worker.agent().is_some(),
            busy_for: (busy_since > 0).then(|| Duration::from_nanos(self.now().saturating_sub(busy_since))),
            tasks: worker.tasks.len(),
            halves: worker.halves.len(),
        }
    }
}

impl fmt::Display for Dump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let threads = counted(self.threads, "thread", "threads");
        writeln!(f, "pool {}: {threads}, {} of them blocked, up {}", self.pool, self.blocked, seconds(self.uptime))?;
        match self.tasks.as_deref() {
            None => writeln!(f, "tasks: no account is kept of them")?,
            Some([]) if self.groups.is_empty() => writeln!(f, "tasks: none")?,
            Some(tasks) => {
                writeln!(f, "tasks: {}", tasks.len())?;
                self.write_tree(f, tasks)?;
            }
        }
        writeln!(f, "queues: {} injected, {} waiting for their turn", self.injected, self.waiting)?;
        for class in &self.classes {
            let DumpedClass { name, limit, running, waiting } = class;
            writeln!(f, "  class {name}: {running} of {limit} begun, {waiting} waiting")?;
        }
        writeln!(f, "workers:")?;
        for worker in &self.workers {
            let doing = match worker.busy_for {
                _ if !worker.has_thread => "without a thread".to_owned(),
                Some(busy) => format!("busy for {}", seconds(busy)),
                None => "idle or blocked".to_owned(),
            };
            let (tasks, halves) =
                (counted(worker.tasks, "task", "tasks"), counted(worker.halves, "half of a join", "halves of joins"));
            writeln!(f, "  {}: {doing}, {tasks} and {halves} in its deques", worker.name)?;
        }
        Ok(())
    }
}

impl Dump {
    /// The tasks, each below the one that has started it, if that is among them.
    fn write_tree(&self, f: &mut fmt::Formatter<'_>, tasks: &[TaskInfo]) -> fmt::Result {
        let by_number: BTreeMap<TaskId, &TaskInfo> = tasks.iter().map(|task| (task.id, task)).collect();
        let mut children: BTreeMap<Option<TaskId>, Vec<&TaskInfo>> = BTreeMap::new();
        for task in by_number.values() {
            children.entry(task.parent.filter(|parent| by_number.contains_key(parent))).or_default().push(task);
        }
        // The last is the next: children of a task before what stands beside it.
        let mut next: Vec<(usize, &TaskInfo)> = Vec::new();
        let mut push = |next: &mut Vec<_>, depth, parent| {
            let below = children.remove(&parent).unwrap_or_default();
            next.extend(below.into_iter().rev().map(|task| (depth, task)));
        };
        push(&mut next, 1, None);
        while let Some((depth, task)) = next.pop() {
            self.write_task(f, depth, task)?;
            self.write_groups(f, depth + 1, |opener| opener == Some(task.id))?;
            push(&mut next, depth + 1, Some(task.id));
        }
        // Opened outside of all of them.
        self.write_groups(f, 1, |opener| opener.is_none_or(|opener| !by_number.contains_key(&opener)))
    }

    fn write_groups(
        &self,
        f: &mut fmt::Formatter<'_>,
        depth: usize,
        is_of: impl Fn(Option<TaskId>) -> bool,
    ) -> fmt::Result {
        for group in self.groups.iter().filter(|group| is_of(group.task)) {
            let DumpedGroup { what, open_for, not_ended, .. } = group;
            let indent = 2 * depth;
            writeln!(f, "{:indent$}{what}: open for {}, at most {not_ended} not ended", "", seconds(*open_for))?;
        }
        Ok(())
    }

    fn write_task(&self, f: &mut fmt::Formatter<'_>, depth: usize, task: &TaskInfo) -> fmt::Result {
        write!(f, "{:indent$}{}", "", task.id, indent = 2 * depth)?;
        if let Some(name) = &task.name {
            write!(f, " {name}")?;
        }
        let since = |then: Instant| seconds(self.at.saturating_duration_since(then));
        match (task.state, task.started) {
            (State::Pending, _) | (_, None) => write!(f, ": not begun, for {}", since(task.created))?,
            (state, Some(started)) => {
                let doing = if state == State::Suspended { "suspended" } else { "running" };
                write!(f, ": {doing}, begun {} ago, {} old", since(started), since(task.created))?;
            }
        }
        if task.priority != 0 {
            write!(f, ", priority {}", task.priority)?;
        }
        if let Some(class) = &task.class {
            write!(f, ", class {class}")?;
        }
        match task.parent {
            // At the root although somebody has started it.
            Some(parent) if depth == 1 => writeln!(f, ", started by {parent}, which has ended"),
            _ => writeln!(f),
        }
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.3} s", duration.as_secs_f64())
}

fn counted(count: usize, one: &str, several: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { several })
}
