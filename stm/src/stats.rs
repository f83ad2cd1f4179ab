//! Counters of an engine: one set a thread, written by that thread alone, summed on demand.

use std::fmt;

use reweave_core::sync::atomic::{AtomicU64, Ordering};

use crate::error::Cause;

/// What an engine has done so far. Counts of running threads may lag by the operations under way.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Stats {
    /// Transactions committed, read-only ones included, and stores outside transactions.
    pub commits: u64,
    /// Snapshots taken.
    pub snapshots: u64,
    /// Times that a transaction blocked in `retry`.
    pub waits: u64,
    /// Attempts that could not commit, by cause.
    pub aborts: Aborts,
}

/// Attempts that could not commit, by cause.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Aborts([u64; Cause::ALL.len()]);

impl Aborts {
    /// Attempts that ended for this cause.
    pub fn of(&self, cause: Cause) -> u64 {
        self.0[cause as usize]
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Each cause by name, with its count.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Cause::ALL.map(|cause| (cause.name(), self.of(cause))).into_iter()
    }
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} commits, {} snapshots, {} waits", self.commits, self.snapshots, self.waits)?;
        self.aborts.iter().try_for_each(|(cause, count)| write!(f, ", {count} aborts by {cause}"))
    }
}

impl std::ops::AddAssign for Stats {
    fn add_assign(&mut self, other: Stats) {
        self.commits += other.commits;
        self.snapshots += other.snapshots;
        self.waits += other.waits;
        for (mine, theirs) in self.aborts.0.iter_mut().zip(other.aborts.0) {
            *mine += theirs;
        }
    }
}

/// A counter that one thread writes and any may read.
pub(crate) struct Counter(AtomicU64);

impl Counter {
    fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Adds one. A load and a store: only the owning thread may call it.
    #[inline]
    pub(crate) fn bump(&self) {
        // Under the model checkers a count is no part of any protocol, only more steps to interleave.
        if !reweave_core::sync::MODELLED {
            self.0.store(self.0.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        }
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The counters of one thread.
pub(crate) struct Counters {
    pub(crate) commits: Counter,
    pub(crate) snapshots: Counter,
    pub(crate) waits: Counter,
    aborts: [Counter; Cause::ALL.len()],
}

impl Counters {
    pub(crate) fn new() -> Self {
        Self {
            commits: Counter::new(),
            snapshots: Counter::new(),
            waits: Counter::new(),
            aborts: std::array::from_fn(|_| Counter::new()),
        }
    }

    pub(crate) fn abort(&self, cause: Cause) {
        self.aborts[cause as usize].bump();
    }

    pub(crate) fn read(&self) -> Stats {
        Stats {
            commits: self.commits.get(),
            snapshots: self.snapshots.get(),
            waits: self.waits.get(),
            aborts: Aborts(std::array::from_fn(|index| self.aborts[index].get())),
        }
    }
}
