//! Locks: one number behind a lock, taken, counted up and released.
//!
//! | workload | threads | an operation |
//! |---|---|---|
//! | `lock` | 1 | lock and unlock, with nobody near |
//! | `lock` | several | the same against the others, with nothing between two critical sections |
//!
//! Every run checks that the number counts all critical sections, so a lock that lets two threads in gets no figures.

use std::fmt;

use reweave_core::sync::Arc;
use serde_json::{Map, Value, json};

use super::repeat::repeat;
use super::{Figure, Sample, Trial, Workload};
use crate::Error;
use crate::run::unknown_system;
use crate::systems::{mutex, parking_lot as parking, reweave};

/// A system's lock around a number.
pub trait Lock: Send + Sync + 'static {
    /// A lock around this number.
    fn new(value: u64) -> Self;

    /// Runs `f` on the number while nobody else may.
    fn with<R>(&self, f: impl FnOnce(&mut u64) -> R) -> R;
}

/// The workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Locks;

/// All workloads, in the order of tables.
pub static ALL: [Locks; 1] = [Locks];

/// A system that locks run on.
pub struct System {
    /// Its name in reports and on the command line.
    pub name: &'static str,
    /// What it is, in a few words.
    pub about: &'static str,
    timed: fn(&'static str, &Trial) -> Result<Sample, Error>,
}

impl fmt::Debug for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("System").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The systems that locks run on, in the order of tables.
pub static SYSTEMS: [System; 3] = [
    System { name: "reweave", about: "this project's lock", timed: timed::<reweave::Lock> },
    System { name: "parking_lot", about: "parking_lot::Mutex", timed: timed::<parking::Lock> },
    System { name: "std", about: "std::sync::Mutex", timed: timed::<mutex::Lock> },
];

fn timed<L: Lock>(system: &'static str, trial: &Trial) -> Result<Sample, Error> {
    let lock = Arc::new(L::new(0));
    let shared = Arc::clone(&lock);
    let (sample, expected) = repeat(system, trial, move |_| {
        let lock = Arc::clone(&shared);
        move || {
            lock.with(|count| *count += 1);
            Ok(())
        }
    })?;
    match lock.with(|count| *count) {
        found if found == expected => Ok(sample),
        found => {
            let finding = format!("{expected} critical sections counted up to {found}");
            Err(Error::Wrong { system, threads: trial.threads, finding })
        }
    }
}

impl Workload for Locks {
    fn name(&self) -> &'static str {
        "lock"
    }

    fn params(&self) -> Map<String, Value> {
        Map::from_iter([("critical_section".to_owned(), json!("one addition"))])
    }

    fn systems(&self) -> Vec<&'static str> {
        SYSTEMS.iter().map(|system| system.name).collect()
    }

    fn baselines(&self) -> &'static [&'static str] {
        &["parking_lot"]
    }

    fn figure(&self) -> Figure {
        Figure::Time
    }

    fn trial(&self, system: &'static str, trial: &Trial) -> Result<Sample, Error> {
        match SYSTEMS.iter().find(|known| known.name == system) {
            Some(found) => (found.timed)(found.name, trial),
            None => Err(Error::Invalid(unknown_system(system, &self.systems()))),
        }
    }
}

#[cfg(test)]
mod tests;
