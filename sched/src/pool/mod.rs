//! A pool: workers, and the jobs that they share.
//!
//! [`Pool::builder`] makes one; [`Pool::global`] is the one that is used where none is named. A pool ends when it is
//! dropped: what runs or is queued in it ends first. [`Pool::shutdown`] ends it with a deadline, or cancels what is left; after
//! [`Pool::detach`] it ends by itself.
//!
//! # Blocked workers
//!
//! A job may block: in a channel, a lock, a join. The worker says so through the [hook](reweave_core::context::BlockingHook) of its context,
//! and the pool starts or wakes another, so that as many as it was made for can always run, up to a limit on threads in all. When the blocked
//! one goes on there is one too many for a while: whoever notices first, between two jobs, lies down. Threads beyond those the pool
//! was made for end when they have slept for some time.
//!
//! | module | concept |
//! |---|---|
//! | `builder` | what a pool is made of |
//! | `layout` | where its workers are at home, and how near to each other |
//! | `seats` | the places of workers, and the threads that take them |
//! | `crew` | how many threads there are, and how many of them are blocked |
//! | `dump` | where everything stands, for a person |
//! | `end` | shutting down, and what is waited for |
//! | `hooks` | what a program hears of its threads |
//! | `install` | running something in a pool, from outside |
//! | `open` | scopes and nurseries that are open, for dumps |
//! | `policy` | what its tasks must keep to, and how that is changed |
//! | `roots` | cancelling all tasks |

mod builder;
mod crew;
mod dump;
mod end;
mod hooks;
mod install;
mod layout;
mod open;
mod policy;
mod roots;
mod seats;

use std::fmt;
use std::ptr::null_mut;
use std::time::Instant;

use crossbeam_utils::CachePadded;
use reweave_core::event::WaitList;
use reweave_core::seeded;
use reweave_core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering};
use reweave_core::sync::{Arc, Lazy, Mutex};
use reweave_core::time::Clock;

use crate::agenda::Agenda;
use crate::door::{Arrival, Door};
use crate::injector::Injector;
use crate::job::JobRef;
use crate::sleep::{Sleep, Woken};
use crate::stats::PoolStats;
use crate::task::Table;
use crate::trace::{Pen, Recorder, Untraced};
use crate::worker::Worker;

use builder::Refused;
use crew::Crew;
use open::OpenGroups;
use roots::Roots;
use seats::Seats;

pub use builder::{BuildError, Builder};
pub use crew::blocking;
pub use dump::{Dump, DumpedClass, DumpedWorker};
pub use end::{Left, Shutdown, ShutdownError};
pub(crate) use layout::{Home, Layout};
pub(crate) use open::Counted;
pub use open::DumpedGroup;

/// Workers that share jobs. See the [module](self).
pub struct Pool(Arc<Shared>);

static GLOBAL: Lazy<Option<Pool>> = Lazy::new(|| Pool::builder().name("reweave").build().ok());

static SEQUENTIAL: Lazy<Arc<Shared>> = Lazy::new(Shared::sequential);

/// What all threads of a pool share.
pub(crate) struct Shared {
    pub(crate) settings: Builder,
    /// The workers, of which the first so many have been made.
    table: Box<[AtomicPtr<Worker>]>,
    made: AtomicUsize,
    pub(crate) sleep: Sleep,
    pub(crate) door: Door,
    /// One for each node.
    inject: Box<[CachePadded<Injector>]>,
    pub(crate) layout: Layout,
    /// Tasks that wait for their turn.
    pub(crate) agenda: Agenda,
    /// Entries that will not be run.
    pub(crate) withdrawn: AtomicU64,
    /// The account of tasks.
    pub(crate) table_of_tasks: Table,
    open_groups: OpenGroups,
    crew: Crew,
    seats: Mutex<Seats>,
    /// Whether it ends, and what is to be done before: see `end`.
    closing: AtomicUsize,
    /// All is done: threads end.
    over: AtomicBool,
    /// Threads that have been started and not ended.
    alive: AtomicUsize,
    /// Those who wait for the end of all threads.
    waiters: WaitList,
    /// Somebody cancels what was suspended at the end.
    swept: AtomicBool,
    started: Instant,
    /// Who records what it does, if it is built for that.
    pub(crate) recorder: Option<Recorder>,
    /// How many threads the system refused to keep where they were to be.
    refused_bindings: AtomicUsize,
    /// How many workers have died, and got another thread.
    replaced: AtomicUsize,
    /// The tokens that cancel all tasks.
    pub(crate) roots: Roots,
}

impl Pool {
    /// How a pool is made to measure.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// A pool of so many workers.
    ///
    /// # Errors
    /// [`BuildError`].
    ///
    /// # Examples
    /// ```
    /// use reweave_sched::Pool;
    ///
    /// let pool = Pool::new(2).unwrap();
    /// let (a, b) = pool.install(|| reweave_sched::join(|| 1, || 2));
    /// assert_eq!(a + b, 3);
    /// ```
    pub fn new(threads: usize) -> Result<Self, BuildError> {
        Self::builder().threads(threads).build()
    }

    /// The pool of the process: a worker for each core, started at first use, never ended.
    ///
    /// # Panics
    /// When the system refuses its threads: see [`try_global`](Self::try_global).
    pub fn global() -> &'static Self {
        Self::try_global().expect("the system refuses the threads of the global pool")
    }

    /// The pool of the process, unless the system refuses its threads. Operations that need no pool to be right, such as
    /// [`join`](crate::join()), go on without.
    pub fn try_global() -> Option<&'static Self> {
        GLOBAL.get().as_ref()
    }

    /// How many workers it was made with: as many run at the same time, if there is work.
    pub fn threads(&self) -> usize {
        self.0.settings.threads
    }

    /// What its workers have done so far, and what waits for them now. Reads a few words a worker.
    pub fn stats(&self) -> PoolStats {
        let (threads, blocked) = self.0.crew.read();
        let workers = self.0.workers().map(|worker| {
            let mut stats = worker.counters.read(self.0.now());
            stats.waiting = worker.waiting();
            stats.node = self.0.layout.node_number(worker.home().node);
            stats
        });
        PoolStats {
            workers: workers.collect(),
            uptime_ns: self.0.now(),
            threads,
            blocked,
            injected: self.0.injected(),
            suspended: self.0.suspended(),
            refused_bindings: self.0.refused_bindings.load(Ordering::Relaxed),
            replaced: self.0.replaced.load(Ordering::Relaxed),
            waiting: self.0.agenda.waiting(),
            tasks: self.task_stats(),
        }
    }

    /// Who records what the pool does. It does not record before it is [started](Recorder::start).
    ///
    /// # Errors
    /// [`Untraced`], if the pool was built without: see [`Builder::trace`].
    ///
    /// # Examples
    /// ```
    /// use reweave_sched::{Pool, join};
    ///
    /// let pool = Pool::builder().threads(2).trace(10_000).build().unwrap();
    /// let recorder = pool.trace().unwrap().clone();
    /// recorder.start();
    /// pool.install(|| join(|| 1, || 2));
    /// drop(pool);
    /// let trace = recorder.snapshot();
    /// let mut folded = Vec::new();
    /// trace.write_folded(&mut folded).unwrap();
    /// assert!(String::from_utf8(folded).unwrap().contains(";installed "));
    /// ```
    pub fn trace(&self) -> Result<&Recorder, Untraced> {
        self.0.recorder.as_ref().ok_or_else(|| Untraced { pool: self.0.settings.name.clone() })
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0
    }

    /// Makes the pool and starts its threads.
    fn start(settings: Builder, layout: Layout) -> Result<Self, BuildError> {
        let shared = Arc::new(Shared::new(settings, layout));
        let pool = Self(shared);
        let threads = pool.threads();
        for started in 0..threads {
            if let Err(cause) = Shared::start_thread(&pool.0) {
                pool.0.crew.never_started(threads - started);
                return Err(BuildError(Refused::Threads { started, threads, cause }));
            }
        }
        Ok(pool)
    }
}

impl Shared {
    fn new(settings: Builder, layout: Layout) -> Self {
        Self {
            table: (0..settings.most_threads).map(|_| AtomicPtr::new(null_mut())).collect(),
            made: AtomicUsize::new(0),
            sleep: Sleep::new(settings.threads / 2),
            door: Door::new(),
            inject: (0..layout.nodes()).map(|_| CachePadded::new(Injector::new())).collect(),
            agenda: Agenda::new(settings.policy.clone()),
            withdrawn: AtomicU64::new(0),
            open_groups: OpenGroups::default(),
            table_of_tasks: Table::new(settings.policy.observed),
            crew: Crew::new(settings.threads),
            seats: Mutex::default(),
            closing: AtomicUsize::new(end::OPEN),
            over: AtomicBool::new(false),
            alive: AtomicUsize::new(0),
            waiters: WaitList::new(),
            swept: AtomicBool::new(false),
            started: Clock::real().now(),
            recorder: settings.trace.map(|events| Recorder::new(&settings.name, events)),
            refused_bindings: AtomicUsize::new(0),
            replaced: AtomicUsize::new(0),
            layout,
            roots: Roots::new(),
            settings,
        }
    }

    /// What tasks are started in where no pool can be had: each is run by whoever starts it, and a future goes on in the thread that wakes it.
    pub(crate) fn sequential() -> Arc<Self> {
        let mut settings = Pool::builder();
        let layout = settings.settle().expect("no nodes are named");
        (settings.threads, settings.most_threads) = (0, 0);
        Arc::new(Self::new(settings, layout))
    }

    /// Whether it has no workers, and never will.
    pub(crate) fn is_sequential(&self) -> bool {
        self.settings.threads == 0
    }

    /// The pool of the current worker, or the global one, or what takes its place.
    pub(crate) fn here() -> Arc<Self> {
        match Worker::current() {
            Some(worker) => worker.shared(),
            None => Pool::try_global().map_or_else(|| SEQUENTIAL.get(), Pool::shared).clone(),
        }
    }

    /// What the worker of this place is to note events with.
    fn pen(&self, index: usize) -> Pen {
        self.recorder.as_ref().map_or_else(Pen::none, |recorder| recorder.pen(self.settings.thread_name(index)))
    }

    /// When the pool was started.
    pub(crate) fn started(&self) -> Instant {
        self.started
    }

    /// Nanoseconds since the pool was started; never 0.
    pub(crate) fn now(&self) -> u64 {
        (Clock::real().now() - self.started).as_nanos() as u64 + 1
    }

    /// Whether a job waits anywhere.
    pub(crate) fn has_work(&self) -> bool {
        let injectors = if seeded("pool/look-into-one-injector") { &self.inject[..1] } else { &self.inject[..] };
        injectors.iter().any(|injector| !injector.is_empty())
            || self.agenda.ready() > 0
            || self.workers().any(|worker| !worker.halves.is_empty() || !worker.tasks.is_empty())
    }

    /// How many jobs are in the injectors.
    fn injected(&self) -> usize {
        self.inject.iter().map(|injector| injector.len()).sum()
    }

    /// Whether a job waits and there are fewer at work than there should be.
    pub(crate) fn wants_another(&self) -> bool {
        self.running() < self.settings.threads && self.has_work()
    }

    /// Threads that neither sleep nor block.
    fn running(&self) -> usize {
        let (threads, blocked) = self.crew.read();
        threads.saturating_sub(blocked + self.sleep.sleepers())
    }

    /// Whether more run than should.
    #[inline]
    pub(crate) fn has_surplus(&self) -> bool {
        self.crew.has_spares() && self.running() > self.settings.threads
    }

    /// Calls somebody, if a job waits that nobody will find otherwise: see [`Sleep::call`].
    #[inline]
    pub(crate) fn call(&self) {
        self.sleep.call(|| self.wants_another());
    }

    /// Puts a job from outside the pool's workers where any of them may take it, first come first served, and calls one.
    pub(crate) fn inject(&self, job: JobRef, arrival: Arrival) {
        if self.is_sequential() {
            // There are no workers: whoever brings it runs it.
            job.run_without_worker();
        } else if seeded("door/count-late") {
            self.inject_again(job);
            self.door.enter(arrival);
        } else if self.door.enter(arrival) {
            self.inject_again(job);
        } else {
            // Too late: whoever brings it ends it.
            match arrival {
                Arrival::New => job.run_without_worker(),
                Arrival::Woken => Self::run_late(job),
            }
        }
    }

    /// Puts a job there that has been counted already.
    pub(crate) fn inject_again(&self, job: JobRef) {
        self.injector(self.node_here()).push(job);
        self.call();
    }

    /// The queue of a node for all workers.
    #[inline]
    pub(crate) fn injector(&self, node: usize) -> &Injector {
        &self.inject[node]
    }

    /// The node whose workers are the nearest to the calling thread.
    fn node_here(&self) -> usize {
        if self.layout.nodes() == 1 {
            return 0;
        }
        match Worker::of(self) {
            Some(worker) => worker.home().node,
            None => self.layout.node_here(),
        }
    }

    /// Sends a worker to sleep until there is work, or, if it is one of the spare ones, until it has slept long enough.
    pub(crate) fn lie_down(&self, index: usize, searching: bool) -> Woken {
        let deadline = self.crew.has_spares().then(|| Clock::real().after(self.settings.keep_alive)).flatten();
        self.sleep.lie_down(index, searching, deadline, || {
            self.end_if_done();
            self.is_over() || self.wants_another()
        })
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        for worker in &mut self.table {
            let worker = worker.load(Ordering::Relaxed);
            if !worker.is_null() {
                // SAFETY: made by `make_worker`, and no thread of the pool is left.
                drop(unsafe { Box::from_raw(worker) });
            }
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("name", &self.0.settings.name).field("threads", &self.threads()).finish()
    }
}
