//! Blocking until a variable changes: the sleeping side of `retry`.
//!
//! Waiters live in a table beside the variables, hashed by address, so that a variable nobody waits for pays one bit of its
//! ownership record and nothing else.
//!
//! A waiter **enqueues** its trigger under every variable of its read set, **then** sets the bit `W` in each of their records by
//! a compare-and-swap from the version it has logged. If one fails, the variable has changed (or is about to): the waiter goes back
//! to work. If all succeed it sleeps. A committer learns `W` from the compare-and-swap that locks the record, so of the two one
//! comes first: either the lock finds `W`, and then the trigger is in the table already; or `W` finds the lock or a newer version. No wake-up is lost.
//! `W` is cleared by the commit that wakes; one that is left over costs the next commit a look at an empty bucket.

use reweave_core::event::{self, Limits, Stopped};
use reweave_core::seeded;
use reweave_core::sync::atomic::Ordering;
use reweave_core::sync::{Arc, MODELLED, Mutex};
use reweave_core::trigger::Trigger;
use rustc_hash::FxHashSet;

use crate::orec::{AtomicOrec, Orec};

const BUCKETS: usize = if MODELLED { 1 } else { 64 };

/// Waiting transactions by the address of what they wait for.
pub(crate) struct Waiters(Box<[Mutex<Vec<Entry>>]>);

struct Entry {
    var: usize,
    trigger: Arc<Trigger>,
}

impl Waiters {
    pub(crate) fn new() -> Self {
        Self((0..BUCKETS).map(|_| Mutex::new(Vec::new())).collect())
    }

    /// Enqueues a new trigger for every variable of a read set and marks their records. `None` if one has changed.
    ///
    /// `reads` yields the address of a variable, its record, and the version that was logged.
    pub(crate) fn enlist<'a>(
        &self,
        reads: impl Iterator<Item = (usize, &'a AtomicOrec, Orec)> + Clone,
    ) -> Option<Waiting<'_>> {
        let waiting = Waiting { table: self, trigger: Arc::new(Trigger::new()), vars: distinct(reads.clone()) };
        if seeded("stm/mark-before-enqueue") {
            let marked = reads.clone().all(|(_, orec, logged)| mark(orec, logged));
            waiting.enqueue();
            return marked.then_some(waiting);
        }
        waiting.enqueue();
        reads.into_iter().all(|(_, orec, logged)| mark(orec, logged)).then_some(waiting)
    }

    /// Wakes everybody who waits for the variable at this address.
    #[cold]
    pub(crate) fn wake(&self, var: usize) {
        let mut woken = Vec::new();
        self.bucket(var).lock().retain(|entry| {
            let stays = entry.var != var;
            if !stays {
                woken.push(entry.trigger.clone());
            }
            stays
        });
        for trigger in woken {
            trigger.signal(0);
        }
    }

    fn bucket(&self, var: usize) -> &Mutex<Vec<Entry>> {
        // Cells are at least 32 bytes apart; the multiplication spreads what is left of the address.
        &self.0[(var >> 5).wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as usize) % self.0.len()]
    }
}

/// Sets `W` unless the variable is no longer as it was logged.
fn mark(orec: &AtomicOrec, logged: Orec) -> bool {
    let mut seen = logged;
    loop {
        // Release: the entry in the table comes before the mark. It pairs with the acquire of the lock in `commit`.
        match orec.replace(seen, seen.waited(), Ordering::AcqRel) {
            Ok(()) => return true,
            Err(now) if now.is_still(logged) => seen = now,
            Err(_) => return false,
        }
    }
}

/// Each variable once, in the order of first reading: the order must not depend on addresses, which differ from one
/// execution of a model to the next.
fn distinct<'a>(reads: impl Iterator<Item = (usize, &'a AtomicOrec, Orec)>) -> Vec<usize> {
    let mut known = FxHashSet::default();
    reads.map(|(var, ..)| var).filter(|&var| known.insert(var)).collect()
}

/// A transaction that is enlisted; dropping it leaves the table as if it had never been there.
pub(crate) struct Waiting<'a> {
    table: &'a Waiters,
    trigger: Arc<Trigger>,
    vars: Vec<usize>,
}

impl Waiting<'_> {
    fn enqueue(&self) {
        for &var in &self.vars {
            self.table.bucket(var).lock().push(Entry { var, trigger: self.trigger.clone() });
        }
    }

    /// Blocks until one of the variables has changed, or, within `limits`, something else ends the wait.
    pub(crate) fn wait(&self, limits: Limits) -> Result<(), Stopped> {
        event::wait_signal(&self.trigger, "a change of what a transaction has read", limits).map(|_| ())
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        for &var in &self.vars {
            self.table.bucket(var).lock().retain(|entry| !Arc::ptr_eq(&entry.trigger, &self.trigger));
        }
    }
}
