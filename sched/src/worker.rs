//! A worker: a thread of a pool, its queues, and where it looks for work.
//!
//! Each worker has two deques. In `halves` stand the second halves of [`join`](crate::join())s that it has shared; in `tasks` everything
//! else that it has made: spawned tasks, jobs of scopes. They are apart because a join that waits may help with the first kind only
//! (`join.rs` says why), and must not have to dig for it.
//!
//! # Where a worker looks
//!
//! 1. Its own tasks, the newest first: their data are still in its cache. Every [`PATIENCE`]th time the oldest job of an injector
//!    or the agenda instead, or its own oldest task, so that what came first is not left behind by what keeps coming.
//! 2. The injector of its node, then the [agenda](crate::agenda).
//! 3. Other workers, and the injectors of other nodes, in [rounds](crate::pool::layout) from the near to the far; of a round in turn from one chosen at
//!    random. Those that make up for blocked ones come last. Of a worker a shared half first, which is the
//!    larger piece of work, then the oldest task. Whoever looks at a worker in vain leaves word that it is *hungry*.
//!
//! At most half the workers do the last at the same time; after a while in vain a worker lies down ([`sleep`](crate::sleep)).
//!
//! # Who may touch what
//!
//! The owner's fields are touched by the thread that runs as this worker; the deques, the flag and the counters by all, as they
//! say themselves. A worker lives as long as its pool's table, and every thread of the pool keeps that alive.

use std::cell::{Cell, RefCell};
use std::ptr::{NonNull, null};

use crossbeam_utils::CachePadded;
use reweave_core::context::{Agent, Hook};
use reweave_core::seeded;
use reweave_core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use reweave_core::sync::{Arc, MODELLED, hint, thread, thread_local};

use crate::deque::Deque;
use crate::job::JobRef;
use crate::join::Pending;
use crate::pool::{Home, Shared};
use crate::scope::Credit;
use crate::sleep::Woken;
use crate::stats::Counters;
use crate::trace::{Pen, What};

/// How many jobs a worker runs before it lets the oldest go first. A prime, so that it does not beat with the program's own rhythm.
const PATIENCE: u32 = if MODELLED { 3 } else { 61 };

/// Rounds of looking around before a worker lies down. The first rounds follow each other at distances that double, the others
/// give the core away in between, which beside busy threads can cost a time slice.
const ROUNDS: u32 = if MODELLED { 1 } else { 40 };
/// The first rounds.
const BURSTS: u32 = 6;

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
            hungry: CachePadded::new(AtomicBool::new(false)),
            trace,
            counters: CachePadded::new(Counters::new()),
            pending: Pending::new(),
            blocks: Cell::new(0),
            credit: Credit::new(),
            ties: RefCell::new(None),
            // Any number but 0, and others for others.
            random: Cell::new((index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)),
            patience: Cell::new(PATIENCE),
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

    pub(crate) fn pool(&self) -> &Shared {
        // SAFETY: the pool owns the table in which this worker is.
        unsafe { self.pool.as_ref() }
    }

    pub(crate) fn index(&self) -> usize {
        self.index
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
        let pool = self.pool();
        pool.sleep.call(|| pool.wants_another());
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

    /// The next job to run, or `None` if the thread is to end: it has left the worker then.
    fn next(&self) -> Option<JobRef> {
        if self.pool().has_surplus() {
            return self.idle();
        }
        self.own().or_else(|| self.idle())
    }

    /// A job that need not be searched for.
    fn own(&self) -> Option<JobRef> {
        let patience = self.patience.get() - 1;
        if patience == 0 {
            self.patience.set(PATIENCE);
            if let Some(job) = self.oldest() {
                return Some(job);
            }
        } else {
            self.patience.set(patience);
        }
        // SAFETY: this thread is the worker.
        let own = unsafe { self.tasks.pop() };
        let pool = self.pool();
        own.or_else(|| pool.injector(self.home.node).pop()).or_else(|| pool.agenda.pop())
    }

    /// The job that has waited longest, of those near by, or in one of the injectors.
    fn oldest(&self) -> Option<JobRef> {
        let pool = self.pool();
        // Every injector has its turn, or one whose own workers are all busy for long would be left behind.
        let inject = || self.in_turn(pool.layout.nodes(), |node| pool.injector(node).pop());
        // By turns: neither of the two may keep the other from coming.
        let job = match self.agenda_first.replace(!self.agenda_first.get()) {
            true => pool.agenda.pop().or_else(inject),
            false => inject().or_else(|| pool.agenda.pop()),
        };
        job.or_else(|| self.tasks.steal_one())
    }

    /// Searches, sleeps, and searches again, until there is a job; `None` if the thread is to end: it has left the worker then.
    #[cold]
    fn idle(&self) -> Option<JobRef> {
        self.settle();
        self.rests();
        let job = self.idle_about()?;
        self.works();
        Some(job)
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

    fn idle_about(&self) -> Option<JobRef> {
        let pool = self.pool();
        let wanted = || pool.wants_another();
        let mut searching = !pool.has_surplus() && pool.sleep.search();
        loop {
            // Not when all is done: nothing is to be found then, and each of many would look at all others.
            if searching
                && !pool.is_over()
                && let Some(job) = self.search()
            {
                pool.sleep.found(wanted);
                return Some(job);
            }
            if pool.is_over() {
                if searching {
                    pool.sleep.found(wanted);
                }
                drop(self.leave());
                return None;
            }
            self.leave_word();
            self.counters.parks.add(1);
            self.trace.note(What::Park);
            let woken = pool.lie_down(self.index, searching);
            self.trace.note(What::Unpark);
            match woken {
                Woken::ToSearch => {
                    self.counters.wakes.add(1);
                    searching = true;
                }
                Woken::Expired if pool.dismiss(self) => return None,
                Woken::Expired => searching = pool.sleep.search(),
            }
        }
    }

    /// Looks around for a while.
    fn search(&self) -> Option<JobRef> {
        for round in 0..ROUNDS {
            // Only between two looks.
            match round {
                0 => {}
                1..=BURSTS => (0..1 << (round - 1)).for_each(|_| hint::spin_loop()),
                _ => thread::yield_now(),
            }
            let job = self.own().or_else(|| self.steal());
            if job.is_some() {
                return job;
            }
            if self.pool().is_over() {
                return None;
            }
        }
        None
    }

    /// Gives back what it holds of the scope that it worked for, before it does anything else.
    pub(crate) fn settle(&self) {
        if !seeded("scope/rest-with-credit") {
            self.credit.give_back();
        }
    }

    /// Looks for a job once, everywhere.
    pub(crate) fn look(&self) -> Option<JobRef> {
        self.own().or_else(|| self.steal())
    }

    /// A job of another worker, or of another node.
    fn steal(&self) -> Option<JobRef> {
        let pool = self.pool();
        let (first, spares) = pool.places();
        let near = match pool.layout.rounds(self.home) {
            [] => self.steal_among(first.len(), |turn| turn),
            rounds => rounds.iter().find_map(|round| {
                let injected = self.in_turn(round.injectors.len(), |turn| pool.injector(round.injectors[turn]).pop());
                injected.or_else(|| self.steal_among(round.workers.len(), |turn| round.workers[turn]))
            }),
        };
        let job = near.or_else(|| self.steal_among(spares.len(), |turn| spares.start + turn));
        if job.is_none() {
            self.counters.failed_steals.add(1);
        }
        job
    }

    /// A job of one of so many workers.
    #[inline]
    fn steal_among(&self, workers: usize, place: impl Fn(usize) -> usize) -> Option<JobRef> {
        self.in_turn(workers, |turn| {
            let index = place(turn);
            let victim = self.pool().worker(index).filter(|_| index != self.index)?;
            let job = victim.halves.steal_one().or_else(|| victim.tasks.steal_one());
            match job {
                Some(_) => {
                    self.counters.stolen.add(1);
                    self.trace.note(What::Steal(index));
                }
                None => victim.feed(),
            }
            job
        })
    }

    /// Asks so many in turn, from one that is chosen at random.
    #[inline]
    fn in_turn<T>(&self, many: usize, ask: impl Fn(usize) -> Option<T>) -> Option<T> {
        let first = if many > 1 { self.random_below(many) } else { 0 };
        (0..many).find_map(|turn| ask((first + turn) % many))
    }

    /// Leaves word with all other workers that somebody is hungry.
    fn leave_word(&self) {
        self.pool().workers().filter(|other| other.index != self.index).for_each(Self::feed);
    }

    /// Whether somebody has left word that he is hungry. One load, of a line that is the owner's as long as nobody has.
    #[inline]
    pub(crate) fn is_hungry(&self) -> bool {
        self.hungry.load(Ordering::Relaxed)
    }

    /// Leaves word that somebody is hungry.
    pub(crate) fn feed(&self) {
        // Not written if it is set: the owner reads it at every join.
        if !self.hungry.load(Ordering::Relaxed) {
            self.hungry.store(true, Ordering::Relaxed);
        }
    }

    /// A random number below `bound`.
    fn random_below(&self, bound: usize) -> usize {
        // Marsaglia's xorshift64.
        let mut state = self.random.get();
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        self.random.set(state);
        // The multiplication maps the upper half of the state to the range.
        (((state >> 32) * bound as u64) >> 32) as usize
    }
}
