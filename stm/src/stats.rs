//! Counters of an engine: one set a thread, written by that thread alone, summed on demand.

use std::fmt;

use reweave_core::sync::atomic::{AtomicU64, Ordering};

use crate::error::Cause;

/// What an engine has done so far, and what it keeps. Counts of running threads may lag by the operations under way.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
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
    /// Older versions of variables that are kept at the moment, for the snapshots that may need them. The current version of a
    /// variable is not counted.
    pub live_versions: usize,
    /// Places for older versions that threads keep, to use them again: 48 bytes each.
    pub pooled_nodes: usize,
    /// Snapshots open at the moment.
    pub open_snapshots: usize,
    /// The snapshot that has been open the longest, if one is: versions that it may read are kept.
    pub oldest_snapshot: Option<OldestSnapshot>,
}

/// The open snapshot with the earliest instant.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct OldestSnapshot {
    /// How far the clock of the engine has moved on since its instant, in ticks. The clock ticks for snapshots that follow
    /// commits, and for transactions that meet what others have just committed; otherwise it stands still.
    pub age: u64,
    /// Who holds it: the name of the thread that began the participation, or `participant N` if it has none.
    pub holder: String,
}

/// The counts of a thread, or of several.
#[derive(Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) commits: u64,
    pub(crate) snapshots: u64,
    pub(crate) waits: u64,
    pub(crate) aborts: Aborts,
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
        self.aborts.iter().try_for_each(|(cause, count)| write!(f, ", {count} aborts by {cause}"))?;
        write!(f, "; {} older versions, {} open snapshots", self.live_versions, self.open_snapshots)?;
        if let Some(OldestSnapshot { age, holder }) = &self.oldest_snapshot {
            write!(f, ", the oldest {age} ticks old and held by {holder}")?;
        }
        write!(f, "; {} nodes pooled", self.pooled_nodes)
    }
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Counts) {
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

    /// Sets it; as [`bump`](Counter::bump).
    #[inline]
    pub(crate) fn set(&self, count: usize) {
        if !reweave_core::sync::MODELLED {
            self.0.store(count as u64, Ordering::Relaxed);
        }
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The counters of one thread.
pub(crate) struct Counters {
    pub(crate) commits: Counter,
    pub(crate) snapshots: Counter,
    pub(crate) waits: Counter,
    aborts: [Counter; Cause::ALL.len()],
    /// Nodes kept to use them again.
    pub(crate) pooled: Counter,
}

impl Counters {
    pub(crate) fn new() -> Self {
        Self {
            commits: Counter::new(),
            snapshots: Counter::new(),
            waits: Counter::new(),
            aborts: std::array::from_fn(|_| Counter::new()),
            pooled: Counter::new(),
        }
    }

    pub(crate) fn abort(&self, cause: Cause) {
        self.aborts[cause as usize].bump();
    }

    pub(crate) fn read(&self) -> Counts {
        Counts {
            commits: self.commits.get(),
            snapshots: self.snapshots.get(),
            waits: self.waits.get(),
            aborts: Aborts(std::array::from_fn(|index| self.aborts[index].get())),
        }
    }
}
