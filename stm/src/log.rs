//! What a transaction remembers: its read set, its write set, and how to undo a branch.
//!
//! Logs are vectors that a thread keeps from one transaction to the next, so the steady state allocates nothing. A small
//! write set is searched linearly behind a 64-bit filter (Bloom's, with one hash); a large one gets an index, so that a
//! transaction of n operations costs O(n).

use reweave_core::reclaim::{Garbage, expire};
use reweave_core::seeded;
use reweave_core::sync::MODELLED;
use rustc_hash::FxHashMap;

use crate::error::Cause;
use crate::orec::Orec;
use crate::var::VarPtr;
use crate::word::{Destroy, Word};

/// Write sets up to this length are searched linearly.
const LINEAR: usize = 16;
/// Entries for which a log keeps its memory between transactions.
const KEPT: usize = 1 << 14;

/// One read: the variable, and the record under which its value was seen.
#[derive(Clone, Copy)]
pub(crate) struct Read {
    pub(crate) var: VarPtr,
    pub(crate) seen: Orec,
}

/// One write: the variable and its new word, which the entry owns until the commit publishes it.
pub(crate) struct Write {
    pub(crate) var: VarPtr,
    pub(crate) word: Word,
    pub(crate) destroy: Option<Destroy>,
    /// The record under which the transaction read the variable before it wrote it, and which the commit locks it from; `NONE`
    /// if it did not, or if that read is among the [reads](Log::reads). While the commit holds the lock: the record from before.
    pub(crate) before: Orec,
}

impl Write {
    /// The read that moved into this entry, if one did. Not while the commit holds locks.
    fn read(&self) -> Option<Read> {
        (self.before != Orec::NONE).then_some(Read { var: self.var, seen: self.before })
    }

    /// Gives the word up: it was never published.
    fn discard(self) {
        discard(self.word, self.destroy);
    }
}

/// Destroys a private word at the next safe moment: its destructor is user code.
fn discard(word: Word, destroy: Option<Destroy>) {
    if let Some(destroy) = destroy {
        // SAFETY: the word was never published, and its type is Send (`TVar<T>` demands it).
        expire(unsafe { Garbage::new(word, destroy) });
    }
}

/// The logs of one transaction. Its pointers are valid while the transaction is open.
pub(crate) struct Log {
    pub(crate) reads: Vec<Read>,
    /// Has room for `LINEAR` entries, always.
    pub(crate) writes: Vec<Write>,
    /// A bit for each variable of the write set; a variable whose bit is clear is not in it.
    filter: u64,
    /// Entries before this one belong to an enclosing branch.
    branch: usize,
    /// Why the attempt cannot commit any more, once it is known.
    pub(crate) doom: Option<Cause>,
    /// Whether the transaction has reserved what is among the reads.
    pub(crate) is_reserving: bool,
    /// Whether there may be more to forget at the end than two lists: an index, an undo list, or memory to give back.
    is_large: bool,
    /// Positions in `writes`, once it is longer than `LINEAR`.
    index: FxHashMap<VarPtr, usize>,
    /// Words that the current branch replaced in entries older than itself.
    undo: Vec<Replaced>,
}

/// A pending word that a branch replaced.
struct Replaced {
    position: usize,
    word: Word,
    destroy: Option<Destroy>,
}

/// Where a branch of `or_else` began.
pub(crate) struct Savepoint {
    writes: usize,
    undo: usize,
    outer: usize,
}

impl Log {
    pub(crate) fn new() -> Self {
        Self {
            reads: Vec::with_capacity(LINEAR),
            writes: Vec::with_capacity(LINEAR),
            filter: 0,
            branch: 0,
            doom: None,
            is_reserving: false,
            is_large: false,
            index: FxHashMap::default(),
            undo: Vec::new(),
        }
    }

    /// Whether a variable may be in the write set: if not, it is not.
    #[inline(always)]
    pub(crate) fn may_have_written(&self, var: VarPtr) -> bool {
        if MODELLED {
            // The filter goes by addresses, which differ from one execution to the next; the steps of a model must not.
            return self.search(var).is_some();
        }
        self.filter & filter_bit(var) != 0
    }

    /// The position of a variable in the write set.
    #[inline(always)]
    pub(crate) fn find(&self, var: VarPtr) -> Option<usize> {
        if self.may_have_written(var) { self.search(var) } else { None }
    }

    fn search(&self, var: VarPtr) -> Option<usize> {
        if self.writes.len() <= LINEAR {
            self.writes.iter().rposition(|write| write.var == var)
        } else {
            self.index.get(&var).copied()
        }
    }

    /// Whether the next [`read`](Log::read) need not make room first.
    #[inline(always)]
    pub(crate) fn has_room_to_read(&self) -> bool {
        self.reads.len() < self.reads.capacity()
    }

    /// Enters a read of a variable that is not in the write set.
    #[inline(always)]
    pub(crate) fn read(&mut self, read: Read) {
        if !self.has_room_to_read() {
            self.grow();
        }
        // SAFETY: there is room.
        unsafe { self.read_into_room(read) };
    }

    /// As [`read`](Log::read), where there is room.
    ///
    /// # Safety
    /// [`has_room_to_read`](Log::has_room_to_read) holds.
    #[inline(always)]
    pub(crate) unsafe fn read_into_room(&mut self, read: Read) {
        // SAFETY: by the caller.
        unsafe { push_into_room(&mut self.reads, read) };
    }

    /// Enters a write; an earlier one to the same variable is replaced, but kept for undoing if it is an enclosing
    /// branch's.
    #[inline(always)]
    pub(crate) fn write(&mut self, var: VarPtr, word: Word, destroy: Option<Destroy>) {
        let bit = filter_bit(var);
        // What nearly always holds, in a straight line; whatever does not is left to one call at its end.
        if self.filter & bit == 0 && self.writes.len() < LINEAR {
            self.filter |= bit;
            let before = self.take_read(var);
            // SAFETY: there is room for `LINEAR`.
            unsafe { push_into_room(&mut self.writes, Write { var, word, destroy, before }) };
            return;
        }
        self.write_slowly(var, word, destroy);
    }

    #[cold]
    #[inline(never)]
    fn write_slowly(&mut self, var: VarPtr, word: Word, destroy: Option<Destroy>) {
        if let Some(position) = self.find(var) {
            return self.rewrite(position, word, destroy);
        }
        self.filter |= filter_bit(var);
        let before = self.take_read(var);
        if self.writes.len() == self.writes.capacity() {
            self.grow();
        }
        self.writes.push(Write { var, word, destroy, before });
        if self.writes.len() > LINEAR {
            self.extend_index();
        }
    }

    /// Replaces the word of an entry.
    fn rewrite(&mut self, position: usize, word: Word, destroy: Option<Destroy>) {
        let replaced = std::mem::replace(&mut self.writes[position].word, word);
        if position < self.branch {
            self.is_large = true;
            self.undo.push(Replaced { position, word: replaced, destroy });
        } else {
            discard(replaced, destroy);
        }
    }

    /// Makes room for more entries.
    #[cold]
    fn grow(&mut self) {
        for (len, room) in [(self.reads.len(), self.reads.capacity()), (self.writes.len(), self.writes.capacity())] {
            self.is_large |= len == room && room >= KEPT;
        }
        self.reads.reserve(1);
        self.writes.reserve(1);
    }

    /// Takes the variable's read out of the read set, for the entry of its first write, if it is one of the latest two: `modify`
    /// reads just before, a transfer one variable earlier. The commit then validates it by the very step that locks the
    /// variable.
    #[inline(always)]
    fn take_read(&mut self, var: VarPtr) -> Orec {
        let Some(&last) = self.reads.last() else { return Orec::NONE };
        if last.var == var {
            self.reads.pop();
            return last.seen;
        }
        match self.reads.len().checked_sub(2) {
            Some(position) if self.reads[position].var == var => {
                self.reads.pop();
                std::mem::replace(&mut self.reads[position], last).seen
            }
            _ => Orec::NONE,
        }
    }

    /// All that was read, wherever it is logged. Not while the commit holds locks.
    pub(crate) fn all_reads(&self) -> impl Iterator<Item = Read> + Clone + '_ {
        let taken = if seeded("stm/forget-taken-reads") { &[][..] } else { &self.writes[..] };
        self.reads.iter().copied().chain(taken.iter().filter_map(Write::read))
    }

    #[cold]
    fn extend_index(&mut self) {
        self.is_large = true;
        let known = if self.writes.len() == LINEAR + 1 { 0 } else { self.writes.len() - 1 };
        for (position, write) in self.writes.iter().enumerate().skip(known) {
            self.index.insert(write.var, position);
        }
    }

    /// Begins a branch whose writes may have to be undone alone.
    pub(crate) fn begin_branch(&mut self) -> Savepoint {
        let savepoint = Savepoint { writes: self.writes.len(), undo: self.undo.len(), outer: self.branch };
        self.branch = self.writes.len();
        savepoint
    }

    /// Makes the branch's writes those of the enclosing one. What it replaced there stays on the undo list for its sake.
    pub(crate) fn keep_branch(&mut self, savepoint: &Savepoint) {
        self.branch = savepoint.outer;
    }

    /// Undoes the branch's writes. Its reads stay: they are why it failed.
    pub(crate) fn undo_branch(&mut self, savepoint: &Savepoint) {
        for replaced in self.undo.drain(savepoint.undo..).rev() {
            let write = &mut self.writes[replaced.position];
            discard(std::mem::replace(&mut write.word, replaced.word), replaced.destroy);
        }
        let indexed = self.writes.len() > LINEAR;
        for write in self.writes.drain(savepoint.writes..) {
            if !seeded("stm/undo-forgets-taken-reads") {
                self.reads.extend(write.read());
            }
            if indexed {
                self.index.remove(&write.var);
            }
            write.discard();
        }
        if self.writes.len() <= LINEAR {
            self.index.clear();
        }
        self.branch = savepoint.outer;
    }

    /// Forgets everything after a commit, which has moved the words out of the write set.
    #[inline(always)]
    pub(crate) fn clear_committed(&mut self) {
        self.writes.clear();
        self.clear();
    }

    /// Forgets everything at the end of an attempt whose write set is empty, and all of whose branches have ended.
    #[inline(always)]
    pub(crate) fn clear(&mut self) {
        self.reads.clear();
        self.filter = 0;
        if self.is_large {
            self.discard();
        }
    }

    /// Forgets everything; words that were not published are destroyed at the next safe moment.
    #[cold]
    pub(crate) fn discard(&mut self) {
        for replaced in self.undo.drain(..) {
            discard(replaced.word, replaced.destroy);
        }
        self.writes.drain(..).for_each(Write::discard);
        self.index.clear();
        self.reads.clear();
        self.index.shrink_to(LINEAR);
        self.reads.shrink_to(KEPT);
        self.writes.shrink_to(KEPT);
        (self.filter, self.branch, self.is_large, self.doom) = (0, 0, false, None);
    }
}

/// `Vec::push` without a way out to make room, whose mere presence would cost every caller the saving of registers.
///
/// # Safety
/// There is room for one more.
#[inline(always)]
unsafe fn push_into_room<T>(list: &mut Vec<T>, entry: T) {
    let len = list.len();
    debug_assert!(len < list.capacity());
    // SAFETY: by the caller, within the allocation.
    unsafe {
        list.as_mut_ptr().add(len).write(entry);
        list.set_len(len + 1);
    }
}

#[inline(always)]
fn filter_bit(var: VarPtr) -> u64 {
    // Fibonacci hashing: the top six bits of the product depend on the whole address.
    1 << ((var.addr() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58)
}
