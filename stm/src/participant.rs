//! What a thread brings to an engine: an owner number, a slot for its announcements and counters, logs that it reuses, and a limbo
//! for what it has unlinked.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::ptr::NonNull;

use reweave_core::sync::MODELLED;

use crate::engine::{Engine, EngineId, Inner};
use crate::history::{Node, PreImage};
use crate::limbo::{Limbo, POOLED, Retired};
use crate::log::Log;
use crate::orec::Orec;
use crate::registry::{NOBODY, SharedSlot, SnapshotsInUse, UNUSED};
use crate::thread::{self, Open};
use crate::tidy::{Listed, Which};
use crate::var::VarPtr;
use crate::word::Destroy;

/// Versions that a participant keeps between two looks at the snapshots in use.
pub(crate) const PUSHES_BETWEEN_LOOKS: u32 = if MODELLED { 1 } else { 32 };

/// Commits, loads and drops between two sweeps of whoever unlinks too little for one.
const USES_BETWEEN_SWEEPS: u32 = 4096;

/// A participation in an engine, used by one thread at a time.
///
/// [`Engine`]'s own methods keep one for each thread. Whoever runs many short transactions may hold one instead: its methods do
/// the same without looking it up.
pub struct Participant {
    pub(crate) slot: SharedSlot,
    /// Only reached through [`log`](Participant::log), which needs no borrow to be counted.
    log: RefCell<Log>,
    /// Where the handle below leads to.
    inner: NonNull<Inner>,
    engine: Engine,
    /// The number in the records of this thread's commits.
    owner: u16,
    /// The number by which it recognises them: the same, or one that no record has.
    own: u16,
    limbo: RefCell<Limbo>,
    /// What the last look at the snapshots in use found, and for how many pushes it will be used.
    in_use: RefCell<SnapshotsInUse>,
    pushes_left: Cell<u32>,
    /// Commits, loads and drops until the next sweep; or 1, if variables are to be handed over: then the rest is set aside.
    uses_left: Cell<u32>,
    uses_set_aside: Cell<u32>,
    /// Variables that the commit under way has listed.
    listed: RefCell<Vec<Listed>>,
    /// How many hold on to this participation while user code runs outside a transaction: see [`Busy`].
    busy: Cell<u32>,
}

// SAFETY: between transactions the logs are empty, so no pointer to a variable moves to another thread; those of the read set lead into
// memory of its own, which moves with it. The rest is Send.
unsafe impl Send for Participant {}

impl Participant {
    pub(crate) fn new(engine: &Engine) -> Self {
        // First of all: an engine that is about to have one more participant has a handle for it.
        let engine = engine.clone();
        let (owner, slot) = engine.inner().registry.enrol();
        Self {
            slot,
            log: RefCell::new(Log::new()),
            inner: NonNull::from(engine.inner()),
            engine,
            owner,
            own: if owner == NOBODY { UNUSED } else { owner },
            limbo: RefCell::new(Limbo::new(POOLED)),
            in_use: RefCell::new(SnapshotsInUse::default()),
            pushes_left: Cell::new(0),
            uses_left: Cell::new(USES_BETWEEN_SWEEPS),
            uses_set_aside: Cell::new(0),
            listed: RefCell::new(Vec::new()),
            busy: Cell::new(0),
        }
    }

    #[inline(always)]
    pub(crate) fn engine(&self) -> &Inner {
        // SAFETY: our handle keeps it.
        unsafe { self.inner.as_ref() }
    }

    /// The logs, for the one transaction that may be open.
    #[expect(clippy::mut_from_ref, reason = "the right to have a transaction open is the right to its logs")]
    #[inline(always)]
    pub(crate) fn log(&self, _: &Open) -> &mut Log {
        // SAFETY: a participant is used by one thread at a time, and a thread has one `Open` at most, of which a transaction
        // makes one use.
        unsafe { &mut *self.log.as_ptr() }
    }

    #[inline]
    pub(crate) fn engine_id(&self) -> EngineId {
        self.engine.id()
    }

    pub(crate) fn is_of_abandoned_engine(&self) -> bool {
        self.engine.is_abandoned()
    }

    /// The record that this thread's commits leave at a tick.
    #[inline]
    pub(crate) fn signature(&self, tick: u64) -> Orec {
        Orec::published(tick, self.owner)
    }

    /// The record by which this thread recognises its own commits at a tick.
    #[inline(always)]
    pub(crate) fn own_record(&self, tick: u64) -> Orec {
        Orec::published(tick, self.own)
    }

    /// Whether the thread is in the middle of something.
    pub(crate) fn is_in_use(&self) -> bool {
        Open::is_entered() || self.slot.is_loading() || self.busy.get() > 0
    }

    /// Holds on to this participation.
    pub(crate) fn stay_busy(&self) -> Busy<'_> {
        self.busy.set(self.busy.get() + 1);
        Busy(&self.busy)
    }

    /// A number that differs between the threads of an engine.
    pub(crate) fn seed(&self) -> u32 {
        u32::from(self.owner) ^ (std::ptr::from_ref(&*self.slot).addr() >> 7) as u32
    }

    /// Runs `decide` with the snapshots in use, as of this participant's last look at them: it may find more in use than are.
    pub(crate) fn with_snapshots_in_use<R>(&self, decide: impl FnOnce(&SnapshotsInUse) -> R) -> R {
        let mut in_use = self.in_use.borrow_mut();
        match self.pushes_left.get() {
            0 => {
                let engine = self.engine();
                engine.registry.snapshots_in_use(&engine.clock, &mut in_use);
                self.pushes_left.set(PUSHES_BETWEEN_LOOKS - 1);
            }
            left => self.pushes_left.set(left - 1),
        }
        decide(&in_use)
    }

    /// A node for a version that is to be kept.
    #[inline]
    pub(crate) fn node(&self) -> Node {
        let mut limbo = self.limbo.borrow_mut();
        let node = limbo.node();
        self.slot.counters.pooled.set(limbo.pooled());
        node
    }

    /// Takes a node that was cut out of a chain, with the pre-image in it.
    pub(crate) fn unlink(&self, node: Node, pre_image: PreImage) {
        // SAFETY: the chain owned the word.
        let is_due = unsafe { self.limbo.borrow_mut().unlink(node, pre_image) };
        self.sweep_soon(is_due);
    }

    /// Takes note that a commit has given a variable a history, so that somebody looks after it when commits to it end.
    ///
    /// # Safety
    /// The caller holds the variable's lock; `destroy` is the one of its values' type.
    pub(crate) unsafe fn list(&self, var: VarPtr, destroy: Option<Destroy>) {
        // SAFETY: by the caller.
        if self.engine().keeps_everything() || !unsafe { var.cold().list() } {
            return;
        }
        // SAFETY: it has been given a handle for the list just now.
        self.listed.borrow_mut().push(unsafe { Listed::new(var, destroy) });
        if self.uses_left.get() > 1 {
            self.uses_set_aside.set(self.uses_left.replace(1) - 1);
        }
    }

    /// To be called after each load, store or drop, with no lock held; the commit of a transaction does the same in two steps.
    pub(crate) fn count_use(&self) {
        if self.is_time_to_clear_up() {
            self.clear_up();
        }
    }

    /// Counts a use; says whether to [clear up](Participant::clear_up).
    #[inline(always)]
    #[must_use]
    pub(crate) fn is_time_to_clear_up(&self) -> bool {
        let left = self.uses_left.get() - 1;
        self.uses_left.set(left);
        left == 0
    }

    /// Sweeps, now and then and when there is enough to sweep, and hands over what has been listed. To be called with no lock held.
    #[cold]
    pub(crate) fn clear_up(&self) {
        let left = self.uses_set_aside.take();
        self.uses_left.set(if left == 0 { USES_BETWEEN_SWEEPS } else { left });
        let mut listed = self.listed.take();
        if !listed.is_empty() {
            self.engine().take_listed(&mut listed);
            self.listed.replace(listed);
        }
        if left == 0 {
            self.sweep();
        }
    }

    /// Destroys what can be destroyed by now of what this participation has unlinked.
    pub(crate) fn sweep(&self) {
        self.uses_left.set(USES_BETWEEN_SWEEPS);
        let mut limbo = self.limbo.borrow_mut();
        limbo.sweep(self.engine());
        self.slot.counters.pooled.set(limbo.pooled());
    }

    /// Gives the memory back that this participation keeps for later.
    pub(crate) fn trim(&self) {
        self.sweep();
        self.limbo.borrow_mut().trim();
        self.slot.counters.pooled.set(0);
    }

    fn sweep_soon(&self, is_due: bool) {
        if is_due && !self.engine().keeps_everything() {
            self.uses_left.set(1);
            self.uses_set_aside.set(0);
        }
    }

    /// Takes something that cannot be found any more by the time of the next sweep, to be destroyed when nobody can be looking at it.
    pub(crate) fn retire(&self, retired: Retired) {
        let is_due = self.limbo.borrow_mut().retire(retired);
        self.sweep_soon(is_due);
    }
}

/// While it exists, its participation is in use and does not end: for those who go on with it after user code (destructors, a
/// hook for blocking) has run outside a transaction, which may ask the thread to leave.
pub(crate) struct Busy<'p>(&'p Cell<u32>);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl Drop for Participant {
    /// The last to leave an engine clears up what is left: values in there may hold variables, and these would keep the
    /// engine, which keeps the rest.
    fn drop(&mut self) {
        thread::forget_if_latest(self);
        debug_assert!(self.listed.get_mut().is_empty(), "handed over at the end of the commit");
        let left_over = self.limbo.get_mut().take_all();
        let engine = self.engine();
        if let Some(nobodys) = engine.registry.leave(self.owner, &self.slot, left_over) {
            // SAFETY: the last to take part has left.
            unsafe { nobodys.expire() };
            if !engine.keeps_everything() {
                engine.tidy(Which::All);
            }
            thread::reap_outside_transactions();
        }
    }
}

impl fmt::Debug for Participant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Participant").field("owner", &self.owner).finish_non_exhaustive()
    }
}
