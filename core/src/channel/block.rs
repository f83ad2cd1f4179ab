//! The blocks of an unbounded channel, and where they go when they have been read.
//!
//! A block is linked once, read once, and then *retired* by the receiver of its last slot, at which time receivers of
//! earlier slots may still be reading theirs. They never announce themselves anywhere but in their slot's state, by a
//! plain release store; so the retired block stays in a list until a later look finds all its slots read. Looks
//! happen once a block, under a lock. A receiver that was preempted within its slot holds back that one block and
//! nothing else.
//!
//! A block that has been read serves again, so that a channel in balance allocates nothing; those beyond [`KEPT`] are
//! freed.

use std::mem::MaybeUninit;
use std::ptr;

use crate::seeded;
use crate::sync::atomic::{AtomicPtr, AtomicU8, Ordering};
use crate::sync::{MODELLED, Mutex, UnsafeCell};

/// Values in a block.
pub(super) const SLOTS: usize = if MODELLED { 2 } else { 31 };
/// Read blocks that are kept for later sends.
const KEPT: usize = if MODELLED { 1 } else { 8 };

/// A slot's state: nothing has been written.
const EMPTY: u8 = 0;
/// The value has been written.
const WRITTEN: u8 = 1;
/// The value has been read; the receiver does not touch the block any more.
const READ: u8 = 2;

/// A slot: written once by the sender and read once by the receiver that have claimed its position.
pub(super) struct Slot<T> {
    state: AtomicU8,
    value: UnsafeCell<MaybeUninit<T>>,
}

impl<T> Slot<T> {
    /// Writes the value.
    ///
    /// # Safety
    /// The caller is the sender that has claimed the slot's position.
    #[inline(always)]
    pub(super) unsafe fn write(&self, value: T) {
        self.value.with_mut(|cell| {
            // SAFETY: the caller's promise; the receiver waits for the state.
            unsafe { (*cell).write(value) };
        });
        let publish = if seeded("channel/relaxed-written") { Ordering::Relaxed } else { Ordering::Release };
        // Release: hands the value over to the receiver.
        self.state.store(WRITTEN, publish);
    }

    /// Whether the value is there. After `true` it may be read.
    #[inline(always)]
    pub(super) fn is_written(&self) -> bool {
        self.state.load(Ordering::Acquire) == WRITTEN
    }

    /// Takes the value out.
    ///
    /// # Safety
    /// The caller is the receiver that has claimed the slot's position, and `is_written` has said `true` to it.
    #[inline(always)]
    pub(super) unsafe fn read(&self) -> T {
        let value = self.value.with_mut(|cell| {
            // SAFETY: written, as the caller has seen, and read by nobody else.
            unsafe { (*cell).assume_init_read() }
        });
        // Release: whoever reuses or frees the block does so after this read.
        self.state.store(READ, Ordering::Release);
        value
    }
}

pub(super) struct Block<T> {
    /// The block that follows; set by the sender that has claimed the last slot.
    pub(super) next: AtomicPtr<Block<T>>,
    pub(super) slots: [Slot<T>; SLOTS],
}

impl<T> Block<T> {
    pub(super) fn new() -> Box<Self> {
        Box::new(Self {
            next: AtomicPtr::new(ptr::null_mut()),
            slots: std::array::from_fn(|_| Slot {
                state: AtomicU8::new(EMPTY),
                value: UnsafeCell::new(MaybeUninit::uninit()),
            }),
        })
    }

    /// Whether all slots have been read. After `true` nobody else touches the block.
    fn is_read(&self) -> bool {
        seeded("channel/reuse-unread") || self.slots.iter().all(|slot| slot.state.load(Ordering::Acquire) == READ)
    }

    /// Makes it as good as new. Relaxed: it becomes known to others by a release store of the tail.
    fn reset(&self) {
        self.next.store(ptr::null_mut(), Ordering::Relaxed);
        for slot in &self.slots {
            slot.state.store(EMPTY, Ordering::Relaxed);
        }
    }
}

/// The blocks of one channel that are in no use.
pub(super) struct Pool<T>(Mutex<Idle<T>>);

struct Idle<T> {
    /// Behind the head; some of their slots may still be being read.
    retired: Vec<*mut Block<T>>,
    /// As good as new.
    fresh: Vec<Box<Block<T>>>,
}

impl<T> Pool<T> {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Idle { retired: Vec::new(), fresh: Vec::new() }))
    }

    /// A block as good as new.
    #[cold]
    pub(super) fn take(&self) -> Box<Block<T>> {
        let kept = self.0.lock().fresh.pop();
        kept.unwrap_or_else(Block::new)
    }

    /// Gives back a block that was taken and not used.
    #[cold]
    pub(super) fn put(&self, block: Box<Block<T>>) {
        let surplus = {
            let mut idle = self.0.lock();
            if idle.fresh.len() < KEPT {
                idle.fresh.push(block);
                None
            } else {
                Some(block)
            }
        };
        drop(surplus);
    }

    /// Takes in a block behind the head, and makes use of those that all receivers have left.
    ///
    /// # Safety
    /// The block came from `take`, no new receiver can reach it, and it is retired once.
    #[cold]
    pub(super) unsafe fn retire(&self, block: *mut Block<T>) {
        let mut surplus = Vec::new();
        {
            let mut idle = self.0.lock();
            let Idle { retired, fresh } = &mut *idle;
            retired.push(block);
            retired.retain(|&block| {
                // SAFETY: what is in `retired` is alive: it is freed only by leaving that list.
                if !unsafe { (*block).is_read() } {
                    return true;
                }
                // SAFETY: made by `Box::into_raw`, and nobody else touches it: all its slots are read, and it is behind
                // the head and the tail.
                let block = unsafe { Box::from_raw(block) };
                if fresh.len() < KEPT {
                    block.reset();
                    fresh.push(block);
                } else {
                    surplus.push(block);
                }
                false
            });
        }
        drop(surplus);
    }
}

impl<T> Drop for Pool<T> {
    fn drop(&mut self) {
        let idle = &mut *self.0.lock();
        for block in idle.retired.drain(..) {
            // SAFETY: as in `retire`; nobody uses the channel any more. Its values have been read.
            drop(unsafe { Box::from_raw(block) });
        }
    }
}
