//! Attempts that cannot meet a conflict: how a transaction is kept from starving.
//!
//! A transaction that has been aborted too often waits for its *turn* and then *reserves*: it sets the bit `R` in the record of
//! every variable that it reads, before it reads it. Nobody else locks a variable with that bit, so what it has read
//! stays current until it ends, and its commit has nothing to validate.
//!
//! | who | meets | does |
//! |---|---|---|
//! | the reserving transaction | `L`, reading or committing | waits: whoever holds it is committing, and waits for nobody |
//! | another commit | `R` | gives up its locks and its attempt (cause `reserved`) |
//! | a store outside transactions | `R` or `L` | waits; it holds nothing |
//! | other transactions and snapshots, reading | `R` | take no notice |
//!
//! 1. One transaction of an engine reserves at a time, so every `R` is its own.
//! 2. *It is not aborted.* `R` is set by compare-and-swap from an unlocked record, and nobody locks a record with `R`: from then
//!    on the variable's version stays. At any moment all it has read is current, as opacity asks; that holds at its stamp, too.
//! 3. *It does not wait for ever.* It waits for holders of `L` alone. They are inside a commit, hold locks for a bounded
//!    number of their own steps, and wait for nobody while they do.
//! 4. *Turns come in order*, handed over from each to the next in line. So a transaction is aborted a bounded number of times
//!    (`contention`), and then waits for the bodies of those before it.
//!
//! The instants of commits still are prefixes of their order (`clock`): who overwrites what a reserving transaction has read locks
//! it after `R` was taken away, hence stamps itself later; and whom it has read from had published before.

use std::collections::VecDeque;

use reweave_core::event::{self, Limits};
use reweave_core::seeded;
use reweave_core::sync::atomic::Ordering;
use reweave_core::sync::{Arc, Mutex};
use reweave_core::trigger::Trigger;

use crate::log::{Log, Read};
use crate::orec::Orec;
use crate::spin::Spin;
use crate::var::{Var, VarPtr};
use crate::word::Word;

/// The turns of an engine.
pub(crate) struct Turns(Mutex<Line>);

struct Line {
    is_taken: bool,
    waiting: VecDeque<Arc<Trigger>>,
}

/// The right to reserve. Its end is the next one's turn.
pub(crate) struct Turn<'e>(&'e Turns);

impl Turns {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Line { is_taken: false, waiting: VecDeque::new() }))
    }

    /// Waits for the caller's turn, in the order of coming. To be called with nothing locked and no transaction open.
    pub(crate) fn take(&self) -> Turn<'_> {
        let turn = Turn(self);
        let trigger = {
            let mut line = self.0.lock();
            if !line.is_taken || seeded("stm/two-reserve") {
                line.is_taken = true;
                return turn;
            }
            let trigger = Arc::new(Trigger::new());
            line.waiting.push_back(trigger.clone());
            trigger
        };
        let handed_over =
            event::wait_signal(&trigger, "a turn to reserve what a transaction reads", Limits::unstoppable());
        debug_assert!(handed_over.is_ok(), "nothing else ends an unstoppable wait");
        turn
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let next = {
            let mut line = self.0.0.lock();
            let next = line.waiting.pop_front();
            line.is_taken = next.is_some();
            next
        };
        if let Some(next) = next {
            next.signal(0);
        }
    }
}

/// Reads a variable for the reserving transaction, which has not written it.
pub(crate) fn read(log: &mut Log, var: VarPtr) -> Word {
    // SAFETY: the caller has a handle to the variable.
    let Var { orec, word } = unsafe { var.hot() };
    let mut spin = Spin::new();
    loop {
        let seen = orec.load(Ordering::Acquire);
        if seen.is_reserved() {
            break; // by ourselves, when we read it before
        }
        if seen.is_locked() {
            spin.pause();
        } else if seeded("stm/reserve-nothing") || orec.replace(seen, seen.reserved(), Ordering::AcqRel).is_ok() {
            log.read(Read { var, seen: seen.reserved() });
            break;
        }
    }
    word.load(Ordering::Acquire)
}

/// Locks a variable for the reserving transaction; returns the record from before.
pub(crate) fn lock(var: &Var) -> Orec {
    let mut spin = Spin::new();
    loop {
        let now = var.orec.load(Ordering::Relaxed);
        if now.is_locked() {
            spin.pause();
        } else if var.orec.replace(now, now.locked(), Ordering::AcqRel).is_ok() {
            // Acquire: as in `commit::lock`.
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
