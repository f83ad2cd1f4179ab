//! Atoms: a shared value that is read and replaced as a whole.
//!
//! | workload | an operation |
//! |---|---|
//! | `atom-load` | gets the value, and looks at it |
//! | `atom-swap` | replaces the value by one computed from it, in one atomic step |
//!
//! The value lies behind an `Arc`, so that readers may keep what they loaded while others replace it; every system pays
//! for that in its own way. With one thread nobody else is near; with several, all do the same to one atom. Every run
//! of swaps checks that none was lost, every load that it sees what was put there.

use std::fmt;

use reweave_core::sync::Arc;
use serde_json::{Map, Value, json};

use super::repeat::repeat;
use super::{Figure, Sample, Trial, Workload};
use crate::Error;
use crate::run::unknown_system;
use crate::systems::{arc_swap, mutex, reweave, rwlock};

/// A system's shared number.
pub trait Atom: Send + Sync + 'static {
    /// An atom that holds this number.
    fn new(value: u64) -> Self;

    /// The number, read from a value that the caller could keep.
    fn load(&self) -> u64;

    /// Replaces the number by `f` of it. `f` may be called several times, and the last result counts.
    fn swap(&self, f: impl Fn(u64) -> u64);
}

/// One of the workloads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Atoms {
    /// Reading.
    Load,
    /// Replacing.
    Swap,
}

/// All workloads, in the order of tables.
pub static ALL: [Atoms; 2] = [Atoms::Load, Atoms::Swap];

/// A system that atoms run on.
pub struct System {
    /// Its name in reports and on the command line.
    pub name: &'static str,
    /// What it is, in a few words.
    pub about: &'static str,
    timed: fn(Atoms, &'static str, &Trial) -> Result<Sample, Error>,
}

impl fmt::Debug for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("System").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The systems that atoms run on, in the order of tables.
pub static SYSTEMS: [System; 4] = [
    System { name: "reweave", about: "this project's atom", timed: timed::<reweave::Atom> },
    System { name: "arc-swap", about: "the crate arc-swap: `load` and `rcu`", timed: timed::<arc_swap::Atom> },
    System { name: "mutex", about: "a std::sync::Mutex around an Arc", timed: timed::<mutex::Atom> },
    System { name: "rwlock", about: "a std::sync::RwLock around an Arc", timed: timed::<rwlock::Atom> },
];

/// What the atom holds at the start: no number that a system could come up with by itself.
const FIRST: u64 = 0x5eed;

fn timed<A: Atom>(workload: Atoms, system: &'static str, trial: &Trial) -> Result<Sample, Error> {
    let atom = Arc::new(A::new(FIRST));
    let shared = Arc::clone(&atom);
    let (sample, expected) = match workload {
        Atoms::Load => {
            let (sample, _) = repeat(system, trial, move |_| {
                let atom = Arc::clone(&shared);
                move || match atom.load() {
                    FIRST => Ok(()),
                    other => Err(format!("{other} was loaded where {FIRST} must be")),
                }
            })?;
            (sample, FIRST)
        }
        Atoms::Swap => {
            let (sample, swaps) = repeat(system, trial, move |_| {
                let atom = Arc::clone(&shared);
                move || {
                    atom.swap(|value| value.wrapping_add(1));
                    Ok(())
                }
            })?;
            (sample, FIRST + swaps)
        }
    };
    match atom.load() {
        found if found == expected => Ok(sample),
        found => {
            let finding = format!("the atom holds {found} at the end where {expected} must be");
            Err(Error::Wrong { system, threads: trial.threads, finding })
        }
    }
}

impl Workload for Atoms {
    fn name(&self) -> &'static str {
        match self {
            Self::Load => "atom-load",
            Self::Swap => "atom-swap",
        }
    }

    fn params(&self) -> Map<String, Value> {
        Map::from_iter([("value_bytes".to_owned(), json!(size_of::<u64>()))])
    }

    fn systems(&self) -> Vec<&'static str> {
        SYSTEMS.iter().map(|system| system.name).collect()
    }

    fn baselines(&self) -> &'static [&'static str] {
        &["arc-swap"]
    }

    fn figure(&self) -> Figure {
        Figure::Time
    }

    fn trial(&self, system: &'static str, trial: &Trial) -> Result<Sample, Error> {
        match SYSTEMS.iter().find(|known| known.name == system) {
            Some(found) => (found.timed)(*self, found.name, trial),
            None => Err(Error::Invalid(unknown_system(system, &self.systems()))),
        }
    }
}

#[cfg(test)]
mod tests;
