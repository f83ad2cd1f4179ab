//! Who takes part in an engine, and what the others see of them.
//!
//! Each participant has a *slot*, in which it announces what it may be looking at. The others read the slots when they
//! have to know what nobody looks at any more:
//!
//! | announcement | by | what it keeps |
//! |---|---|---|
//! | `snapshot` = S | an open snapshot | the versions that are current at instant S (`history`) |
//! | `from`, `to` if it is younger | an open transaction: the ticks between which it has read | values replaced, and variables dropped, in between (`limbo`) |
//! | `loading` = t | a look at a single value, begun at tick t | the same, from t on |
//! | `walks`, odd | a walk along a variable's older versions | the nodes of chains (`limbo`) |
//!
//! One more slot is the engine's own: for the walks of whoever looks after idle variables (`tidy`).

use crossbeam_utils::CachePadded;
use reweave_core::seeded;
use reweave_core::sync::atomic::{AtomicU64, Ordering, fence};
use reweave_core::sync::{Arc, Mutex, fence_light, thread};

use crate::clock::Clock;
use crate::history::Node;
use crate::limbo::Retired;
use crate::orec::OWNERS;
use crate::stats::{Counters, Counts, OldestSnapshot};

/// The first owner number that is somebody's: 0 is in the records of variables that nobody has written.
const FIRST_OWNER: u16 = 1;

/// The number with which those commit who came when all others were taken. They share it, so it is no claim to a version,
/// and they recognise no version as their own.
pub(crate) const NOBODY: u16 = OWNERS - 1;

/// A number that is in no record.
pub(crate) const UNUSED: u16 = OWNERS - 2;

/// Nothing is announced.
const NONE: u64 = u64::MAX;

/// The announcements and counters of a participant. All of it is written by the participant alone.
pub(crate) struct Slot {
    snapshot: AtomicU64,
    from: AtomicU64,
    to: AtomicU64,
    loading: AtomicU64,
    walks: AtomicU64,
    pub(crate) counters: Counters,
}

/// A slot, shared with those who look at it.
pub(crate) type SharedSlot = Arc<CachePadded<Slot>>;

impl Slot {
    fn new() -> Self {
        Self {
            snapshot: AtomicU64::new(NONE),
            from: AtomicU64::new(NONE),
            to: AtomicU64::new(0),
            loading: AtomicU64::new(NONE),
            walks: AtomicU64::new(0),
            counters: Counters::new(),
        }
    }

    /// Makes known that the versions current at `instant` are needed. The caller orders it before what follows
    /// (`Clock::snapshot`).
    pub(crate) fn announce_snapshot(&self, instant: u64) {
        if !seeded("stm/snapshot-unannounced") {
            self.snapshot.store(instant, Ordering::Release);
        }
    }

    pub(crate) fn withdraw_snapshot(&self) {
        // Release: the snapshot's reads come before whatever pruning this permits.
        self.snapshot.store(NONE, Ordering::Release);
    }

    /// Makes known that a transaction begins to read at `tick`. A light fence must follow before it reads.
    #[inline]
    pub(crate) fn open(&self, tick: u64) {
        // `to` stays behind until the transaction extends: the clock does not go back, so it is no younger than `tick`.
        self.from.store(tick, Ordering::Release);
    }

    /// Makes known that the transaction is about to read at a younger tick. A light fence must follow before it does.
    pub(crate) fn extend(&self, tick: u64) {
        self.to.store(tick, Ordering::Release);
    }

    /// The transaction has ended.
    #[inline]
    pub(crate) fn close(&self) {
        // Release: its reads come before whatever destruction this permits.
        self.from.store(NONE, Ordering::Release);
    }

    /// Runs `look`, which may look at the current value of any variable to which there is a handle.
    pub(crate) fn while_loading<R>(&self, clock: &Clock, look: impl FnOnce() -> R) -> R {
        let _loading = (!self.is_loading()).then(|| {
            self.loading.store(clock.now(), Ordering::Release);
            Loading(self)
        });
        fence_light();
        look()
    }

    /// Runs `look`, which may walk along the older versions of any variable to which there is a handle.
    pub(crate) fn while_walking<R>(&self, look: impl FnOnce() -> R) -> R {
        let walks = self.walks.load(Ordering::Relaxed);
        self.walks.store(walks + 1, Ordering::Release);
        let _walking = Walking { slot: self, next: walks + 2 };
        // Against `Registry::walks`: either it sees this walk, or the walk sees what was unlinked before.
        fence(Ordering::SeqCst);
        look()
    }

    pub(crate) fn is_loading(&self) -> bool {
        self.loading.load(Ordering::Relaxed) != NONE
    }

    /// The ticks whose values and variables the participant may be looking at, if it does.
    fn looks_at(&self) -> impl Iterator<Item = (u64, u64)> {
        let from = self.from.load(Ordering::Acquire);
        let to = self.to.load(Ordering::Acquire).max(from);
        let loading = self.loading.load(Ordering::Acquire);
        [(from, to), (loading, NONE)].into_iter().filter(|&(from, _)| from != NONE)
    }

    /// The number of the walk that is under way, if one is.
    fn walk(&self) -> Option<u64> {
        Some(self.walks.load(Ordering::Acquire)).filter(|walks| walks % 2 == 1)
    }
}

/// Ends what [`Slot::while_loading`] began, also when the user's code panics.
struct Loading<'s>(&'s Slot);

impl Drop for Loading<'_> {
    fn drop(&mut self) {
        self.0.loading.store(NONE, Ordering::Release);
    }
}

/// Ends what [`Slot::while_walking`] began, also when it panics.
struct Walking<'s> {
    slot: &'s Slot,
    next: u64,
}

impl Drop for Walking<'_> {
    fn drop(&mut self) {
        self.slot.walks.store(self.next, Ordering::Release);
    }
}

/// A walk along older versions that was under way when somebody looked.
pub(crate) struct Walk {
    slot: SharedSlot,
    number: u64,
}

impl Walk {
    pub(crate) fn is_over(&self) -> bool {
        self.slot.walk() != Some(self.number)
    }
}

/// The instants that snapshots may be reading at, as far as a version's fate depends on it.
#[derive(Default)]
pub(crate) struct SnapshotsInUse {
    /// From this instant on there may be any.
    horizon: u64,
    /// Those before it, in ascending order.
    older: Vec<u64>,
}

impl SnapshotsInUse {
    /// As if those were all: for a seeded bug.
    pub(crate) fn forget_horizon(&mut self) {
        self.horizon = NONE;
    }

    /// Whether a snapshot may need the version that was current from the commit at `since` to that at `until`.
    pub(crate) fn need(&self, since: u64, until: u64) -> bool {
        if seeded("stm/prune-too-much") {
            return false;
        }
        let candidate = self.older.partition_point(|&instant| instant <= since);
        until >= self.horizon || self.older.get(candidate).is_some_and(|&instant| instant <= until)
    }
}

/// What those who have left could not destroy yet.
#[derive(Default)]
pub(crate) struct Orphans {
    pub(crate) retired: Vec<Retired>,
    pub(crate) nodes: Vec<Node>,
}

impl Orphans {
    fn append(&mut self, mut others: Orphans) {
        self.retired.append(&mut others.retired);
        self.nodes.append(&mut others.nodes);
    }

    /// Lets all of it expire.
    ///
    /// # Safety
    /// Nobody takes part who did when it was unlinked.
    pub(crate) unsafe fn expire(self) {
        self.retired.into_iter().for_each(Retired::expire);
        for node in self.nodes {
            // SAFETY: it was cut out of its chain, and by the caller nobody is on it.
            unsafe { node.free() };
        }
    }
}

/// The participants of an engine.
pub(crate) struct Registry {
    members: Mutex<Members>,
    house: SharedSlot,
}

/// One of them.
struct Member {
    slot: SharedSlot,
    /// The name of the thread that began the participation.
    name: Option<String>,
    /// How many began one before.
    number: u64,
}

impl Member {
    fn describe(&self) -> String {
        self.name.clone().unwrap_or_else(|| format!("participant {}", self.number))
    }
}

struct Members {
    all: Vec<Member>,
    enrolled: u64,
    free_owners: Vec<u16>,
    next_owner: u16,
    orphans: Orphans,
    /// Counts of those who have left.
    departed: Counts,
}

/// The snapshots that are open.
pub(crate) struct OpenSnapshots {
    pub(crate) count: usize,
    pub(crate) oldest: Option<OldestSnapshot>,
}

impl Registry {
    pub(crate) fn new() -> Self {
        let members = Members {
            all: Vec::new(),
            enrolled: 0,
            free_owners: Vec::new(),
            next_owner: FIRST_OWNER,
            orphans: Orphans::default(),
            departed: Counts::default(),
        };
        Self { members: Mutex::new(members), house: Arc::new(CachePadded::new(Slot::new())) }
    }

    /// The slot for the walks of whoever looks after idle variables, of whom there is one at a time.
    pub(crate) fn house(&self) -> &Slot {
        &self.house
    }

    /// Begins a participation: its owner number and slot.
    pub(crate) fn enrol(&self) -> (u16, SharedSlot) {
        let slot = Arc::new(CachePadded::new(Slot::new()));
        let name = thread::name();
        let mut members = self.members.lock();
        let number = members.enrolled;
        members.enrolled += 1;
        members.all.push(Member { slot: slot.clone(), name, number });
        let owner = members.free_owners.pop().unwrap_or_else(|| {
            let fresh = members.next_owner;
            if fresh == UNUSED {
                return NOBODY;
            }
            members.next_owner += 1;
            fresh
        });
        (owner, slot)
    }

    /// Ends a participation and takes over what it leaves; if nobody takes part any more, hands out all that is left.
    pub(crate) fn leave(&self, owner: u16, slot: &SharedSlot, left_over: Orphans) -> Option<Orphans> {
        let mut members = self.members.lock();
        members.all.retain(|other| !Arc::ptr_eq(&other.slot, slot));
        members.departed += slot.counters.read();
        members.orphans.append(left_over);
        if owner != NOBODY {
            members.free_owners.push(owner);
        }
        // Under the lock that whoever takes part later has to take first: nothing of this can be found by then.
        members.all.is_empty().then(|| std::mem::take(&mut members.orphans))
    }

    /// Hands over what those who have left could not destroy.
    pub(crate) fn take_orphans(&self) -> Orphans {
        std::mem::take(&mut self.members.lock().orphans)
    }

    /// How many threads take part.
    pub(crate) fn len(&self) -> usize {
        self.members.lock().all.len()
    }

    pub(crate) fn counts(&self) -> Counts {
        let members = self.members.lock();
        let mut counts = members.departed;
        members.all.iter().for_each(|member| counts += member.slot.counters.read());
        counts
    }

    /// How many nodes those who take part keep to use them again.
    pub(crate) fn pooled(&self) -> usize {
        self.members.lock().all.iter().map(|member| member.slot.counters.pooled.get() as usize).sum()
    }

    /// The snapshots that are open when the clock reads `now`, as far as they are seen.
    pub(crate) fn open_snapshots(&self, now: u64) -> OpenSnapshots {
        let members = self.members.lock();
        let announced = members.all.iter().map(|member| (member.slot.snapshot.load(Ordering::Acquire), member));
        let open: Vec<_> = announced.filter(|&(instant, _)| instant != NONE).collect();
        let oldest = open.iter().min_by_key(|&(instant, _)| instant);
        let oldest = oldest
            .map(|&(instant, member)| OldestSnapshot { age: now.saturating_sub(instant), holder: member.describe() });
        OpenSnapshots { count: open.len(), oldest }
    }

    /// The instants in use. A snapshot whose announcement we miss reads at the horizon or later (`Clock::horizon`).
    pub(crate) fn snapshots_in_use(&self, clock: &Clock, found: &mut SnapshotsInUse) {
        found.horizon = clock.horizon();
        found.older.clear();
        let members = self.members.lock();
        let announced = members.all.iter().map(|member| member.slot.snapshot.load(Ordering::Acquire));
        found.older.extend(announced.filter(|&instant| instant < found.horizon));
        found.older.sort_unstable();
    }

    /// The ticks that transactions and loads may be looking at. To be called after a heavy fence: whoever is missed sees what
    /// its caller wrote before.
    pub(crate) fn looks_at(&self) -> Vec<(u64, u64)> {
        self.members.lock().all.iter().flat_map(|member| member.slot.looks_at()).collect()
    }

    /// The walks that are under way. To be called after a fence: whoever is missed sees what its caller wrote before.
    pub(crate) fn walks(&self) -> Vec<Walk> {
        let members = self.members.lock();
        let slots = members.all.iter().map(|member| &member.slot).chain([&self.house]);
        let walking = slots.filter_map(|slot| Some((slot, slot.walk()?)));
        walking.map(|(slot, number)| Walk { slot: slot.clone(), number }).collect()
    }
}
