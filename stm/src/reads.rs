//! The read set: a list made for three things, to be added to, to be looked at from its end, and to be emptied.
//!
//! It does in fewer instructions what a vector does, as it keeps the address behind its last entry instead of a length, and as there
//! is something to look at before its first:
//!
//! ```text
//!   places:  | guard | guard | read | read | read |      |      |
//!                                                  ^ end         ^ limit
//! ```
//!
//! The guards are reads of no variable. So a look at the latest entries need not ask how many there are.

use std::mem::MaybeUninit;
use std::ops::Deref;
use std::{ptr, slice};

use crate::orec::Orec;
use crate::var::VarPtr;

/// One read: the variable, and the record under which its value was seen.
#[derive(Clone, Copy)]
pub(crate) struct Read {
    pub(crate) var: VarPtr,
    pub(crate) seen: Orec,
}

/// What stands before the first entry. As many as [`take_latest`](Reads::take_latest) looks at.
const GUARDS: [Read; 2] = [Read { var: VarPtr::NOWHERE, seen: Orec::NONE }; 2];

/// A list of reads.
pub(crate) struct Reads {
    /// Behind the last entry, in `places`. What is written is written through this, which comes from the vector's own mutable pointer; slices
    /// that are made of the places meanwhile are only read.
    end: *mut Read,
    /// Behind the last place.
    limit: *mut Read,
    places: Vec<MaybeUninit<Read>>,
}

impl Deref for Reads {
    type Target = [Read];

    #[inline(always)]
    fn deref(&self) -> &[Read] {
        let start = self.start();
        // SAFETY: the places from behind the guards to the end are written, and of one allocation.
        unsafe { slice::from_raw_parts(start, self.end.cast_const().offset_from_unsigned(start)) }
    }
}

impl Reads {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        let mut reads = Self { end: ptr::null_mut(), limit: ptr::null_mut(), places: Vec::new() };
        reads.set_places(&GUARDS, capacity);
        reads
    }

    /// Gives the list new places: for these guards and reads, and so many more.
    fn set_places(&mut self, entries: &[Read], more: usize) {
        let len = entries.len() + more;
        let mut places = Vec::with_capacity(len);
        places.extend(entries.iter().map(|&read| MaybeUninit::new(read)));
        places.resize(len, MaybeUninit::uninit());
        self.places = places;
        let first = self.places.as_mut_ptr();
        self.end = first.wrapping_add(entries.len()).cast();
        self.limit = first.wrapping_add(len).cast();
    }

    /// Behind the guards.
    #[inline(always)]
    fn start(&self) -> *const Read {
        self.places.as_ptr().wrapping_add(GUARDS.len()).cast()
    }

    /// For how many there is room.
    pub(crate) fn capacity(&self) -> usize {
        self.places.len() - GUARDS.len()
    }

    /// Whether [`push_into_room`](Reads::push_into_room) may be called.
    #[inline(always)]
    pub(crate) fn has_room(&self) -> bool {
        self.end != self.limit
    }

    /// Adds a read where there is room.
    ///
    /// # Safety
    /// [`has_room`](Reads::has_room) holds.
    #[inline(always)]
    pub(crate) unsafe fn push_into_room(&mut self, read: Read) {
        debug_assert!(self.has_room());
        // SAFETY: by the caller the end is the address of a place.
        unsafe {
            self.end.write(read);
            self.end = self.end.add(1);
        }
    }

    /// Adds a read.
    pub(crate) fn push(&mut self, read: Read) {
        if !self.has_room() {
            self.grow();
        }
        // SAFETY: there is room.
        unsafe { self.push_into_room(read) };
    }

    /// Makes room for as many again as there are.
    #[cold]
    fn grow(&mut self) {
        let entries = [&GUARDS, &**self].concat();
        self.set_places(&entries, entries.len());
    }

    /// Takes a variable's read out if it is one of the latest two; otherwise `NONE`.
    #[inline(always)]
    pub(crate) fn take_latest(&mut self, var: VarPtr) -> Orec {
        // SAFETY: two places before the end are written: if nothing else, guards.
        let (last, last_but_one) = unsafe { (&*self.end.sub(1), &mut *self.end.sub(2)) };
        let seen = if last.var == var {
            last.seen
        } else if last_but_one.var == var {
            std::mem::replace(last_but_one, *last).seen
        } else {
            return Orec::NONE;
        };
        self.end = self.end.wrapping_sub(1);
        seen
    }

    /// Forgets all but the first so many: for a seeded bug.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.end = self.places.as_mut_ptr().wrapping_add(GUARDS.len() + len.min(self.len())).cast();
    }

    #[inline(always)]
    pub(crate) fn clear(&mut self) {
        self.end = self.places.as_mut_ptr().wrapping_add(GUARDS.len()).cast();
    }

    /// Gives memory back beyond what so many entries need. The list must be empty.
    pub(crate) fn shrink_to(&mut self, capacity: usize) {
        debug_assert!(self.is_empty());
        if self.capacity() > capacity {
            self.set_places(&GUARDS, capacity);
        }
    }
}

#[cfg(all(test, not(any(reweave_loom, reweave_shuttle))))]
mod tests {
    use super::*;
    use crate::word;

    fn variables<const N: usize>() -> [VarPtr; N] {
        std::array::from_fn(|number| VarPtr::allocate(word::encode(number), false))
    }

    fn record(tick: usize) -> Orec {
        Orec::published(tick as u64, 1)
    }

    fn read(var: VarPtr, tick: usize) -> Read {
        Read { var, seen: record(tick) }
    }

    fn ticks(reads: &Reads) -> Vec<u64> {
        reads.iter().map(|read| read.seen.tick()).collect()
    }

    #[test]
    fn the_latest_two_can_be_taken_out() {
        let [a, b, c, other] = variables();
        let mut reads = Reads::with_capacity(2);
        assert!(reads.is_empty() && reads.take_latest(a) == Orec::NONE, "only guards");
        for (var, tick) in [(a, 1), (b, 2), (c, 3)] {
            reads.push(read(var, tick));
        }
        assert!(reads.take_latest(other) == Orec::NONE && reads.take_latest(a) == Orec::NONE, "too early");
        assert!(reads.take_latest(b) == record(2));
        assert_eq!(ticks(&reads), [1, 3]);
        reads.push(read(other, 4));
        assert_eq!(ticks(&reads), [1, 3, 4]);
        assert!(reads.take_latest(c) == record(3) && reads.take_latest(b) == Orec::NONE);
        assert!(reads.take_latest(other) == record(4));
        assert!(reads.take_latest(a) == record(1));
        assert!(reads.is_empty() && reads.take_latest(a) == Orec::NONE, "no guard is taken");
        // SAFETY: nobody else knows the variables.
        [a, b, c, other].into_iter().for_each(|var| unsafe { var.dismantle(None) });
    }

    #[test]
    fn it_grows_and_gives_back() {
        let [var] = variables();
        let mut reads = Reads::with_capacity(1);
        for tick in 0..100 {
            assert_eq!(reads.len(), tick);
            reads.push(read(var, tick));
        }
        assert_eq!(ticks(&reads), (0..100).collect::<Vec<_>>());
        assert!((100..400).contains(&reads.capacity()), "{}", reads.capacity());
        reads.truncate(200);
        assert_eq!(reads.len(), 100);
        reads.truncate(3);
        assert_eq!(ticks(&reads), [0, 1, 2]);
        reads.clear();
        reads.shrink_to(10);
        assert_eq!((reads.len(), reads.capacity()), (0, 10));
        reads.push(read(var, 7));
        assert!(reads.take_latest(var) == record(7));
        // SAFETY: nobody else knows the variable.
        unsafe { var.dismantle(None) };
    }
}
