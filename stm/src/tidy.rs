//! Looking after idle variables: those that have older versions and are not written any more.
//!
//! A variable that is written cuts its chain at each push (`history`). One that is not would keep the last one for ever. So a
//! commit that gives a variable its first older version *lists* it, and *rounds* go along the list: of each variable they cut out
//! what no snapshot in use needs, and strike it off when nothing is left. A thread of the process runs a round every 20 ms while
//! something is listed (`tidier`), and [`Engine::tidy`](crate::Engine::tidy) one at once.
//!
//! 1. *Listed once.* A mark in the variable, written under its lock, says that it is on the list. A variable with a chain has the
//!    mark, so a chain that nobody looks after does not exist; but for variables on their way out, which take their chain along.
//! 2. *The list has a handle.* So what is on it exists. If it has the last one, the variable is struck off with whatever it has,
//!    and retired: nobody will ever read it again.
//! 3. *A round cuts as a commit does*: under the variable's lock, which it takes with a compare-and-swap from an unlocked and
//!    unreserved record and gives back with the same record, as a commit that gives up does. The value and its version stay as
//!    they are. It looks for the snapshots in use once, before the first cut. A snapshot that the look misses reads at its
//!    horizon or later, and every version that ended there or later is kept.
//! 4. *It waits for nobody.* What is locked or reserved is left for the next round. It runs no user code: what it unlinks goes
//!    through the limbo, and is destroyed by its caller when the round is over.
//! 5. *It leaves alone what looks after itself.* A variable whose chain has got a new head since the last round has pruned
//!    it then. So a variable in steady use costs a round two loads, and is not locked.
//! 6. *The list does not outgrow the variables.* A commit that hands over as many variables as a round left, and at least 4,096,
//!    since the last round runs one itself. So who makes, writes and drops variables in a hurry pays for it.

use std::mem;

use reweave_core::seeded;
use reweave_core::sync::atomic::{AtomicBool, Ordering};
use reweave_core::sync::{MODELLED, Mutex};

use crate::engine::Inner;
use crate::limbo::{Limbo, Retired};
use crate::orec::Orec;
use crate::registry::{Slot, SnapshotsInUse};
use crate::var::{Var, VarPtr};
use crate::word::Destroy;

/// Variables listed since the last round, at least, with which a commit runs one itself.
const ROUND_AT: usize = if MODELLED { 1 << 30 } else { 4096 };

/// Entries for which a list keeps its memory.
const SPARE: usize = 1024;

/// A variable with older versions. Owns a handle to it.
pub(crate) struct Listed {
    var: VarPtr,
    destroy: Option<Destroy>,
    /// The head of its chain when the last round came by.
    head: usize,
}

// SAFETY: variables are shared memory, and values are of Send types.
unsafe impl Send for Listed {}

/// Which variables a round prunes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    /// Those whose chain has got no new head since the last round.
    Idle,
    All,
}

/// What is left after a round.
pub(crate) struct Left {
    /// Variables with older versions.
    pub(crate) variables: usize,
    /// Whether there is nothing to do any more, not even to destroy what has been unlinked.
    pub(crate) is_nothing: bool,
}

/// The list of an engine.
pub(crate) struct Tidy {
    fresh: Mutex<Fresh>,
    /// Held for the length of a round. No user code runs under it.
    round: Mutex<Round>,
    /// Whether the tidier has the engine on its list.
    pub(crate) is_attended: AtomicBool,
}

/// What has been listed since the last round.
struct Fresh {
    listed: Vec<Listed>,
    round_at: usize,
}

struct Round {
    listed: Vec<Listed>,
    /// What rounds have unlinked. It keeps no nodes for later: nobody would use them.
    limbo: Limbo,
    in_use: SnapshotsInUse,
}

impl Tidy {
    pub(crate) fn new() -> Self {
        Self {
            fresh: Mutex::new(Fresh { listed: Vec::new(), round_at: ROUND_AT }),
            round: Mutex::new(Round { listed: Vec::new(), limbo: Limbo::new(0), in_use: SnapshotsInUse::default() }),
            is_attended: AtomicBool::new(false),
        }
    }

    /// Takes what a commit has listed; says whether the caller is to run a round.
    pub(crate) fn take(&self, listed: &mut Vec<Listed>) -> bool {
        let mut fresh = self.fresh.lock();
        fresh.listed.append(listed);
        fresh.listed.len() >= fresh.round_at
    }

    /// Whether something has been listed since the last round.
    pub(crate) fn has_fresh(&self) -> bool {
        !self.fresh.lock().listed.is_empty()
    }

    /// Runs a round: what is left to do, and what is to [expire](Retired::expire).
    pub(crate) fn round(&self, engine: &Inner, which: Which) -> (Left, Vec<Retired>) {
        let mut round = self.round.lock();
        let Round { listed, limbo, in_use } = &mut *round;
        listed.append(&mut self.fresh.lock().listed);
        if !listed.is_empty() {
            engine.registry.snapshots_in_use(&engine.clock, in_use);
            if seeded("stm/tidy-forgets-horizon") {
                in_use.forget_horizon();
            }
            let mut visit = Visit { engine, in_use, limbo, which };
            listed.retain_mut(|variable| variable.visit(&mut visit));
            listed.shrink_to(2 * listed.len() + SPARE);
            self.fresh.lock().round_at = ROUND_AT.max(listed.len());
        }
        let unlinked = limbo.sweep_all(engine);
        let left = Left { variables: listed.len(), is_nothing: listed.is_empty() && limbo.is_empty() };
        (left, unlinked)
    }

    /// How many older versions there are.
    pub(crate) fn live_versions(&self, engine: &Inner) -> usize {
        let mut round = self.round.lock();
        round.listed.append(&mut self.fresh.lock().listed);
        let house = engine.registry.house();
        round.listed.iter().map(|listed| listed.versions(house)).sum()
    }

    /// Ends all listed variables, and lets what rounds have unlinked expire.
    ///
    /// # Safety
    /// Nobody takes part in the engine, or has a handle to a variable of it.
    pub(crate) unsafe fn end(&self) {
        let mut round = self.round.lock();
        let Round { listed, limbo, .. } = &mut *round;
        listed.append(&mut self.fresh.lock().listed);
        let (listed, left_over) = (mem::take(listed), limbo.take_all());
        // What expires may be destroyed at once.
        drop(round);
        // SAFETY: by the caller, so the list had the last handle of each.
        unsafe {
            left_over.expire();
            listed.into_iter().for_each(|Listed { var, destroy, .. }| var.dismantle(destroy));
        }
    }
}

/// A round at work.
struct Visit<'r> {
    engine: &'r Inner,
    in_use: &'r SnapshotsInUse,
    limbo: &'r mut Limbo,
    which: Which,
}

impl Listed {
    /// Takes over a handle to a variable.
    ///
    /// # Safety
    /// It has been counted, and `destroy` is the one of its values' type.
    pub(crate) unsafe fn new(var: VarPtr, destroy: Option<Destroy>) -> Self {
        Self { var, destroy, head: 0 }
    }

    /// Cuts out what no snapshot in use needs, if that can be done at once; says whether the variable stays listed. If not, its
    /// handle has been given up.
    fn visit(&mut self, visit: &mut Visit<'_>) -> bool {
        // SAFETY: our handle keeps it.
        let (var, cold) = unsafe { (self.var.hot(), self.var.cold()) };
        if cold.is_only_listed() {
            self.give_up_handle(visit);
            return false;
        }
        let head = cold.history.head();
        let is_idle = mem::replace(&mut self.head, head) == head;
        if !is_idle && visit.which == Which::Idle {
            return true;
        }
        // First without the lock: as long as a snapshot stays open, nothing is there to be done.
        let look = || {
            // SAFETY: inside a walk, by our handle.
            unsafe { cold.history.has_unneeded(visit.in_use) }
        };
        if !visit.engine.registry.house().while_walking(look) {
            return true;
        }
        let Some(before) = lock(var) else { return true };
        let limbo = &mut *visit.limbo;
        // SAFETY: we hold the lock; the chain owned the words of its pre-images. Whether a sweep is due does not matter, as each
        // round sweeps.
        let is_bare = unsafe {
            cold.history.prune(visit.in_use, |node, pre_image| _ = limbo.unlink(node, pre_image));
            self.head = cold.history.head();
            let is_bare = self.head == 0;
            if is_bare {
                cold.unlist();
            }
            is_bare
        };
        unlock(var, before);
        if is_bare {
            self.give_up_handle(visit);
        }
        !is_bare
    }

    /// Gives up the list's handle, and the variable with it if it was the last. To be called once.
    fn give_up_handle(&self, visit: &mut Visit<'_>) {
        // SAFETY: it is ours, and has not been given up.
        if unsafe { self.var.cold() }.remove_handle() && !seeded("stm/tidy-forgets-last-handle") {
            let now = visit.engine.clock.now();
            // SAFETY: the last handle is gone.
            let retired = unsafe { Retired::variable(self.var, self.destroy, now) };
            let _ = visit.limbo.retire(retired);
        }
    }

    fn versions(&self, house: &Slot) -> usize {
        // SAFETY: inside a walk, by our handle.
        house.while_walking(|| unsafe { self.var.cold().history.len() })
    }
}

/// Locks a variable that nobody has locked or reserved; returns the record from before.
fn lock(var: &Var) -> Option<Orec> {
    let now = var.orec.load(Ordering::Relaxed);
    if seeded("stm/tidy-without-lock") {
        return Some(now);
    }
    // Acquire: the chain as its last writer left it. No fence and no stamp follow: this is no commit.
    (now.is_free() && var.orec.replace(now, now.locked(), Ordering::AcqRel).is_ok()).then_some(now)
}

/// Unlocks it.
fn unlock(var: &Var, before: Orec) {
    if !seeded("stm/tidy-without-lock") {
        // Release: what we cut comes before what the next holder of the lock does; and as our store ends the release sequence of the last
        // commit's, it carries on what that published.
        var.orec.store(before, Ordering::Release);
    }
}
