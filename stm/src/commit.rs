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
//! Locks are never waited for here. A commit that finds one taken releases its own and gives up, so there is no deadlock.
//! Between the first lock and the last release no user code runs: words are moved, not compared, cloned or dropped.

use reweave_core::reclaim::{Garbage, Guard};
use reweave_core::seeded;
use reweave_core::sync::ExclusiveLoad;
use reweave_core::sync::atomic::Ordering;

use crate::backoff::Spin;
use crate::clock::Instant;
use crate::error::Cause;
use crate::log::{Log, Read, Write};
use crate::orec::Orec;
use crate::participant::Participant;
use crate::var::Var;

/// Commits a transaction. On success its words have moved to the variables, what they replaced is retired, waiters are
/// awake, and the log is empty.
#[inline]
pub(crate) fn commit(participant: &Participant, guard: &Guard<'_>, log: &mut Log) -> Result<(), Cause> {
    // Without writes there is nothing to publish, and what was read was current at the transaction's instant.
    if !log.writes.is_empty() {
        lock_all(&mut log.writes)?;
        let stamp = participant.engine().clock.stamp();
        if !validate(log) {
            release(&log.writes);
            return Err(Cause::CommitChanged);
        }
        publish(participant, guard, &mut log.writes, stamp);
        log.clear_committed();
    }
    participant.slot.counters.commits.bump();
    Ok(())
}

/// Commits one blind write, waiting for the lock instead of giving up: a store outside transactions.
pub(crate) fn store(participant: &Participant, guard: &Guard<'_>, mut write: Write) {
    // SAFETY: the caller holds a handle to the variable.
    let var = unsafe { write.var.hot() };
    let mut spin = Spin::new();
    write.before = loop {
        match lock(var) {
            Ok(before) => break before,
            Err(now) if now.is_locked() => spin.pause(),
            Err(_) => {}
        }
    };
    let stamp = participant.engine().clock.stamp();
    publish(participant, guard, std::slice::from_mut(&mut write), stamp);
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
    // SAFETY: logged variables outlive the pinned transaction.
    unsafe { read.var.hot() }.orec.load(Ordering::Acquire)
}

/// Whether the commit that owns `log`, which holds all of its locks, locked the variable at the version that was read.
fn locked_by_us(read: &Read, log: &Log) -> bool {
    log.find(read.var).is_some_and(|position| log.writes[position].before.is_still(read.seen))
}

fn validate(log: &Log) -> bool {
    seeded("stm/commit-without-validation") || log.reads.iter().all(|read| is_ours_or_current(read, log))
}

/// Locks the write set, or nothing.
#[inline]
fn lock_all(writes: &mut [Write]) -> Result<(), Cause> {
    for position in 0..writes.len() {
        match lock_write(&writes[position]) {
            Ok(before) => writes[position].before = before,
            Err(cause) => {
                release(&writes[..position]);
                return Err(cause);
            }
        }
    }
    Ok(())
}

/// Locks the variable of one entry: from the record that was read, or from whatever it has. Returns the record from before.
#[inline]
fn lock_write(write: &Write) -> Result<Orec, Cause> {
    // SAFETY: logged variables outlive the pinned transaction.
    let var = unsafe { write.var.hot() };
    let read = write.before;
    if read == Orec::NONE || seeded("stm/commit-without-validation") {
        return loop {
            match lock(var) {
                Ok(before) => break Ok(before),
                Err(now) if now.is_locked() => break Err(Cause::WriteLocked),
                // A waiter has marked the record meanwhile, or another commit has come and gone.
                Err(_) => {}
            }
        };
    }
    let mut before = read;
    // Acquire: as in `lock`. No look at the record first: it would fetch the cache line twice if another core has it.
    while let Err(now) = var.orec.replace(before, before.locked(), Ordering::AcqRel) {
        if now.is_locked() && !seeded("stm/ignore-locks") {
            return Err(Cause::WriteLocked);
        }
        // A waiter may have left its mark; anything else is another version.
        if !now.is_still(read) && !now.is_locked() {
            return Err(Cause::CommitChanged);
        }
        before = now;
    }
    Ok(before)
}

/// Unlocks variables whose values have not been touched.
fn release(writes: &[Write]) {
    for write in writes {
        // SAFETY: logged variables outlive the pinned transaction.
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

/// One attempt to lock a variable; the error is the record that was in the way.
#[inline]
fn lock(var: &Var) -> Result<Orec, Orec> {
    let before = var.orec.load(Ordering::Relaxed);
    if before.is_locked() && !seeded("stm/ignore-locks") {
        return Err(before);
    }
    // Acquire: takes over the variable from the last commit, and the waiters' table entries behind the bit W.
    var.orec.replace(before, before.locked(), Ordering::AcqRel).map(|()| before)
}

/// Replaces the values of locked variables, unlocks each, and then sees to what was replaced and who waits.
#[inline]
fn publish(participant: &Participant, guard: &Guard<'_>, writes: &mut [Write], stamp: Instant) {
    let published = participant.signature(stamp.tick());
    // Most commits leave nothing to destroy and nobody to wake, and are spared the passes for it.
    let (mut leaves_garbage, mut is_waited) = (false, false);
    for write in &mut *writes {
        // SAFETY: logged variables outlive the pinned transaction.
        let var = unsafe { write.var.hot() };
        let replaced = var.word.load_exclusive();
        let since = write.before.tick();
        if seeded("stm/unlock-before-publish") {
            var.orec.store(published, Ordering::Release);
        }
        let kept = since < stamp.last_snapshot() && !seeded("stm/keep-nothing");
        if kept {
            // SAFETY: we hold the lock and are pinned, and the bound is the registry's.
            unsafe {
                write.var.cold().history.push(
                    replaced,
                    write.destroy,
                    (since, stamp.tick()),
                    || participant.oldest_instant(),
                    guard,
                )
            };
        }
        // Release: the boxed value, and our lock, come before the new word for whoever reads it (`Tx::read`).
        var.word.store(write.word, Ordering::Release);
        // Release: the word and the pre-image come before the new record.
        var.orec.store(published, Ordering::Release);
        write.word = replaced;
        if kept {
            write.destroy = None;
        }
        leaves_garbage |= write.destroy.is_some();
        is_waited |= write.before.is_waited();
    }
    if leaves_garbage {
        retire(guard, writes);
    }
    if is_waited {
        wake(participant, writes);
    }
}

/// Retires the words that were replaced and not kept. They were unlinked before, so nobody new can reach them.
#[inline]
fn retire(guard: &Guard<'_>, writes: &[Write]) {
    for write in writes {
        if let Some(destroy) = write.destroy {
            if seeded("stm/free-without-grace") {
                // SAFETY: none; this is the seeded bug.
                unsafe { destroy(write.word) };
                continue;
            }
            // SAFETY: the word was the variable's alone, has been replaced, and its type is Send.
            unsafe { guard.retire(Garbage::new(write.word, destroy)) };
        }
    }
}

/// Wakes those who wait for what was written.
#[inline]
fn wake(participant: &Participant, writes: &[Write]) {
    for write in writes {
        if write.before.is_waited() && !seeded("stm/forget-waiters") {
            participant.engine().waiters.wake(write.var.addr());
        }
    }
}
