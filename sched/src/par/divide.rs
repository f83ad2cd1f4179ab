//! How work on many items is divided: in two, at the moment when somebody is hungry, and not before.
//!
//! # Protocol
//!
//! A *part* is a run of neighbouring items that one thread works through, block by block. After a block it asks, in this order:
//!
//! | asked | if so |
//! |---|---|
//! | is nothing left? | the part is done |
//! | is somebody hungry, is more than one item left, and is another part allowed? | the part is *cut* |
//! | is somebody hungry, and the part cannot be cut? | what the worker has kept to itself from before, half of a [`join`], is shared instead |
//! | have the last blocks been too short or too long? | the next ones have another length |
//! | are we to stop? | what is left is dropped, and the part is done |
//!
//! The halves of a part that is cut are those of a [`join`], which finds the worker hungry as well, and shares one. The first half goes on with
//! what the part has made so far.
//!
//! So pieces are as large as hunger lets them be: as long as all are busy, nothing is divided, and whoever has nothing to do gets half of what
//! is left to the one that he asks. The depth of the cuts is at most the binary logarithm of the number of items.
//!
//! # Invariants
//!
//! 1. *Each item belongs to one part*: a cut moves the items of the second half out of the first.
//! 2. *Order is place*: what parts make is put together first before second, so that the result is that of one part.
//! 3. *The only synchronisation is that of `join`*, which is modelled: a part is moved to whoever runs it, and what it has made is moved back.
//!
//! # How long a block is
//!
//! The question for hunger costs a load from the worker's own cache line, and keeps the compiler from seeing through more than a block. So a
//! block should last about [`BLOCK`]: then the question vanishes, and hunger is noticed at once. A part begins with blocks of one
//! item, and looks at the clock after each [`STRETCH`] of blocks; no block is longer than [`LONGEST`] items, so that also where cheap
//! items are followed by dear ones few of these are done before somebody else gets some.
//!
//! # Sources
//! Cutting between two steps of a sequential loop, when thieves are there: Tzannes, Caragea, Barua and Vishkin, *Lazy Binary-Splitting* (PPoPP 2010); Hiraishi et
//! al., *Backtracking-based load balancing* (PPoPP 2009). Here nobody looks whether his own deque is empty, but whether another has asked.

use std::time::{Duration, Instant};

use reweave_core::seeded;
use reweave_core::sync::MODELLED;
use reweave_core::time::Clock;

use super::watch::Watch;
use crate::join;
use crate::pool::Pool;
use crate::worker::Worker;

/// What a block should last.
const BLOCK: Duration = Duration::from_nanos(200);
/// Blocks between two looks at the clock.
const STRETCH: u32 = 16;
/// Items of the longest block.
const LONGEST: usize = if MODELLED { 1 } else { 1024 };

/// A part of the work: items, and what has been made of those before them.
pub(super) trait Part: Send + Sized {
    /// What is made.
    type Made: Send;

    /// How many items are left; some greater number, if nobody knows.
    fn left(&self) -> usize;

    /// Works through the next `n` items, or as many as there are; returns how many.
    fn advance(&mut self, n: usize) -> usize;

    /// Cuts off the second half of what is left.
    fn cut(&mut self) -> Self;

    /// What has been made. Items that are left are dropped.
    fn made(self) -> Self::Made;

    /// What two neighbouring parts have made, put together.
    fn together(first: Self::Made, second: Self::Made) -> Self::Made;
}

/// Works through all items on the workers of the current pool; elsewhere on those of the global one, and if that cannot be had,
/// on this thread.
pub(super) fn divide<P: Part, W: Watch>(whole: P, watch: &W) -> P::Made {
    let slot = watch.first();
    if Worker::current().is_none()
        && let Some(pool) = Pool::try_global()
    {
        return pool.install(move || work(whole, watch, slot));
    }
    work(whole, watch, slot)
}

/// Works through a part, and divides it when somebody is hungry.
fn work<'w, P: Part, W: Watch>(mut part: P, watch: &'w W, slot: W::Slot<'w>) -> P::Made {
    let worker = Worker::current();
    let mut pace = Pace::new();
    let mut untold = 0;
    loop {
        if watch.is_stopped() {
            watch.advanced(untold);
            return part.made();
        }
        untold += part.advance(pace.block);
        let left = part.left();
        if left == 0 || pace.is_time_to_tell() {
            watch.advanced(untold);
            untold = 0;
        }
        if left == 0 {
            return part.made();
        }
        if let Some(worker) = worker.filter(|worker| worker.is_hungry()) {
            if left > 1
                && let Some(other) = watch.another()
            {
                watch.advanced(untold);
                return cut(part, watch, slot, other);
            }
            if !seeded("par/keep-halves") {
                worker.share();
            }
        }
        pace.block_done();
    }
}

#[cold]
#[inline(never)]
fn cut<'w, P: Part, W: Watch>(mut part: P, watch: &'w W, slot: W::Slot<'w>, other: W::Slot<'w>) -> P::Made {
    let second = part.cut();
    if seeded("par/lose-cut") {
        drop(part.cut());
    }
    let (first, second) = join(move || work(part, watch, slot), move || work(second, watch, other));
    P::together(first, second)
}

/// How many items the next block has.
struct Pace {
    block: usize,
    /// Blocks to the end of the stretch.
    blocks: u32,
    /// When the stretch began. The first is not timed: most parts of few items end in it.
    since: Option<Instant>,
}

impl Pace {
    #[inline]
    fn new() -> Self {
        Self { block: 1, blocks: STRETCH, since: None }
    }

    #[inline]
    fn block_done(&mut self) {
        self.blocks -= 1;
        if self.blocks == 0 {
            self.blocks = STRETCH;
            self.look_at_the_clock();
        }
    }

    #[cold]
    fn look_at_the_clock(&mut self) {
        let now = Clock::real().now();
        if let Some(since) = self.since {
            let wanted = (BLOCK * STRETCH).as_nanos() as usize * self.block;
            let taken = (now - since).as_nanos() as usize;
            self.block = (wanted / taken.max(1)).clamp(1, LONGEST);
        }
        self.since = Some(now);
    }

    /// Whether others are to be told how many items are done: after each dear one, and seldom if they are cheap.
    #[inline]
    fn is_time_to_tell(&self) -> bool {
        self.block == 1 || self.blocks == 1
    }
}
