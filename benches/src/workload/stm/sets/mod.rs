//! Sets of integers: look-ups, insertions and removals of random numbers.
//!
//! | file | set | what it shows |
//! |---|---|---|
//! | [`chains`] | hash table | short transactions that hardly ever meet |
//! | [`chains`] | sorted list | transactions that read much of what all the others write |
//! | [`tree`] | red-black tree | transactions of medium length, conflicts near the root |
//! | [`skip`] | skip list | the same without rebalancing |
//!
//! Each is written once, over the cells of any [`Memory`]: the transactional memories and the locks run the same code,
//! the locks over plain cells. A set begins with half of its possible numbers, and since insertions and removals are
//! equally frequent it keeps about that size; half of either finds nothing to do.
//!
//! Every run checks at its end that the structure's own invariants hold, and that it has as many elements as were there at
//! the start, and inserted, and not removed.

use reweave_core::sync::Arc;
use reweave_core::sync::atomic::{AtomicI64, Ordering};

use self::chains::Chains;
use self::skip::SkipList;
use self::tree::Tree;
use super::memory::{Memory, Transaction, View};
use crate::workload::repeat::{self, Pace};
use crate::workload::{Sample, Trial};
use crate::{Error, team};

pub mod chains;
pub mod nodes;
pub mod skip;
pub mod tree;

/// A set of the numbers from 1 to a bound that it was made with, over cells of type `C`.
pub trait Set<C>: Send + Sync + 'static {
    /// Whether the number is in the set.
    ///
    /// # Errors
    /// When the block has to be run again, as for all methods of a set.
    fn contains<V: View<Cell = C>>(&self, view: &mut V, key: u32) -> Result<bool, V::Stop>;

    /// Adds the number; says whether it was missing.
    ///
    /// # Errors
    /// As above.
    fn insert<T: Transaction<Cell = C>>(&self, tx: &mut T, key: u32) -> Result<bool, T::Stop>;

    /// Removes the number; says whether it was there.
    ///
    /// # Errors
    /// As above.
    fn remove<T: Transaction<Cell = C>>(&self, tx: &mut T, key: u32) -> Result<bool, T::Stop>;

    /// All numbers of the set, in order; or which of its invariants does not hold.
    ///
    /// # Errors
    /// As above.
    fn keys<V: View<Cell = C>>(&self, view: &mut V) -> Result<Result<Vec<u32>, String>, V::Stop>;
}

/// What a set is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A table of 16,384 sorted lists.
    Hash,
    /// One sorted list.
    List,
    /// A red-black tree.
    Tree,
    /// A skip list.
    Skip,
}

/// The base-2 logarithm of the number of lists in the hash table, of which each has one element on average.
const HASH_BITS: u32 = 14;

impl Shape {
    /// How many elements it has in the benchmark, more or less.
    pub const fn elements(self) -> u32 {
        match self {
            Self::Hash => 1 << HASH_BITS,
            Self::List => 256,
            Self::Tree | Self::Skip => 1 << 15,
        }
    }

    /// How many numbers an operation chooses from.
    pub const fn keys(self) -> u32 {
        2 * self.elements()
    }

    /// Operations between two looks at the clock: a few microseconds.
    const fn look_every(self) -> fn(usize) -> u64 {
        match self {
            Self::Hash => |_| 256,
            Self::List => |_| 16,
            Self::Tree | Self::Skip => |_| 64,
        }
    }
}

/// A set and the memory that its cells are of.
pub(super) struct Shared<M, S> {
    pub(super) memory: M,
    pub(super) set: S,
}

impl<M: Memory, S: Set<M::Cell>> Shared<M, S> {
    #[inline]
    pub(super) fn contains(&self, key: u32) -> bool {
        self.memory.look(|view| self.set.contains(view, key))
    }

    #[inline]
    pub(super) fn insert(&self, key: u32) -> bool {
        self.memory.atomically(|tx| self.set.insert(tx, key))
    }

    #[inline]
    pub(super) fn remove(&self, key: u32) -> bool {
        self.memory.atomically(|tx| self.set.remove(tx, key))
    }

    pub(super) fn keys(&self) -> Result<Vec<u32>, String> {
        self.memory.snapshot(|now| self.set.keys(now))
    }

    /// Inserts half of the numbers up to `keys`, chosen by `seed`.
    fn fill(&self, keys: u32, seed: u64) -> Result<(), String> {
        let mut all: Vec<u32> = (1..=keys).collect();
        fastrand::Rng::with_seed(seed).shuffle(&mut all);
        match all.iter().take(keys as usize / 2).find(|&&key| !self.insert(key)) {
            None => Ok(()),
            Some(key) => Err(format!("{key} was in the set before it was inserted")),
        }
    }
}

/// One timed trial in which so many of 100 operations are updates.
pub(super) fn timed<M: Memory>(
    shape: Shape,
    updates: u32,
    system: &'static str,
    trial: &Trial,
) -> Result<Sample, Error> {
    let (memory, keys) = (M::new(), shape.keys());
    let cell = |value| memory.cell(value);
    match shape {
        Shape::Hash => run(Shared { set: Chains::new(keys, HASH_BITS, cell), memory }, shape, updates, system, trial),
        Shape::List => run(Shared { set: Chains::new(keys, 0, cell), memory }, shape, updates, system, trial),
        Shape::Tree => run(Shared { set: Tree::new(keys, cell), memory }, shape, updates, system, trial),
        Shape::Skip => run(Shared { set: SkipList::new(keys, cell), memory }, shape, updates, system, trial),
    }
}

fn run<M: Memory, S: Set<M::Cell>>(
    shared: Shared<M, S>,
    shape: Shape,
    updates: u32,
    system: &'static str,
    trial: &Trial,
) -> Result<Sample, Error> {
    let wrong = |finding| Error::Wrong { system, threads: trial.threads, finding };
    let (keys, seed) = (shape.keys(), trial.seed);
    let shared = Arc::new(shared);
    let filling = Arc::clone(&shared);
    // By a thread of the team, where a structure that breaks does no harm.
    team::run(1, move |_| filling.fill(keys, seed))
        .map_err(|cause| Error::Broken { system, threads: trial.threads, cause })?
        .into_iter()
        .collect::<Result<(), String>>()
        .map_err(wrong)?;
    let grown = Arc::new(AtomicI64::new(0));
    let (member, aborting, sum) = (Arc::clone(&shared), Arc::clone(&shared), Arc::clone(&grown));
    // A random 32-bit number below this means an update.
    let updates_below = (u64::from(updates) << 32) / 100;
    let pace = Pace { look_every: shape.look_every(), aborts: &|| aborting.memory.aborts() };
    let done = repeat::on_threads(system, trial, pace, move |thread| {
        let shared = Arc::clone(&member);
        let mut rng = repeat::rng(seed, thread);
        let mut growth = Growth { by: 0, of: Arc::clone(&sum) };
        move || {
            let bits = rng.u64(..);
            let key = 1 + (((bits >> 32) * u64::from(keys)) >> 32) as u32;
            let choice = bits & 0xffff_ffff;
            if choice >= updates_below {
                std::hint::black_box(shared.contains(key));
            } else if choice.is_multiple_of(2) {
                growth.count(i64::from(shared.insert(key)));
            } else {
                growth.count(-i64::from(shared.remove(key)));
            }
            Ok(())
        }
    })?;
    let found = shared.keys().map_err(wrong)?.len();
    let expected = i64::from(shape.elements()) + grown.load(Ordering::Relaxed);
    if found as i64 == expected {
        Ok(done.sample())
    } else {
        Err(wrong(format!("the set has {found} elements at the end where {expected} must be")))
    }
}

/// By how much a thread has made the set grow; told to the others at its end.
struct Growth {
    by: i64,
    of: Arc<AtomicI64>,
}

impl Growth {
    #[inline]
    fn count(&mut self, by: i64) {
        self.by += by;
    }
}

impl Drop for Growth {
    fn drop(&mut self) {
        self.of.fetch_add(self.by, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
