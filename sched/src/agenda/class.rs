//! Classes: tasks of one kind, such as calls of one service, and the limit that they have together.

use std::fmt;

use reweave_core::sync::Arc;
use reweave_core::{Reason, seeded};

use super::Agenda;
use super::state::Tasks;
use crate::pool::{DumpedClass, Pool, Shared};
use crate::task::{Handle, Options};

/// Tasks of one kind in one pool, of which at most so many run at the same time: see [`Pool::class`].
///
/// A handle, which may be cloned and sent around. It does not keep the pool from ending.
#[derive(Clone)]
pub struct Class {
    pub(crate) pool: Arc<Shared>,
    pub(crate) number: usize,
    pub(crate) name: Reason,
}

impl Pool {
    /// The class of this name, of which at most `limit` tasks, at least 1, count as begun and not ended. It is made if there is none; if there is one, it has
    /// this limit from now on. Tasks that have begun go on, even if there are more of them.
    ///
    /// What [`Policy`](crate::Policy) says of waiting under a limit holds here, too.
    ///
    /// # Complexity
    /// A class stays as long as the pool, and each is looked at whenever a task of any class begins: a handful is meant.
    ///
    /// # Examples
    /// ```
    /// use reweave_sched::Pool;
    ///
    /// let pool = Pool::new(2).unwrap();
    /// let calls = pool.class("model calls", 4);
    /// let answers: Vec<_> = (0..10).map(|n| calls.task().spawn(move || n * n)).collect();
    /// let sum: i32 = answers.into_iter().map(|answer| answer.join().unwrap()).sum();
    /// assert_eq!(sum, 285);
    /// ```
    pub fn class(&self, name: impl Into<Reason>, limit: usize) -> Class {
        self.handle().class(name, limit)
    }
}

impl Handle {
    /// As [`Pool::class`], of this pool.
    pub fn class(&self, name: impl Into<Reason>, limit: usize) -> Class {
        let pool = self.shared().clone();
        let name = name.into();
        let number = pool.agenda.class(&name, limit.max(1));
        pool.call();
        Class { pool, number, name }
    }
}

impl Class {
    /// Its name.
    pub fn name(&self) -> Reason {
        self.name.clone()
    }

    /// At most so many of its tasks, at least 1, count as begun and not ended from now on. Those that have begun go on, even if there are more of them.
    pub fn set_limit(&self, limit: usize) {
        self.pool.agenda.set_limit(self.number, limit.max(1));
        if !seeded("agenda/raise-silently") {
            self.pool.call();
        }
    }

    /// At most so many of its tasks count as begun and not ended.
    pub fn limit(&self) -> usize {
        self.of(|tasks| tasks.limit)
    }

    /// How many of its tasks count against the limit: have begun, or are about to, and have not ended; without those that run in the place of another.
    pub fn running(&self) -> usize {
        self.of(|tasks| tasks.running)
    }

    /// How many of its tasks wait to begin.
    pub fn waiting(&self) -> usize {
        self.of(|tasks| tasks.waiting.len())
    }

    /// A task of this class, to be described and started.
    pub fn task(&self) -> Options {
        Options::new().class(self)
    }

    fn of<R>(&self, look: impl FnOnce(&Tasks) -> R) -> R {
        look(&self.pool.agenda.state.lock().classes[self.number])
    }
}

impl fmt::Debug for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Class").field("name", &self.name).field("limit", &self.limit()).finish_non_exhaustive()
    }
}

impl Agenda {
    /// The number of the class of this name, which has this limit from now on.
    fn class(&self, name: &Reason, limit: usize) -> usize {
        let mut state = self.state.lock();
        // The first is no class.
        let known = state.classes.iter().skip(1).position(|class| class.name == *name);
        let number = known.map_or(state.classes.len(), |place| place + 1);
        if known.is_none() {
            state.classes.push(Tasks::new(name.clone(), limit));
        }
        state.classes[number].limit = limit;
        self.publish(&state);
        number
    }

    fn set_limit(&self, number: usize, limit: usize) {
        let mut state = self.state.lock();
        state.classes[number].limit = limit;
        self.publish(&state);
    }

    /// What there is to say of the classes.
    pub(crate) fn dump_classes(&self) -> Vec<DumpedClass> {
        let dump = |class: &Tasks| {
            let Tasks { name, limit, running, waiting } = class;
            DumpedClass { name: name.clone(), limit: *limit, running: *running, waiting: waiting.len() }
        };
        self.state.lock().classes.iter().skip(1).map(dump).collect()
    }
}
