//! The bounded flavour: a ring of stamped slots.
//!
//! # Positions and stamps
//!
//! `tail` is the position of the next send, `head` that of the next receive. A position is an index into the ring in
//! its low bits, and above them the number of the lap. Between the two is one bit that is 0 in every position; in
//! `tail` it is the mark *closed*. Each slot has a stamp that says which operation it waits for:
//!
//! | stamp of slot `i` | the slot | next |
//! |---|---|---|
//! | position `p` (with index `i`) | is empty | the send of `p` moves `tail`, writes the value, stamps `p + 1` |
//! | `p + 1` | holds the value of `p` | the receive of `p` moves `head`, reads the value, stamps `p + 1 lap` |
//!
//! Whoever moves `tail` (or `head`) away from a position, by a compare-and-swap, owns that position's slot until it
//! stamps it. All arithmetic wraps: laps are a power of two, so a wrap of the machine word is the end of one more
//! lap.
//!
//! # Invariants
//!
//! 1. *A slot has one owner*: the winner of the position that its stamp allows. So its cell is accessed by one thread
//!    at a time, and each stamp's release store is read by the acquire load of the next owner.
//! 2. *Close is a point in the order of sends*: the mark is set in the word that every send must move. A send that
//!    moved it before is received or discarded; after it none succeeds.
//! 3. *Nobody sleeps beside work*: what makes a receive possible is the move of `tail`, a read-modify-write, not the
//!    stamp that follows; the look for waiters comes after it, and a waiter that has enlisted looks at `tail` and
//!    `head`, not at stamps (see [`WaitList`]). A waiter that sees the move before the stamp retries; it never sleeps
//!    then. In the same way for sends.
//!
//! The ring is Dmitry Vyukov's bounded MPMC queue; the mark in the tail is that of crossbeam-channel's array flavour.

use std::mem::MaybeUninit;

use crossbeam_utils::CachePadded;

use super::backoff::Backoff;
use super::shared::{Nothing, Refusal, Refused};
use crate::event::WaitList;
use crate::seeded;
use crate::sync::UnsafeCell;
use crate::sync::atomic::{AtomicUsize, Ordering};

struct Slot<T> {
    stamp: AtomicUsize,
    value: UnsafeCell<MaybeUninit<T>>,
}

/// The bounded flavour. See the [module](self).
pub(super) struct Ring<T> {
    tail: CachePadded<AtomicUsize>,
    head: CachePadded<AtomicUsize>,
    /// Who waits for room.
    pub(super) senders: CachePadded<WaitList>,
    /// Who waits for a value.
    pub(super) receivers: CachePadded<WaitList>,
    slots: Box<[Slot<T>]>,
    /// The bit of a position that marks a closed channel in `tail`; those below it are the index.
    mark: usize,
}

// SAFETY: a slot's cell is accessed by its one owner at a time (invariant 1), through whom values change threads: T
// is Send.
unsafe impl<T: Send> Send for Ring<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Ring<T> {}

impl<T> Ring<T> {
    /// A ring of `capacity` slots, at least one.
    pub(super) fn new(capacity: usize) -> Self {
        Self::starting_at_lap(capacity, 0)
    }

    /// A ring whose first lap has this number, modulo as many as there are.
    pub(super) fn starting_at_lap(capacity: usize, lap: usize) -> Self {
        assert!(capacity > 0, "a ring has at least one slot");
        assert!(capacity < usize::MAX >> 4, "a bounded channel of {capacity} values does not fit into memory");
        // An index plus one must fit below the mark: it is a stamp.
        let mark = (capacity + 1).next_power_of_two();
        let start = (2 * mark).wrapping_mul(lap);
        let slots = (0..capacity)
            .map(|index| Slot { stamp: AtomicUsize::new(start + index), value: UnsafeCell::new(MaybeUninit::uninit()) })
            .collect();
        Self {
            tail: CachePadded::new(AtomicUsize::new(start)),
            head: CachePadded::new(AtomicUsize::new(start)),
            senders: CachePadded::new(WaitList::new()),
            receivers: CachePadded::new(WaitList::new()),
            slots,
            mark,
        }
    }

    #[inline(always)]
    fn lap(&self) -> usize {
        self.mark << 1
    }

    #[inline(always)]
    fn slot(&self, position: usize) -> &Slot<T> {
        let index = position & (self.mark - 1);
        debug_assert!(index < self.slots.len());
        // SAFETY: `after` gives a position whose index is below the number of slots, and all positions come from it.
        unsafe { self.slots.get_unchecked(index) }
    }

    /// The position that follows.
    #[inline(always)]
    fn after(&self, position: usize) -> usize {
        let index = position & (self.mark - 1);
        if index + 1 < self.slots.len() { position + 1 } else { (position - index).wrapping_add(self.lap()) }
    }

    /// Sends if there is room. One compare-and-swap.
    #[inline]
    pub(super) fn push(&self, value: T) -> Result<(), Refused<T>> {
        let mut backoff = Backoff::new();
        let mut tail = self.tail.load(Ordering::Relaxed);
        loop {
            if tail & self.mark != 0 && !seeded("channel/send-ignores-mark") {
                return Err(Refused { value, why: Refusal::Closed });
            }
            let marked = tail & self.mark;
            let position = tail & !self.mark;
            let slot = self.slot(position);
            // Acquire: the receiver that emptied the slot has read it.
            let stamp = slot.stamp.load(Ordering::Acquire);
            if stamp == position {
                match self.move_tail(tail, self.after(position) | marked) {
                    Ok(_) => {
                        slot.value.with_mut(|cell| {
                            // SAFETY: the slot is ours until it is stamped (invariant 1).
                            unsafe { (*cell).write(value) };
                        });
                        let publish =
                            if seeded("channel/relaxed-stamp") { Ordering::Relaxed } else { Ordering::Release };
                        // Release: hands the value over to the receiver that loads the stamp.
                        slot.stamp.store(position + 1, publish);
                        self.receivers.wake_one_after_rmw();
                        return Ok(());
                    }
                    Err(now) => {
                        tail = now;
                        backoff.lost();
                    }
                }
                continue;
            }
            // The slot is not ready for this position. Acquire: what the receive that moved the head has seen.
            let head = self.head.load(Ordering::Acquire);
            if head.wrapping_add(self.lap()) == position {
                return Err(Refused { value, why: Refusal::Full });
            }
            let now = self.tail.load(Ordering::Relaxed);
            // With the tail unmoved, a receiver is about to empty the slot.
            if now == tail && !backoff.unfinished() {
                return Err(Refused { value, why: Refusal::Busy });
            }
            tail = now;
        }
    }

    /// Claims the position that `tail` is at, or tells where the tail is now.
    #[inline(always)]
    fn move_tail(&self, tail: usize, next: usize) -> Result<usize, usize> {
        if seeded("channel/claim-without-swap") {
            let now = self.tail.load(Ordering::Relaxed);
            if now == tail {
                self.tail.store(next, Ordering::Release);
            }
            return if now == tail { Ok(tail) } else { Err(now) };
        }
        // AcqRel: the moves of the tail are in one order with all that came before each of them. That the move is a
        // read-modify-write is what the look for waiters behind it rests on.
        self.tail.compare_exchange(tail, next, Ordering::AcqRel, Ordering::Relaxed)
    }

    /// Receives if there is a value. One compare-and-swap.
    #[inline]
    pub(super) fn pop(&self) -> Result<T, Nothing> {
        let mut backoff = Backoff::new();
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            let slot = self.slot(head);
            // Acquire: the value that the sender wrote.
            let stamp = slot.stamp.load(Ordering::Acquire);
            if stamp == head + 1 {
                match self.head.compare_exchange(head, self.after(head), Ordering::AcqRel, Ordering::Relaxed) {
                    Ok(_) => {
                        let value = slot.value.with_mut(|cell| {
                            // SAFETY: the slot is ours until it is stamped (invariant 1), and its stamp said that it
                            // holds a value, which nobody reads a second time: the next stamp says that it is empty.
                            unsafe { (*cell).assume_init_read() }
                        });
                        let empty = if seeded("channel/relaxed-empty") { Ordering::Relaxed } else { Ordering::Release };
                        // Release: the next sender writes after this read.
                        slot.stamp.store(head.wrapping_add(self.lap()), empty);
                        self.senders.wake_one_after_rmw();
                        return Ok(value);
                    }
                    Err(now) => {
                        head = now;
                        backoff.lost();
                    }
                }
                continue;
            }
            // The slot is not ready for this position. Acquire: pairs with the mark, and with what senders did before.
            let tail = self.tail.load(Ordering::Acquire);
            if tail & !self.mark == head {
                return Err(if tail & self.mark != 0 { Nothing::Closed } else { Nothing::Empty });
            }
            let now = self.head.load(Ordering::Relaxed);
            // With the head unmoved, a sender is about to write the slot's value.
            if now == head && !backoff.unfinished() {
                return Err(Nothing::Busy);
            }
            head = now;
        }
    }

    /// After enlisting: whether a send should be tried again (invariant 3).
    pub(super) fn push_looks_possible(&self) -> bool {
        let mut tail = self.tail.load(Ordering::Relaxed);
        if seeded("channel/send-ignores-mark") {
            tail &= !self.mark;
        }
        let head = self.head.load(Ordering::Relaxed);
        tail & self.mark != 0 || head.wrapping_add(self.lap()) != tail
    }

    /// After enlisting: whether a receive should be tried again (invariant 3).
    pub(super) fn pop_looks_possible(&self) -> bool {
        let tail = self.tail.load(Ordering::Relaxed);
        let head = self.head.load(Ordering::Relaxed);
        // A mark makes the two differ as well.
        tail != head
    }

    /// Sets the mark (invariant 2).
    pub(super) fn close(&self) {
        // Release: pairs with the acquire load of who finds the ring empty and closed.
        self.tail.fetch_or(self.mark, Ordering::AcqRel);
    }

    pub(super) fn wake_all(&self) {
        // Directly after the mark, a read-modify-write, as the lists demand.
        self.senders.wake_all_after_rmw();
        self.receivers.wake_all_after_rmw();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.tail.load(Ordering::Acquire) & self.mark != 0
    }

    pub(super) fn capacity(&self) -> usize {
        self.slots.len()
    }

    /// How many values are in it, at some moment during the call.
    pub(super) fn len(&self) -> usize {
        loop {
            let tail = self.tail.load(Ordering::Acquire);
            let head = self.head.load(Ordering::Acquire);
            // With the tail unmoved in between, the two belong to one moment.
            if self.tail.load(Ordering::Acquire) == tail {
                let tail = tail & !self.mark;
                let (from, to) = (head & (self.mark - 1), tail & (self.mark - 1));
                return match () {
                    () if head == tail => 0,
                    () if from < to => to - from,
                    () => self.slots.len() - from + to,
                };
            }
        }
    }
}
