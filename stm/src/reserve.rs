//! Attempts that cannot meet a conflict: how a transaction is kept from starving.
//!
//! A transaction that has been aborted too often waits for its *turn* and then *reserves*: it sets the bit `R` in the record of
//! every variable that it reads, before it reads it. Nobody else locks a variable with that bit, so what it has read
//! stays current until it ends, and its commit has nothing to validate.
//!
//! | who | meets | does |
//! |---|---|---|
//! | the reserving transaction | `L` | says what it wants, and waits |
//! | another commit | `R`, or a variable that is wanted | gives up its locks and its attempt (cause `reserved`) |
//! | a store outside transactions | `R`, `L`, or a variable that is wanted | waits; it holds nothing |
//! | other transactions and snapshots, reading | `R` | read on |
//!
//! 1. One transaction of an engine reserves at a time, so every `R` is its own.
//! 2. *It is not aborted.* `R` is set by compare-and-swap from an unlocked record, and nobody locks a record with `R`: from then
//!    on the variable's version stays. At any moment all it has read is current, as opacity asks; that holds at its stamp, too.
//! 3. *It does not wait for ever.* It waits for holders of `L` alone, while it holds none itself: it sets `R` on all that it writes
//!    before it locks the first. A holder of `L` is inside a commit, or a round over idle variables (`tidy`), and waits for no
//!    transaction. And no commit locks a variable again after noticing that it is wanted; a round locks one only if it has
//!    something to cut out, which takes another commit.
//! 4. *Turns come in order*, handed over from each to the next in line, before any user code of the one that ends (`run`).
//!
//! The instants of commits still are prefixes of their order (`clock`): who overwrites what a reserving transaction has read locks
//! it after `R` was taken away, hence stamps itself later; and whom it has read from had published before.

use std::cell::Cell;
use std::collections::VecDeque;

use reweave_core::event::{self, Limits};
use reweave_core::seeded;
use reweave_core::sync::atomic::{AtomicUsize, Ordering};
use reweave_core::sync::{Arc, MODELLED, Mutex, thread_local};
use reweave_core::trigger::Trigger;

use crate::log::Log;
use crate::orec::Orec;
use crate::reads::Read;
use crate::spin::Spin;
use crate::var::{Var, VarPtr};
use crate::word::Word;

/// The turns of an engine.
pub(crate) struct Turns {
    /// The address of the variable that the reserving transaction waits for, or 0. A request and no lock: who overlooks it makes
    /// it wait for one commit more.
    wanted: AtomicUsize,
    line: Mutex<Line>,
}

struct Line {
    is_taken: bool,
    waiting: VecDeque<Arc<Trigger>>,
}

/// The right to reserve. Its end is the next one's turn.
pub(crate) struct Turn<'e>(&'e Turns);

/// A place in the line. Whoever gives it up, because waiting panicked, holds up nobody.
struct Place<'e> {
    turns: &'e Turns,
    trigger: Arc<Trigger>,
    has_come: bool,
}

thread_local! {
    /// Whether the thread stands in a line: what its waiting calls (a hook) may run transactions, which must not stand behind it.
    static IN_LINE: Cell<bool> = const { Cell::new(false) };
}

impl Turns {
    pub(crate) fn new() -> Self {
        Self { wanted: AtomicUsize::new(0), line: Mutex::new(Line { is_taken: false, waiting: VecDeque::new() }) }
    }

    /// Waits for the caller's turn, in the order of coming; `None` if the thread stands in line already. To be called with nothing
    /// locked and no transaction open.
    pub(crate) fn take(&self) -> Option<Turn<'_>> {
        let trigger = {
            let mut line = self.line.lock();
            if !line.is_taken || seeded("stm/two-reserve") {
                line.is_taken = true;
                return Some(Turn(self));
            }
            if IN_LINE.try_with(|in_line| in_line.replace(true)).unwrap_or(false) {
                return None;
            }
            let trigger = Arc::new(Trigger::new());
            line.waiting.push_back(trigger.clone());
            trigger
        };
        let mut place = Place { turns: self, trigger, has_come: false };
        let what = "a turn to reserve what a transaction reads";
        let handed_over = event::wait_signal(&place.trigger, what, Limits::unstoppable());
        debug_assert!(handed_over.is_ok(), "nothing else ends an unstoppable wait");
        place.has_come = true;
        Some(Turn(self))
    }

    /// Whether the reserving transaction waits for the variable.
    #[inline(always)]
    pub(crate) fn want(&self, var: VarPtr) -> bool {
        // It only hastens somebody else's progress: the models are spared the steps.
        !MODELLED && self.wanted.load(Ordering::Relaxed) == var.addr()
    }

    /// Whether it waits for any: for those who then look closer.
    #[inline(always)]
    pub(crate) fn want_any(&self) -> bool {
        !MODELLED && self.wanted.load(Ordering::Relaxed) != 0
    }

    fn set_wanted(&self, wanted: usize) {
        if !MODELLED {
            self.wanted.store(wanted, Ordering::Relaxed);
        }
    }

    fn pass_on(&self) {
        let next = {
            let mut line = self.line.lock();
            let next = line.waiting.pop_front();
            line.is_taken = next.is_some();
            next
        };
        if let Some(next) = next
            && !seeded("stm/forget-next-turn")
        {
            next.signal(0);
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let _ = IN_LINE.try_with(|in_line| in_line.set(false));
        if self.has_come {
            return;
        }
        let left = {
            let mut line = self.turns.line.lock();
            let position = line.waiting.iter().position(|other| Arc::ptr_eq(other, &self.trigger));
            position.and_then(|position| line.waiting.remove(position))
        };
        if left.is_none() {
            self.turns.pass_on();
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.pass_on();
    }
}

/// Reads a variable for the reserving transaction, which has not written it.
pub(crate) fn read(turns: &Turns, log: &mut Log, var: VarPtr) -> Word {
    if let Some(seen) = reserve(turns, var) {
        log.read(Read { var, seen });
    }
    // SAFETY: the caller has a handle to the variable.
    unsafe { var.hot() }.word.load(Ordering::Acquire)
}

/// Sets `R` in a variable's record, if it is not there yet; waits while the variable is locked. Returns the record with it.
pub(crate) fn reserve(turns: &Turns, var: VarPtr) -> Option<Orec> {
    // SAFETY: the caller has a handle to the variable, or has had one since the transaction began.
    let orec = unsafe { &var.hot().orec };
    let mut spin = Spin::new();
    let reserved = loop {
        let seen = orec.load(Ordering::Acquire);
        if seen.is_reserved() {
            break None; // by ourselves, when we read it before
        }
        if seen.is_locked() {
            turns.set_wanted(var.addr());
            spin.pause();
        } else if seeded("stm/reserve-nothing") || orec.replace(seen, seen.reserved(), Ordering::AcqRel).is_ok() {
            break Some(seen.reserved());
        }
    };
    turns.set_wanted(0);
    reserved
}

/// Locks a variable that the reserving transaction has reserved; returns the record from before.
pub(crate) fn lock(var: &Var) -> Orec {
    loop {
        let now = var.orec.load(Ordering::Relaxed);
        // Acquire: as in `commit::lock`. It fails only if a waiter has marked the record meanwhile.
        if var.orec.replace(now, now.locked(), Ordering::AcqRel).is_ok() {
            return now;
        }
    }
}

/// Takes `R` away from what was read. What was written has lost it with its new record, if it committed.
pub(crate) fn release(reads: impl Iterator<Item = Read>) {
    for read in reads {
        // SAFETY: logged variables outlive the open transaction.
        // Release: our reads of the variable come before the next commit to it.
        unsafe { read.var.hot() }.orec.unreserve(Ordering::Release);
    }
}
