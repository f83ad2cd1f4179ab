//! What a pool is made of.

use std::error::Error;
use std::time::Duration;
use std::{fmt, io};

use reweave_core::sync::{MODELLED, thread};

use super::Pool;
use crate::agenda::Policy;

/// How many threads a pool may have in all, if nothing else is said, beyond those that it is made for.
const SPARE: usize = if MODELLED { 2 } else { 512 };

/// How many events a worker keeps at most, whatever is asked for: 1.5 gigabytes of them.
const MOST_EVENTS: usize = (1 << 26) - 1;

/// How many threads a pool may have at most, whatever is asked for.
const MOST: usize = 1 << 20;

/// A pool to be: see [`Pool::builder`].
///
/// # Examples
/// ```
/// use reweave_sched::Pool;
///
/// let pool = Pool::builder().threads(3).name("solver").stack_size(512 * 1024).build().unwrap();
/// assert_eq!(pool.threads(), 3);
/// ```
#[derive(Clone, Debug)]
#[must_use = "it does nothing until it is built"]
pub struct Builder {
    pub(crate) threads: usize,
    pub(crate) most_threads: usize,
    pub(crate) name: String,
    pub(crate) stack_size: Option<usize>,
    pub(crate) keep_alive: Duration,
    pub(crate) trace: Option<usize>,
    spare: usize,
    pub(crate) policy: Policy,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            threads: thread::cores(),
            most_threads: 0,
            name: "pool".to_owned(),
            stack_size: None,
            keep_alive: Duration::from_secs(1),
            trace: None,
            spare: SPARE,
            policy: Policy::new(),
        }
    }
}

impl Builder {
    /// How many workers run at the same time; at least 1. Without this, one for each core that the process may use.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads.max(1);
        self
    }

    /// How many more threads it may start to make up for blocked ones; 512 if nothing is said. When all of them block, jobs wait
    /// until one goes on.
    pub fn spare_threads(mut self, spare: usize) -> Self {
        self.spare = spare;
        self
    }

    /// What its threads are called: the name and a number.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The size of each thread's stack in bytes; the system's default if nothing is said.
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.stack_size = Some(bytes);
        self
    }

    /// How long a thread that made up for a blocked one sleeps before it ends; a second if nothing is said.
    pub fn keep_alive(mut self, keep_alive: Duration) -> Self {
        self.keep_alive = keep_alive;
        self
    }

    /// Has what it does recorded, when [`Pool::trace`] is started: of each worker, and of all threads outside together, at least so many of the
    /// newest events, 24 bytes each. Times are those of the clock that is current where the pool is built.
    pub fn trace(mut self, events: usize) -> Self {
        self.trace = Some(events.clamp(1, MOST_EVENTS));
        self
    }

    /// What the thread of this worker is called.
    pub(crate) fn thread_name(&self, index: usize) -> String {
        format!("{}-{index}", self.name)
    }

    /// What its tasks must keep to; nothing, if nothing is said.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Starts the threads.
    ///
    /// # Errors
    /// [`BuildError`] when the system refuses one; those that were started have ended then.
    pub fn build(mut self) -> Result<Pool, BuildError> {
        self.threads = self.threads.min(MOST);
        self.most_threads = (self.threads + self.spare.min(MOST)).min(MOST);
        Pool::start(self)
    }
}

/// The system refused a thread of a pool.
#[derive(Debug)]
pub struct BuildError {
    pub(super) started: usize,
    pub(super) threads: usize,
    pub(super) cause: io::Error,
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { started, threads, cause } = self;
        write!(f, "the system started only {started} of the {threads} threads of a pool: {cause}; ask for fewer")
    }
}

impl Error for BuildError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.cause)
    }
}
