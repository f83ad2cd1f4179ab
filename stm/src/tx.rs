//! Inside a transaction: reading, writing, choosing between alternatives.
//!
//! A transaction reads *at an instant* `now` of the clock. It may see a variable whose last commit has a tick below
//! `now`, or the tick `now` itself if that commit was its own thread's. Anything younger makes it *extend*: take a younger
//! instant and check that everything it has read is still current, or else give up. So at any moment all it has read was
//! current at `now`, which is what opacity asks for.

use reweave_core::seeded;
use reweave_core::sync::atomic::Ordering;
use reweave_core::sync::{fence_light, hint};

use crate::commit;
use crate::engine::EngineId;
use crate::error::{Cause, Interrupt, InterruptKind, TxError, TxResult, retry};
use crate::log::Log;
use crate::orec::{AtomicOrec, Orec};
use crate::participant::Participant;
use crate::reads::Read;
use crate::reserve::{self, Turn};
use crate::spin::READ_SPINS;
use crate::thread::Open;
use crate::var::{Var, VarPtr};
use crate::waiters::Waiting;
use crate::word::{Destroy, Word};

/// A running transaction: the argument of the body, through which it reads and writes variables.
pub struct Tx<'p> {
    participant: &'p Participant,
    log: &'p mut Log,
    /// The instant that this transaction reads at: what is older than this record is visible. `NEW`, to which nothing is, if it
    /// reserves what it reads, and once it is known that this attempt cannot commit.
    now: Orec,
    /// The record that this thread's commits leave at this instant: visible too.
    own: Orec,
}

/// What became of an attempt that did not commit.
pub(crate) enum Conclusion<'e> {
    /// It met a conflict, after it had read and written so many variables.
    Conflict(Cause, u64),
    /// The body asked to retry; it is enlisted for a change of what it read, unless that happened already.
    Retry(Option<Waiting<'e>>),
    /// The body asked to retry and had read nothing.
    NothingToWaitFor,
    /// The body returned an error of its own.
    Aborted,
}

impl<'p> Tx<'p> {
    /// Begins an attempt. The participant must have no other one open.
    #[inline(always)]
    pub(crate) fn begin(participant: &'p Participant, open: &Open) -> Self {
        let log = participant.log(open);
        let engine = participant.engine();
        let now = engine.clock.begin(|now| {
            if !engine.keeps_everything() {
                participant.slot.open(now);
            }
        });
        Tx { participant, log, now: Orec::published(now, 0), own: participant.own_record(now) }
    }

    /// Begins an attempt that reserves what it reads: the participant's turn has come.
    #[cold]
    pub(crate) fn begin_reserving(participant: &'p Participant, open: &Open, _: &Turn<'_>) -> Self {
        let mut tx = Self::begin(participant, open);
        // It reads at no instant: what it has read is current, however young, and nobody replaces it as long as it lasts.
        tx.log.is_reserving = true;
        (tx.now, tx.own) = (Orec::NEW, Orec::NONE);
        tx
    }

    /// The current word of a variable, for this transaction. It stays valid until the transaction ends or writes
    /// the variable.
    #[inline(always)]
    pub(crate) fn read(&mut self, var: VarPtr, engine: EngineId) -> TxResult<Word> {
        self.participant.engine_id().check(engine);
        // What nearly always holds, in a straight line; whatever does not is left to one call at its end.
        if !self.log.may_have_written(var) && self.log.reads.has_room() {
            // SAFETY: the caller has a handle to the variable.
            let Var { orec, word } = unsafe { var.hot() };
            // Acquire: as in `read_shared`.
            let seen = orec.load(Ordering::Acquire);
            let value = word.load(Ordering::Acquire);
            // Not checked whether this transaction is doomed: to one that is nothing is visible.
            if self.sees(seen) && (orec.load(Ordering::Acquire) == seen || seeded("stm/read-without-recheck")) {
                // SAFETY: asked above.
                unsafe { self.log.reads.push_into_room(Read { var, seen }) };
                return Ok(value);
            }
        }
        self.read_slowly(var)
    }

    #[cold]
    #[inline(never)]
    fn read_slowly(&mut self, var: VarPtr) -> TxResult<Word> {
        match self.log.find(var) {
            Some(position) => self.check_alive().map(|()| self.log.writes[position].word),
            None if self.log.is_reserving => Ok(reserve::read(&self.participant.engine().turns, self.log, var)),
            None => self.read_shared(var),
        }
    }

    fn read_shared(&mut self, var: VarPtr) -> TxResult<Word> {
        // SAFETY: the caller has a handle to the variable.
        let Var { orec, word } = unsafe { var.hot() };
        // Acquire: the value of this version, and of everything its committer saw, is visible.
        let mut seen = orec.load(Ordering::Acquire);
        loop {
            if !self.sees(seen) {
                seen = self.make_visible(orec)?;
            }
            // Acquire: publishes a boxed value, and keeps the second look at the record behind this load. It pairs with the
            // release in `commit::publish`: seeing a newer word implies seeing the lock that came before it.
            let value = word.load(Ordering::Acquire);
            let again = orec.load(Ordering::Acquire);
            // A mark that came or went meanwhile, of a waiter or a reservation, is no other version.
            if again.is_still(seen) || seeded("stm/read-without-recheck") {
                self.log.read(Read { var, seen });
                return Ok(value);
            }
            seen = again;
        }
    }

    /// Whether a variable with this record may be read at the transaction's instant.
    #[inline(always)]
    fn sees(&self, seen: Orec) -> bool {
        seen.is_unlocked_before(self.now)
            || seen.is_still(self.own)
            || (seeded("stm/tie-ignores-owner") && !seen.is_locked() && seen.tick() == self.now.tick())
            || (seeded("stm/read-the-future") && !seen.is_locked())
    }

    /// Waits a little for a lock, and extends the transaction to a younger version; returns a record that it sees.
    #[cold]
    fn make_visible(&mut self, orec: &AtomicOrec) -> TxResult<Orec> {
        let mut spins = 0;
        while !self.is_doomed() {
            let seen = orec.load(Ordering::Acquire);
            if self.sees(seen) {
                return Ok(seen);
            }
            if !seen.is_locked() {
                self.extend(seen);
            } else if spins == READ_SPINS {
                self.doom(Cause::ReadLocked);
            } else {
                spins += 1;
                hint::spin_loop();
            }
        }
        Err(CONFLICT)
    }

    /// Moves this transaction to an instant at which `seen` is visible, or dooms it.
    fn extend(&mut self, seen: Orec) {
        let engine = self.participant.engine();
        let now = engine.clock.tick_past(seen.tick());
        if !engine.keeps_everything() {
            self.participant.slot.extend(now);
            fence_light();
        }
        if !seeded("stm/extend-without-validation") && !self.log.all_reads().all(|read| commit::is_current(&read)) {
            return self.doom(Cause::ReadChanged);
        }
        self.now = Orec::published(now, 0);
        self.own = self.participant.own_record(now);
    }

    #[inline(always)]
    fn is_doomed(&self) -> bool {
        self.now == Orec::NEW && self.log.doom.is_some()
    }

    fn doom(&mut self, cause: Cause) {
        self.log.doom = Some(cause);
        (self.now, self.own) = (Orec::NEW, Orec::NONE);
    }

    /// Enters a write into the log, which owns the word from now on.
    #[inline(always)]
    pub(crate) fn write(
        &mut self,
        var: VarPtr,
        engine: EngineId,
        destroy: Option<Destroy>,
        encode: impl FnOnce() -> Word,
    ) -> TxResult<()> {
        self.participant.engine_id().check(engine);
        self.check_alive()?;
        self.log.write(var, encode(), destroy);
        Ok(())
    }

    /// Fails if this attempt is doomed.
    #[inline]
    fn check_alive(&self) -> TxResult<()> {
        if self.is_doomed() { Err(CONFLICT) } else { Ok(()) }
    }

    /// Waits until what this transaction has read changes, and runs it again: [`retry`](crate::retry) as a method.
    ///
    /// # Errors
    /// Always; pass it on with `?`.
    pub fn retry<T>(&self) -> TxResult<T> {
        retry()
    }

    /// Runs `first`; if it retries, undoes what it wrote and runs `second` instead. If that retries too, the transaction
    /// waits for a change of what either of them has read.
    ///
    /// What `first` has read stays part of the transaction even if `second` decides: that `first` could not go on is why
    /// `second` ran, and it must still be so at the commit.
    ///
    /// # Errors
    /// Those of the branch that decided.
    ///
    /// # Examples
    /// ```
    /// use reweave_stm::{TVar, atomically};
    /// let (left, right) = (TVar::new(None), TVar::new(Some(5)));
    /// let taken = atomically(|tx| {
    ///     let take = |tx: &mut reweave_stm::Tx, from: &TVar<Option<i32>>| match from.replace(tx, None)? {
    ///         Some(value) => Ok(value),
    ///         None => tx.retry(),
    ///     };
    ///     tx.or_else(|tx| take(tx, &left), |tx| take(tx, &right))
    /// });
    /// assert_eq!(taken, 5);
    /// ```
    pub fn or_else<T, E: TxError>(
        &mut self,
        first: impl FnOnce(&mut Self) -> Result<T, E>,
        second: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        let savepoint = self.log.begin_branch();
        let reads = self.log.reads.len();
        let result = first(self);
        let retries = matches!(&result, Err(error) if error.interrupt() == Some(RETRY));
        if !retries || self.is_doomed() {
            self.log.keep_branch(&savepoint);
            return result;
        }
        if !seeded("stm/or-else-keeps-writes") {
            self.log.undo_branch(&savepoint);
        } else {
            self.log.keep_branch(&savepoint);
        }
        if seeded("stm/or-else-forgets-reads") {
            self.log.reads.truncate(reads);
        }
        second(self)
    }

    /// Commits an attempt whose body has returned a result; says whether it took effect. Afterwards nothing is locked, and only
    /// [`end_committed`](Tx::end_committed) is left to do, or [`conclude`](Tx::conclude) says why not.
    #[inline(always)]
    pub(crate) fn commit(&mut self) -> bool {
        if self.now == Orec::NEW {
            return self.commit_reserving();
        }
        match commit::commit(self.participant, self.log) {
            Ok(()) => true,
            Err(cause) => {
                self.doom(cause);
                false
            }
        }
    }

    #[cold]
    fn commit_reserving(&mut self) -> bool {
        if self.is_doomed() {
            return false;
        }
        commit::commit_reserving(self.participant, self.log);
        self.log.is_reserving = false;
        true
    }

    /// Ends a transaction that has committed.
    #[inline(always)]
    pub(crate) fn end_committed(self) {
        // The log is empty by now: what is left of the drop is this.
        self.close();
        std::mem::forget(self);
    }

    #[inline(always)]
    fn close(&self) {
        if !self.participant.engine().keeps_everything() {
            self.participant.slot.close();
        }
    }

    /// What became of an attempt that did not commit. Afterwards only the drop is left to do.
    #[cold]
    pub(crate) fn conclude<E: TxError>(&self, error: Option<&E>, enlist: bool) -> Conclusion<'p> {
        let interrupt = match error {
            None => None,
            Some(error) => match error.interrupt() {
                None if !self.is_doomed() => return Conclusion::Aborted,
                interrupt => interrupt,
            },
        };
        if let Some(cause) = self.log.doom {
            return Conclusion::Conflict(cause, self.log.len() as u64);
        }
        match interrupt {
            None => unreachable!("a result that did not commit has met a conflict"),
            Some(RETRY) if self.log.all_reads().next().is_none() => Conclusion::NothingToWaitFor,
            Some(RETRY) if enlist => Conclusion::Retry(self.enlist()),
            Some(RETRY) => Conclusion::Retry(None),
            // An interrupt kept from an earlier attempt: this one is not doomed, but its body did not finish either.
            Some(_) => Conclusion::Conflict(Cause::ReadChanged, 0),
        }
    }

    fn enlist(&self) -> Option<Waiting<'p>> {
        let reads = self.log.all_reads().map(|read| {
            // SAFETY: what is in the log was alive during this transaction, which is still open.
            let var = unsafe { read.var.hot() };
            (read.var.addr(), &var.orec, read.seen)
        });
        self.participant.engine().waiters.enlist(reads)
    }
}

impl Drop for Tx<'_> {
    /// Also the path of a panic in the body: nothing is locked then, and the logs must be left empty.
    #[cold]
    fn drop(&mut self) {
        if self.log.is_reserving {
            reserve::release(self.log.all_reads());
            self.log.is_reserving = false;
        }
        self.log.discard();
        self.close();
    }
}

const CONFLICT: Interrupt = Interrupt(InterruptKind::Conflict);
const RETRY: Interrupt = Interrupt(InterruptKind::Retry);
