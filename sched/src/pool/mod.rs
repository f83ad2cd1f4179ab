//! A pool: workers, and the jobs that they share.
//!
//! [`Pool::builder`] makes one; [`Pool::global`] is the one that is used where none is named. A pool ends when it is
//! dropped: what has been spawned in it ends first.
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
//! | `crew` | how many threads there are, and how many of them are blocked |
//! | `dump` | where everything stands, for a person |
//! | `install` | running something in a pool, from outside |
//! | `policy` | what its tasks must keep to, and how that is changed |
//! | `roots` | cancelling all tasks |

mod builder;
mod crew;
mod dump;
mod install;
mod policy;
mod roots;

use std::fmt;
use std::io;
use std::ops::Range;
use std::ptr::{NonNull, null_mut};
use std::time::Instant;

use reweave_core::context::{Agent, Context, Hook};
use reweave_core::seeded;
use reweave_core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering};
use reweave_core::sync::{Arc, Lazy, Mutex, thread};
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

use crew::{Compensation, Crew};
use roots::Roots;

pub use builder::{BuildError, Builder};
pub use crew::blocking;
pub use dump::{Dump, DumpedClass, DumpedWorker};

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
    pub(crate) inject: Injector,
    /// Tasks that wait for their turn.
    pub(crate) agenda: Agenda,
    /// Entries that will not be run.
    pub(crate) withdrawn: AtomicU64,
    /// The account of tasks.
    pub(crate) table_of_tasks: Table,
    crew: Crew,
    seats: Mutex<Seats>,
    /// No more will come from outside: threads end when all is done.
    closing: AtomicBool,
    /// All is done: threads end.
    over: AtomicBool,
    started: Instant,
    /// Who records what it does, if it is built for that.
    pub(crate) recorder: Option<Recorder>,
    /// The tokens that cancel all tasks.
    pub(crate) roots: Roots,
}

/// The places of workers that no thread has, and the threads.
#[derive(Default)]
struct Seats {
    free: Vec<usize>,
    /// By place: the last thread there.
    threads: Vec<Option<thread::JoinHandle<()>>>,
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
            stats.waiting = worker.tasks.len() + worker.halves.len();
            stats
        });
        PoolStats {
            workers: workers.collect(),
            uptime_ns: self.0.now(),
            threads,
            blocked,
            injected: self.0.inject.len(),
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
    fn start(settings: Builder) -> Result<Self, BuildError> {
        let shared = Arc::new(Shared::new(settings));
        let pool = Self(shared);
        let threads = pool.threads();
        for started in 0..threads {
            if let Err(cause) = Shared::start_thread(&pool.0) {
                pool.0.crew.never_started(threads - started);
                pool.0.closing.store(true, Ordering::Release);
                return Err(BuildError { started, threads, cause });
            }
        }
        Ok(pool)
    }
}

impl Shared {
    fn new(settings: Builder) -> Self {
        Self {
            table: (0..settings.most_threads).map(|_| AtomicPtr::new(null_mut())).collect(),
            made: AtomicUsize::new(0),
            sleep: Sleep::new(settings.threads / 2),
            door: Door::new(),
            inject: Injector::new(),
            agenda: Agenda::new(settings.policy.clone()),
            withdrawn: AtomicU64::new(0),
            table_of_tasks: Table::new(settings.policy.observed),
            crew: Crew::new(settings.threads),
            seats: Mutex::default(),
            closing: AtomicBool::new(false),
            over: AtomicBool::new(false),
            started: Clock::real().now(),
            recorder: settings.trace.map(|events| Recorder::new(&settings.name, events)),
            roots: Roots::new(),
            settings,
        }
    }

    /// With all workers, and no thread that is one.
    pub(crate) fn without_threads(mut settings: Builder) -> Arc<Self> {
        settings.most_threads = settings.threads;
        let shared = Arc::new(Self::new(settings));
        for _ in 0..shared.settings.threads {
            shared.make_worker(&mut shared.seats.lock());
        }
        shared
    }

    /// What tasks are started in where no pool can be had: each is run by whoever starts it, and a future goes on in the thread that wakes it.
    pub(crate) fn sequential() -> Arc<Self> {
        let mut settings = Pool::builder();
        settings.threads = 0;
        Arc::new(Self::new(settings))
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

    /// What tells the pool that a worker blocks.
    pub(crate) fn hook(this: &Arc<Self>) -> Hook {
        Hook::new(Compensation(this.clone()))
    }

    /// Puts a thread, which the crew counts already, on a free place.
    fn start_thread(this: &Arc<Self>) -> io::Result<()> {
        let mut seats = this.seats.lock();
        let index = match seats.free.pop() {
            Some(index) => index,
            None => this.make_worker(&mut seats),
        };
        let shared = this.clone();
        let agent = Agent::fresh();
        let body = move || {
            let hook = Self::hook(&shared);
            let _entered = Context { hook: Some(hook.clone()), ..Context::default() }.enter();
            let worker = shared.worker(index).expect("made before its thread");
            agent.run(|| worker.run(hook, shared.clone()));
        };
        match thread::try_spawn_sized(this.settings.thread_name(index), this.settings.stack_size, body) {
            Ok(thread) => {
                seats.threads[index] = Some(thread);
                Ok(())
            }
            Err(cause) => {
                seats.free.push(index);
                Err(cause)
            }
        }
    }

    /// Makes the next worker of the table.
    fn make_worker(&self, seats: &mut Seats) -> usize {
        let index = self.made.load(Ordering::Relaxed);
        let worker = Box::into_raw(Box::new(Worker::new(NonNull::from(self), index, self.pen(index))));
        // Release publishes the worker.
        self.table[index].store(worker, Ordering::Release);
        self.made.store(index + 1, Ordering::Release);
        seats.threads.push(None);
        index
    }

    /// What the worker of this place is to note events with.
    fn pen(&self, index: usize) -> Pen {
        self.recorder.as_ref().map_or_else(Pen::none, |recorder| recorder.pen(self.settings.thread_name(index)))
    }

    /// The worker of this place, if it has been made.
    #[inline]
    pub(crate) fn worker(&self, index: usize) -> Option<&Worker> {
        // Acquire pairs with the release in `make_worker`.
        let worker = self.table.get(index)?.load(Ordering::Acquire);
        // SAFETY: made by `make_worker`, and kept until the pool goes.
        unsafe { worker.as_ref() }
    }

    /// When the pool was started.
    pub(crate) fn started(&self) -> Instant {
        self.started
    }

    /// Nanoseconds since the pool was started; never 0.
    pub(crate) fn now(&self) -> u64 {
        (Clock::real().now() - self.started).as_nanos() as u64 + 1
    }

    /// All workers.
    pub(crate) fn workers(&self) -> impl Iterator<Item = &Worker> {
        (0..self.made.load(Ordering::Acquire)).filter_map(|index| self.worker(index))
    }

    /// Whether a job waits anywhere.
    pub(crate) fn has_work(&self) -> bool {
        !self.inject.is_empty()
            || self.agenda.ready() > 0
            || self.workers().any(|worker| !worker.halves.is_empty() || !worker.tasks.is_empty())
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

    /// Puts a job from outside the pool's workers where any of them may take it, first come first served, and calls one.
    pub(crate) fn inject(&self, job: JobRef, arrival: Arrival) {
        if !self.is_sequential() && self.door.enter(arrival) {
            self.inject_again(job);
        } else {
            // Too late, or there are no workers: whoever brings it ends it, or runs it.
            job.run_without_worker();
        }
    }

    /// The same with a job that has been counted already.
    pub(crate) fn inject_again(&self, job: JobRef) {
        self.inject.push(job);
        self.sleep.call(|| self.wants_another());
    }

    /// Whether every job that was ever queued has ended, at some moment during the call; so many of them came from outside, and no more
    /// come meanwhile.
    ///
    /// Who has ended is counted before who was queued. Counts only rise, and no more have ended than were queued; so if the two sums are
    /// the same, they were so at the moment between.
    fn is_quiet(&self, from_outside: u64) -> bool {
        let withdrawn = || self.withdrawn.load(Ordering::Acquire);
        let ended = || withdrawn() + self.workers().map(|worker| worker.counters.executed.get()).sum::<u64>();
        let queued = || self.workers().map(|worker| worker.counters.queued.get()).sum::<u64>();
        if seeded("pool/count-queued-first") {
            let queued = queued();
            return ended() == queued + from_outside;
        }
        ended() == queued() + from_outside
    }

    /// Takes no more jobs from outside, if all is done: whether it is.
    pub(crate) fn close_if_done(&self) -> bool {
        self.door.close_if(|from_outside| self.is_quiet(from_outside))
    }

    /// Ends the threads, if no more will come and all is done.
    pub(crate) fn end_if_done(&self) {
        if self.closing.load(Ordering::Acquire) && !self.is_over() && self.close_if_done() {
            self.over.store(true, Ordering::SeqCst);
            self.sleep.call_all();
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

    /// Lets a spare worker go that has nothing to do, if there are enough without it. Then the thread has left it, and its place is free.
    pub(crate) fn dismiss(&self, worker: &Worker) -> bool {
        let ties = {
            // Whoever hires after the count below waits for this place.
            let mut seats = self.seats.lock();
            if !worker.tasks.is_empty() || !self.crew.dismiss() {
                return false;
            }
            if seeded("pool/free-before-leaving") {
                seats.free.push(worker.index());
                drop(seats);
                worker.leave()
            } else {
                let ties = worker.leave();
                seats.free.push(worker.index());
                ties
            }
        };
        // This thread was counted as running until now: who lay down meanwhile may have left work to it, and would find it when its
        // own time is over. The fence of the call is between our count and the look for sleepers, opposite that of who lay down.
        self.sleep.call(|| self.wants_another());
        drop(ties);
        true
    }

    /// Whether its threads are to end.
    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// Ends the threads when all is done; a thread from outside waits for that.
    fn end(&self) {
        self.closing.store(true, Ordering::SeqCst);
        // Whoever sleeps looks again.
        self.sleep.call_all();
        if Worker::current().is_some_and(|worker| std::ptr::eq(worker.pool(), self)) {
            // One of its own jobs: the threads end by themselves.
            return;
        }
        loop {
            // Outside the lock: a thread that ends may want it.
            let thread = self.seats.lock().threads.iter_mut().find_map(Option::take);
            match thread {
                // Another pool may have to make up for this wait.
                Some(thread) => drop(blocking(|| thread.join())),
                None => break,
            }
        }
    }

    /// The places of the workers that it was made with, and of those that make up for blocked ones.
    pub(crate) fn places(&self) -> (Range<usize>, Range<usize>) {
        let (first, made) = (self.settings.threads, self.made.load(Ordering::Acquire));
        (0..first, first..made.max(first))
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.0.end();
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
