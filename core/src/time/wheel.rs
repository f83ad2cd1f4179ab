//! The timer wheel: what is due when, with insertion and removal in constant time. No clock, no lock.
//!
//! Time is a number of ticks; here a tick is a nanosecond, so deadlines are exact, and 64 bits reach 584 years. A
//! deadline and the wheel's own time are numbers of eleven digits to the base 64. An entry lies on the *level* of the
//! highest digit in which its deadline differs from the wheel's time, in the slot of its own digit there:
//!
//! ```text
//! level 0: 64 slots of 1 tick        deadlines that differ in the last digit only: a slot is one instant
//! level 1: 64 slots of 64 ticks      ...
//! level 5: 64 slots of 1.07 s
//! level 10: 16 slots of 36.5 years
//! ```
//!
//! Time moves from one occupied slot to the next. When it reaches the start of a slot of a higher level, the slot's
//! entries are *cascaded*: each moves to a lower level. An entry moves down at most ten times, whatever the distance;
//! nothing is searched.
//!
//! # Invariants
//!
//! 1. *Place*: every entry is in the slot that its deadline and the wheel's time determine. So it is found without
//!    being told where it is. Advancing within the slots that are empty changes no entry's place: the digits above
//!    the first difference are common.
//! 2. *Order*: on each level, all slots before that of the wheel's own digit are empty; all entries of a level are
//!    due before those of the next. So the first occupied slot of the lowest occupied level holds the entry that is
//!    due first.
//! 3. *First come*: entries of one deadline are always in one slot, and slots are queues; they fire in the order of
//!    insertion.
//! 4. *Bound*: no entry of a slot is due before the slot's `earliest`; it is exact unless the slot is marked stale.
//!
//! Hierarchical wheels: Varghese and Lauck, *Hashed and hierarchical timing wheels* (1987), scheme 7. Levels by the
//! highest differing bit, and bit maps of the occupied slots, are what Linux and tokio made of it.

use crate::seeded;

/// Bits of a digit.
const BITS: usize = 6;
/// Slots of a level.
const SLOTS: usize = 1 << BITS;
/// The end of a list.
const NONE: u32 = u32::MAX;

/// The place of an entry, to remove it by. An outdated key removes nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Key {
    index: u32,
    generation: u32,
}

/// A set of payloads by deadline. Its memory is that of the greatest number of entries it ever had.
#[derive(Debug)]
pub(super) struct Wheel<T> {
    now: u64,
    /// As many levels as have been needed.
    levels: Vec<Level>,
    entries: Vec<Entry<T>>,
    /// The first of the free entries, which are linked by `next`.
    free: u32,
    len: usize,
}

#[derive(Debug)]
struct Level {
    /// A bit for each slot that has entries.
    occupied: u64,
    /// A bit for each slot whose `earliest` may be the deadline of an entry that has been removed.
    stale: u64,
    slots: [Slot; SLOTS],
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    first: u32,
    last: u32,
    earliest: u64,
}

#[derive(Debug)]
struct Entry<T> {
    at: u64,
    generation: u32,
    previous: u32,
    next: u32,
    /// `None` if the entry is free.
    payload: Option<T>,
}

/// A slot: level and digit.
type Place = (usize, usize);

impl<T> Wheel<T> {
    /// An empty wheel at time 0.
    pub(super) fn new() -> Self {
        Self { now: 0, levels: Vec::new(), entries: Vec::new(), free: NONE, len: 0 }
    }

    /// The time up to which it has been advanced.
    pub(super) fn now(&self) -> u64 {
        self.now
    }

    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Adds an entry that is due at `at`, or at the next advance if that is past. O(1).
    ///
    /// # Panics
    /// When there are 4,294,967,295 entries.
    pub(super) fn insert(&mut self, at: u64, payload: T) -> Key {
        let at = at.max(self.now);
        let index = self.free;
        let index = if index == NONE {
            let index = u32::try_from(self.entries.len()).unwrap_or(NONE);
            assert!(index != NONE, "a clock has room for 4,294,967,295 timers, and all are in use");
            self.entries.push(Entry { at, generation: 0, previous: NONE, next: NONE, payload: Some(payload) });
            index
        } else {
            let entry = &mut self.entries[index as usize];
            self.free = entry.next;
            entry.at = at;
            entry.payload = Some(payload);
            index
        };
        self.link(index);
        self.len += 1;
        Key { index, generation: self.entries[index as usize].generation }
    }

    /// Takes an entry out that has neither fired nor been removed. O(1).
    pub(super) fn remove(&mut self, key: Key) -> Option<T> {
        let entry = self.entries.get(key.index as usize)?;
        if entry.generation != key.generation || entry.payload.is_none() {
            return None;
        }
        let (level, slot) = self.place(entry.at);
        Some(self.take(key.index, level, slot))
    }

    /// The time at which the next entry is due. O(1), and the length of its slot if that entry's predecessor was
    /// removed.
    pub(super) fn next(&mut self) -> Option<u64> {
        let (level, slot) = self.first()?;
        if seeded("time/fires-with-its-slot") {
            return Some(self.start(level, slot));
        }
        if self.levels[level].stale >> slot & 1 == 1 {
            let earliest = self.indices(level, slot).map(|index| self.entries[index as usize].at).min();
            self.levels[level].slots[slot].earliest = earliest.expect("the slot is occupied");
            self.levels[level].stale &= !(1 << slot);
        }
        Some(self.levels[level].slots[slot].earliest)
    }

    /// A time before which no entry is due, and at which an advance brings the next one nearer. O(1).
    pub(super) fn not_before(&self) -> Option<u64> {
        self.first().map(|(level, slot)| self.levels[level].slots[slot].earliest)
    }

    /// Takes out the next entry that is due until `to`, and moves time to its deadline; without one, moves time to
    /// `to`. To be repeated until it returns `None`. O(1), and for each entry at most ten moves in its life.
    pub(super) fn advance(&mut self, to: u64) -> Option<T> {
        let to = to.max(self.now);
        while let Some((level, slot)) = self.first() {
            let start = self.start(level, slot);
            if start > to {
                break;
            }
            self.now = start;
            if level == 0 {
                return Some(self.take(self.levels[0].slots[slot].first, level, slot));
            }
            if seeded("time/fires-with-its-slot") {
                let index = self.levels[level].slots[slot].first;
                self.cascade(level, slot);
                let (level, slot) = self.place(self.entries[index as usize].at);
                return Some(self.take(index, level, slot));
            }
            self.cascade(level, slot);
        }
        self.now = to;
        None
    }

    /// The slot in which the next entry is (invariant 2).
    fn first(&self) -> Option<Place> {
        let level = self.levels.iter().position(|level| level.occupied != 0)?;
        Some((level, self.levels[level].occupied.trailing_zeros() as usize))
    }

    /// The slot in which a deadline belongs (invariant 1).
    fn place(&self, at: u64) -> Place {
        let level = match (self.now ^ at).checked_ilog2() {
            Some(bit) => bit as usize / BITS,
            None => 0,
        };
        (level, (at >> (level * BITS)) as usize % SLOTS)
    }

    /// The first instant of a slot.
    fn start(&self, level: usize, slot: usize) -> u64 {
        let own = self.now >> (level * BITS);
        // The digits above stay; on the top level there are none.
        (own & !(SLOTS as u64 - 1) | slot as u64) << (level * BITS)
    }

    /// Appends an entry to the slot in which it belongs.
    fn link(&mut self, index: u32) {
        let at = self.entries[index as usize].at;
        let (level, slot) = self.place(at);
        while self.levels.len() <= level {
            self.levels.push(Level::new());
        }
        let level = &mut self.levels[level];
        let empty = level.occupied >> slot & 1 == 0;
        let queue = &mut level.slots[slot];
        let previous = if empty { NONE } else { queue.last };
        if empty {
            *queue = Slot { first: index, last: index, earliest: at };
            level.occupied |= 1 << slot;
            level.stale &= !(1 << slot);
        } else {
            self.entries[previous as usize].next = index;
            queue.last = index;
            queue.earliest = queue.earliest.min(at);
        }
        let entry = &mut self.entries[index as usize];
        entry.previous = previous;
        entry.next = NONE;
    }

    /// Takes an entry out of its slot, and frees it.
    fn take(&mut self, index: u32, level: usize, slot: usize) -> T {
        let entry = &mut self.entries[index as usize];
        let payload = entry.payload.take().expect("an entry in a slot is in use");
        let (at, previous, next) = (entry.at, entry.previous, entry.next);
        entry.generation = entry.generation.wrapping_add(1);
        entry.next = self.free;
        self.free = index;
        self.len -= 1;
        let wheel = &mut self.levels[level];
        let queue = &mut wheel.slots[slot];
        match previous {
            NONE => queue.first = next,
            previous => self.entries[previous as usize].next = next,
        }
        match next {
            NONE => queue.last = previous,
            next => self.entries[next as usize].previous = previous,
        }
        if queue.first == NONE {
            wheel.occupied &= !(1 << slot);
        } else if level > 0 && at == queue.earliest {
            // On level 0 the entries of a slot are due at the same instant.
            wheel.stale |= 1 << slot;
        }
        payload
    }

    /// Moves the entries of a slot, whose start has come, to lower levels, in their order.
    fn cascade(&mut self, level: usize, slot: usize) {
        self.levels[level].occupied &= !(1 << slot);
        let mut index = self.levels[level].slots[slot].first;
        while index != NONE {
            let next = self.entries[index as usize].next;
            self.link(index);
            index = next;
        }
    }

    /// The entries of an occupied slot.
    fn indices(&self, level: usize, slot: usize) -> impl Iterator<Item = u32> {
        let first = self.levels[level].slots[slot].first;
        std::iter::successors(Some(first), |&index| {
            let next = self.entries[index as usize].next;
            (next != NONE).then_some(next)
        })
    }
}

impl Level {
    fn new() -> Self {
        Self { occupied: 0, stale: 0, slots: [Slot { first: NONE, last: NONE, earliest: 0 }; SLOTS] }
    }
}
