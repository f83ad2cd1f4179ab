//! What a thread brings to an engine: an owner number, a slot for its announcements and counters, a reclamation handle, and logs
//! that it reuses.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;

use crossbeam_utils::CachePadded;
use reweave_core::reclaim::{self, Handle};
use reweave_core::seeded;
use reweave_core::sync::atomic::{AtomicU64, Ordering};
use reweave_core::sync::{Arc, MODELLED, Mutex, thread_local};

use crate::clock::Clock;
use crate::engine::{Engine, EngineId, Inner};
use crate::log::Log;
use crate::orec::{OWNERS, Orec};
use crate::stats::{Counters, Stats};

/// Commits that keep a version between two scans for the oldest instant in use.
const PUSHES_BETWEEN_SCANS: u32 = if MODELLED { 1 } else { 32 };

/// The first owner number that is somebody's: 0 is in the records of variables that nobody has written.
const FIRST_OWNER: u16 = 1;

/// The number with which those commit who came when all others were taken. They share it, so it is no claim to a version,
/// and they recognise no version as their own.
const NOBODY: u16 = OWNERS - 1;

/// Collections after which all that was retired before has expired, if nobody is pinned.
const EPOCHS_TO_EXPIRE: usize = 4;

/// No instant is announced.
const NONE: u64 = u64::MAX;

/// What other threads see of a participant.
pub(crate) struct Slot {
    announced: AtomicU64,
    pub(crate) counters: Counters,
}

impl Slot {
    /// Makes known that the versions current at `instant` are needed. The caller orders it before what follows
    /// (`Clock::snapshot`).
    pub(crate) fn announce(&self, instant: u64) {
        if !seeded("stm/snapshot-unannounced") {
            self.announced.store(instant, Ordering::Release);
        }
    }

    pub(crate) fn withdraw(&self) {
        // Release: the snapshot's reads come before whatever pruning this permits.
        self.announced.store(NONE, Ordering::Release);
    }
}

/// A participation in an engine, used by one thread at a time.
///
/// [`Engine`]'s own methods keep one for each thread. Whoever runs many short transactions may hold one instead: its methods do
/// the same without looking it up.
pub struct Participant {
    pub(crate) handle: Handle,
    pub(crate) slot: Arc<CachePadded<Slot>>,
    pub(crate) log: RefCell<Log>,
    engine: Engine,
    /// The number in the records of this thread's commits.
    owner: u16,
    /// The number by which it recognises them: the same, or one that no record has.
    own: u16,
    /// The last bound that a scan found, and for how many pushes it will be used.
    bound: Cell<(u64, u32)>,
}

// SAFETY: between transactions the logs are empty, so no pointer of theirs moves to another thread; the rest is Send.
unsafe impl Send for Participant {}

impl Participant {
    pub(crate) fn new(engine: &Engine) -> Self {
        let inner = engine.inner();
        let (owner, slot) = inner.registry.enrol();
        Self {
            handle: inner.domain.register(),
            slot,
            log: RefCell::new(Log::default()),
            engine: engine.clone(),
            owner,
            own: if owner == NOBODY { 0 } else { owner },
            bound: Cell::new((0, 0)),
        }
    }

    #[inline]
    pub(crate) fn engine(&self) -> &Inner {
        self.engine.inner()
    }

    #[inline]
    pub(crate) fn engine_id(&self) -> EngineId {
        self.engine.id()
    }

    /// The record that this thread's commits leave at a tick.
    #[inline]
    pub(crate) fn signature(&self, tick: u64) -> Orec {
        Orec::published(tick, self.owner)
    }

    /// The record by which this thread recognises its own commits at a tick.
    #[inline]
    pub(crate) fn own_record(&self, tick: u64) -> Orec {
        Orec::published(tick, self.own)
    }

    /// A number that differs between the threads of an engine.
    pub(crate) fn seed(&self) -> u32 {
        u32::from(self.owner) ^ (std::ptr::from_ref(&*self.slot).addr() >> 7) as u32
    }

    /// A bound below which no snapshot reads or will ever read.
    pub(crate) fn oldest_instant(&self) -> u64 {
        let (mut bound, mut uses) = self.bound.get();
        if uses == 0 {
            bound = self.engine().registry.oldest_instant(&self.engine().clock);
            uses = PUSHES_BETWEEN_SCANS;
        }
        self.bound.set((bound, uses - 1));
        bound
    }
}

impl Drop for Participant {
    /// The last to leave an engine clears up what the domain still keeps: values in there may hold variables, and these
    /// would keep the engine, which keeps the domain.
    fn drop(&mut self) {
        let others = self.engine.inner().registry.leave(self.owner, &self.slot);
        if others == 0 && !Open::is_entered() {
            for _ in 0..EPOCHS_TO_EXPIRE {
                self.handle.pin().flush();
            }
            reclaim::reap();
        }
    }
}

/// The participants of an engine.
pub(crate) struct Registry(Mutex<Members>);

struct Members {
    slots: Vec<Arc<CachePadded<Slot>>>,
    free_owners: Vec<u16>,
    next_owner: u16,
    /// Counts of those who have left.
    departed: Stats,
}

impl Registry {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Members {
            slots: Vec::new(),
            free_owners: Vec::new(),
            next_owner: FIRST_OWNER,
            departed: Stats::default(),
        }))
    }

    fn enrol(&self) -> (u16, Arc<CachePadded<Slot>>) {
        let slot = Arc::new(CachePadded::new(Slot { announced: AtomicU64::new(NONE), counters: Counters::new() }));
        let mut members = self.0.lock();
        members.slots.push(slot.clone());
        let owner = members.free_owners.pop().unwrap_or_else(|| {
            let fresh = members.next_owner;
            if fresh == NOBODY {
                return NOBODY;
            }
            members.next_owner += 1;
            fresh
        });
        (owner, slot)
    }

    /// Ends a participation; returns how many there are left.
    fn leave(&self, owner: u16, slot: &Arc<CachePadded<Slot>>) -> usize {
        let mut members = self.0.lock();
        members.slots.retain(|other| !Arc::ptr_eq(other, slot));
        members.departed += slot.counters.read();
        if owner != NOBODY {
            members.free_owners.push(owner);
        }
        members.slots.len()
    }

    /// How many threads take part.
    pub(crate) fn len(&self) -> usize {
        self.0.lock().slots.len()
    }

    pub(crate) fn stats(&self) -> Stats {
        let members = self.0.lock();
        let mut stats = members.departed;
        members.slots.iter().for_each(|slot| stats += slot.counters.read());
        stats
    }

    /// A bound below which no snapshot reads or will ever read: the oldest announced instant, or the clock as it was before
    /// we looked. A snapshot whose announcement we miss reads at that tick or later (`Clock::horizon`).
    fn oldest_instant(&self, clock: &Clock) -> u64 {
        let horizon = clock.horizon();
        let members = self.0.lock();
        members.slots.iter().map(|slot| slot.announced.load(Ordering::Acquire)).fold(horizon, u64::min)
    }
}

thread_local! {
    static PARTICIPANTS: RefCell<Vec<(EngineId, Rc<Participant>)>> = {
        // A thread's locals end in the reverse order of their first use, and what participations leave behind at their end
        // needs the thread's list of expired objects: so that list comes first.
        reclaim::reap();
        RefCell::new(Vec::new())
    };
}

thread_local! {
    /// Whether a transaction or a snapshot of any engine is open on this thread.
    static OPEN: Cell<bool> = const { Cell::new(false) };
}

/// The calling thread's participation in an engine, made at its first use there.
#[inline]
pub(crate) fn current(engine: &Engine) -> Rc<Participant> {
    PARTICIPANTS
        .try_with(|participants| {
            let id = engine.id();
            let known = participants.borrow().iter().find(|(engine, _)| *engine == id).map(|(_, known)| known.clone());
            known.unwrap_or_else(|| enrol(engine, participants))
        })
        // Past the end of the thread's locals: a participation for this one call.
        .unwrap_or_else(|_| Rc::new(Participant::new(engine)))
}

#[cold]
fn enrol(engine: &Engine, participants: &RefCell<Vec<(EngineId, Rc<Participant>)>>) -> Rc<Participant> {
    let participant = Rc::new(Participant::new(engine));
    let abandoned: Vec<_> = {
        let mut participants = participants.borrow_mut();
        let abandoned = participants.extract_if(.., |(_, other)| other.engine.is_abandoned()).collect();
        participants.push((engine.id(), participant.clone()));
        abandoned
    };
    // Outside the borrow: the end of an engine destroys what it kept.
    drop(abandoned);
    participant
}

/// Ends the calling thread's participation in an engine, if it has one.
pub(crate) fn leave(engine: &Engine) {
    let take = || {
        PARTICIPANTS.try_with(|participants| {
            let mut participants = participants.borrow_mut();
            let position = participants.iter().position(|(id, _)| *id == engine.id())?;
            Some(participants.swap_remove(position))
        })
    };
    // What clearing up destroys may hold variables, whose end makes the thread take part once more.
    while let Ok(Some(participant)) = take() {
        drop(participant);
    }
}

/// The thread's right to have a transaction open; at most one exists a thread.
pub(crate) struct Open(());

impl Open {
    /// # Panics
    /// When one is open already.
    #[inline]
    pub(crate) fn enter() -> Self {
        if OPEN.try_with(|open| open.replace(true)).unwrap_or(false) {
            nested();
        }
        Open(())
    }

    /// Whether the thread is inside a transaction or snapshot.
    pub(crate) fn is_entered() -> bool {
        OPEN.try_with(Cell::get).unwrap_or(false)
    }
}

impl Drop for Open {
    #[inline]
    fn drop(&mut self) {
        let _ = OPEN.try_with(|open| open.set(false));
        reclaim::reap();
    }
}

impl fmt::Debug for Participant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Participant").field("owner", &self.owner).finish_non_exhaustive()
    }
}

/// Destroys what has expired on this thread, unless a transaction is open: then its end does.
#[inline]
pub(crate) fn reap_outside_transactions() {
    if !Open::is_entered() {
        reclaim::reap();
    }
}

#[cold]
fn nested() -> ! {
    panic!(
        "a transaction or snapshot is open on this thread already: pass its `tx` (or snapshot) to the functions that \
         read and write, so that all of it is one transaction, or end it before the next begins"
    )
}
