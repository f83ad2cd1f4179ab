//! `join`: two computations that may run at the same time.
//!
//! The first runs at once; the second stays with its worker, on a private list, and is run there afterwards. Only if
//! somebody is hungry, or it blocks, does the worker share the oldest half on its list, which is mostly the largest piece of work it has, and a
//! thief may take it. So a join that is not shared costs a few stores to the stack, and no atomic instruction.
//!
//! # Protocol
//!
//! | state of a half | how it comes | who runs it |
//! |---|---|---|
//! | *private* | on the list, above all shared ones | its owner, when the first computation has ended |
//! | *shared* | the owner found hungry set, and moved the oldest private half to its deque of halves: at a join, or between two blocks of a parallel operation that it could not divide; or it blocked, and moved all | whoever takes it out |
//! | *taken back* | the owner popped it from its deque | its owner |
//! | *stolen* | a thief took it | the thief, which then completes it |
//!
//! What a half needs only if it is shared stands on the heap (`Part`), so that the others are small; in it is the
//! [`Trigger`] by which the thief says that the half is done.
//!
//! # Invariants
//!
//! 1. *A half does not leave the stack before it has been run or taken back*: the owner waits for it on every way out, unwinding too.
//! 2. *The thief does not touch a half that is done*: with the signal it lets go of the half and its part, which may be gone at once. The
//!    trigger is shared, and the thief has a handle of its own.
//! 3. *The shared halves of a list are its oldest, and in the deque they stand in the same order.* So when a half's first
//!    computation has ended, that half is the newest of the list, and of the deque if it was shared and not stolen; if it was stolen, the deque is empty.
//!
//! # What a waiting worker runs
//!
//! Only what it waits for: halves that the thief has shared while it runs the stolen one, and so on down (leapfrogging). A worker
//! that ran anything else could run something that wants a lock which the waiting computation holds, below it on the same stack.
//! By (3) the deque of halves of a thief is empty when it begins a stolen half; so all that is in it while it runs that one was
//! made by it. That the thief still ran it when another half was taken from its deque is known by looking at the trigger *afterwards*.
//! If it has been signalled, the half may be a stranger, and is given back to its owner, who will have to wait for it: by the same trigger, with another token. With nothing to help with, the worker
//! yields its core for a while and then sleeps, which its pool hears and makes up for with another thread.
//!
//! # Costs, on x86-64
//! Private: about ten stores and as many loads, all to the stack, the worker's own lines and a thread-local. Shared and taken back: two locked
//! instructions more. Stolen: those, a compare-and-swap, two contexts, and the misses of moving the half and its result.
//!
//! # Sources
//! Sharing on demand instead of always: Acar, Charguéraud and Rainey, *Scheduling Parallel Programs by Work Stealing with Private Deques* (PPoPP
//! 2013), and the heartbeats of chili and of Zig's Spice. Leapfrogging: Wagner and Calder (PPoPP 1993).

use std::any::Any;
use std::cell::Cell;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::{NonNull, null, null_mut};
use std::time::{Duration, Instant};

use reweave_core::context::{Context, Mark};
use reweave_core::event::{self, Awaits, Enders, Limits, Spin};
use reweave_core::seeded;
use reweave_core::sync::atomic::{AtomicUsize, Ordering};
use reweave_core::sync::{Arc, MODELLED, UnsafeCell, thread};
use reweave_core::time::Clock;
use reweave_core::trigger::Trigger;

use crate::job::{Job, JobRef};
use crate::pool::Pool;
use crate::trace::{self, Kind, Unit, What};
use crate::worker::Worker;

/// Runs two computations, at the same time if there is a worker to spare, and returns both results.
///
/// The first runs on this thread, the second here or on another worker. In a worker of a [`Pool`] that pool runs them; elsewhere the
/// [global](Pool::global) one, and if that cannot be had, this thread runs one after the other. The second computation has the
/// [context](reweave_core::context) of the caller wherever it runs.
///
/// # Panics
/// If one of them panics, so does this, after what has been begun has ended: if the first does, a second that nobody has begun by then is dropped.
/// If both do, the first's panic is the one.
///
/// # Complexity
/// A few nanoseconds and no allocation, unless the second computation is shared because another worker has nothing to do, or this
/// one blocks: then two allocations, and a wake-up if the other sleeps.
///
/// # Examples
/// ```
/// fn sum(numbers: &[u64]) -> u64 {
///     match numbers {
///         [] => 0,
///         [only] => *only,
///         more => {
///             let (left, right) = more.split_at(more.len() / 2);
///             let (left, right) = reweave_sched::join(|| sum(left), || sum(right));
///             left + right
///         }
///     }
/// }
/// assert_eq!(sum(&(0..1000).collect::<Vec<_>>()), 499_500);
/// ```
#[inline]
pub fn join<A, B>(first: impl FnOnce() -> A + Send, second: impl FnOnce() -> B + Send) -> (A, B)
where
    A: Send,
    B: Send,
{
    match Worker::current() {
        Some(worker) => worker.join(first, second),
        None => join_from_outside(first, second),
    }
}

#[cold]
fn join_from_outside<A, B>(first: impl FnOnce() -> A + Send, second: impl FnOnce() -> B + Send) -> (A, B)
where
    A: Send,
    B: Send,
{
    match Pool::try_global() {
        Some(pool) => pool.install(|| join(first, second)),
        None => (first(), second()),
    }
}

impl Worker {
    #[inline]
    fn join<A, B>(&self, first: impl FnOnce() -> A, second: impl FnOnce() -> B + Send) -> (A, B) {
        let half = Half::new(second);
        // By the address of the whole: whoever runs it gets there from its link.
        self.pending.push(std::ptr::from_ref(&half).cast());
        if self.hungry.load(Ordering::Relaxed) {
            self.share();
        }
        let both = Both { worker: self, half: &half };
        let first = first();
        (first, both.finish())
    }

    /// Shares the oldest private half, if none is there to be taken already. Somebody is hungry.
    #[cold]
    pub(crate) fn share(&self) {
        self.hungry.store(false, Ordering::Relaxed);
        if self.halves.is_empty() && self.share_oldest() {
            self.pool().call();
        }
    }

    /// Shares all private halves: the worker is about to block, and one of them may be what it will wait for.
    pub(crate) fn share_all(&self) {
        while self.share_oldest() {}
    }

    /// Shares the oldest private half; `false` if there is none.
    fn share_oldest(&self) -> bool {
        let Some(address) = self.pending.oldest_private() else { return false };
        // SAFETY: a link on the list is part of a half on the stack (invariant 1).
        let link = unsafe { address.as_ref() };
        let context = Context::marked(link.mark.get()).unwrap_or_default();
        link.part.set(Box::into_raw(Box::new(Part {
            done: Arc::new(Trigger::new()),
            thief: AtomicUsize::new(NOBODY),
            context: UnsafeCell::new(Some(context)),
            traced: self.trace.spawn(Kind::Half),
        })));
        self.pending.set_shared(address.as_ptr());
        self.counters.shared.add(1);
        self.counters.queued.add(1);
        // SAFETY: this thread is the worker; the half stays until it has been run or taken back (invariant 1).
        unsafe { self.halves.push(JobRef::new(address.cast())) };
        true
    }
}

/// What a thief signals: the result is there.
const DONE: usize = 0;
/// Or: the owner is to run it.
const GIVEN_BACK: usize = 1;

/// How long a worker that has nothing to help with goes on looking before it sleeps. A pool that hears of the sleep starts or wakes a spare thread, and when
/// the half is done, one thread too many runs for a while, and the sleeper has to be woken; so this is longer than most items of a parallel operation take.
/// `papers/results/sched.md` has what it is worth.
const PATIENCE: Duration = Duration::from_micros(250);

/// No worker.
const NOBODY: usize = usize::MAX;

type Panic = Box<dyn Any + Send>;

/// A second half, on the stack of its owner.
#[repr(C)]
struct Half<F, T> {
    link: Link,
    body: UnsafeCell<ManuallyDrop<F>>,
    result: UnsafeCell<MaybeUninit<Result<T, Panic>>>,
}

/// What is the same of all halves. The owner writes it, and nothing of it while the half is shared.
#[repr(C)]
struct Link {
    job: Job,
    older: Cell<*const Link>,
    newer: Cell<*const Link>,
    /// In which context it was made.
    mark: Cell<Mark>,
    /// Null unless it is shared; the owner's, to free.
    part: Cell<*mut Part>,
}

/// What a half has only if it is shared.
struct Part {
    /// Signalled when the result is there.
    done: Arc<Trigger>,
    /// The index of the worker that runs it.
    thief: AtomicUsize,
    /// Taken by the thief.
    context: UnsafeCell<Option<Context>>,
    /// Its number in a trace.
    traced: u64,
}

impl<F: FnOnce() -> T + Send, T> Half<F, T> {
    #[inline]
    fn new(body: F) -> Self {
        Self {
            link: Link {
                // SAFETY: `link` is the first field of `Half`, and `job` of `Link`, both `repr(C)`.
                job: unsafe { Job::new(Self::run) },
                older: Cell::new(null()),
                newer: Cell::new(null()),
                mark: Cell::new(Context::mark()),
                part: Cell::new(null_mut()),
            },
            body: UnsafeCell::new(ManuallyDrop::new(body)),
            result: UnsafeCell::new(MaybeUninit::uninit()),
        }
    }

    /// The body. Once, by whoever has the half.
    ///
    /// # Safety
    /// The half is private, or the caller has taken it out of a deque.
    #[inline]
    unsafe fn take_body(&self) -> F {
        // SAFETY: by the contract nobody else looks at it, and it is taken once.
        self.body.with_mut(|body| unsafe { ManuallyDrop::take(&mut *body) })
    }

    /// Runs a stolen half.
    ///
    /// # Safety
    /// `job` is that of a shared half, which the current thread has taken out of a deque.
    unsafe fn run(job: NonNull<Job>, worker: Option<&Worker>) {
        // SAFETY: the job is the first field of the half, which stays until it is done (invariant 1).
        let half = unsafe { job.cast::<Self>().as_ref() };
        // SAFETY: it is shared, and its part stays as long.
        let part = unsafe { &*half.link.part.get() };
        part.thief.store(worker.map_or(NOBODY, Worker::index), Ordering::Relaxed);
        let done = part.done.clone();
        // SAFETY: the thief's.
        let context = part.context.with_mut(|context| unsafe { (*context).take() }).unwrap_or_default();
        // SAFETY: the caller has the half.
        let body = unsafe { half.take_body() };
        trace::begins(worker, || Unit::of(Kind::Half, part.traced));
        let result = catch_unwind(AssertUnwindSafe(|| {
            let _entered = context.enter();
            body()
        }));
        trace::ends(worker, || Unit::of(Kind::Half, part.traced));
        if seeded("join/done-before-result") {
            done.signal(DONE);
        }
        // SAFETY: the thief's, until it is done.
        half.result.with_mut(|place| unsafe { (*place).write(result) });
        done.signal(DONE);
        if seeded("join/touch-after-done") {
            half.result.with(|_| ());
        }
    }
}

/// The second halves that a worker has pending, as a list through its stack, the oldest first.
pub(crate) struct Pending {
    /// Stands before the oldest.
    root: Link,
    newest: Cell<*const Link>,
    /// The newest that is shared, or the root.
    newest_shared: Cell<*const Link>,
}

impl Pending {
    pub(crate) fn new() -> Self {
        unsafe fn never(_: NonNull<Job>, _: Option<&Worker>) {
            unreachable!("the root of a list is not queued");
        }
        let root = Link {
            // SAFETY: never queued.
            job: unsafe { Job::new(never) },
            older: Cell::new(null()),
            newer: Cell::new(null()),
            mark: Cell::default(),
            part: Cell::new(null_mut()),
        };
        Self { root, newest: Cell::new(null()), newest_shared: Cell::new(null()) }
    }

    #[inline]
    fn push(&self, link: *const Link) {
        let mut newest = self.newest.get();
        if newest.is_null() {
            newest = &self.root;
        }
        // SAFETY: the root is this list's, and every other link is of a half on the stack (invariant 1 of the module).
        unsafe { &*newest }.newer.set(link);
        // SAFETY: the caller's.
        unsafe { &*link }.older.set(newest);
        self.newest.set(link);
    }

    /// Takes the newest off, which is this one.
    #[inline]
    fn pop(&self, link: &Link) {
        debug_assert!(std::ptr::eq(self.newest.get(), link), "halves end in the reverse order of their beginning");
        self.newest.set(link.older.get());
        if link.is_shared() {
            self.newest_shared.set(link.older.get());
        }
    }

    /// The oldest that is not shared.
    fn oldest_private(&self) -> Option<NonNull<Link>> {
        let mut shared = self.newest_shared.get();
        if shared.is_null() {
            shared = &self.root;
        }
        if std::ptr::eq(shared, self.newest.get()) {
            return None;
        }
        // SAFETY: as in `push`. Its `newer` is on the list, because it is not the newest.
        NonNull::new(unsafe { &*shared }.newer.get().cast_mut())
    }

    /// The oldest private one has become shared.
    fn set_shared(&self, link: *const Link) {
        self.newest_shared.set(link);
    }
}

/// A join whose first computation runs. Dropped, because that has panicked, it sees to the second.
struct Both<'a, F: FnOnce() -> T + Send, T> {
    worker: &'a Worker,
    half: &'a Half<F, T>,
}

impl<F: FnOnce() -> T + Send, T> Both<'_, F, T> {
    /// The first computation has ended: the result of the second.
    #[inline]
    fn finish(self) -> T {
        let this = ManuallyDrop::new(self);
        let Self { worker, half } = *this;
        if half.link.is_shared() {
            return match this.claim() {
                Ok(body) => body(),
                Err(stolen) => stolen.unwrap_or_else(|panic| resume_unwind(panic)),
            };
        }
        worker.pending.pop(&half.link);
        // SAFETY: it is private.
        let body = unsafe { half.take_body() };
        body()
    }

    /// Takes a shared half back, or waits until the thief has ended it. It is off the list then.
    #[cold]
    fn claim(&self) -> Result<F, Result<T, Panic>> {
        let Self { worker, half } = self;
        // SAFETY: this thread is the worker.
        let taken = unsafe { worker.halves.pop() };
        let outcome = match taken {
            Some(job) => {
                // SAFETY: the half stays until it has been run.
                let ours = unsafe { JobRef::new(NonNull::from(&half.link.job)) };
                // A coroutine that is suspended within a join and goes on elsewhere would break this.
                assert_eq!(job, ours, "the newest shared half is the newest half");
                worker.counters.executed.add(1);
                // SAFETY: taken out of the deque just now.
                Ok(unsafe { half.take_body() })
            }
            None => {
                // SAFETY: it is shared, and its part is freed below.
                let part = unsafe { &*half.link.part.get() };
                worker.wait_for(part);
                if part.done.signalled() == Some(GIVEN_BACK) {
                    worker.counters.executed.add(1);
                    // SAFETY: whoever had it has not touched it, and is away.
                    Ok(unsafe { half.take_body() })
                } else {
                    // SAFETY: it is done: the thief has written it, and is away.
                    Err(half.result.with_mut(|result| unsafe { (*result).assume_init_read() }))
                }
            }
        };
        worker.pending.pop(&half.link);
        // SAFETY: from a box, and nobody else looks at it any more.
        drop(unsafe { Box::from_raw(half.link.part.get()) });
        outcome
    }
}

impl<F: FnOnce() -> T + Send, T> Drop for Both<'_, F, T> {
    #[cold]
    fn drop(&mut self) {
        if self.half.link.is_shared() {
            // Whatever it is: the first panic is the one that goes on.
            drop(self.claim());
        } else {
            self.worker.pending.pop(&self.half.link);
            // SAFETY: it is private.
            drop(unsafe { self.half.take_body() });
        }
    }
}

impl Link {
    #[inline]
    fn is_shared(&self) -> bool {
        !self.part.get().is_null()
    }
}

impl Part {
    fn is_done(&self) -> bool {
        self.done.signalled().is_some()
    }
}

/// Gives a half back to its owner, which has not been run and will not be touched any more.
///
/// # Safety
/// The job is that of a half, and the caller has taken it out of a deque.
unsafe fn give_back(job: &JobRef) {
    // SAFETY: by the contract; the job is the first field of the link, which stays until the signal.
    let done = unsafe { &*job.address().cast::<Link>().as_ref().part.get() }.done.clone();
    done.signal(GIVEN_BACK);
}

/// Yields the core, after the spinning; whether [`PATIENCE`] is left, which begins with the first call.
fn has_patience(since: &mut Option<Instant>) -> bool {
    if MODELLED {
        return false;
    }
    thread::yield_now();
    let now = Clock::real().now();
    now - *since.get_or_insert(now) < PATIENCE
}

impl Worker {
    /// Waits until a stolen half is done, and helps its thief meanwhile.
    fn wait_for(&self, part: &Part) {
        let (mut spin, mut since) = (Spin::new(), None);
        // Whoever unwinds runs nothing for others: they would find the thread panicking.
        let helps = !thread::panicking();
        while !part.is_done() {
            if let Some(job) = helps.then(|| self.leapfrog(part)).flatten() {
                self.execute(job);
                // What it spawned into a scope may be all that is awaited now, and the scope waits for our counts.
                self.settle();
                (spin, since) = (Spin::new(), None);
            } else if !(spin.pause() || has_patience(&mut since)) {
                self.sleep_until_done(part);
                return;
            }
        }
    }

    /// A half that belongs to what is awaited, from the deque of the worker that runs it.
    fn leapfrog(&self, part: &Part) -> Option<JobRef> {
        let pool = self.pool();
        let thief = pool.worker(part.thief.load(Ordering::Relaxed))?;
        let Some(job) = thief.halves.steal_one() else {
            thief.feed();
            return None;
        };
        self.counters.stolen.add(1);
        self.trace.note(What::Steal(thief.index()));
        // After the theft: had the thief begun with something else before, this would be done.
        if part.is_done() && !seeded("join/leapfrog-without-looking") {
            // SAFETY: only halves stand in that deque, and this one was taken out of it just now.
            unsafe { give_back(&job) };
            return None;
        }
        Some(job)
    }

    #[cold]
    fn sleep_until_done(&self, part: &Part) {
        let thief = self.pool().worker(part.thief.load(Ordering::Relaxed)).and_then(Worker::agent);
        // One that has been stolen and not begun is nobody's so far.
        let awaits = || Awaits::new("the other half of a join", thief.map_or(Enders::Unknown, Enders::One));
        event::wait_signal_for(&part.done, awaits, Limits::unstoppable()).expect("nothing stops this wait");
    }
}
