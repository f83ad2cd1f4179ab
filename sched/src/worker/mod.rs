//! A worker: a thread of a pool, its queues, and where it looks for work.
//!
//! Each worker has two deques. In `halves` stand the second halves of [`join`](crate::join())s that it has shared; in `tasks` everything
//! else that it has made: spawned tasks, jobs of scopes. They are apart because a join that waits may help with the first kind only
//! (`join.rs` says why), and must not have to dig for it.
//!
//! Where a worker looks for jobs, in which order and for how long, is told in `search`.
//!
//! # Who may touch what
//!
//! The owner's fields are touched by the thread that runs as this worker; the deques, the flag and the counters by all, as they
//! say themselves. A worker lives as long as its pool's table, and every thread of the pool keeps that alive.

mod search;

use std::cell::{Cell, RefCell};
use std::ptr::{NonNull, null};

use crossbeam_utils::CachePadded;
use reweave_core::context::{Agent, Hook};
use reweave_core::seeded;
use reweave_core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use reweave_core::sync::{Arc, MODELLED, thread_local};

use crate::deque::Deque;
use crate::job::JobRef;
use crate::join::Pending;
use crate::pool::{Home, Shared};
use crate::scope::Credit;
use crate::stats::Counters;
use crate::trace::Pen;

thread_local! {
    /// The worker that this thread is, or null.
    static CURRENT: Cell<*const Worker> = const { Cell::new(null()) };
}

/// Counts a job that was run.
struct Executed<'a>(&'a Counters);

impl Drop for Executed<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.executed.add(1);
    }
}

/// A thread of a pool. See the [module](self).
pub(crate) struct Worker {
    pool: NonNull<Shared>,
    index: usize,
    home: Home,
    /// The agent of the thread that runs as this worker.
    agent: AtomicU32,
    /// Second halves that have been shared.
    pub(crate) halves: Deque<JobRef>,
    /// Everything else that this worker has made.
    pub(crate) tasks: Deque<JobRef>,
    /// Somebody has looked here in vain, or sleeps: the owner is to share something if it can. A line of its own: the owner reads it at every
    /// join, and others write it seldom.
    pub(crate) hungry: CachePadded<AtomicBool>,
    /// The owner's: what it notes events with.
    pub(crate) trace: Pen,
    /// What the owner has counted.
    pub(crate) counters: CachePadded<Counters>,
    /// The owner's: halves that it has not shared.
    pub(crate) pending: Pending,
    /// The owner's: how many announcements that it blocks are open.
    blocks: Cell<u32>,
    /// The owner's: counts of the scope that it works for.
    pub(crate) credit: Credit,
    /// The owner's, as long as a thread runs as this worker: what tells the pool that it blocks, and the pool itself.
    ties: RefCell<Option<(Hook, Arc<Shared>)>>,
    /// The owner's: the state of its random choices.
    random: Cell<u64>,
    /// The owner's: jobs until the oldest goes first.
    patience: Cell<u32>,
    /// The owner's: where it looks for the oldest next time.
    agenda_first: Cell<bool>,
}

// SAFETY: see "Who may touch what": the owner's fields are touched by one thread.
unsafe impl Send for Worker {}
// SAFETY: as above.
unsafe impl Sync for Worker {}

impl Worker {
    pub(crate) fn new(pool: NonNull<Shared>, index: usize, home: Home, trace: Pen) -> Self {
        Self {
            pool,
            index,
            home,
            agent: AtomicU32::new(0),
            halves: Deque::new(),
            tasks: Deque::new(),
            // Who lay down before this worker was made has left no word with it.
            hungry: CachePadded::new(AtomicBool::new(!MODELLED)),
            trace,
            counters: CachePadded::new(Counters::new()),
            pending: Pending::new(),
            blocks: Cell::new(0),
            credit: Credit::new(),
            ties: RefCell::new(None),
            // Any number but 0, and others for others.
            random: Cell::new((index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)),
            patience: Cell::new(search::PATIENCE),
            agenda_first: Cell::new(true),
        }
    }

    /// The worker that this thread is.
    #[inline]
    pub(crate) fn current<'a>() -> Option<&'a Self> {
        let worker = CURRENT.with(Cell::get);
        // SAFETY: set by `run` for as long as the thread is this worker, and the pool's table outlives that. What is borrowed
        // for longer than the job that runs is not: callers use it within the job.
        unsafe { worker.as_ref() }
    }

    /// The worker of this pool that this thread is, if it is one.
    #[inline]
    pub(crate) fn of<'a>(pool: &Shared) -> Option<&'a Self> {
        Self::current().filter(|worker| std::ptr::eq(worker.pool(), pool))
    }

    pub(crate) fn pool(&self) -> &Shared {
        // SAFETY: the pool owns the table in which this worker is.
        unsafe { self.pool.as_ref() }
    }

    pub(crate) fn index(&self) -> usize {
        self.index
    }

    /// How many jobs are in its deques.
    pub(crate) fn waiting(&self) -> usize {
        self.tasks.len() + self.halves.len()
    }

    /// Where it is at home.
    pub(crate) fn home(&self) -> Home {
        self.home
    }

    /// The agent that runs as this worker, if one does.
    pub(crate) fn agent(&self) -> Option<Agent> {
        Agent::from_number(self.agent.load(Ordering::Relaxed))
    }

    /// What tells the pool that this worker blocks.
    pub(crate) fn hook(&self) -> Hook {
        self.ties.borrow().as_ref().expect("a thread runs as this worker").0.clone()
    }

    /// A handle of the pool.
    pub(crate) fn shared(&self) -> Arc<Shared> {
        self.ties.borrow().as_ref().expect("a thread runs as this worker").1.clone()
    }

    /// Works until the pool lets this thread go. The thread is this worker meanwhile.
    pub(crate) fn run(&self, hook: Hook, pool: Arc<Shared>) {
        self.sit_down(hook, pool);
        // Afterwards the thread is not this worker any more: it has left it.
        while let Some(job) = self.next() {
            self.execute(job);
        }
    }

    /// The thread is this worker from now on.
    pub(crate) fn sit_down(&self, hook: Hook, pool: Arc<Shared>) {
        CURRENT.with(|current| current.set(self));
        let others = self.ties.replace(Some((hook, pool)));
        assert!(others.is_none(), "one thread at a time is a worker");
        self.agent.store(Agent::current().number(), Ordering::Relaxed);
        self.works();
    }

    /// The thread ceases to be this worker, and touches nothing of it any more: another thread may be it next. Returns the thread's
    /// handle of the pool, to be dropped outside all locks. Not while it is busy.
    pub(crate) fn leave(&self) -> Option<(Hook, Arc<Shared>)> {
        self.agent.store(0, Ordering::Relaxed);
        CURRENT.with(|current| current.set(null()));
        self.ties.take()
    }

    /// The thread has let a panic out of a job, which is not to happen. It ceases to be this worker, as far as others can see or wait for.
    #[cold]
    pub(crate) fn die(&self) {
        self.credit.give_back();
        if self.blocks.take() > 0 {
            self.pool().one_goes_on();
        }
        self.rests();
        drop(self.leave());
    }

    /// Runs a job.
    #[inline]
    pub(crate) fn execute(&self, job: JobRef) {
        if !seeded("scope/keep-credit") {
            self.credit.give_back_unless_of(job.group());
        }
        // Afterwards, and should it unwind, too: the pool is quiet when as many have ended as were queued.
        let _executed = Executed(&self.counters);
        job.run(self);
    }

    /// Puts a job among this worker's tasks and calls somebody to it.
    #[inline]
    pub(crate) fn push(&self, job: JobRef) {
        self.counters.queued.add(1);
        self.put(job);
    }

    #[inline]
    fn put(&self, job: JobRef) {
        // SAFETY: this thread is the worker: it has it from `current`.
        unsafe { self.tasks.push(job) };
        self.pool().call();
    }

    /// Puts a job behind all others, for any worker.
    pub(crate) fn push_last(&self, job: JobRef) {
        self.counters.queued.add(1);
        self.pool().inject_again(job);
    }

    /// Its newest task, if that is known to belong to this group.
    pub(crate) fn newest_of(&self, group: *const ()) -> Option<JobRef> {
        loop {
            // SAFETY: this thread is the worker.
            let job = unsafe { self.tasks.pop() }?;
            if job.group() == group {
                return Some(job);
            }
            if !job.group().is_null() {
                // Back where it was: for a moment nobody else could see it, so somebody may have to be called.
                self.put(job);
                return None;
            }
            // A task that was spawned meanwhile may hide the group's: it can wait its turn.
            self.pool().inject_again(job);
        }
    }

    /// Takes the newest task, if it is this one.
    pub(crate) fn take_newest(&self, ours: &JobRef) -> Option<JobRef> {
        // SAFETY: this thread is the worker.
        let job = unsafe { self.tasks.pop() }?;
        if job == *ours {
            self.counters.executed.add(1);
            return Some(job);
        }
        self.put(job);
        None
    }

    /// It is about to block; whether it was not about to already: announcements nest.
    pub(crate) fn blocks(&self) -> bool {
        self.blocks.replace(self.blocks.get() + 1) == 0
    }

    /// It goes on; whether that was the last announcement that was open.
    pub(crate) fn goes_on(&self) -> bool {
        self.blocks.set(self.blocks.get() - 1);
        self.blocks.get() == 0
    }

    /// It has no job from now on, or is blocked.
    pub(crate) fn rests(&self) {
        // In this order, so that a reader in between counts the time once or not at all.
        match self.counters.busy_since.take() {
            0 => {}
            since => self.counters.busy_ns.add(self.pool().now() - since),
        }
    }

    /// It has a job from now on, and is not blocked.
    pub(crate) fn works(&self) {
        self.counters.busy_since.set(self.pool().now());
    }

    /// Gives back what it holds of the scope that it worked for, before it does anything else.
    pub(crate) fn settle(&self) {
        if !seeded("scope/rest-with-credit") {
            self.credit.give_back();
        }
    }
}
