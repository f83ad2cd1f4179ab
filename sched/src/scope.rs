//! Scopes: jobs that may borrow from the stack, because all of them end before the scope does.
//!
//! # Protocol
//!
//! A scope counts what is pending: its body, and each job from the moment that it is spawned. Who lowers
//! the count to zero is the last. If that is the body, the scope is over. If it is a job, it signals the scope's trigger, for which the
//! body's thread waits then.
//!
//! The count is a word that all workers would write at each spawn and each end. So each worker keeps a `Credit`: pending counts of the scope that
//! it works for which belong to no job. A spawn takes one of them, or raises the count by many; who ends adds its own. The worker
//! gives the credit back, lowering the count by all of it, before it does anything else than run jobs of that scope: a job of another,
//! a search for work, a wait.
//!
//! # Invariants
//!
//! 1. *Nothing outlives its scope.* The count is that of the body, the jobs that have not ended, and all credits. A job is counted
//!    before it is queued, by one who is counted: the count does not reach zero before all have ended and all credits are given back, and
//!    the scope is not left before that, on any way out.
//! 2. *Who has lowered the count does not touch the scope any more*, but for the last: the scope is not left before the
//!    last has signalled, because the body's thread waits for the signal and not for the count. The trigger is shared, and
//!    the last has a handle of its own.
//! 3. *A credit is given back in the end*: while it is held, its worker runs a job of that scope, which is pending anyway, or is on its way to the
//!    next job or to where it gives it back.
//!
//! While it waits, the body's thread runs jobs of its own scope, as long as they are the newest in its deque; nothing else,
//! for the reason that `join` gives. Then it sleeps, and the pool makes up for it.
//!
//! # Sources
//! Structured concurrency: Sústrik's libdill; Smith, *Notes on structured concurrency, or: Go statement considered harmful* (2018). Borrowing
//! from the stack: crossbeam's and std's scoped threads, rayon's `scope`.

use std::any::Any;
use std::cell::Cell;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::{NonNull, null};

use reweave_core::cancel::Token;
use reweave_core::context::{Context, HandedOn, Lazily};
use reweave_core::event::{self, Limits};
use reweave_core::seeded;
use reweave_core::sync::atomic::{AtomicUsize, Ordering};
use reweave_core::sync::{Arc, MODELLED, Mutex, UnsafeCell};
use reweave_core::trigger::Trigger;

use crate::door::Arrival;
use crate::job::{Job, JobRef, quietly};
use crate::pool::{Counted, Pool, Shared};
use crate::trace::{self, Kind, Unit};
use crate::worker::Worker;

type Panic = Box<dyn Any + Send>;

/// Runs `body`, which may spawn jobs that borrow what outlives this call, and returns its result when all of them have ended.
///
/// In a worker of a [`Pool`] that pool runs the jobs; elsewhere the [global](Pool::global) one, and if that cannot be had, each job is run
/// where it is spawned. Body and jobs have a token of their own, below the caller's, that is cancelled when one of them panics.
/// [`Options`](crate::nursery::Options) give it a deadline.
///
/// # Panics
/// If the body or a job panics, so does this, after all have ended; with the first panic.
///
/// # Complexity
/// An allocation a scope, and one a job.
///
/// # Examples
/// ```
/// let mut words = ["work", "stealing"].map(str::to_owned);
/// reweave_sched::scope(|s| {
///     for word in &mut words {
///         s.spawn(move || word.make_ascii_uppercase());
///     }
/// });
/// assert_eq!(words, ["WORK", "STEALING"]);
/// ```
pub fn scope<'env, T>(body: impl for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> T) -> T {
    run(None, body)
}

/// Runs a scope with this token, or with one that is made when somebody asks.
pub(crate) fn run<'env, T>(token: Option<Token>, body: impl for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> T) -> T {
    let worker = Worker::current();
    let pool = worker.map(Worker::pool).or_else(|| Pool::try_global().map(|pool| &**pool.shared()));
    let scope = Scope { group: Group::new(pool, token), _scope: PhantomData, _env: PhantomData };
    let _listed = pool.and_then(|pool| pool.list_open("scope", &scope.group));
    let result = catch_unwind(AssertUnwindSafe(|| Context::enter_lazily(&scope.group, || body(&scope))));
    let result = result.map_err(|panic| scope.group.fail(panic)).ok();
    scope.group.wait(worker);
    scope.group.presence.with_mut(|_| ());
    if let Some(panic) = scope.group.panic.lock().take()
        && !seeded("scope/lose-panic")
    {
        resume_unwind(panic);
    }
    result.expect("a body without result has panicked")
}

/// Where jobs are spawned that may borrow from the stack: see [`scope`].
#[derive(Debug)]
pub struct Scope<'scope, 'env: 'scope> {
    group: Group,
    /// Invariant, as with std's: what jobs borrow must live exactly as long as they may use it.
    _scope: PhantomData<&'scope mut &'scope ()>,
    _env: PhantomData<&'env mut &'env ()>,
}

impl<'scope> Scope<'scope, '_> {
    /// Starts a job, which ends before the scope does. It may spawn others.
    ///
    /// One that has not begun when the scope is cancelled runs all the same, and can look at its token.
    pub fn spawn(&'scope self, body: impl FnOnce() + Send + 'scope) {
        let group = &self.group;
        let worker = group.pool().and_then(Worker::of);
        match worker {
            Some(worker) => worker.credit.spend(group),
            None => group.add(1),
        }
        let job = Box::new(Spawned::new(group, trace::spawn(worker, group.pool(), Kind::Job), body));
        // SAFETY: it lives until it has been run, where it frees itself; what it borrows, and the group, live as long as
        // the scope is pending (invariant 1).
        let job = unsafe { JobRef::new(NonNull::from(Box::leak(job)).cast()) };
        match (worker, group.pool()) {
            (Some(worker), _) => worker.push(job),
            (None, Some(pool)) => pool.inject(job, Arrival::Woken),
            (None, None) => job.run_without_worker(),
        }
    }

    /// The token of the body and of all jobs. Cancelling it stops the waits of them all.
    pub fn token(&self) -> Token {
        self.group.token()
    }
}

/// What all jobs of a scope share.
#[derive(Debug)]
pub(crate) struct Group {
    /// None: jobs are run where they are spawned.
    pool: Option<NonNull<Shared>>,
    /// The body and the jobs that have not ended.
    pending: AtomicUsize,
    /// Signalled by the last, if that is a job.
    over: Arc<Trigger>,
    /// The context around the scope.
    around: Context,
    /// Made when somebody asks, unless it has a deadline.
    token: Mutex<Option<Token>>,
    /// The first panic.
    panic: Mutex<Option<Panic>>,
    /// Nothing: written when the group goes, so that the checkers see who looks at it at the same time.
    presence: UnsafeCell<()>,
}

// SAFETY: the pool outlives the scope: its worker waits for it, or it is the global one. Everything else is Sync by itself.
unsafe impl Send for Group {}
// SAFETY: as above.
unsafe impl Sync for Group {}

impl Group {
    fn new(pool: Option<&Shared>, token: Option<Token>) -> Self {
        Self {
            pool: pool.map(NonNull::from),
            pending: AtomicUsize::new(1),
            over: Arc::new(Trigger::new()),
            around: Context::current(),
            token: Mutex::new(token),
            panic: Mutex::new(None),
            presence: UnsafeCell::new(()),
        }
    }

    fn pool(&self) -> Option<&Shared> {
        // SAFETY: it outlives the scope.
        self.pool.map(|pool| unsafe { &*pool.as_ptr() })
    }

    fn token(&self) -> Token {
        let make = || self.around.cancel.as_ref().map_or_else(Token::new, Token::child);
        self.token.lock().get_or_insert_with(make).clone()
    }

    /// One of them has panicked.
    fn fail(&self, panic: Panic) {
        let later = {
            let mut first = self.panic.lock();
            if first.is_some() { Some(panic) } else { first.replace(panic) }
        };
        // Outside the lock: it is user code.
        quietly(|| drop(later));
        self.token().cancel("a job of the same scope has panicked");
    }

    /// Counts so many more. By one who is counted.
    fn add(&self, more: usize) {
        // Relaxed: the count is above zero, and whoever lowers it is ordered by that.
        self.pending.fetch_add(more, Ordering::Relaxed);
    }

    /// So many have ended. Returns whether they were the last. If not, the group may be gone.
    fn end(&self, ended: usize) -> bool {
        // Release: what they have done is visible to the last; acquire: the last sees what all have done.
        self.pending.fetch_sub(ended, Ordering::AcqRel) == ended
    }

    /// So many that are not the body have ended. The group may be gone afterwards (invariant 2).
    fn end_jobs(&self, ended: usize) {
        if self.end(ended) {
            let over = self.over.clone();
            over.signal(0);
        } else if seeded("scope/touch-after-end") {
            self.presence.with(|_| ());
        }
    }

    /// The body has ended: waits for the jobs.
    fn wait(&self, worker: Option<&Worker>) {
        if let Some(worker) = worker {
            while let Some(job) = worker.newest_of(self.id()) {
                worker.execute(job);
            }
        }
        let credit = worker.map_or(0, |worker| worker.credit.take(self));
        if self.end(1 + credit) {
            return;
        }
        // All that is left is elsewhere.
        let limits = Limits::unstoppable();
        event::wait_signal(&self.over, "the jobs of a scope", limits).expect("nothing stops this wait");
    }

    /// What its jobs are known by.
    fn id(&self) -> *const () {
        std::ptr::from_ref(self).cast()
    }
}

impl Counted for Group {
    fn not_ended(&self) -> usize {
        self.pending.load(Ordering::Relaxed)
    }
}

impl Lazily for Group {
    fn context(&self) -> Context {
        let handed_on = HandedOn::Given(self.around.handed_on.token(&self.around.cancel));
        let hook = Worker::current().map(Worker::hook).or_else(|| self.around.hook.clone());
        Context { cancel: Some(self.token()), handed_on, hook, ..self.around.clone() }
    }

    /// A task that is spawned in a scope and goes on by itself is no part of it.
    fn handed_on(&self) -> Context {
        Context { cancel: self.around.handed_on.token(&self.around.cancel), hook: None, ..self.around.clone() }
    }
}

/// A job of a scope, on the heap.
#[repr(C)]
struct Spawned<F> {
    job: Job,
    group: NonNull<Group>,
    /// Its number in a trace, or 0.
    traced: u64,
    body: F,
}

impl<F: FnOnce() + Send> Spawned<F> {
    fn new(group: &Group, traced: u64, body: F) -> Self {
        let run = if traced == 0 { Self::run } else { Self::run_noted };
        // SAFETY: `job` is the first field.
        Self { job: unsafe { Job::of(group.id(), run) }, group: NonNull::from(group), traced, body }
    }

    /// As [`run`](Self::run), where that is recorded.
    ///
    /// # Safety
    /// As there.
    unsafe fn run_noted(job: NonNull<Job>, worker: Option<&Worker>) {
        // SAFETY: by the contract.
        let traced = unsafe { job.cast::<Self>().as_ref() }.traced;
        trace::begins(worker, || Unit::of(Kind::Job, traced));
        // SAFETY: by the contract.
        unsafe { Self::run(job, worker) };
        trace::ends(worker, || Unit::of(Kind::Job, traced));
    }

    /// # Safety
    /// `job` is that of a leaked box, which has been taken out of a queue.
    unsafe fn run(job: NonNull<Job>, worker: Option<&Worker>) {
        // SAFETY: by the contract.
        let this = unsafe { Box::from_raw(job.cast::<Self>().as_ptr()) };
        // SAFETY: it is pending until `end_job` (invariant 1).
        let group = unsafe { this.group.as_ref() };
        let body = this.body;
        if seeded("scope/leave-early") {
            group.end_jobs(1);
            drop(catch_unwind(AssertUnwindSafe(body)));
            return;
        }
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| Context::enter_lazily(group, body))) {
            group.fail(panic);
        }
        match worker {
            Some(worker) => worker.credit.earn(group),
            None => group.end_jobs(1),
        }
    }
}

/// By how much a worker raises a count at once.
const MUCH: usize = if MODELLED { 2 } else { 64 };

/// Pending counts of one scope that a worker has, and that belong to no job. The worker's own.
#[derive(Debug)]
pub(crate) struct Credit {
    group: Cell<*const Group>,
    amount: Cell<usize>,
}

impl Credit {
    pub(crate) fn new() -> Self {
        Self { group: Cell::new(null()), amount: Cell::new(0) }
    }

    /// Counts a job that is about to be spawned. By one who is counted.
    #[inline]
    fn spend(&self, group: &Group) {
        if !std::ptr::eq(self.group.get(), group) {
            self.give_back();
            self.group.set(group);
        }
        let amount = match self.amount.get() {
            0 => {
                group.add(MUCH);
                MUCH
            }
            amount => amount,
        };
        self.amount.set(amount - 1);
    }

    /// A job has ended.
    #[inline]
    fn earn(&self, group: &Group) {
        if !std::ptr::eq(self.group.get(), group) {
            self.give_back();
            self.group.set(group);
        }
        self.amount.set(self.amount.get() + 1);
    }

    /// Takes all that is of this group, for the caller to give back.
    fn take(&self, group: &Group) -> usize {
        if !std::ptr::eq(self.group.get(), group) {
            return 0;
        }
        self.group.set(null());
        self.amount.take()
    }

    /// Gives it back, unless it is of the group that goes by this address.
    #[inline]
    pub(crate) fn give_back_unless_of(&self, group: *const ()) {
        if self.group.get().cast() != group {
            self.give_back();
        }
    }

    /// Gives it back.
    pub(crate) fn give_back(&self) {
        let (group, amount) = (self.group.replace(null()), self.amount.take());
        if amount > 0 {
            // SAFETY: the amount is counted, so the group is pending (invariant 1).
            unsafe { &*group }.end_jobs(amount);
        }
    }
}
