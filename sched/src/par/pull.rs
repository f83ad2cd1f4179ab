//! Mapping what an iterator yields.
//!
//! The iterator stands under a lock. Each part pulls a batch of items, works through it, and pulls the next, until the iterator has ended; so
//! no part runs out of work before the others do, whatever items cost. A part is cut by giving half of its batch to another, which then
//! pulls for itself. Each item has a number, and what a part makes are runs of results, each with the number of its first; they are brought
//! into order at the end.
//!
//! # Invariants
//!
//! 1. *Look-ahead is bounded*: an item is pulled only by a part that has none left, in a batch of at most [`MOST`], so there are never more pulled and
//!    not mapped than that for each part.
//! 2. *There are at most so many parts at once as there are slots*, for parts end only with the iterator: each lies on a stack, and the watch
//!    must bound them.
//! 3. *An iterator that has ended, or panicked, is not asked again.*

use std::collections::VecDeque;

use reweave_core::lock::Lock;
use reweave_core::seeded;
use reweave_core::sync::MODELLED;

use super::divide::{Part, divide};
use super::watch::Watch;

/// Blocks in a batch: whoever pulls has the lock for a small part of the time.
const BLOCKS: usize = if MODELLED { 2 } else { 4 };
/// Items in the longest batch.
const MOST: usize = 1024;

/// The results of `f`, in the order in which the iterator yields the items. If the watch stops it, those that are there without gap
/// from the first on, or more.
pub(super) fn map<I, R, W>(iterator: I, f: impl Fn(I::Item) -> R + Sync, watch: &W) -> Vec<R>
where
    I: Iterator + Send,
    I::Item: Send,
    R: Send,
    W: Watch,
{
    let source = Lock::new(Source { iterator: Some(iterator), yielded: 0 });
    let runs =
        divide(Pulling { source: &source, f: &f, batch: Batch::default(), ended: false, runs: Vec::new() }, watch);
    in_order(runs)
}

/// The results of all runs, in the order of their items.
fn in_order<R>(mut runs: Vec<Run<R>>) -> Vec<R> {
    if !seeded("par/leave-unsorted") {
        runs.sort_unstable_by_key(|run| run.first);
    }
    let mut results = Vec::with_capacity(runs.iter().map(|run| run.results.len()).sum());
    for mut run in runs {
        results.append(&mut run.results);
    }
    results
}

/// Where items come from.
struct Source<I> {
    /// None once it has ended, and while it is asked.
    iterator: Option<I>,
    yielded: usize,
}

impl<I: Iterator> Source<I> {
    /// Up to `most` items; none if it has ended.
    fn pull(&mut self, most: usize) -> Batch<I::Item> {
        let Some(mut iterator) = self.iterator.take() else { return Batch::default() };
        let items: VecDeque<_> = iterator.by_ref().take(most).collect();
        let batch = Batch { first: self.yielded, items };
        if batch.items.len() == most || seeded("par/ask-again") {
            self.iterator = Some(iterator);
        }
        self.yielded += batch.items.len();
        batch
    }
}

/// Items that follow each other.
struct Batch<T> {
    /// The number of the first.
    first: usize,
    items: VecDeque<T>,
}

impl<T> Default for Batch<T> {
    fn default() -> Self {
        Self { first: 0, items: VecDeque::new() }
    }
}

/// Results that follow each other.
struct Run<R> {
    /// The number of the first.
    first: usize,
    results: Vec<R>,
}

/// A part: one that pulls.
struct Pulling<'s, I: Iterator, F, R> {
    source: &'s Lock<Source<I>>,
    f: &'s F,
    batch: Batch<I::Item>,
    /// The iterator has ended.
    ended: bool,
    runs: Vec<Run<R>>,
}

impl<I, F, R> Part for Pulling<'_, I, F, R>
where
    I: Iterator + Send,
    I::Item: Send,
    F: Fn(I::Item) -> R + Sync,
    R: Send,
{
    type Made = Vec<Run<R>>;

    fn left(&self) -> usize {
        if self.ended { self.batch.items.len() } else { usize::MAX }
    }

    fn advance(&mut self, n: usize) -> usize {
        if self.batch.items.is_empty() {
            if !self.ended {
                self.batch = self.source.lock().pull((n * BLOCKS).min(MOST));
            }
            if self.batch.items.is_empty() {
                self.ended = true;
                return 0;
            }
        }
        // Where the last run ends, unless others have pulled meanwhile.
        let first = self.batch.first;
        if self.runs.last().is_none_or(|run| run.first + run.results.len() != first) {
            self.runs.push(Run { first, results: Vec::new() });
        }
        let results = &mut self.runs.last_mut().expect("there is one").results;
        let n = n.min(self.batch.items.len());
        for item in self.batch.items.drain(..n) {
            results.push((self.f)(item));
        }
        self.batch.first += n;
        n
    }

    fn cut(&mut self) -> Self {
        let keep = self.batch.items.len().div_ceil(2);
        let batch = Batch { first: self.batch.first + keep, items: self.batch.items.split_off(keep) };
        Self { source: self.source, f: self.f, batch, ended: self.ended, runs: Vec::new() }
    }

    fn made(self) -> Vec<Run<R>> {
        self.runs
    }

    fn together(mut first: Vec<Run<R>>, mut second: Vec<Run<R>>) -> Vec<Run<R>> {
        first.append(&mut second);
        first
    }
}
