//! What has been unlinked and may still be looked at.
//!
//! A value that a commit replaced, a variable whose last handle is gone and a version that no snapshot needs cannot be
//! destroyed or used again at once: somebody may have found them just before. They wait in the limbo of the participant that
//! unlinked them, in one of two ways.
//!
//! **Values and variables** wait for transactions, which may take as long as their bodies. Each is *retired* with the
//! ticks between which it could be found, and a *sweep* destroys those whose ticks no announcement meets (the intervals of
//! Wen et al., *Interval-Based Memory Reclamation*, PPoPP 2018, with the engine's clock for its eras). So a
//! transaction that sleeps in its body keeps the values that were there while it last read, and none of those that replace
//! them later. Variables it keeps all: one that is dropped may have been in its log from the start; and with a variable its
//! first value, which is visible at any instant.
//!
//! 1. A transaction announces itself, then executes a light fence, then reads (`Slot::open`). A sweep executes a heavy
//!    fence, then looks for announcements. Whoever it misses reads after the fence, and cannot find what was unlinked before.
//! 2. A transaction at an instant above `until` began after the commit at `until` had locked the variable
//!    (`Clock::begin`), so it cannot find the value from before. One below `since` refuses the value if it finds it, and
//!    announces a younger tick before it looks again.
//! 3. A sweep first moves the clock past what it holds, so that whoever begins later does not meet it: what remains
//!    is looked at by somebody who began before, and one sweep later it will be gone unless that one is still there.
//!    When much remains, sweeps become rare, but the clock goes on moving each time that a certain number has come: so what
//!    one transaction keeps is what was there at its ticks, and of what came and went within one tick no more than that number.
//!
//! **Nodes** of chains wait for *walks*, which are short and run no user code. A batch of nodes waits until every walk
//! that was under way after the last of them was unlinked is over; usually there is none. Then they are used again.

use reweave_core::reclaim::{Garbage, expire};
use reweave_core::seeded;
use reweave_core::sync::atomic::{Ordering, fence};
use reweave_core::sync::{MODELLED, fence_heavy};

use crate::engine::Inner;
use crate::history::{Node, PreImage};
use crate::registry::{Orphans, Walk};
use crate::var::VarPtr;
use crate::word::{Destroy, Word};

/// Values and variables that wait before a sweep looks at them.
pub(crate) const SWEEP_AT: usize = if MODELLED { 1 } else { 512 };

/// Nodes that wait before a batch is closed.
const BATCH: usize = if MODELLED { 1 } else { 64 };

/// How often in a row a sweep may be a brief one, without a look at who looks at what.
const BRIEF_SWEEPS: u32 = if MODELLED { 1 } else { 64 };

/// Nodes that a participant keeps for its own next versions; more are given back.
pub(crate) const POOLED: usize = 1 << 14;

/// A value or variable that can no longer be found, and the ticks between which it could be.
pub(crate) struct Retired {
    what: What,
    since: u64,
    until: u64,
}

enum What {
    Value(Garbage),
    Variable(VarPtr, Option<Destroy>),
}

// SAFETY: values are garbage that any thread may destroy. A variable is memory, and its values are such garbage.
unsafe impl Send for Retired {}

impl Retired {
    /// A value that was current from the commit at `since` until that at `until`.
    ///
    /// # Safety
    /// The word was a variable's alone, and is replaced before the next sweep of the limbo that it is given to; its type is Send.
    pub(crate) unsafe fn value(word: Word, destroy: Destroy, since: u64, until: u64) -> Self {
        // SAFETY: by the caller.
        Self { what: What::Value(unsafe { Garbage::new(word, destroy) }), since, until }
    }

    /// A variable whose last handle went before the clock read `now`, and how to destroy its values. It may be in the log of
    /// a transaction that began at any time before.
    ///
    /// # Safety
    /// Its last handle is gone.
    pub(crate) unsafe fn variable(var: VarPtr, destroy: Option<Destroy>, now: u64) -> Self {
        Self { what: What::Variable(var, destroy), since: 0, until: now }
    }

    fn is_met_by(&self, looks_at: &[(u64, u64)]) -> bool {
        looks_at.iter().any(|&(from, to)| from <= self.until && self.since <= to)
    }

    /// Puts it on the thread's list of what is destroyed at the next safe moment; of a variable, its values.
    pub(crate) fn expire(self) {
        match self.what {
            What::Value(garbage) => expire(garbage),
            // SAFETY: its last handle is gone, and no transaction has it in its log.
            What::Variable(var, destroy) => unsafe { var.dismantle(destroy) },
        }
    }
}

/// What a participant has unlinked.
pub(crate) struct Limbo {
    retired: Vec<Retired>,
    /// How many of them make a sweep due, and how many one that only moves the clock.
    sweep_at: usize,
    tick_at: usize,
    sweeps: u32,
    /// Nodes unlinked since the last batch was closed.
    unlinked: Vec<Node>,
    /// The closed batch, and the walks that it waits for.
    batch: Vec<Node>,
    walks: Vec<Walk>,
    /// Nodes to be used again, and how many to keep.
    free: Vec<Node>,
    pool: usize,
}

impl Limbo {
    /// A limbo that keeps so many nodes to be used again.
    pub(crate) fn new(pool: usize) -> Self {
        Self {
            retired: Vec::new(),
            sweep_at: SWEEP_AT,
            tick_at: SWEEP_AT,
            sweeps: 0,
            unlinked: Vec::new(),
            batch: Vec::new(),
            walks: Vec::new(),
            free: Vec::new(),
            pool,
        }
    }

    /// Takes something that can no longer be found; says whether a sweep is due.
    #[must_use]
    pub(crate) fn retire(&mut self, retired: Retired) -> bool {
        if seeded("stm/free-without-grace") {
            retired.expire();
            return false;
        }
        self.retired.push(retired);
        self.retired.len() >= self.sweep_at.min(self.tick_at)
    }

    /// Takes a node that was cut out of a chain, with the pre-image in it; says whether a sweep is due.
    ///
    /// # Safety
    /// The chain owned the word of the pre-image.
    #[must_use]
    pub(crate) unsafe fn unlink(&mut self, node: Node, pre_image: PreImage) -> bool {
        self.unlinked.push(node);
        let is_due = pre_image.destroy.is_some_and(|destroy| {
            // SAFETY: by the caller; the types of variables are Send.
            self.retire(unsafe { Retired::value(pre_image.word, destroy, pre_image.since, pre_image.until) })
        });
        is_due || self.unlinked.len() >= BATCH
    }

    /// Lets everything expire that nobody can be looking at, and takes the nodes that nobody is at for use.
    pub(crate) fn sweep(&mut self, engine: &Inner) {
        self.sweeps += 1;
        let is_time_to_tick = self.retired.len() >= self.tick_at;
        // A heavy fence is not for a batch of nodes alone.
        let is_brief = (self.unlinked.len() >= BATCH || is_time_to_tick)
            && self.retired.len() < self.sweep_at
            && !self.sweeps.is_multiple_of(BRIEF_SWEEPS);
        self.take_orphans(engine);
        self.sweep_nodes(engine);
        if !is_brief {
            self.sweep_retired(engine).into_iter().for_each(Retired::expire);
        } else if is_time_to_tick {
            self.move_clock(engine);
        }
    }

    /// Moves the clock past everything that has been retired; says whether there is something.
    fn move_clock(&mut self, engine: &Inner) -> bool {
        let Some(youngest) = self.retired.iter().map(|retired| retired.until).max() else { return false };
        engine.clock.tick_past(youngest);
        self.tick_at = self.retired.len() + SWEEP_AT;
        true
    }

    /// Sweeps, however little there is; returns what is to [expire](Retired::expire), for those who hold a lock.
    pub(crate) fn sweep_all(&mut self, engine: &Inner) -> Vec<Retired> {
        self.take_orphans(engine);
        self.sweep_nodes(engine);
        self.sweep_retired(engine)
    }

    fn take_orphans(&mut self, engine: &Inner) {
        let mut orphans = engine.registry.take_orphans();
        self.retired.append(&mut orphans.retired);
        self.unlinked.append(&mut orphans.nodes);
    }

    fn sweep_retired(&mut self, engine: &Inner) -> Vec<Retired> {
        if !self.move_clock(engine) || !fence_heavy() {
            return Vec::new();
        }
        let looks_at = engine.registry.looks_at();
        let unseen = self.retired.extract_if(.., |retired| !retired.is_met_by(&looks_at)).collect();
        // What somebody still looks at is looked through again when as much has come again, or after a number of uses.
        self.sweep_at = SWEEP_AT.max(2 * self.retired.len());
        self.tick_at = self.retired.len() + SWEEP_AT;
        unseen
    }

    /// Takes everything that waits, for those who stay.
    pub(crate) fn take_all(&mut self) -> Orphans {
        self.unlinked.append(&mut self.batch);
        Orphans { retired: std::mem::take(&mut self.retired), nodes: std::mem::take(&mut self.unlinked) }
    }

    /// A node for a version.
    #[inline]
    pub(crate) fn node(&mut self) -> Node {
        self.free.pop().unwrap_or_else(Node::allocate)
    }

    /// Takes a node that nobody can reach.
    pub(crate) fn put_back(&mut self, node: Node) {
        if self.free.len() < self.pool {
            self.free.push(node);
        } else {
            // SAFETY: nobody can reach it.
            unsafe { node.free() };
        }
    }

    /// How many nodes there are to be used again.
    pub(crate) fn pooled(&self) -> usize {
        self.free.len()
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.retired.is_empty() && self.unlinked.is_empty() && self.batch.is_empty()
    }

    /// Gives the memory back that is kept for later.
    pub(crate) fn trim(&mut self) {
        for node in std::mem::take(&mut self.free) {
            // SAFETY: free nodes are nobody's.
            unsafe { node.free() };
        }
        self.retired.shrink_to_fit();
        self.unlinked.shrink_to_fit();
        self.batch.shrink_to_fit();
    }

    /// Frees the closed batch if the walks it waits for are over, and closes the next one, which what is left joins.
    fn sweep_nodes(&mut self, engine: &Inner) {
        if self.unlinked.is_empty() && self.batch.is_empty() {
            return;
        }
        if self.walks.iter().all(Walk::is_over) {
            self.free_batch();
        }
        self.batch.append(&mut self.unlinked);
        if !seeded("stm/reuse-without-fence") {
            fence(Ordering::SeqCst);
        }
        self.walks = engine.registry.walks();
        if self.walks.is_empty() || seeded("stm/reuse-under-walk") {
            self.free_batch();
        }
    }

    fn free_batch(&mut self) {
        while let Some(node) = self.batch.pop() {
            self.put_back(node);
        }
    }
}

impl Drop for Limbo {
    fn drop(&mut self) {
        debug_assert!(self.retired.is_empty() && self.unlinked.is_empty() && self.batch.is_empty(), "all was taken");
        if seeded("stm/reuse-without-fence") || seeded("stm/reuse-under-walk") {
            return; // A walk that meets a node used again should fail by that, not by a fault.
        }
        for node in self.free.drain(..) {
            // SAFETY: free nodes are nobody's.
            unsafe { node.free() };
        }
    }
}
