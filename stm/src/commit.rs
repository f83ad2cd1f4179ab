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
use crate::log::{Log, Write};
use crate::orec::Orec;
use crate::participant::Participant;
use crate::reads::Read;
use crate::reserve::{self, Turns};
use crate::spin::Spin;
use crate::var::Var;

/// Commits a transaction. On success its words have moved to the variables, what they replaced is retired, waiters are
/// awake, and the log is empty.
#[inline(always)]
pub(crate) fn commit(participant: &Participant, log: &mut Log) -> Result<(), Cause> {
    if log.writes.is_empty() {
        // There is nothing to publish, and what was read was current at the transaction's instant.
        log.forget_committed();
        if log.is_large {
            log.discard();
        }
    } else {
        commit_writes(participant, log)?;
    }
    participant.slot.counters.commits.bump();
    Ok(())
}

/// What nearly always holds, in a straight line that keeps nothing across a call; whatever does not hold is gone on with by one call
/// at its end. So hardly a register is saved on the stack: each store here is one more that the next lock waits for.
#[inline(never)]
fn commit_writes(participant: &Participant, log: &mut Log) -> Result<(), Cause> {
    if participant.engine().turns.want_any() {
        return lock_slowly(participant, log, 0);
    }
    for (position, write) in log.writes.iter_mut().enumerate() {
        // SAFETY: logged variables outlive the open transaction.
        let var = unsafe { write.var.hot() };
        // A variable that was just read is locked from the record that was seen, without a look at it first: that would fetch
        // the cache line twice if another core has it.
        let expected = if write.before == Orec::NONE { var.orec.load(Ordering::Relaxed) } else { write.before };
        if !expected.is_free() || lock(var, expected).is_err() {
            return lock_slowly(participant, log, position);
        }
        write.before = expected;
    }
    stamp(participant, log)
}

/// Goes on with a commit that has locked all that it writes.
#[inline(always)]
fn stamp(participant: &Participant, log: &mut Log) -> Result<(), Cause> {
    let stamp = participant.engine().clock.stamp();
    if !log.reads.is_empty() {
        return validate(participant, log, stamp);
    }
    finish(participant, log, stamp);
    Ok(())
}

#[inline(never)]
fn validate(participant: &Participant, log: &mut Log, stamp: Instant) -> Result<(), Cause> {
    let is_valid =
        seeded("stm/commit-without-validation") || log.reads.iter().all(|read| is_ours_or_current(read, log));
    if !is_valid {
        release(&log.writes);
        return Err(Cause::CommitChanged);
    }
    finish(participant, log, stamp);
    Ok(())
}

/// Publishes what a commit writes that is valid, and empties its log. As straight as [`commit_writes`].
#[inline(always)]
fn finish(participant: &Participant, log: &mut Log, stamp: Instant) {
    let (published, last_snapshot) = records(participant, stamp);
    for (position, write) in log.writes.iter().enumerate() {
        // Most commits replace a word that leaves nothing behind, and that nobody waits for to be replaced.
        if write.leaves_something(last_snapshot) || write.before.is_waited() {
            return finish_slowly(participant, log, stamp, position);
        }
        // SAFETY: logged variables outlive the open transaction.
        let var = unsafe { write.var.hot() };
        unlock_early(var, published);
        publish_word(var, write, published);
    }
    end(participant, log);
}

/// Publishes the writes from one on.
#[inline(never)]
fn finish_slowly(participant: &Participant, log: &mut Log, stamp: Instant, position: usize) {
    publish(participant, &log.writes[position..], stamp);
    end(participant, log);
}

/// Empties the log of a commit that has taken effect.
#[inline(always)]
fn end(participant: &Participant, log: &mut Log) {
    log.forget_committed();
    let is_time = participant.is_time_to_clear_up();
    if is_time || log.is_large {
        clear_up(participant, log, is_time);
    }
}

#[cold]
fn clear_up(participant: &Participant, log: &mut Log, is_time: bool) {
    log.discard();
    if is_time {
        participant.clear_up();
    }
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
        publish(participant, &log.writes, stamp);
    }
    // After publishing: until then nobody may overwrite what the writes were computed from.
    reserve::release(log.reads.iter().copied());
    end(participant, log);
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
    publish(participant, std::slice::from_ref(&write), stamp);
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

/// Goes on with a commit that has locked what it writes up to a position, where something was in its way.
#[cold]
#[inline(never)]
fn lock_slowly(participant: &Participant, log: &mut Log, position: usize) -> Result<(), Cause> {
    let turns = &participant.engine().turns;
    for position in position..log.writes.len() {
        match lock_one(&log.writes[position], turns) {
            Ok(before) => log.writes[position].before = before,
            Err(cause) => {
                release(&log.writes[..position]);
                return Err(cause);
            }
        }
    }
    stamp(participant, log)
}

/// Locks the variable of one entry if it may be locked, whatever its record has become: a waiter may have marked it meanwhile, another
/// commit may have it, and one who reserves may want it. Returns the record from before.
fn lock_one(write: &Write, turns: &Turns) -> Result<Orec, Cause> {
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
fn publish(participant: &Participant, writes: &[Write], stamp: Instant) {
    let (published, last_snapshot) = records(participant, stamp);
    for write in writes {
        // SAFETY: logged variables outlive the open transaction.
        let var = unsafe { write.var.hot() };
        unlock_early(var, published);
        if write.leaves_something(last_snapshot) {
            put_away(participant, var, write, stamp);
        }
        publish_word(var, write, published);
    }
    wake(participant, writes);
}

/// The record that a commit leaves, and the smallest with the tick of the last snapshot: no snapshot needs a version from there on.
#[inline(always)]
fn records(participant: &Participant, stamp: Instant) -> (Orec, Orec) {
    (participant.signature(stamp.tick()), Orec::published(stamp.last_snapshot(), 0))
}

/// Unlocks a variable before anything has been replaced: for a seeded bug.
#[inline(always)]
fn unlock_early(var: &Var, published: Orec) {
    if seeded("stm/unlock-before-publish") {
        var.orec.store(published, Ordering::Release);
    }
}

/// Replaces the word of a locked variable, and unlocks it.
#[inline(always)]
fn publish_word(var: &Var, write: &Write, published: Orec) {
    // Release: our lock, and a boxed value, come before the new word for whoever reads it (`Tx::read`).
    var.word.store(write.word, Ordering::Release);
    // Release: the word and the pre-image come before the new record.
    var.orec.store(published, Ordering::Release);
}

/// Keeps the version of a locked variable that is about to be replaced, or retires it.
fn put_away(participant: &Participant, var: &Var, write: &Write, stamp: Instant) {
    let word = var.word.load_exclusive();
    let (since, until) = (write.before.tick(), stamp.tick());
    if since < stamp.last_snapshot() && !seeded("stm/keep-nothing") {
        let pre_image = PreImage { word, destroy: write.destroy, since, until };
        // SAFETY: we hold the lock, and a logged variable outlives the open transaction.
        unsafe {
            write.var.cold().history.push(pre_image, participant);
            participant.list(write.var, write.destroy);
        }
    } else if let Some(destroy) = write.destroy {
        // SAFETY: the word was the variable's alone, its type is Send, and it is replaced by this commit, which sweeps afterwards.
        participant.retire(unsafe { Retired::value(word, destroy, since, until) });
    }
}

/// Wakes those who wait for what was written.
fn wake(participant: &Participant, writes: &[Write]) {
    for write in writes {
        if write.before.is_waited() && !seeded("stm/forget-waiters") {
            participant.engine().waiters.wake(write.var.addr());
        }
    }
}
