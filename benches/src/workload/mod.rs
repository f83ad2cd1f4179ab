//! What is done: one file a workload, written once against a small trait of its own that the systems implement.
//!
//! | workload | what it does |
//! |---|---|
//! | [`bank`] | transfers between accounts, and audits that sum them all |
//!
//! [`Workload`] is the face that a workload shows to [`crate::run`]: a name, parameters, systems, and one timed trial.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::Error;

pub mod bank;
pub mod zipf;

/// A workload with its options set, ready to be timed on any of its systems.
pub trait Workload {
    /// Its name in reports and on the command line.
    fn name(&self) -> &'static str;

    /// Its options, as reports show them.
    fn params(&self) -> Map<String, Value>;

    /// The names of the systems that it runs on.
    fn systems(&self) -> Vec<&'static str>;

    /// One timed run on a fresh instance of the system, warmed up first and checked throughout.
    ///
    /// # Errors
    /// [`Error::Wrong`] when the check fails, [`Error::Broken`] when a thread does, [`Error::Invalid`] when there is no
    /// such system.
    fn trial(&self, system: &'static str, trial: &Trial) -> Result<Sample, Error>;
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
    /// Audits a second, which are among the operations; `None` for a workload without audits.
    pub audits_per_sec: Option<f64>,
    /// Aborted attempts by cause, of the timed part only.
    pub aborts: Vec<(&'static str, u64)>,
}
