//! The head of a task: its state, and what is the same of all tasks.
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
//! | `AWAITED` | the future of the handle has left a waker |
//!
//! | step | by | from, to |
//! |---|---|---|
//! | begin | whoever took an entry, or waits for a closure | `QUEUED`, not `RUNNING` or `ENDED`: to `RUNNING`, `BEGUN`, not `QUEUED` |
//! | claim | who cancels | the same, if not `BEGUN` |
//! | wake | anybody | `RUNNING`: sets `WOKEN`. Else, unless `QUEUED` or `ENDED`: sets `QUEUED`, and enters it in a queue. If the flag is set already, the word is written as it was |
//! | suspend | who runs it | `RUNNING`: cleared; with `WOKEN`: to `QUEUED`, and enters it again |
//! | end | who runs it | sets `ENDED`; with `AWAITED`: wakes the waker. Then wakes the others who wait for the end |
//! | await | the handle | writes the waker, then sets `AWAITED`, unless `ENDED` |
//! | leave | the handle | clears `AWAITED`, unless `ENDED`: the waker is its own again |
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
//! 5. *A record lives as long as there are references*: the handle, each entry, each waker.

use std::ptr::NonNull;
use std::task::Waker;

use reweave_core::Reason;
use reweave_core::cancel::{Callback, Cancelled, Token};
use reweave_core::context::{Agent, Context, HandedOn, Lazily};
use reweave_core::event::{Awaits, Enders, Source, WaitList};
use reweave_core::seeded;
use reweave_core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use reweave_core::sync::{Arc, Mutex, UnsafeCell};

use super::card::Card;
use super::waker::{Reference, as_current, with_current};
use super::{Failed, State};
use crate::agenda::Seat;
use crate::door::Arrival;
use crate::job::{Job, JobRef, quietly};
use crate::pool::Shared;
use crate::trace::{self, Kind, Unit, What};
use crate::worker::Worker;

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
pub(super) enum How {
    Completed,
    Cancelled,
    Panicked,
}

/// What a record knows of its own type.
#[derive(Debug)]
pub(super) struct Vtable {
    /// Runs or polls the body, which is the caller's, and ends or suspends the task.
    pub(super) run: unsafe fn(NonNull<Head>),
    /// Drops the body, which is the caller's, and ends the task as cancelled.
    pub(super) abandon: unsafe fn(NonNull<Head>, Cancelled),
    /// Writes the output, which is the caller's, to an `Option<Result<T, Failed>>`.
    pub(super) take: unsafe fn(NonNull<Head>, *mut ()),
    /// Frees the record.
    pub(super) free: unsafe fn(NonNull<Head>),
    /// Whether it is a closure, which whoever waits may run.
    pub(super) is_closure: bool,
}

/// The token of a task.
struct Own {
    token: Token,
    /// What wakes a future when it is cancelled.
    wakes: Option<Callback>,
    /// What cancels it with all tasks of the pool, where the token above it belongs to others.
    _falls: Option<Callback>,
}

/// The first field of a record. See the [module](self).
#[repr(C)]
pub(super) struct Head {
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
    pub(super) waiters: WaitList,
    /// What surrounds it but for its own token.
    around: Context,
    /// Who awaits the handle.
    joiner: UnsafeCell<Option<Waker>>,
    /// Its own token, made when somebody asks, and what ties it.
    token: Mutex<Option<Own>>,
    /// Of a closure that runs: the agent that runs it.
    runner: AtomicU32,
}

// SAFETY: the cell of the waker has one owner at a time (invariant 4); everything else is Send and Sync by itself.
unsafe impl Send for Head {}
// SAFETY: as above.
unsafe impl Sync for Head {}

impl Head {
    /// Two references: for the handle and the first entry.
    pub(super) fn new(pool: Arc<Shared>, vtable: &'static Vtable, card: Option<Arc<Card>>) -> Self {
        Self {
            era: pool.roots.era(),
            // SAFETY: the head is the first field of its record, and the job of the head.
            job: unsafe { Job::new(run_entry) },
            vtable,
            state: AtomicUsize::new(QUEUED),
            references: AtomicUsize::new(2),
            pool,
            card,
            waiters: WaitList::new(),
            around: Context::handed_on(),
            joiner: UnsafeCell::new(None),
            token: Mutex::new(None),
            runner: AtomicU32::new(0),
        }
    }

    /// What it is in a trace. Every task of a pool with a recorder has a card.
    fn traced(&self) -> Unit {
        let kind = if self.vtable.is_closure { Kind::Closure } else { Kind::Poll };
        let card = self.card.as_ref();
        Unit { kind, id: card.map_or(0, |card| card.id.get()), name: card.and_then(|card| card.named) }
    }

    pub(super) fn is_ended(&self) -> bool {
        // Acquire pairs with the release in `end`: the output can be taken.
        self.state.load(Ordering::Acquire) & ENDED != 0
    }

    pub(super) fn state(&self) -> State {
        match self.state.load(Ordering::Acquire) {
            state if state & CANCELLED != 0 => State::Cancelled,
            state if state & PANICKED != 0 => State::Failed,
            state if state & ENDED != 0 => State::Completed,
            state if state & BEGUN == 0 => State::Pending,
            state if state & (RUNNING | QUEUED) != 0 => State::Running,
            _ => State::Suspended,
        }
    }

    pub(super) fn pool(&self) -> &Arc<Shared> {
        &self.pool
    }

    pub(super) fn card(&self) -> Option<&Arc<Card>> {
        self.card.as_ref()
    }

    /// Its place in the pool's agenda, if it has to wait for its turn.
    fn seat(&self) -> Option<&Seat> {
        self.card.as_ref()?.seat.as_ref()
    }

    /// Its own token: below that of whoever started it, or the pool's. That of a future wakes it when it is cancelled.
    pub(super) fn token(&self) -> Token {
        let made = {
            let mut own = self.token.lock();
            if let Some(own) = &*own {
                return own.token.clone();
            }
            let root = self.pool.roots.token(self.era);
            let token = self.around.cancel.as_ref().unwrap_or(&root).child();
            let falls = self.around.cancel.is_some().then(|| {
                let token = token.clone();
                root.on_cancel(move |cancelled| {
                    token.cancel(cancelled.reason.clone());
                })
            });
            *own = Some(Own { token: token.clone(), wakes: None, _falls: falls });
            // Before anybody can cancel it by this token: see `cancelled`.
            self.state.fetch_or(OWNS, Ordering::AcqRel);
            token
        };
        if !self.vtable.is_closure {
            self.tie(&made);
        }
        made
    }

    /// Sees to it that its token wakes it.
    fn tie(&self, token: &Token) {
        let this = Reference::new(self);
        // Outside the lock: should the token be cancelled already, this wakes the task here; and if its pool has ended, ends it.
        let tie = token.on_cancel(move |_| this.wake());
        let mut own = self.token.lock();
        if self.state.fetch_or(TIED, Ordering::AcqRel) & ENDED == 0 {
            own.as_mut().expect("made by the caller").wakes = Some(tie);
            return;
        }
        // `end` has not seen the tie, which would keep the record for ever. Dropped outside the lock, as there.
        drop(own);
        drop(tie);
    }

    /// Why it is cancelled, if somebody has cancelled it, or what is above it. A few loads, if it has no token of its own: most tasks never do.
    pub(super) fn cancelled(&self) -> Option<Cancelled> {
        if self.state.load(Ordering::Acquire) & OWNS != 0 {
            return self.token.lock().as_ref().and_then(|own| own.token.reason());
        }
        let above = self.around.cancel.as_ref().and_then(Token::reason);
        above.or_else(|| self.pool.roots.cancelled(self.era))
    }

    /// A future is about to suspend: sees to it that a cancellation wakes it, its own, or that of all tasks.
    pub(super) fn listen(&self) -> &Self {
        if self.state.load(Ordering::Relaxed) & TIED == 0 && !seeded("task/deaf-to-all") {
            drop(self.token());
        }
        self
    }

    /// The handle waits, by this waker. `false`: it has ended.
    pub(super) fn wait_by(&self, waker: &Waker) -> bool {
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
    pub(super) fn forget_waker(&self) {
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
    pub(super) fn end(&self, how: How) {
        let flags = match how {
            How::Completed => ENDED,
            How::Cancelled => ENDED | CANCELLED,
            How::Panicked => ENDED | PANICKED,
        };
        if let Some(card) = &self.card {
            self.leave_books(card, how);
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
    }

    /// It is about to be found ended: the agenda lets others begin, the account has it among those that have ended, its alarm is off.
    #[cold]
    fn leave_books(&self, card: &Arc<Card>, how: How) {
        let pool = &self.pool;
        card.ends(pool.now());
        if let Some(entry) = card.seat.as_ref().and_then(|seat| pool.leave_agenda(seat)) {
            // SAFETY: its reference; the caller has another.
            unsafe { Self::release(entry.address().cast()) };
            pool.withdraw();
        }
        if card.observed {
            let state = match how {
                How::Completed => State::Completed,
                How::Cancelled => State::Cancelled,
                How::Panicked => State::Failed,
            };
            pool.table_of_tasks.retire(|| card.info(pool.started(), state), card.id, how);
        }
        // Outside the lock: the clock may want it.
        let alarm = card.alarm.lock().take();
        drop(alarm);
    }

    /// A poll has not ended it. Returns whether it has to be queued again. By the owner of the body.
    pub(super) fn suspend(&self) -> bool {
        trace::note(&self.pool, || What::Suspend(self.traced()));
        let suspended = |state: usize| match state & WOKEN {
            _ if seeded("task/forget-woken") => Some(state & !(RUNNING | WOKEN)),
            0 => Some(state & !RUNNING),
            _ => Some((state & !(RUNNING | WOKEN)) | QUEUED),
        };
        self.update(suspended).is_ok_and(|before| before & WOKEN != 0 && !seeded("task/forget-woken"))
    }

    /// Counts a wake-up. Returns whether the caller has to enter the task in a queue.
    pub(super) fn wake(&self) -> bool {
        // Written even if it changes nothing (invariant 2).
        let woken = |state: usize| match state {
            _ if state & ENDED != 0 => None,
            _ if state & (QUEUED | WOKEN) != 0 => (!seeded("task/wake-without-writing")).then_some(state),
            _ if state & RUNNING != 0 => Some(state | WOKEN),
            _ => Some(state | QUEUED),
        };
        self.update(woken).is_ok_and(|before| {
            if before & (QUEUED | WOKEN) == 0 {
                trace::note(&self.pool, || What::Wake(self.traced()));
            }
            before & (QUEUED | RUNNING) == 0
        })
    }

    /// Wakes it.
    pub(super) fn wake_here(&self) {
        if self.wake() {
            self.retain();
            Self::submit(NonNull::from(self), Arrival::Woken);
        }
    }

    pub(super) fn retain(&self) {
        // Relaxed: whoever makes a reference has one.
        self.references.fetch_add(1, Ordering::Relaxed);
    }

    /// # Safety
    /// The caller has a reference, and gives it up.
    pub(super) unsafe fn release(this: NonNull<Self>) {
        // SAFETY: by the contract.
        let head = unsafe { this.as_ref() };
        // Release: what was done with it is done; acquire: by all, for the last.
        let order = if seeded("task/relaxed-release") { Ordering::Relaxed } else { Ordering::AcqRel };
        if head.references.fetch_sub(1, order) == 1 {
            // SAFETY: no reference is left.
            unsafe { (head.vtable.free)(this) }
        }
    }

    /// Enters the task in a queue, for the first time or after a wake-up; the entry takes over a reference of the caller's.
    pub(super) fn submit(this: NonNull<Self>, arrival: Arrival) {
        // SAFETY: the entry's reference keeps it, until it is run.
        let (head, job) = unsafe { (this.as_ref(), JobRef::new(this.cast())) };
        match Self::worker_of(&head.pool) {
            Some(worker) => worker.push(job),
            None => {
                // Its own handle: once the job is in, the task may end, and its pool with it.
                let pool = head.pool.clone();
                pool.inject(job, arrival);
            }
        }
    }

    /// Has it wait for its turn, if it has to, in a place that was `reserved` or in any; else enters it in a queue. The entry takes over a reference of
    /// the caller's.
    pub(super) fn start(this: NonNull<Self>, reserved: bool) {
        // SAFETY: the caller's reference.
        let head = unsafe { this.as_ref() };
        trace::note(&head.pool, || What::Spawn(head.traced()));
        let Some(seat) = head.seat() else { return Self::submit(this, Arrival::New) };
        // Its own handle: once the job is in, the task may end, and its pool with it.
        let pool = head.pool.clone();
        // SAFETY: the entry's reference keeps it, until it is run.
        let entry = unsafe { JobRef::new(this.cast()) };
        pool.come(entry, seat, reserved);
    }

    /// Enters it behind all others, with a reference of its own. By the worker that runs it.
    pub(super) fn submit_last(this: NonNull<Self>) {
        // SAFETY: whoever runs the task has a reference.
        let head = unsafe { this.as_ref() };
        head.retain();
        // SAFETY: the entry's reference keeps it, until it is run.
        let job = unsafe { JobRef::new(this.cast()) };
        match Self::worker_of(&head.pool) {
            Some(worker) => worker.push_last(job),
            None => unreachable!("tasks are run by the workers of their pool"),
        }
    }

    /// The worker that this thread is, if it is one of this pool.
    pub(super) fn worker_of(pool: &Shared) -> Option<&Worker> {
        Worker::current().filter(|worker| std::ptr::eq(worker.pool(), pool))
    }

    /// Runs a closure here that nobody has begun, if this is a worker of its pool.
    pub(super) fn run_inline(this: NonNull<Self>) {
        // SAFETY: the caller has a reference.
        let head = unsafe { this.as_ref() };
        let Some(worker) = Self::worker_of(&head.pool).filter(|_| head.vtable.is_closure) else { return };
        let begun = match head.seat() {
            None => head.begin(true),
            Some(seat) => head.begin_in_place(seat),
        };
        let Some(begun) = begun else { return };
        if head.seat().is_none() {
            // SAFETY: not run, only compared with.
            let entry = unsafe { JobRef::new(this.cast()) };
            if worker.take_newest(&entry).is_some() {
                // SAFETY: the entry's reference; the handle has another.
                unsafe { Self::release(this) };
            }
        }
        Self::run(this, begun);
    }

    /// Takes the body, if that has not begun and the limits of the pool's agenda allow it to be run on this stack.
    fn begin_in_place(&self, seat: &Seat) -> Option<Begun> {
        let (may, entry) = with_current(|waits| {
            let waits = waits.filter(|waits| Arc::ptr_eq(&waits.pool, &self.pool));
            self.pool.begin_in_place(seat, waits.and_then(Self::seat))
        });
        if let Some(entry) = entry {
            // SAFETY: its reference; the caller has another.
            unsafe { Self::release(entry.address().cast()) };
            self.pool.withdraw();
        }
        if may { self.begin(true) } else { None }
    }

    /// Runs it. The caller has begun it and has a reference.
    fn run(this: NonNull<Self>, begun: Begun) {
        // SAFETY: by the contract.
        let head = unsafe { this.as_ref() };
        match head.cancelled_before(begun) {
            // SAFETY: the body is ours.
            Some(cancelled) => unsafe { (head.vtable.abandon)(this, cancelled) },
            None => {
                if begun == Begun::First
                    && let Some(card) = &head.card
                {
                    head.starts(card);
                }
                if head.vtable.is_closure {
                    head.runner.store(Agent::current().number(), Ordering::Relaxed);
                }
                #[cfg(feature = "tracing")]
                let _span = trace::enter_task(
                    Worker::current(),
                    head.traced(),
                    head.card.as_deref().and_then(|card| card.name.as_ref()),
                );
                trace::run(
                    Worker::current(),
                    || head.traced(),
                    || {
                        Context::enter_lazily(head, || {
                            // SAFETY: the body is ours. It does not unwind.
                            as_current(this, || unsafe { (head.vtable.run)(this) });
                        });
                    },
                );
            }
        }
    }

    /// It is about to run for the first time: notes the time, and sets its alarm.
    #[cold]
    fn starts(&self, card: &Arc<Card>) {
        card.starts(self.pool.now());
        if let Some(timeout) = card.timeout {
            let this = Reference::new(self);
            let limit = self.around.clock.run(|| Token::with_timeout(timeout));
            let alarm = limit.on_cancel(move |_| this.expire(timeout));
            *card.alarm.lock() = Some((limit, alarm));
        }
    }

    /// Why it never begins, if it was cancelled before. One that has begun hears of it from what it waits for.
    fn cancelled_before(&self, begun: Begun) -> Option<Cancelled> {
        if begun == Begun::First { self.cancelled() } else { None }
    }

    /// Cancels it, unless it has ended.
    pub(super) fn cancel(this: NonNull<Self>, reason: Reason) -> bool {
        // SAFETY: the caller has a reference.
        let head = unsafe { this.as_ref() };
        if head.is_ended() {
            return false;
        }
        let first = head.token().cancel(reason);
        if head.begin(true).is_some() {
            let cancelled = head.cancelled().expect("cancelled just now");
            // SAFETY: the body is ours.
            unsafe { (head.vtable.abandon)(this, cancelled) };
        }
        first
    }

    /// # Safety
    /// The record's output is a `T`, it has ended, and the caller has the handle.
    pub(super) unsafe fn take_output<T>(this: NonNull<Self>) -> Option<Result<T, Failed>> {
        let mut output = None;
        // SAFETY: by the contract.
        unsafe { (this.as_ref().vtable.take)(this, std::ptr::from_mut(&mut output).cast()) };
        output
    }
}

/// Runs an entry, which is a reference.
///
/// # Safety
/// The job is the head's of a task whose entry this was.
unsafe fn run_entry(job: NonNull<Job>, worker: Option<&Worker>) {
    let this: NonNull<Head> = job.cast();
    // SAFETY: the entry's reference.
    let head = unsafe { this.as_ref() };
    if let Some(begun) = head.begin(false) {
        if worker.is_some() {
            Head::run(this, begun);
        } else {
            let token = head.token();
            token.cancel("its pool has ended");
            let cancelled = token.reason().expect("cancelled just now");
            // SAFETY: the body is ours.
            unsafe { (head.vtable.abandon)(this, cancelled) };
        }
    }
    // SAFETY: the entry's reference.
    unsafe { Head::release(this) }
}

impl Lazily for Head {
    fn context(&self) -> Context {
        let handed_on = HandedOn::Given(self.around.cancel.clone());
        let hook = Worker::current().map(Worker::hook);
        let task = self.card.as_ref().and_then(|card| card.name.clone());
        Context { cancel: Some(self.token()), handed_on, hook, task, ..self.around.clone() }
    }

    fn handed_on(&self) -> Context {
        self.around.clone()
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
