//! What a transaction remembers: its read set, its write set, and how to undo a branch.
//!
//! Logs are lists that a thread keeps from one transaction to the next, so the steady state allocates nothing. A small
//! write set is searched linearly behind a 64-bit filter (Bloom's, with one hash); a large one gets an index, so that a
//! transaction of n operations costs O(n).

use reweave_core::reclaim::{Garbage, expire};
use reweave_core::seeded;
use reweave_core::sync::MODELLED;
use rustc_hash::FxHashMap;

use crate::error::Cause;
use crate::orec::Orec;
use crate::reads::{Read, Reads};
use crate::var::VarPtr;
use crate::word::{Destroy, Word};

/// Write sets up to this length are searched linearly.
const LINEAR: usize = 16;
/// Entries for which a log keeps its memory between transactions.
const KEPT: usize = 1 << 14;

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
    /// Whether its publication leaves the word from before to be kept or to be destroyed: `last_snapshot` is the smallest record with the
    /// tick of the last snapshot. While the commit holds the lock.
    #[inline(always)]
    pub(crate) fn leaves_something(&self, last_snapshot: Orec) -> bool {
        self.before.is_unlocked_before(last_snapshot) || self.destroy.is_some()
    }

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
    pub(crate) reads: Reads,
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
    pub(crate) is_large: bool,
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
            reads: Reads::with_capacity(LINEAR),
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

    /// How many reads and writes there are.
    pub(crate) fn len(&self) -> usize {
        self.reads.len() + self.writes.len()
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

    /// Enters a read of a variable that is not in the write set.
    pub(crate) fn read(&mut self, read: Read) {
        self.reads.push(read);
        self.is_large |= self.reads.capacity() > KEPT;
    }

    /// Enters a write; an earlier one to the same variable is replaced, but kept for undoing if it is an enclosing
    /// branch's.
    #[inline(always)]
    pub(crate) fn write(&mut self, var: VarPtr, word: Word, destroy: Option<Destroy>) {
        let bit = filter_bit(var);
        // What nearly always holds, in a straight line; whatever does not is left to one call at its end.
        if self.filter & bit == 0 && self.writes.len() < LINEAR {
            self.filter |= bit;
            let before = self.reads.take_latest(var);
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
        let before = self.reads.take_latest(var);
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
                write.read().into_iter().for_each(|read| self.reads.push(read));
            }
            if indexed {
                self.index.remove(&write.var);
            }
            write.discard();
        }
        self.is_large |= self.reads.capacity() > KEPT;
        if self.writes.len() <= LINEAR {
            self.index.clear();
        }
        self.branch = savepoint.outer;
    }

    /// Forgets what was read and written, after a commit that has moved the words out of the write set. If the log
    /// [is large](Log::is_large) there is more to [discard](Log::discard).
    #[inline(always)]
    pub(crate) fn forget_committed(&mut self) {
        self.writes.clear();
        self.reads.clear();
        self.filter = 0;
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
