//! What is done: one file a workload, written once against a small trait of its own that the systems implement.
//!
//! | module | workloads |
//! |---|---|
//! | [`bank`] | transfers between accounts, and audits that sum them all |
//! | [`channels`] | messages from thread to thread, and choosing between two channels |
//! | [`atoms`] | a shared value that is read and replaced as a whole |
//! | [`locks`] | a lock taken and released, alone and against another thread |
//! | [`sched`] | forks and joins, scopes, tasks and maps, on threads that work together |
//! | [`stm`] | transactions, from the empty one to sets of integers |
//!
//! [`Workload`] is the face that a workload shows to [`crate::run`]: a name, parameters, systems, and one timed trial.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::Error;

pub mod atoms;
pub mod bank;
pub mod channels;
pub mod locks;
mod repeat;
pub mod sched;
pub mod stm;
mod window;
pub mod zipf;

/// A workload with its options set, ready to be timed on any of its systems.
pub trait Workload {
    /// Its name in reports and on the command line.
    fn name(&self) -> &'static str;

    /// Its options, as reports show them.
    fn params(&self) -> Map<String, Value>;

    /// The names of the systems that it runs on.
    fn systems(&self) -> Vec<&'static str>;

    /// The systems that the others are compared with, in the order of tables.
    fn baselines(&self) -> &'static [&'static str];

    /// What it measures, and so what is compared.
    fn figure(&self) -> Figure;

    /// With how many threads it runs, when it is made for that number; `None` when the plan chooses.
    fn threads(&self) -> Option<usize> {
        None
    }

    /// Whether its threads are pinned, so that the first two cores are among those that they run on.
    fn pins(&self) -> bool {
        true
    }

    /// One timed run on a fresh instance of the system, warmed up first and checked throughout.
    ///
    /// # Errors
    /// [`Error::Wrong`] when the check fails, [`Error::Broken`] when a thread does, [`Error::Invalid`] when there is no
    /// such system.
    fn trial(&self, system: &'static str, trial: &Trial) -> Result<Sample, Error>;
}

/// What a workload measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Figure {
    /// Operations a second: a ratio above 1 is better than the baseline.
    Speed,
    /// Nanoseconds an operation: a ratio below 1 is better than the baseline.
    Time,
    /// Nanoseconds from the beginning of an operation to its effect, at a rate that is given: a ratio below 1 is better
    /// than the baseline, and operations a second say nothing.
    Latency,
}

/// One timed run: how long, on how many threads, with which random choices.
#[derive(Debug, Clone, Copy)]
pub struct Trial {
    /// How many threads are at work.
    pub threads: usize,
    /// How long each of them works.
    pub window: Duration,
    /// What the random choices of all threads follow from.
    pub seed: u64,
}

/// What one timed run measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Operations done, by all threads together.
    pub ops: u64,
    /// Operations a second, of all threads together.
    pub ops_per_sec: f64,
    /// Nanoseconds, as the workload's [`Figure`] has them; of a speed, one thread's time for an operation.
    pub ns_per_op: f64,
    /// Audits a second, which are among the operations; `None` for a workload without audits.
    pub audits_per_sec: Option<f64>,
    /// Aborted attempts by cause, of the timed part only.
    pub aborts: Vec<(&'static str, u64)>,
    /// How long tasks waited for a thread, and threads for tasks; `None` for a workload that does not look.
    pub queueing: Option<Queueing>,
}

/// How long tasks waited for a thread, and threads for tasks.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Queueing {
    /// Nanoseconds from the moment that a task was spawned until it began.
    pub start_ns: Start,
    /// The share of the threads' time in which they had no task: asleep, or looking for one. `None` for a system that does
    /// not tell.
    pub idle_share: Option<f64>,
}

/// How many nanoseconds tasks waited before they began.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Start {
    /// Half of the tasks waited no longer than this.
    pub median: f64,
    /// And 99 of 100 no longer than this.
    pub p99: f64,
}

impl Sample {
    /// So many operations in so many seconds, each of which took its share of them.
    pub fn of(ops: u64, seconds: f64) -> Self {
        let (ops_per_sec, ns_per_op) = (ops as f64 / seconds, seconds * 1e9 / ops as f64);
        Self { ops, ops_per_sec, ns_per_op, audits_per_sec: None, aborts: Vec::new(), queueing: None }
    }

    /// The same, where each operation is so many that are counted.
    fn in_parts_of(self, parts: u64) -> Self {
        Self {
            ops: self.ops * parts,
            ops_per_sec: self.ops_per_sec * parts as f64,
            ns_per_op: self.ns_per_op / parts as f64,
            ..self
        }
    }
}
