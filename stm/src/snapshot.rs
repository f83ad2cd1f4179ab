//! Reading any number of variables as of one instant.
//!
//! A snapshot takes an instant of the clock, announces it so that no version it needs is pruned, and then reads each
//! variable's newest version below that instant: the current one or, if a later commit has replaced it, the pre-image
//! that the commit left (`history`). Nothing is logged, validated or run again. A read waits only for a commit that is in the
//! middle of publishing that very variable.

use std::fmt;

use reweave_core::seeded;
use reweave_core::sync::atomic::Ordering;

use crate::engine::EngineId;
use crate::orec::Orec;
use crate::participant::Participant;
use crate::spin::Spin;
use crate::tvar::TVar;
use crate::word::{self, Word};

/// A consistent view of all variables of an engine at one instant, read-only: see [`snapshot`](crate::snapshot).
pub struct Snapshot<'p> {
    participant: &'p Participant,
    engine: EngineId,
    /// What is older than this record is visible.
    instant: Orec,
}

impl<'p> Snapshot<'p> {
    /// Takes a snapshot. The participant must have nothing else open.
    pub(crate) fn begin(participant: &'p Participant) -> Self {
        let instant = participant.engine().clock.snapshot(|instant| participant.slot.announce_snapshot(instant));
        participant.slot.counters.snapshots.bump();
        Snapshot { participant, engine: participant.engine_id(), instant: Orec::published(instant, 0) }
    }

    /// The variable's value at the instant of this snapshot.
    ///
    /// Never fails and never aborts. Costs one version check; or a walk of the variable's older versions, of which there
    /// is one for each later commit that came between two snapshots.
    ///
    /// # Panics
    /// When the variable belongs to another engine; in a release build, integers, floats, `bool` and `char` of another
    /// engine may instead give a value of no particular instant.
    #[inline]
    pub fn read<T: Clone + Send + Sync + 'static>(&self, var: &TVar<T>) -> T {
        self.with(var, T::clone)
    }

    /// Lends out the variable's value at the instant of this snapshot, without cloning it.
    ///
    /// # Panics
    /// When the variable belongs to another engine; in a release build, integers, floats, `bool` and `char` of another
    /// engine may instead give a value of no particular instant.
    #[inline]
    pub fn with<T: Send + Sync + 'static, R>(&self, var: &TVar<T>, use_value: impl FnOnce(&T) -> R) -> R {
        let word = self.word(var);
        // SAFETY: the word is of this variable, and a version visible to an announced snapshot is kept when it is replaced, and
        // not pruned.
        unsafe { word::borrow(word, use_value) }
    }

    #[inline]
    fn word<T: Send + Sync + 'static>(&self, tvar: &TVar<T>) -> Word {
        // A value behind a pointer is protected by its own engine only. One in place needs no protection, and checking
        // costs a third of reading it: there, a foreign variable is sure to be refused in a debug build, and in others if
        // the slow path meets it.
        if !word::in_place::<T>() || cfg!(debug_assertions) {
            self.engine.check(tvar.engine_id());
        }
        let var = tvar.hot();
        let seen = var.orec.load(Ordering::Acquire);
        if seen.is_unlocked_before(self.instant) {
            let word = var.word.load(Ordering::Acquire);
            // As in `Tx::read`: a newer word would come with a newer or locked record.
            if var.orec.load(Ordering::Relaxed) == seen {
                return word;
            }
        }
        self.engine.check(tvar.engine_id());
        self.word_of_the_past(tvar)
    }

    /// The variable is being replaced, or has been since our instant.
    #[cold]
    fn word_of_the_past<T: Send + Sync + 'static>(&self, tvar: &TVar<T>) -> Word {
        let var = tvar.hot();
        let mut spin = Spin::new();
        loop {
            let seen = var.orec.load(Ordering::Acquire);
            if seen.is_locked() && !seeded("stm/snapshot-ignores-locks") {
                spin.pause();
            } else if seen.tick() >= self.instant.tick() {
                // The commit that replaced our version pushed it before it published the record we saw.
                // SAFETY: inside a walk, by the handle `tvar`.
                return self.participant.slot.while_walking(|| unsafe { tvar.cold().history.at(self.instant.tick()) });
            } else {
                let word = var.word.load(Ordering::Acquire);
                if var.orec.load(Ordering::Relaxed).is_still(seen) {
                    return word;
                }
            }
        }
    }
}

impl Drop for Snapshot<'_> {
    fn drop(&mut self) {
        self.participant.slot.withdraw_snapshot();
    }
}

impl fmt::Debug for Snapshot<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").field("instant", &self.instant.tick()).finish_non_exhaustive()
    }
}
