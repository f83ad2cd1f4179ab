//! The unbounded flavour: a linked list of blocks.
//!
//! # Positions
//!
//! `tail` is the position of the next send, `head` that of the next receive. [`LAP`] positions belong to a block: one
//! for each slot, and a last one that belongs to no slot. While an end is at such a position its block is being
//! changed: by the sender (or receiver) that has claimed the last slot, which everybody else at that end waits for.
//! In `tail` the lowest bit is the mark *closed*, and the position is above it.
//!
//! | step | by | |
//! |---|---|---|
//! | `tail.word` from `p` to `p + 1` | a sender, by compare-and-swap | owns slot `p`: writes value, then state |
//! | ... if slot `p` is the block's last | the same | sets `tail.block`, moves `tail.word` on, then links the block |
//! | `head.word` from `p` to `p + 1` | a receiver, likewise, if `p` is not the tail's | owns slot `p`: awaits its state, reads |
//! | ... if slot `p` is the block's last | the same | awaits the link, sets `head.block`, moves `head.word` on; reads, retires |
//!
//! `head.seen` is a position that the tail is known to have reached: as long as the head is before it, receivers do
//! not touch the senders' cache line.
//!
//! # Invariants
//!
//! 1. *The block that goes with a claimed position is known*: who loads the position and then the block, and then
//!    moves the position from the loaded value, had the right block. The block changes only between two moves of the
//!    position: a load that came from an earlier block would contradict the acquire load of the position, and one
//!    from a later block the success of the compare-and-swap. Only then is the block looked into; and it is not
//!    retired before this slot has been read.
//! 2. *A slot has one writer and one reader*, the winners of its position; the state hands it over (see
//!    [`Slot`](super::block)).
//! 3. *Close is a point in the order of sends*, and *nobody sleeps beside work*: as in the [ring](super::bounded).
//!
//! The list is the idea of crossbeam-channel's list flavour. It differs in that a receive makes one read-modify-write
//! instead of two, and that blocks are used again: [`block`](super::block) says how.

use crossbeam_utils::CachePadded;

use super::backoff::Backoff;
use super::block::{Block, Pool, SLOTS};
use super::shared::{Nothing, Refusal, Refused};
use crate::event::WaitList;
use crate::seeded;
use crate::sync::atomic::{AtomicPtr, AtomicU32, AtomicUsize, Ordering};
use crate::sync::{hint, prefetch_for_write};

/// Positions that belong to a block.
const LAP: usize = SLOTS + 1;
/// In the word of the tail: closed. The position is above, in the head's word too, so that both wrap together.
const MARK: usize = 1;
/// In a word: one position.
const ONE: usize = 2;
/// How many pauses values are let gather at most: about a microsecond.
const LONGEST_GATHERING: u32 = 32;
/// How many slots ahead of its own a sender asks for.
const AHEAD: usize = 8;

struct Tail<T> {
    /// Position and mark.
    word: AtomicUsize,
    block: AtomicPtr<Block<T>>,
}

struct Head<T> {
    /// Position, without a mark.
    word: AtomicUsize,
    block: AtomicPtr<Block<T>>,
    /// A word, without the mark, that the tail has reached.
    seen: AtomicUsize,
    /// How long receivers let values gather: see [`List::gather`].
    patience: AtomicU32,
}

/// The unbounded flavour. See the [module](self).
pub(super) struct List<T> {
    tail: CachePadded<Tail<T>>,
    head: CachePadded<Head<T>>,
    /// Who waits for a value.
    pub(super) receivers: CachePadded<WaitList>,
    pool: CachePadded<Pool<T>>,
}

// SAFETY: a slot's cell is accessed by its one owner at a time (invariant 2), through whom values change threads: T
// is Send.
unsafe impl<T: Send> Send for List<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for List<T> {}

impl<T> List<T> {
    pub(super) fn new() -> Self {
        let first = Box::into_raw(Block::new());
        Self {
            tail: CachePadded::new(Tail { word: AtomicUsize::new(0), block: AtomicPtr::new(first) }),
            head: CachePadded::new(Head {
                word: AtomicUsize::new(0),
                block: AtomicPtr::new(first),
                seen: AtomicUsize::new(0),
                patience: AtomicU32::new(1),
            }),
            receivers: CachePadded::new(WaitList::new()),
            pool: CachePadded::new(Pool::new()),
        }
    }

    /// Sends. One compare-and-swap; once a block a lock, and an allocation if no block is to be used again.
    #[inline]
    pub(super) fn push(&self, value: T) -> Result<(), Refused<T>> {
        let tail = &*self.tail;
        let mut backoff = Backoff::new();
        let mut next = None;
        let mut word = tail.word.load(Ordering::Acquire);
        loop {
            // After the word (invariant 1).
            let block = tail.block.load(Ordering::Acquire);
            if word & MARK != 0 && !seeded("channel/send-ignores-mark") {
                if let Some(unused) = next {
                    self.pool.put(unused);
                }
                return Err(Refused { value, why: Refusal::Closed });
            }
            let offset = (word / ONE) % LAP;
            if offset == SLOTS {
                backoff.unfinished();
                word = tail.word.load(Ordering::Acquire);
                continue;
            }
            // Before the move, so that the others wait as briefly as can be.
            if offset + 1 == SLOTS && next.is_none() {
                let block = next.insert(self.pool.take());
                block.slots.iter().take(AHEAD).for_each(prefetch_for_write);
            }
            // Release and acquire: invariant 1. That it is a read-modify-write is what the look for waiters below
            // rests on.
            match tail.word.compare_exchange(word, word.wrapping_add(ONE), Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => {
                    // SAFETY: the position is claimed, so this is its block, and it is alive (invariant 1).
                    let claimed = unsafe { &*block };
                    if offset + 1 == SLOTS {
                        let next = Box::into_raw(next.take().expect("taken above for the last slot"));
                        tail.block.store(next, Ordering::Release);
                        tail.word.fetch_add(ONE, Ordering::Release);
                        // The receiver waits for this one, and only then goes to positions beyond it.
                        claimed.next.store(next, Ordering::Release);
                    } else if let Some(unused) = next {
                        self.pool.put(unused);
                    }
                    // A slot's line was last written by a receiver, which marked slots as read or made the block new again. A sender that
                    // fetched it only when it writes would stand still for that at its next move of the tail.
                    if let Some(later) = claimed.slots.get(offset + AHEAD) {
                        prefetch_for_write(later);
                    }
                    // SAFETY: the position is claimed by us.
                    unsafe { claimed.slots[offset].write(value) };
                    self.receivers.wake_one_after_rmw();
                    return Ok(());
                }
                Err(now) => {
                    word = now;
                    backoff.lost();
                }
            }
        }
    }

    /// Receives if there is a value. One compare-and-swap; once a block a lock.
    #[inline]
    pub(super) fn pop(&self) -> Result<T, Nothing> {
        let head = &*self.head;
        let mut backoff = Backoff::new();
        let mut word = head.word.load(Ordering::Acquire);
        loop {
            // After the word (invariant 1).
            let block = head.block.load(Ordering::Acquire);
            let offset = (word / ONE) % LAP;
            if offset == SLOTS {
                backoff.unfinished();
                word = head.word.load(Ordering::Acquire);
                continue;
            }
            // Relaxed: a number that the tail has passed, whenever it was stored; it never goes back.
            let seen = head.seen.load(Ordering::Relaxed);
            if seen.wrapping_sub(word).cast_signed() <= 0 {
                // Acquire: pairs with the mark, and with what senders did before.
                let tail = self.tail.word.load(Ordering::Acquire);
                if tail & !MARK == word {
                    return Err(if tail & MARK != 0 { Nothing::Closed } else { Nothing::Empty });
                }
                head.seen.store(tail & !MARK, Ordering::Relaxed);
            }
            // Release and acquire: invariant 1. A read-modify-write, so that of all receivers one wins.
            match head.word.compare_exchange(word, word.wrapping_add(ONE), Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => {
                    // SAFETY: the position is claimed, so this is its block, and it is alive (invariant 1).
                    let claimed = unsafe { &*block };
                    if offset + 1 == SLOTS {
                        self.advance(claimed);
                    }
                    let slot = &claimed.slots[offset];
                    let mut backoff = Backoff::new();
                    while !slot.is_written() {
                        // Its sender has claimed the position and is about to write.
                        backoff.unfinished();
                    }
                    // SAFETY: the position is claimed by us, and the value is there.
                    let value = unsafe { slot.read() };
                    if offset + 1 == SLOTS {
                        // SAFETY: head and tail have gone on, and only the receiver of the last slot comes here.
                        unsafe { self.pool.retire(block) };
                    }
                    return Ok(value);
                }
                Err(now) => {
                    word = now;
                    backoff.lost();
                }
            }
        }
    }

    /// Lets the head go on to the next block.
    fn advance(&self, block: &Block<T>) {
        let mut backoff = Backoff::new();
        let next = loop {
            let next = block.next.load(Ordering::Acquire);
            if !next.is_null() {
                break next;
            }
            backoff.unfinished();
        };
        self.head.block.store(next, Ordering::Release);
        self.head.word.fetch_add(ONE, Ordering::Release);
    }

    /// Lets values gather, before a receiver that has found nothing looks again.
    ///
    /// Each look takes the cache line of the tail from the sender that is about to move it. A receiver that is faster than the
    /// sender, and looks after every value, makes both pay for a line's round trip with each. So it pauses the longer, the
    /// more it found of late when it had paused: in a stream of values it takes them by the dozen, and one that answers single
    /// values soon pauses no more than once.
    pub(super) fn gather(&self) {
        for _ in 0..self.head.patience.load(Ordering::Relaxed) {
            hint::spin_loop();
        }
    }

    /// After a receive for which values were let gather: whether that was worth it.
    pub(super) fn gathered(&self) {
        let head = &*self.head;
        let more = head.seen.load(Ordering::Relaxed) != head.word.load(Ordering::Relaxed);
        let patience = head.patience.load(Ordering::Relaxed);
        let next = if more { (patience * 2).min(LONGEST_GATHERING) } else { (patience / 2).max(1) };
        if next != patience {
            head.patience.store(next, Ordering::Relaxed);
        }
    }

    /// After enlisting: whether a receive should be tried again.
    pub(super) fn pop_looks_possible(&self) -> bool {
        // A mark makes the two differ as well.
        self.tail.word.load(Ordering::Relaxed) != self.head.word.load(Ordering::Relaxed)
    }

    pub(super) fn close(&self) {
        // Release: pairs with the acquire load of who finds the list empty and closed.
        self.tail.word.fetch_or(MARK, Ordering::AcqRel);
    }

    pub(super) fn wake_all(&self) {
        // Directly after the mark, a read-modify-write, as the list demands.
        self.receivers.wake_all_after_rmw();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.tail.word.load(Ordering::Acquire) & MARK != 0
    }

    /// How many values are in it, at some moment during the call.
    pub(super) fn len(&self) -> usize {
        loop {
            let tail = self.tail.word.load(Ordering::Acquire);
            let head = self.head.word.load(Ordering::Acquire);
            // With the tail unmoved in between, the two belong to one moment.
            if self.tail.word.load(Ordering::Acquire) == tail {
                // Both counted from the start of the head's block: the words may have wrapped in between.
                let offset = head / ONE % LAP;
                let ahead = (tail & !MARK).wrapping_sub(head.wrapping_sub(offset * ONE)) / ONE;
                return ahead / LAP * SLOTS + ahead % LAP - offset;
            }
        }
    }
}

impl<T> Drop for List<T> {
    fn drop(&mut self) {
        // Whoever drops the channel has taken all values out: one block is left, the rest is in the pool.
        let last = self.head.block.load(Ordering::Relaxed);
        debug_assert_eq!(self.len(), 0, "a list is drained before it is dropped");
        // SAFETY: made by `Box::into_raw`; nobody uses the channel any more.
        drop(unsafe { Box::from_raw(last) });
    }
}
