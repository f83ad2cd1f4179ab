//! Numbers that are counted up, read, and summed, each on cache lines of its own.
//!
//! | workload | what is measured |
//! |---|---|
//! | `counter` | one number, counted up by all threads |
//! | `read1` | one number, read |
//! | `audit` | the sum of 1,000 numbers at one moment, for each of them, while nobody changes any |
//! | `scan` | the same on one core, over and over, while another thread on the other core counts them up |
//! | `scan-updates` | what that costs the one who counts |
//! | `updates` | what that one does when nobody sums, to compare with |
//!
//! `scan` is measured on plain atomics, too, whose sums are of no one moment: what they cost is the traffic of the cache
//! lines, and what others cost above that is their own.

use std::fmt;

use reweave_core::sync::Arc;

use super::memory::{Memory, Transaction, View};
use crate::Error;
use crate::workload::repeat::{self, Pace};
use crate::workload::{Sample, Trial};

/// How many numbers are summed.
pub const SUMMED: usize = 1_000;

/// What a system must offer to count.
pub trait Counters: Send + Sync + 'static {
    /// So many counters at 0.
    fn new(count: usize) -> Self;

    /// Counts one up.
    fn add(&self, index: usize);

    /// Counts one up that no other thread changes.
    #[inline]
    fn bump(&self, index: usize) {
        self.add(index);
    }

    /// The count of one.
    fn get(&self, index: usize) -> u64;

    /// The sum of all, of one moment where the system has such a thing.
    fn sum(&self) -> u64;

    /// How many attempts were aborted so far, by cause.
    fn aborts(&self) -> Vec<(&'static str, u64)> {
        Vec::new()
    }
}

/// Counters in a transactional memory.
pub struct Cells<M: Memory> {
    memory: M,
    cells: Vec<M::Cell>,
}

impl<M: Memory> fmt::Debug for Cells<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cells").field("count", &self.cells.len()).finish_non_exhaustive()
    }
}

impl<M: Memory> Counters for Cells<M> {
    fn new(count: usize) -> Self {
        let memory = M::new();
        let cells = (0..count).map(|_| memory.cell(0)).collect();
        Self { memory, cells }
    }

    #[inline]
    fn add(&self, index: usize) {
        let cell = &self.cells[index];
        self.memory.atomically(|tx| {
            let count = tx.read(cell)?;
            tx.write(cell, count + 1)
        });
    }

    #[inline]
    fn get(&self, index: usize) -> u64 {
        let cell = &self.cells[index];
        self.memory.look(|tx| tx.read(cell))
    }

    #[inline]
    fn sum(&self) -> u64 {
        self.memory.snapshot(|now| {
            let mut sum = 0;
            for cell in &self.cells {
                sum += now.read(cell)?;
            }
            Ok(sum)
        })
    }

    fn aborts(&self) -> Vec<(&'static str, u64)> {
        self.memory.aborts()
    }
}

/// What is done with the counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counting {
    /// One is counted up by all threads.
    Add,
    /// One is read.
    Read,
    /// All are summed.
    Audit,
    /// All are summed by one thread and counted up by the others. The figure is the sums'.
    Scan,
    /// The same. The figure is that of those who count.
    ScanUpdates,
    /// The same without the one who sums.
    Updates,
}

/// One timed trial.
pub(super) fn timed<C: Counters>(work: Counting, system: &'static str, trial: &Trial) -> Result<Sample, Error> {
    match work {
        Counting::Add => add::<C>(system, trial),
        Counting::Read => read::<C>(system, trial),
        Counting::Audit => audit::<C>(system, trial),
        Counting::Scan | Counting::ScanUpdates | Counting::Updates => scan::<C>(work, system, trial),
    }
}

fn add<C: Counters>(system: &'static str, trial: &Trial) -> Result<Sample, Error> {
    let counters = Arc::new(C::new(1));
    let (shared, aborting) = (Arc::clone(&counters), Arc::clone(&counters));
    let done = repeat::on_threads(system, trial, Pace { aborts: &|| aborting.aborts(), ..Pace::SHORT }, move |_| {
        let counters = Arc::clone(&shared);
        move || {
            counters.add(0);
            Ok(())
        }
    })?;
    equal("the counter", counters.get(0), done.all(), system, trial)?;
    Ok(done.sample())
}

fn read<C: Counters>(system: &'static str, trial: &Trial) -> Result<Sample, Error> {
    /// What the counter says: no number that a system could come up with by itself.
    const COUNT: u64 = 77;
    let counters = Arc::new(C::new(1));
    (0..COUNT).for_each(|_| counters.add(0));
    let done = repeat::on_threads(system, trial, Pace::SHORT, move |_| {
        let counters = Arc::clone(&counters);
        move || expect("the counter", counters.get(0), COUNT)
    })?;
    Ok(done.sample())
}

fn audit<C: Counters>(system: &'static str, trial: &Trial) -> Result<Sample, Error> {
    let counters = Arc::new(C::new(SUMMED));
    (0..SUMMED).step_by(3).for_each(|index| counters.add(index));
    let expected = SUMMED.div_ceil(3) as u64;
    let done = repeat::on_threads(system, trial, Pace { look_every: |_| 16, ..Pace::SHORT }, move |_| {
        let counters = Arc::clone(&counters);
        move || expect("the sum", counters.sum(), expected)
    })?;
    Ok(done.sample().in_parts_of(SUMMED as u64))
}

/// Thread 0 sums, unless nobody is to; the others count up, each its own share of the counters.
fn scan<C: Counters>(work: Counting, system: &'static str, trial: &Trial) -> Result<Sample, Error> {
    let counters = Arc::new(C::new(SUMMED));
    let (shared, aborting) = (Arc::clone(&counters), Arc::clone(&counters));
    let summing = usize::from(work != Counting::Updates);
    let (seed, counting) = (trial.seed, trial.threads.saturating_sub(summing).max(1));
    let look_every = if summing == 1 { |thread| if thread == 0 { 1 } else { 256 } } else { |_| 256 };
    let pace = Pace { look_every, aborts: &|| aborting.aborts() };
    let done = repeat::on_threads(system, trial, pace, move |thread| {
        let counters = Arc::clone(&shared);
        let mut rng = repeat::rng(seed, thread);
        let own = SUMMED / counting;
        let mut last = 0;
        move || {
            if thread < summing {
                // Counts only grow, so their sum does.
                let sum = counters.sum();
                if sum < last {
                    return Err(format!("the sum fell from {last} to {sum}"));
                }
                last = sum;
            } else {
                counters.bump((thread - summing) * own + rng.usize(..own));
            }
            Ok(())
        }
    })?;
    let updates = done.all() - (0..summing).map(|thread| done.all_of(thread)).sum::<u64>();
    equal("the last sum", counters.sum(), updates, system, trial)?;
    Ok(match work {
        Counting::Scan => done.sample_of(|thread| thread == 0).in_parts_of(SUMMED as u64),
        _ => done.sample_of(|thread| thread >= summing),
    })
}

fn expect(what: &str, found: u64, expected: u64) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{what} was {found} where {expected} must be")) }
}

fn equal(what: &str, found: u64, expected: u64, system: &'static str, trial: &Trial) -> Result<(), Error> {
    expect(what, found, expected).map_err(|finding| Error::Wrong { system, threads: trial.threads, finding })
}
