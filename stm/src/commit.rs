//! Committing: lock what is written, stamp, validate what was read, publish.
//!
//! ```text
//! lock      every variable of the write set, by compare-and-swap of its record to the same record with L; from the record
//!           that was read, if it was read just before: then the lock is the validation
//! stamp     load the clock (and mark its tick dirty, if nobody has): this is the commit's tick
//! validate  every other read: its record is as logged, or was when we locked it ourselves
//! publish   a variable at a time: keep its version if a snapshot may need it, store the word, store the record
//! ```
//!
//! The commit takes effect, for everybody at once, when it stamps: it holds its locks then, and validation shows that what
//! it read was still current. A variable that is published before another is no leak: until the other is published it is
//! locked, and whoever wants both waits or gives up.
//!
//! A lock is never waited for by one who holds another. A commit that finds one taken releases its own and gives up, so there
//! is no deadlock. Between the first lock and the last release no user code runs: words are moved, not compared, cloned or dropped.

use reweave_core::seeded;
use reweave_core::sync::ExclusiveLoad;
use reweave_core::sync::atomic::Ordering;

use crate::clock::Instant;
use crate::error::Cause;
use crate::history::PreImage;
use crate::limbo::Retired;
use crate::log::{Log, Read, Write};
use crate::orec::Orec;
use crate::participant::Participant;
use crate::reserve::{self, Turns};
use crate::spin::Spin;
use crate::var::Var;

/// Commits a transaction. On success its words have moved to the variables, what they replaced is retired, waiters are
/// awake, and the log is empty.
#[inline(always)]
pub(crate) fn commit(participant: &Participant, log: &mut Log) -> Result<(), Cause> {
    if log.writes.is_empty() {
        // There is nothing to publish, and what was read was current at the transaction's instant.
        log.clear();
    } else {
        commit_writes(participant, log)?;
    }
    participant.slot.counters.commits.bump();
    Ok(())
}

#[inline(never)]
fn commit_writes(participant: &Participant, log: &mut Log) -> Result<(), Cause> {
    lock_all(&mut log.writes, &participant.engine().turns)?;
    let stamp = participant.engine().clock.stamp();
    if !log.reads.is_empty() && !validate(log) {
        release(&log.writes);
        return Err(Cause::CommitChanged);
    }
    publish(participant, &mut log.writes, stamp);
    log.clear_committed();
    participant.count_use();
    Ok(())
}

/// Commits the reserving transaction, which meets no conflict.
#[cold]
pub(crate) fn commit_reserving(participant: &Participant, log: &mut Log) {
    let turns = &participant.engine().turns;
    // What was not read just before it was written may not be reserved yet. To wait for it while others are locked would hold
    // up those who want the others.
    for write in log.writes.iter().filter(|write| write.before == Orec::NONE) {
        reserve::reserve(turns, write.var);
    }
    for write in &mut log.writes {
        // SAFETY: logged variables outlive the open transaction.
        write.before = reserve::lock(unsafe { write.var.hot() });
    }
    if !log.writes.is_empty() {
        let stamp = participant.engine().clock.stamp();
        publish(participant, &mut log.writes, stamp);
    }
    // After publishing: until then nobody may overwrite what the writes were computed from.
    reserve::release(log.reads.drain(..));
    log.clear_committed();
    participant.count_use();
    participant.slot.counters.commits.bump();
}

/// Commits one blind write, waiting for the lock instead of giving up: a store outside transactions.
pub(crate) fn store(participant: &Participant, mut write: Write) {
    // SAFETY: the caller holds a handle to the variable.
    let var = unsafe { write.var.hot() };
    let turns = &participant.engine().turns;
    let mut spin = Spin::new();
    write.before = loop {
        let now = var.orec.load(Ordering::Relaxed);
        if (!now.is_free() || turns.want(write.var)) && !seeded("stm/ignore-locks") {
            spin.pause();
        } else if lock(var, now).is_ok() {
            break now;
        }
    };
    let stamp = participant.engine().clock.stamp();
    publish(participant, std::slice::from_mut(&mut write), stamp);
    participant.count_use();
    participant.slot.counters.commits.bump();
}

/// Whether a read is still current: unlocked at the version that was logged.
#[inline]
pub(crate) fn is_current(read: &Read) -> bool {
    record(read).is_still(read.seen)
}

/// As [`is_current`], or locked by ourselves from that version.
#[inline]
fn is_ours_or_current(read: &Read, log: &Log) -> bool {
    let now = record(read);
    now.is_still(read.seen) || (now.is_locked() && locked_by_us(read, log))
}

#[inline]
fn record(read: &Read) -> Orec {
    // SAFETY: logged variables outlive the open transaction.
    unsafe { read.var.hot() }.orec.load(Ordering::Acquire)
}

/// Whether the commit that owns `log`, which holds all of its locks, locked the variable at the version that was read.
#[cold]
fn locked_by_us(read: &Read, log: &Log) -> bool {
    log.find(read.var).is_some_and(|position| log.writes[position].before.is_still(read.seen))
}

#[inline(never)]
fn validate(log: &Log) -> bool {
    seeded("stm/commit-without-validation") || log.reads.iter().all(|read| is_ours_or_current(read, log))
}

/// Locks the write set, or nothing.
#[inline(always)]
fn lock_all(writes: &mut [Write], turns: &Turns) -> Result<(), Cause> {
    for position in 0..writes.len() {
        let write = &mut writes[position];
        // SAFETY: logged variables outlive the open transaction.
        let var = unsafe { write.var.hot() };
        // A variable that was just read is locked from the record that was seen, without a look at it first: that would fetch
        // the cache line twice if another core has it.
        let expected = if write.before == Orec::NONE { var.orec.load(Ordering::Relaxed) } else { write.before };
        if expected.is_free() && !turns.want(write.var) && lock(var, expected).is_ok() {
            write.before = expected;
            continue;
        }
        match lock_slowly(write, turns) {
            Ok(before) => write.before = before,
            Err(cause) => {
                release(&writes[..position]);
                return Err(cause);
            }
        }
    }
    Ok(())
}

/// Locks the variable of one entry, whose record is not what it seemed to be: because a waiter has marked it meanwhile, or
/// because of another commit, or which is wanted by one who reserves. Returns the record from before.
#[cold]
fn lock_slowly(write: &Write, turns: &Turns) -> Result<Orec, Cause> {
    // SAFETY: logged variables outlive the open transaction.
    let var = unsafe { write.var.hot() };
    let read = write.before;
    if turns.want(write.var) {
        return Err(Cause::Reserved);
    }
    let must_be_still = read != Orec::NONE && !seeded("stm/commit-without-validation");
    loop {
        let now = var.orec.load(Ordering::Relaxed);
        if now.is_locked() && !seeded("stm/ignore-locks") {
            return Err(Cause::WriteLocked);
        }
        if now.is_reserved() && !seeded("stm/ignore-reservations") {
            if seeded("stm/wait-for-reserved") {
                reweave_core::sync::thread::yield_now();
                continue;
            }
            return Err(Cause::Reserved);
        }
        // A waiter's mark is no other version.
        if must_be_still && !now.is_still(read) && !now.is_locked() {
            return Err(Cause::CommitChanged);
        }
        if lock(var, now).is_ok() {
            return Ok(now);
        }
    }
}

/// One attempt to lock a variable from a record.
#[inline(always)]
fn lock(var: &Var, from: Orec) -> Result<(), Orec> {
    // Acquire: takes over the variable from the last commit, and the waiters' table entries behind the bit W.
    var.orec.replace(from, from.locked(), Ordering::AcqRel)
}

/// Unlocks variables whose values have not been touched.
fn release(writes: &[Write]) {
    for write in writes {
        // SAFETY: logged variables outlive the open transaction.
        let var = unsafe { write.var.hot() };
        let mut before = write.before;
        if seeded("stm/abort-forgets-waiters") {
            before = before.unwaited();
        }
        // Release: nothing was written under the lock, but whoever acquires this store must see what the last commit to the
        // variable published, and our store ends the chain of that commit's.
        var.orec.store(before, Ordering::Release);
    }
}

/// Replaces the values of locked variables, unlocks each, and wakes those who wait for one.
#[inline(always)]
fn publish(participant: &Participant, writes: &mut [Write], stamp: Instant) {
    let published = participant.signature(stamp.tick());
    let mut is_waited = false;
    for write in &mut *writes {
        // SAFETY: logged variables outlive the open transaction.
        let var = unsafe { write.var.hot() };
        if seeded("stm/unlock-before-publish") {
            var.orec.store(published, Ordering::Release);
        }
        // Most commits replace a word that leaves nothing behind.
        let leaves_nothing = write.before.tick() >= stamp.last_snapshot() && write.destroy.is_none();
        if leaves_nothing {
            // Release: our lock comes before the new word for whoever reads it (`Tx::read`).
            var.word.store(write.word, Ordering::Release);
        } else {
            replace(participant, var, write, stamp);
        }
        // Release: the word and the pre-image come before the new record.
        var.orec.store(published, Ordering::Release);
        is_waited |= write.before.is_waited();
    }
    if is_waited {
        wake(participant, writes);
    }
}

/// Replaces the word of a locked variable, and keeps or retires the one from before.
#[inline(never)]
fn replace(participant: &Participant, var: &Var, write: &Write, stamp: Instant) {
    let replaced = var.word.load_exclusive();
    let (since, until) = (write.before.tick(), stamp.tick());
    let is_kept = since < stamp.last_snapshot() && !seeded("stm/keep-nothing");
    if is_kept {
        let pre_image = PreImage { word: replaced, destroy: write.destroy, since, until };
        // SAFETY: we hold the lock, and a logged variable outlives the open transaction.
        unsafe {
            write.var.cold().history.push(pre_image, participant);
            participant.list(write.var, write.destroy);
        }
    }
    // Release: the boxed value, and our lock, come before the new word for whoever reads it (`Tx::read`).
    var.word.store(write.word, Ordering::Release);
    if let Some(destroy) = write.destroy
        && !is_kept
    {
        // SAFETY: the word was the variable's alone, has been replaced, and its type is Send.
        participant.retire(unsafe { Retired::value(replaced, destroy, since, until) });
    }
}

/// Wakes those who wait for what was written.
#[cold]
fn wake(participant: &Participant, writes: &[Write]) {
    for write in writes {
        if write.before.is_waited() && !seeded("stm/forget-waiters") {
            participant.engine().waiters.wake(write.var.addr());
        }
    }
}
