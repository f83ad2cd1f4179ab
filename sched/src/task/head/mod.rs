//! The head of a task: its state, and what is the same of all tasks.
//!
//! | module | concept |
//! |---|---|
//! | this one | the word, and who owns what by it |
//! | `own` | the task's own token, and its cancellation |
//! | `run` | how it comes into a queue and out of it, and is run |
//!
//! # Protocol
//!
//! One word of flags.
//!
//! | flag | meaning |
//! |---|---|
//! | `QUEUED` | it is to be run: there is an entry in a queue, or about to be |
//! | `RUNNING` | somebody has the body |
//! | `WOKEN` | was woken while it ran: to be queued again |
//! | `BEGUN` | was run at least once |
//! | `ENDED` | the output is there; final |
//! | `CANCELLED`, `PANICKED` | beside `ENDED`: what it came to, if not to a value |
//! | `AWAITED` | the future of the handle has left a waker |
//! | `OWNS` | it has a token of its own; final |
//! | `TIED` | that token has a callback, which stops the task; final |
//!
//! | step | by | from, to |
//! |---|---|---|
//! | begin | whoever took an entry, or waits for a closure | `QUEUED`, not `RUNNING` or `ENDED`: to `RUNNING`, `BEGUN`, not `QUEUED` |
//! | claim | who cancels | the same, if not `BEGUN` |
//! | wake | anybody | `RUNNING`: sets `WOKEN`. Else, unless `QUEUED` or `ENDED`: sets `QUEUED`, and enters it in a queue. If the flag is set already, the word is written as it was |
//! | suspend | who runs it | `RUNNING`: cleared; with `WOKEN`: to `QUEUED`, and enters it again |
//! | end | who runs it | sets `ENDED`, with `CANCELLED` or `PANICKED`. Then wakes who waits for the end; with `AWAITED`: the waker, too; with `TIED`: drops the callback |
//! | await | the handle | writes the waker, then sets `AWAITED`, unless `ENDED` |
//! | leave | the handle | clears `AWAITED`, unless `ENDED`: the waker is its own again |
//! | own | who asks for the token first, under its lock | writes the token, then sets `OWNS` |
//! | tie | the same, afterwards, if it is a future or waits for its turn | leaves the callback, takes the lock, sets `TIED`; with `ENDED`: drops the callback, for *end* has not seen it |
//!
//! # Invariants
//!
//! 1. *The body has one owner*: whoever has set `RUNNING`, until the word says otherwise. So has the output, until `ENDED`; then the handle.
//! 2. *A wake-up is not lost*: it finds the task running and leaves `WOKEN`, which the same step that clears `RUNNING` sees; or it finds it queued,
//!    and not begun, so that it will be run after; or it queues it. In all cases it writes the word, so that who clears `RUNNING` or begins
//!    later, by a read-modify-write of the same word, sees what happened before the wake-up. A look alone could find a flag that is
//!    being cleared, while what happened before is still in a store buffer.
//! 3. *An entry may be stale*: if the task was begun by another who did not need the entry. Then it finds nothing to begin and goes away.
//! 4. *The cell of the waker has one owner*: the handle, unless `AWAITED`; then nobody, until one of *leave* and *end* comes first.
//! 5. *A record lives as long as there are references*: the handle, each entry, each waker, and each `Reference`: in callbacks, in the pool's account, in a
//!    nursery whose future waits within it.

mod own;
mod run;

use std::ptr::{NonNull, null};
use std::task::Waker;

use reweave_core::cancel::Cancelled;
use reweave_core::context::{Agent, Context};
use reweave_core::event::{Awaits, Enders, Source, WaitList};
use reweave_core::seeded;
use reweave_core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use reweave_core::sync::{Arc, Mutex, UnsafeCell};

use super::card::Card;
use super::{Failed, State};
use crate::agenda::Seat;
use crate::job::{Job, quietly};
use crate::nursery::Children;
use crate::pool::Shared;
use crate::trace::What;
use crate::worker::Worker;
use own::Own;

const QUEUED: usize = 1;
const RUNNING: usize = 2;
const WOKEN: usize = 4;
const BEGUN: usize = 8;
const ENDED: usize = 16;
/// Ended because it was cancelled.
const CANCELLED: usize = 32;
/// Ended by a panic.
const PANICKED: usize = 64;
const AWAITED: usize = 128;
/// Its token wakes it: see `Head::token`.
const TIED: usize = 256;
/// It has a token of its own.
const OWNS: usize = 512;

/// The body has been taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Begun {
    /// For the first time.
    First,
    /// To go on after it was suspended.
    Again,
}

/// How a task ended, for its state.
#[derive(Clone, Copy, Debug)]
pub(in crate::task) enum How {
    Completed,
    Cancelled,
    Panicked,
}

impl How {
    fn state(self) -> State {
        match self {
            Self::Completed => State::Completed,
            Self::Cancelled => State::Cancelled,
            Self::Panicked => State::Failed,
        }
    }
}

/// What a record knows of its own type.
#[derive(Debug)]
pub(in crate::task) struct Vtable {
    /// Runs or polls the body, which is the caller's, and ends or suspends the task. Whether it has to be queued again.
    pub(in crate::task) run: unsafe fn(NonNull<Head>) -> bool,
    /// Drops the body, which is the caller's, and ends the task as cancelled.
    pub(in crate::task) abandon: unsafe fn(NonNull<Head>, Cancelled),
    /// Writes the output, which is the caller's, to an `Option<Result<T, Failed>>`.
    pub(in crate::task) take: unsafe fn(NonNull<Head>, *mut ()),
    /// Frees the record.
    pub(in crate::task) free: unsafe fn(NonNull<Head>),
    /// Whether it is a closure, which whoever waits may run.
    pub(in crate::task) is_closure: bool,
}

/// The first field of a record. See the [module](self).
#[repr(C)]
pub(in crate::task) struct Head {
    job: Job,
    vtable: &'static Vtable,
    state: AtomicUsize,
    references: AtomicUsize,
    pool: Arc<Shared>,
    /// What else is known of it; of most tasks nothing.
    card: Option<Arc<Card>>,
    /// How often all tasks of the pool had been cancelled when it was made.
    era: usize,
    /// Those who wait for the end.
    pub(in crate::task) waiters: WaitList,
    /// What surrounds it but for its own token.
    around: Context,
    /// Those it is one of, if it was spawned in a nursery: they are told of its end.
    siblings: Option<Arc<Children>>,
    /// Who awaits the handle.
    joiner: UnsafeCell<Option<Waker>>,
    /// Its own token, made when somebody asks, and what ties it.
    token: Mutex<Option<Own>>,
    /// Of a closure that runs: the agent that runs it.
    runner: AtomicU32,
    /// Of a future: how many nurseries in it wait for their children, and for nothing else. Written by the owner of the body, with one exception: see `linger_no_more`.
    lingers: AtomicU32,
}

// SAFETY: the cell of the waker has one owner at a time (invariant 4); everything else is Send and Sync by itself.
unsafe impl Send for Head {}
// SAFETY: as above.
unsafe impl Sync for Head {}

impl Head {
    /// Two references: for the handle and the first entry.
    pub(in crate::task) fn new(
        pool: Arc<Shared>,
        vtable: &'static Vtable,
        card: Option<Arc<Card>>,
        siblings: Option<Arc<Children>>,
    ) -> Self {
        let group = siblings.as_ref().map_or(null(), |siblings| siblings.id());
        Self {
            era: pool.roots.era(),
            // SAFETY: the head is the first field of its record, and the job of the head.
            job: unsafe { Job::of(group, run::run_entry) },
            vtable,
            state: AtomicUsize::new(QUEUED),
            references: AtomicUsize::new(2),
            pool,
            card,
            waiters: WaitList::new(),
            around: siblings.as_ref().map_or_else(Context::handed_on, |siblings| siblings.around_a_child()),
            siblings,
            joiner: UnsafeCell::new(None),
            token: Mutex::new(None),
            runner: AtomicU32::new(0),
            lingers: AtomicU32::new(0),
        }
    }

    /// It waits for the children of a nursery. By the owner of the body.
    pub(in crate::task) fn linger(&self) {
        self.lingers.fetch_add(1, Ordering::Relaxed);
    }

    /// It does not any more. By whoever has that future now.
    pub(in crate::task) fn linger_no_more(&self) {
        self.lingers.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether it does: then it is not dropped, though it is cancelled.
    pub(in crate::task) fn lingers(&self) -> bool {
        self.lingers.load(Ordering::Relaxed) > 0
    }

    pub(in crate::task) fn is_ended(&self) -> bool {
        // Acquire pairs with the release in `end`: the output can be taken.
        self.state.load(Ordering::Acquire) & ENDED != 0
    }

    pub(in crate::task) fn state(&self) -> State {
        match self.state.load(Ordering::Acquire) {
            state if state & CANCELLED != 0 => State::Cancelled,
            state if state & PANICKED != 0 => State::Failed,
            state if state & ENDED != 0 => State::Completed,
            state if state & BEGUN == 0 => State::Pending,
            state if state & (RUNNING | QUEUED) != 0 => State::Running,
            _ => State::Suspended,
        }
    }

    pub(in crate::task) fn pool(&self) -> &Arc<Shared> {
        &self.pool
    }

    pub(in crate::task) fn card(&self) -> Option<&Arc<Card>> {
        self.card.as_ref()
    }

    /// Its place in the pool's agenda, if it has to wait for its turn.
    fn seat(&self) -> Option<&Seat> {
        self.card.as_ref()?.seat.as_ref()
    }

    /// The handle waits, by this waker. `false`: it has ended.
    pub(in crate::task) fn wait_by(&self, waker: &Waker) -> bool {
        let state = self.state.load(Ordering::Acquire);
        if state & ENDED != 0 {
            return false;
        }
        if state & AWAITED != 0 && !self.leave() {
            return false;
        }
        // SAFETY: the handle's (invariant 4).
        self.joiner.with_mut(|joiner| match unsafe { &mut *joiner } {
            Some(known) => known.clone_from(waker),
            none => *none = Some(waker.clone()),
        });
        self.update(|state| (state & ENDED == 0).then_some(state | AWAITED)).is_ok()
    }

    /// The handle does not wait any more. `false`: it has ended.
    fn leave(&self) -> bool {
        self.update(|state| (state & ENDED == 0).then_some(state & !AWAITED)).is_ok()
    }

    /// The same, and the waker is dropped, if that is the handle's.
    pub(in crate::task) fn forget_waker(&self) {
        if self.leave() || seeded("task/forget-anyway") {
            // SAFETY: the handle's (invariant 4).
            drop(self.joiner.with_mut(|joiner| unsafe { (*joiner).take() }));
        }
    }

    /// Changes the word by `change`, if that yields another; returns the word before.
    fn update(&self, change: impl Fn(usize) -> Option<usize>) -> Result<usize, usize> {
        let mut state = self.state.load(Ordering::Relaxed);
        loop {
            let Some(changed) = change(state) else { return Err(state) };
            match self.state.compare_exchange(state, changed, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return Ok(state),
                Err(now) => state = now,
            }
        }
    }

    /// Takes the body of a queued task; not of one that was begun, if `only_first`.
    fn begin(&self, only_first: bool) -> Option<Begun> {
        let begun = |state: usize| (state & !QUEUED) | RUNNING | BEGUN;
        let may = |state: usize| state & (QUEUED | RUNNING | ENDED) == QUEUED && !(only_first && state & BEGUN != 0);
        let before = if seeded("task/begin-twice") {
            self.update(|state| (state & ENDED == 0).then(|| begun(state)))
        } else {
            self.update(|state| may(state).then(|| begun(state)))
        };
        let first = |before| if before & BEGUN == 0 { Begun::First } else { Begun::Again };
        before.ok().map(first)
    }

    /// The output has been written: tells those who wait. By the owner of the body, with a reference of its own.
    pub(in crate::task) fn end(&self, how: How) {
        let flags = match how {
            How::Completed => ENDED,
            How::Cancelled => ENDED | CANCELLED,
            How::Panicked => ENDED | PANICKED,
        };
        let withdrawn = self.card.as_ref().is_some_and(|card| self.leave_books(card, how));
        if seeded("nursery/end-before-published") {
            self.leave_siblings();
        }
        // Release publishes the output; acquire takes over the waker.
        let before = self.state.fetch_or(flags, Ordering::AcqRel);
        self.waiters.wake_all_after_rmw();
        if before & AWAITED != 0 && !seeded("task/end-silently") {
            // SAFETY: ours (invariant 4).
            let joiner = self.joiner.with_mut(|joiner| unsafe { (*joiner).take() });
            // A waker is user code.
            quietly(|| joiner.into_iter().for_each(Waker::wake));
        }
        if before & TIED != 0 {
            // Outside the lock, which whoever cancels may want.
            let tie = self.token.lock().as_mut().and_then(|own| own.wakes.take());
            drop(tie);
        }
        if withdrawn {
            self.pool.withdraw();
        }
        // The last step: who waits for all of them finds that this one has ended.
        if !seeded("nursery/end-before-published") {
            self.leave_siblings();
        }
    }

    /// It does not count any more among those it is one of.
    fn leave_siblings(&self) {
        if let Some(siblings) = &self.siblings {
            siblings.end_one();
        }
    }

    /// A poll has not ended it. Returns whether it has to be queued again. By the owner of the body, a worker.
    pub(in crate::task) fn suspend(&self) -> bool {
        self.note(What::Suspend);
        // Before it can be woken, so that never more have gone on than were suspended.
        if let Some(worker) = Worker::of(&self.pool) {
            worker.counters.suspended.add(1);
        }
        let suspended = |state: usize| match state & WOKEN {
            _ if seeded("task/forget-woken") => Some(state & !(RUNNING | WOKEN)),
            0 => Some(state & !RUNNING),
            _ => Some((state & !(RUNNING | WOKEN)) | QUEUED),
        };
        self.update(suspended).is_ok_and(|before| before & WOKEN != 0 && !seeded("task/forget-woken"))
    }

    /// Counts a wake-up. Returns whether the caller has to enter the task in a queue.
    pub(in crate::task) fn wake(&self) -> bool {
        // Written even if it changes nothing (invariant 2).
        let woken = |state: usize| match state {
            _ if state & ENDED != 0 => None,
            _ if state & (QUEUED | WOKEN) != 0 => (!seeded("task/wake-without-writing")).then_some(state),
            _ if state & RUNNING != 0 => Some(state | WOKEN),
            _ => Some(state | QUEUED),
        };
        self.update(woken).is_ok_and(|before| {
            if before & (QUEUED | WOKEN) == 0 {
                self.note(What::Wake);
            }
            before & (QUEUED | RUNNING) == 0
        })
    }

    pub(in crate::task) fn retain(&self) {
        // Relaxed: whoever makes a reference has one.
        self.references.fetch_add(1, Ordering::Relaxed);
    }

    /// # Safety
    /// The caller has a reference, and gives it up.
    pub(in crate::task) unsafe fn release(this: NonNull<Self>) {
        // SAFETY: by the contract.
        let head = unsafe { this.as_ref() };
        // Release: what was done with it is done; acquire: by all, for the last.
        let order = if seeded("task/relaxed-release") { Ordering::Relaxed } else { Ordering::AcqRel };
        if head.references.fetch_sub(1, order) == 1 {
            // SAFETY: no reference is left.
            unsafe { (head.vtable.free)(this) }
        }
    }

    /// # Safety
    /// The record's output is a `T`, it has ended, and the caller has the handle.
    pub(in crate::task) unsafe fn take_output<T>(this: NonNull<Self>) -> Option<Result<T, Failed>> {
        let mut output = None;
        // SAFETY: by the contract.
        unsafe { (this.as_ref().vtable.take)(this, std::ptr::from_mut(&mut output).cast()) };
        output
    }
}

impl Source for Head {
    fn awaits(&self) -> Awaits {
        // Relaxed: what is read of an agent that waits is true. A closure stays with the agent that has begun it.
        let runs = self.state.load(Ordering::Relaxed) & (RUNNING | ENDED) == RUNNING && self.vtable.is_closure;
        let runner = Agent::from_number(self.runner.load(Ordering::Relaxed)).filter(|_| runs);
        Awaits::new("the end of a task", runner.map_or(Enders::Unknown, Enders::One))
    }
}
