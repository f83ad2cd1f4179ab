//! The agenda of a pool: tasks that have to wait for their turn, because there is an order, or a limit on how many run at a time.
//!
//! A pool without a [`Policy`] has an empty one, and a task without a [`Class`] never sees it: it goes to the deque of the worker that
//! starts it. All others wait here, under one lock, until a worker [takes](Agenda::pop) them, which it does when it has nothing of its own.
//!
//! | module | concept |
//! |---|---|
//! | `policy` | what is asked for |
//! | `order` | who goes first: each task gets a key when it comes |
//! | `class` | tasks of one kind, and the limit that they have together |
//! | `room` | waiting until there is room for another |
//! | `state` | what is under the lock |
//! | `turn` | the pool's part: who counts, and who is called |
//!
//! # Protocol
//!
//! A task that goes through the agenda has a [`Seat`].
//!
//! | step | by | from, to |
//! |---|---|---|
//! | reserve | who is about to start one from outside | a place less, if there is room |
//! | come | who starts the task | nowhere: waits, with a key |
//! | begin | a worker | the first that waits and that no limit forbids: has *rights*, and is *counted* against the limits |
//! | begin in place | who waits for it by blocking, and will run it on its own stack | waits: the same; where a limit is reached and the one who waits has the right, it shares that and is not counted |
//! | leave | who ends the task, whatever it has come to | waits: is forgotten. Has begun: is counted no more. Has not come yet: will not |
//!
//! # Invariants
//!
//! 1. *No limit is passed*: begin looks at the limits and counts in one hold of the lock. A task counts as one with all that is done in its
//!    place: the closures that it waits for, and the halves of joins and jobs of scopes that it waits for, wherever they run.
//! 2. *What may begin is not left with all asleep*: every step that lets a task begin writes `ready`, by a read-modify-write, and then calls, as
//!    whoever pushes to a deque does (`sleep.rs`).
//! 3. *A task is taken once*: by whoever takes it out of the map.
//!
//! # Complexity
//!
//! Each step costs a lock, O(log n) for n waiting tasks of a class, and O(c) for c classes.

mod class;
mod order;
mod policy;
mod room;
mod state;
mod turn;

use std::ptr::NonNull;
use std::time::Duration;

use reweave_core::event::WaitList;
use reweave_core::sync::atomic::{AtomicUsize, Ordering};
use reweave_core::sync::{Mutex, UnsafeCell};
use reweave_core::{Reason, seeded};

use crate::job::JobRef;
use order::{Key, Order};
use state::{State, Tasks, Waiting};

pub use class::Class;
pub(crate) use order::Group;
pub use policy::{Fairness, Policy};
pub(crate) use room::Room;

/// The tasks of a pool that wait for their turn. See the [module](self).
#[derive(Debug)]
pub(crate) struct Agenda {
    state: Mutex<State>,
    /// How many tasks may begin: written under the lock, by read-modify-writes.
    ready: AtomicUsize,
    /// What there is to know of the policy before the lock is taken; written under it.
    flags: AtomicUsize,
    /// Those who wait for room.
    room: WaitList,
}

/// Every task goes through the agenda.
const GOVERNS: usize = 1;
/// Tasks have a limit of time.
const TIMES: usize = 2;

/// A task's place in the agenda.
#[derive(Debug)]
pub(crate) struct Seat {
    /// Its class, by number.
    class: usize,
    priority: i32,
    group: Group,
    /// Touched under the agenda's lock.
    place: UnsafeCell<Place>,
}

// SAFETY: the place is touched under a lock, the rest does not change.
unsafe impl Send for Seat {}
// SAFETY: as above.
unsafe impl Sync for Seat {}

#[derive(Debug, Default)]
struct Place {
    /// Where it waits.
    key: Option<Key>,
    /// It has ended, perhaps before it came.
    left: bool,
    /// May run, as far as the limit on all is concerned, and that of its class.
    rights: Rights,
    /// Those that have to be given back.
    counted: Rights,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Rights {
    all: bool,
    class: bool,
}

impl Seat {
    pub(crate) fn new(class: usize, priority: i32, group: Group) -> Self {
        Self { class, priority, group, place: UnsafeCell::new(Place::default()) }
    }

    /// # Safety
    /// The caller holds the lock of its agenda.
    unsafe fn place<R>(&self, access: impl FnOnce(&mut Place) -> R) -> R {
        // SAFETY: by the contract.
        self.place.with_mut(|place| access(unsafe { &mut *place }))
    }
}

impl Agenda {
    pub(crate) fn new(policy: Policy) -> Self {
        let unclassed = Tasks::new(Reason::fixed("tasks without a class"), usize::MAX);
        Self {
            ready: AtomicUsize::new(0),
            flags: AtomicUsize::new(policy.flags()),
            room: WaitList::new(),
            state: Mutex::new(State {
                order: Order::new(policy.fairness),
                policy,
                classes: vec![unclassed],
                running: 0,
                reserved: 0,
                shut: false,
            }),
        }
    }

    /// Whether there is anything that every task has to keep to. One load.
    #[inline]
    pub(crate) fn is_asked_for(&self) -> bool {
        self.flags.load(Ordering::Relaxed) != 0
    }

    /// Whether every task goes through here, and not only those of a class.
    pub(crate) fn governs(&self) -> bool {
        self.flags.load(Ordering::Relaxed) & GOVERNS != 0
    }

    /// How long a task may take that says nothing itself.
    pub(crate) fn timeout(&self) -> Option<Duration> {
        let asked_for = self.flags.load(Ordering::Relaxed) & TIMES != 0;
        asked_for.then(|| self.state.lock().policy.timeout).flatten()
    }

    /// How many tasks may begin, at some moment during the call. One load.
    #[inline]
    pub(crate) fn ready(&self) -> usize {
        self.ready.load(Ordering::Relaxed)
    }

    /// How many tasks wait, whether or not they may begin.
    pub(crate) fn waiting(&self) -> usize {
        self.state.lock().waiting()
    }

    /// How many tasks wait, if none of them may begin.
    pub(crate) fn stuck(&self) -> u64 {
        let state = self.state.lock();
        if state.ready() == 0 { state.waiting() as u64 } else { 0 }
    }

    /// What `of` makes of each entry that waits. Under the lock.
    pub(crate) fn each_that_waits<R>(&self, of: impl Fn(&JobRef) -> R) -> Vec<R> {
        let state = self.state.lock();
        state.classes.iter().flat_map(|class| class.waiting.values()).map(|waiting| of(&waiting.entry)).collect()
    }

    /// From now on nobody waits for room: whoever comes is turned away.
    pub(crate) fn shut(&self) {
        {
            let mut state = self.state.lock();
            state.shut = true;
            self.publish(&state);
        }
        self.room.wake_all_after_rmw();
    }

    pub(crate) fn policy(&self) -> Policy {
        self.state.lock().policy.clone()
    }

    /// Has tasks keep to another policy from now on, if the one so far is still `expected`: whether it was. Those that have begun go on; those that wait
    /// are put in the new order.
    /// `also` is done in the same step.
    pub(crate) fn change(&self, expected: &Policy, policy: Policy, also: impl FnOnce(&Policy)) -> bool {
        let mut state = self.state.lock();
        if state.policy != *expected {
            return false;
        }
        self.flags.store(policy.flags(), Ordering::Relaxed);
        if policy.fairness != state.policy.fairness {
            state.reorder(policy.fairness);
        }
        also(&policy);
        state.policy = policy;
        self.publish(&state);
        drop(state);
        self.room.wake_all_after_rmw();
        true
    }

    /// Keeps a place for a task that is about to come, if there is room.
    pub(crate) fn reserve(&self) -> bool {
        let mut state = self.state.lock();
        let room = state.has_room();
        state.reserved += usize::from(room);
        room
    }

    /// Takes in a task that waits for its turn, in a place that was `reserved` for it, or in any. `come_in` is asked, under the lock, whether the
    /// pool still takes it. Somebody has to be called then.
    ///
    /// # Errors
    /// The entry, if it is too late, or if the task has ended before it came.
    pub(crate) fn push(
        &self,
        entry: JobRef,
        seat: &Seat,
        reserved: bool,
        come_in: impl FnOnce() -> bool,
    ) -> Result<(), JobRef> {
        let mut state = self.state.lock();
        state.reserved -= usize::from(reserved);
        // SAFETY: under the lock.
        let left = unsafe { seat.place(|place| place.left) } && !seeded("agenda/come-after-the-end");
        if left || !come_in() {
            drop(state);
            self.room.wake_one_after_rmw();
            return Err(entry);
        }
        let key = state.order.key(seat.priority, &seat.group);
        // SAFETY: under the lock.
        unsafe { seat.place(|place| place.key = Some(key)) };
        state.classes[seat.class].waiting.insert(key, Waiting { entry, seat: NonNull::from(seat) });
        self.publish(&state);
        Ok(())
    }

    /// The next task that may begin.
    pub(crate) fn pop(&self) -> Option<JobRef> {
        if self.ready() == 0 {
            return None;
        }
        let entry = {
            let mut state = self.state.lock();
            let class = state.next_class()?;
            let (key, Waiting { entry, seat }) = state.classes[class].waiting.pop_first()?;
            // SAFETY: the entry keeps it.
            let seat = unsafe { seat.as_ref() };
            let counted = Rights { all: true, class: true };
            // SAFETY: under the lock.
            unsafe { seat.place(|place| *place = Place { rights: counted, counted, ..Place::default() }) };
            state.order.begins(key, &seat.group);
            state.count(seat.class, counted);
            self.publish(&state);
            entry
        };
        if !seeded("agenda/make-room-silently") {
            self.room.wake_one_after_rmw();
        }
        Some(entry)
    }

    /// Whether a task may begin here and now, on the stack of one who waits for it and has this seat, if it has one. Its entry, if it waited.
    pub(crate) fn begin_in_place(&self, seat: &Seat, waits: Option<&Seat>) -> (bool, Option<JobRef>) {
        let entry = {
            let mut state = self.state.lock();
            // SAFETY: under the lock.
            let Some(key) = (unsafe { seat.place(|place| place.key) }) else {
                // A worker has taken it, and counted it; whoever of the two is first begins it.
                return (true, None);
            };
            // SAFETY: under the lock.
            let lent = waits.map(|waits| (waits.class == seat.class, unsafe { waits.place(|place| place.rights) }));
            let counted = Rights { all: state.has_slot(), class: state.classes[seat.class].has_slot() };
            let (same_class, lent) = lent.unwrap_or_default();
            let same_class = same_class || seeded("agenda/lend-to-all");
            if !(counted.all || lent.all) || !(counted.class || (lent.class && same_class)) {
                return (false, None);
            }
            let rights = Rights { all: true, class: true };
            // SAFETY: under the lock.
            unsafe { seat.place(|place| *place = Place { rights, counted, ..Place::default() }) };
            let waiting = state.classes[seat.class].waiting.remove(&key);
            // Out of turn: the rounds do not go on with it.
            state.order.goes(&seat.group);
            state.count(seat.class, counted);
            self.publish(&state);
            waiting.map(|waiting| waiting.entry)
        };
        self.room.wake_one_after_rmw();
        (true, entry)
    }

    /// The task has ended. Its entry, if it still waited; somebody has to be called if it did not.
    pub(crate) fn leave(&self, seat: &Seat) -> Option<JobRef> {
        let entry = {
            let mut state = self.state.lock();
            // SAFETY: under the lock.
            let Place { key, counted, .. } =
                unsafe { seat.place(|place| std::mem::replace(place, Place { left: true, ..Place::default() })) };
            if !seeded("agenda/keep-slot") {
                state.uncount(seat.class, counted);
            }
            let waiting = key.and_then(|key| {
                state.order.goes(&seat.group);
                state.classes[seat.class].waiting.remove(&key)
            });
            self.publish(&state);
            waiting.map(|waiting| waiting.entry)
        };
        if entry.is_some() {
            self.room.wake_one_after_rmw();
        }
        entry
    }

    /// Says how many may begin. A full fence.
    fn publish(&self, state: &State) {
        self.ready.swap(state.ready(), Ordering::AcqRel);
    }
}
