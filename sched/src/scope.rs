//! Scopes: jobs that may borrow from the stack, because all of them end before the scope does.
//!
//! # Protocol
//!
//! A scope counts what is pending: its body, and each job from the moment that it is spawned. Whoever ends lowers the count; who lowers
//! it to zero is the last. If that is the body, the scope is over. If it is a job, it signals the scope's trigger, for which the
//! body's thread waits then.
//!
//! # Invariants
//!
//! 1. *Nothing outlives its scope.* A job is counted before it is queued, by one who is counted: the count does not
//!    reach zero before all have ended, and the scope is not left before that, on any way out.
//! 2. *Who has lowered the count does not touch the scope any more*, but for the last: the scope is not left before the
//!    last has signalled, because the body's thread waits for the signal and not for the count. The trigger is shared, and
//!    the last has a handle of its own.
//!
//! While it waits, the body's thread runs jobs of its own scope, as long as they are the newest in its deque; nothing else,
//! for the reason that `join` gives. Then it sleeps, and the pool makes up for it.
//!
//! # Sources
//! Structured concurrency: Sústrik's libdill; Smith, *Notes on structured concurrency, or: Go statement considered harmful* (2018). Borrowing
//! from the stack: crossbeam's and std's scoped threads, rayon's `scope`.

use std::any::Any;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::NonNull;

use reweave_core::cancel::Token;
use reweave_core::context::{Context, Lazily};
use reweave_core::event::{self, Limits, Spin};
use reweave_core::seeded;
use reweave_core::sync::atomic::{AtomicUsize, Ordering};
use reweave_core::sync::{Arc, Mutex, UnsafeCell};
use reweave_core::trigger::Trigger;

use crate::job::{Job, JobRef};
use crate::pool::{Pool, Shared};
use crate::worker::Worker;

type Panic = Box<dyn Any + Send>;

/// Runs `body`, which may spawn jobs that borrow what outlives this call, and returns its result when all of them have ended.
///
/// In a worker of a [`Pool`] that pool runs the jobs; elsewhere the [global](Pool::global) one, and if that cannot be had, each job is run
/// where it is spawned. Body and jobs have a token of their own, below the caller's, that is cancelled when one of them panics.
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
    let worker = Worker::current();
    let pool = worker.map(Worker::pool).or_else(|| Pool::try_global().map(|pool| &**pool.shared()));
    let scope = Scope { group: Group::new(pool), _scope: PhantomData, _env: PhantomData };
    let result = catch_unwind(AssertUnwindSafe(|| Context::enter_lazily(&scope.group, || body(&scope))));
    let result = result.map_err(|panic| scope.group.fail(panic)).ok();
    scope.group.wait(worker);
    scope.group.presence.with_mut(|_| ());
    if let Some(panic) = scope.group.panic.lock().take() {
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
        // Relaxed: the count is above zero, and whoever lowers it is ordered by that.
        group.pending.fetch_add(1, Ordering::Relaxed);
        let job = Box::new(Spawned::new(group, body));
        // SAFETY: it lives until it has been run, where it frees itself; what it borrows, and the group, live as long as
        // the scope is pending (invariant 1).
        let job = unsafe { JobRef::new(NonNull::from(Box::leak(job)).cast()) };
        let Some(pool) = group.pool() else { return job.run_without_worker() };
        match Worker::current().filter(|worker| std::ptr::eq(worker.pool(), pool)) {
            Some(worker) => worker.push(job),
            None => pool.inject(job),
        }
    }

    /// The token of the body and of all jobs. Cancelling it stops the waits of them all.
    pub fn token(&self) -> Token {
        self.group.token()
    }
}

/// What all jobs of a scope share.
#[derive(Debug)]
struct Group {
    /// None: jobs are run where they are spawned.
    pool: Option<NonNull<Shared>>,
    /// The body and the jobs that have not ended.
    pending: AtomicUsize,
    /// Signalled by the last, if that is a job.
    over: Arc<Trigger>,
    /// The context around the scope.
    around: Context,
    /// Made when somebody asks.
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
    fn new(pool: Option<&Shared>) -> Self {
        Self {
            pool: pool.map(NonNull::from),
            pending: AtomicUsize::new(1),
            over: Arc::new(Trigger::new()),
            around: Context { hook: None, ..Context::current() },
            token: Mutex::new(None),
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
        self.panic.lock().get_or_insert(panic);
        self.token().cancel("a job of the same scope has panicked");
    }

    /// One of them has ended. Returns whether it was the last. If not, the group may be gone.
    fn end(&self) -> bool {
        // Release: what it has done is visible to the last; acquire: the last sees what all have done.
        self.pending.fetch_sub(1, Ordering::AcqRel) == 1
    }

    /// A job has ended. The group may be gone afterwards (invariant 2).
    fn end_job(&self) {
        if self.end() {
            let over = self.over.clone();
            over.signal(0);
        } else if seeded("scope/touch-after-end") {
            self.presence.with(|_| ());
        }
    }

    /// The body has ended: waits for the jobs.
    fn wait(&self, worker: Option<&Worker>) {
        if self.end() || seeded("scope/leave-early") {
            return;
        }
        let mut spin = Spin::new();
        while self.over.signalled().is_none() {
            match worker.and_then(|worker| worker.newest_of(self.id()).map(|job| (worker, job))) {
                Some((worker, job)) => worker.execute(job),
                None if spin.pause() => {}
                None => {
                    let limits = Limits::unstoppable();
                    event::wait_signal(&self.over, "the jobs of a scope", limits).expect("nothing stops this wait");
                }
            }
        }
    }

    /// What its jobs are known by.
    fn id(&self) -> *const () {
        std::ptr::from_ref(self).cast()
    }
}

impl Lazily for Group {
    fn context(&self) -> Context {
        Context { cancel: Some(self.token()), hook: Worker::current().map(Worker::hook), ..self.around.clone() }
    }

    /// A task that is spawned in a scope and goes on by itself is no part of it.
    fn handed_on(&self) -> Context {
        self.around.clone()
    }
}

/// A job of a scope, on the heap.
#[repr(C)]
struct Spawned<F> {
    job: Job,
    group: NonNull<Group>,
    body: F,
}

impl<F: FnOnce() + Send> Spawned<F> {
    fn new(group: &Group, body: F) -> Self {
        // SAFETY: `job` is the first field.
        Self { job: unsafe { Job::of(group.id(), Self::run) }, group: NonNull::from(group), body }
    }

    /// # Safety
    /// `job` is that of a leaked box, which has been taken out of a queue.
    unsafe fn run(job: NonNull<Job>, _: Option<&Worker>) {
        // SAFETY: by the contract.
        let this = unsafe { Box::from_raw(job.cast::<Self>().as_ptr()) };
        // SAFETY: it is pending until `end_job` (invariant 1).
        let group = unsafe { this.group.as_ref() };
        let body = this.body;
        if seeded("scope/end-before-body") {
            group.end_job();
            drop(catch_unwind(AssertUnwindSafe(body)));
            return;
        }
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| Context::enter_lazily(group, body))) {
            group.fail(panic);
        }
        group.end_job();
    }
}
