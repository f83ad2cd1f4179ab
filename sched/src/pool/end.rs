//! How a pool ends.
//!
//! # Protocol
//!
//! | step | by | what |
//! |---|---|---|
//! | shut | who ends the pool | the [door](crate::door) lets in nothing new; then says how much is to be waited for (`closing`), fence, and looks whether that is done |
//! | look | a worker that lies down, after it has counted itself and a fence; whoever takes back an entry of a queue | if the pool is closing, and all is done: closes the door, and the pool is `over` |
//! | over | who closed the door | all threads are called, and end |
//! | sweep | the first thread that ends | cancels the futures that are suspended, if there are any |
//! | last | the thread that ends last | wakes those who wait for the end |
//!
//! What is to be done is `EVERYTHING`, with the futures that are suspended, or the `REST`, which is whatever runs or stands in a queue, and not what waits
//! until a future that is suspended makes way.
//! The latter is for a pool that is dropped: it does not wait for what may never be woken, but cancels that when it is over. Whoever wakes a future of a pool
//! that is over finds the door closed, and ends it as cancelled.
//!
//! # Invariants
//!
//! 1. *All is done at one moment.* Each worker counts in words of its own what was queued and what has ended, and which futures were suspended and went on.
//!    What was taken back from the agenda counts among what has ended; what is stuck there is counted between the two. Counts only rise; what has ended was queued before, and what went on was suspended before. Who reads first what has ended and gone on, then what was queued and suspended, and finds
//!    them equal, knows that they were so at the moment in between. At that moment nobody was there to make more, and what comes from outside changes
//!    the word of the door, which is then not closed.
//! 2. *Somebody looks when it is done.* Who ends the pool says so by a read-modify-write before it looks, and each worker counts what it has ended, and lies down by
//!    a read-modify-write, before it looks whether the pool is closing. A fence is between both steps of both: so one sees the other.

use std::cell::RefCell;
use std::error::Error;
use std::fmt;

use reweave_core::Reason;
use reweave_core::event::{self, Awaits, Event, Limits, Stopped, Ticket, Waiter};
use reweave_core::seeded;
use reweave_core::sync::atomic::Ordering;
use reweave_core::sync::{fence_after_rmw, thread_local};

use super::{Pool, Shared, blocking};
use crate::job::JobRef;
use crate::stats::Counters;
use crate::worker::Worker;

thread_local! {
    /// Jobs that have come too late, while this thread is ending one.
    static LATE: RefCell<Option<Vec<JobRef>>> = const { RefCell::new(None) };
}

/// Not closing.
pub(super) const OPEN: usize = 0;
/// Ends when nothing runs or is queued.
const REST: usize = 1;
/// Ends when all tasks have.
const EVERYTHING: usize = 2;
/// The same, and nobody waits for it.
const DETACHED: usize = 3;

/// What becomes of the tasks of a pool that is shut down: see [`Pool::shutdown`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Shutdown {
    /// They are finished, with all that they start.
    Finish,
    /// They are cancelled, for this reason, and so is what they start.
    Cancel(Reason),
}

impl Pool {
    /// Shuts the pool down, and waits until it has ended.
    ///
    /// From now on nothing new comes in from outside: a task that is [spawned](Self::spawn) there ends as cancelled, because its pool has shut down, and a body that
    /// is [installed](Self::install) runs on the calling thread. Tasks that are there already go on, may be woken from outside, and may start
    /// others. When the last of them has ended, the threads end.
    ///
    /// Several may call this; whoever comes later with [`Shutdown::Cancel`] cancels what is left.
    ///
    /// # Errors
    /// [`ShutdownError`], if the wait is stopped: the current token was cancelled. The pool stays shut. Or if it is called by a job of this pool, which would
    /// wait for itself; then the pool ends by itself.
    ///
    /// # Examples
    /// ```
    /// use reweave_sched::{Pool, Shutdown};
    ///
    /// let pool = Pool::new(2).unwrap();
    /// let task = pool.spawn(|| 6 * 7);
    /// pool.shutdown(Shutdown::Finish).unwrap();
    /// assert_eq!(task.join().unwrap(), 42);
    /// assert_eq!(pool.spawn(|| 0).join().unwrap_err().to_string(), "the task was cancelled: its pool has shut down");
    /// ```
    pub fn shutdown(&self, how: Shutdown) -> Result<(), ShutdownError> {
        self.shutdown_with(how, Limits::default())
    }

    /// As [`shutdown`](Self::shutdown), within `limits`.
    ///
    /// # Errors
    /// As there, and when the deadline passes; it says what is left.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    ///
    /// use reweave_core::event::Limits;
    /// use reweave_core::time::{self, Clock};
    /// use reweave_sched::{Pool, Shutdown};
    ///
    /// let pool = Pool::new(1).unwrap();
    /// let slow = pool.spawn(|| time::sleep(Duration::from_secs(3600)));
    /// let soon = Clock::real().after(Duration::from_millis(10)).unwrap();
    /// let error = pool.shutdown_with(Shutdown::Finish, Limits::until(soon)).unwrap_err();
    /// assert!(error.to_string().starts_with("the pool has shut down and not ended: timed out, with "));
    /// pool.shutdown(Shutdown::Cancel("it takes too long".into())).unwrap();
    /// assert!(slow.is_ended());
    /// ```
    pub fn shutdown_with(&self, how: Shutdown, limits: Limits) -> Result<(), ShutdownError> {
        let shared = self.shared();
        shared.shut();
        if let Shutdown::Cancel(reason) = how {
            shared.cancel_for_good(reason);
        }
        if shared.is_inside() {
            return Err(ShutdownError::Inside);
        }
        match event::wait_with(Over { pool: shared, ticket: None }, limits) {
            Ok(()) => {
                shared.join_threads();
                Ok(())
            }
            Err(stopped) => Err(ShutdownError::Unfinished { left: shared.left(), stopped }),
        }
    }

    /// Lets the pool go: nothing new comes in, and its threads end by themselves when all tasks have ended, whoever wakes them. Dropping it would wait for
    /// whatever runs.
    pub fn detach(self) {
        self.shared().close(DETACHED);
    }
}

impl Shared {
    /// Shuts the door, and says what is to be done before the pool ends.
    fn close(&self, what: usize) {
        if !seeded("pool/shut-too-late") {
            self.door.shut();
        }
        // Those who wait for room come to a door that is shut.
        self.agenda.shut();
        self.closing.swap(what, Ordering::AcqRel);
        if !seeded("pool/shut-without-fence") {
            fence_after_rmw();
        }
        if !seeded("pool/shut-without-looking") {
            self.end_if_done();
        }
    }

    /// Shuts the pool down, to be ended when everything is done.
    pub(crate) fn shut(&self) {
        self.close(EVERYTHING);
    }

    /// Whether all that was to be done is done, at some moment during the call; so many jobs came from outside, and no more
    /// come meanwhile (invariant 1).
    fn is_quiet(&self, from_outside: u64, everything: bool) -> bool {
        let sum = |count: fn(&Counters) -> u64| self.workers().map(|worker| count(&worker.counters)).sum::<u64>();
        let withdrawn = || self.withdrawn.load(Ordering::Acquire);
        let ended = || withdrawn() + sum(|counters| counters.executed.get());
        let queued = || sum(|counters| counters.queued.get());
        if seeded("pool/count-queued-first") {
            let queued = queued();
            return ended() == queued + from_outside;
        }
        let suspended = || sum(|counters| counters.suspended.get());
        if everything && seeded("pool/count-suspended-first") {
            let suspended = suspended();
            return ended() == queued() + from_outside && suspended == self.went_on();
        }
        let went_on = if everything { self.went_on() } else { 0 };
        let ended = ended();
        // What waits behind futures that are suspended, and would be cancelled with them.
        let stuck = if everything { 0 } else { self.agenda.stuck() };
        if ended + stuck != queued() + from_outside {
            return false;
        }
        !everything || went_on == suspended()
    }

    /// How many times futures that were suspended have gone on.
    fn went_on(&self) -> u64 {
        self.workers().map(|worker| worker.counters.resumed.get()).sum()
    }

    /// How many futures are suspended.
    pub(super) fn suspended(&self) -> usize {
        let went_on = self.went_on();
        let suspended = self.workers().map(|worker| worker.counters.suspended.get()).sum::<u64>();
        usize::try_from(suspended.saturating_sub(went_on)).unwrap_or(usize::MAX)
    }

    /// Lets nothing in any more, if all is done: whether it is.
    pub(crate) fn close_if_done(&self) -> bool {
        let everything = self.closing.load(Ordering::Acquire) > REST;
        self.door.close_if(|from_outside| self.is_quiet(from_outside, everything))
    }

    /// Ends the threads, if the pool is closing and all is done.
    pub(crate) fn end_if_done(&self) {
        if self.closing.load(Ordering::Acquire) != OPEN && !self.is_over() && self.close_if_done() {
            self.over.store(true, Ordering::SeqCst);
            if !seeded("pool/over-silently") {
                self.sleep.call_all();
            }
        }
    }

    /// Whether its threads are to end.
    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// Cancels the futures that are suspended when the pool is over: nobody will run them. Once, by a thread that is no worker any more.
    pub(super) fn sweep(&self) {
        if self.is_over()
            && self.suspended() > 0
            && !seeded("pool/leave-suspended")
            && !self.swept.swap(true, Ordering::AcqRel)
        {
            self.cancel_for_good(Reason::fixed("its pool has shut down"));
        }
    }

    /// Ends a task that was woken too late. That may wake another, and that a third: so one after the other, and not one within the other.
    pub(super) fn run_late(job: JobRef) {
        Self::late_afterwards(|| LATE.with(|late| late.borrow_mut().as_mut().map(|late| late.push(job))));
    }

    /// Runs `body`, and ends afterwards what it has woken too late.
    pub(super) fn late_afterwards<R>(body: impl FnOnce() -> R) {
        let is_first = LATE.with(|late| {
            let mut late = late.borrow_mut();
            let is_first = late.is_none();
            late.get_or_insert_default();
            is_first
        });
        body();
        if is_first {
            Self::end_late();
            LATE.with(|late| late.take());
        }
    }

    /// Ends what this thread has woken too late. To be called before it blocks in the middle of that: it may wait for one of them.
    pub(crate) fn end_late() {
        while let Some(job) = LATE.with(|late| late.borrow_mut().as_mut().and_then(Vec::pop)) {
            job.run_without_worker();
        }
    }

    /// Whether the calling thread is one of its own, at work or at a hook.
    fn is_inside(&self) -> bool {
        Worker::of(self).is_some() || std::ptr::eq(Self::of_this_thread(), self)
    }

    /// What is left to do.
    fn left(&self) -> Left {
        let (_, blocked) = self.crew.read();
        let busy = self.workers().filter(|worker| worker.counters.busy_since.get() != 0).count();
        let waiting = self.workers().map(Worker::waiting).sum::<usize>();
        Left {
            running: busy + blocked,
            waiting: waiting + self.injected() + self.agenda.waiting(),
            suspended: self.suspended(),
        }
    }

    /// Waits for the threads, which are about to end.
    fn join_threads(&self) {
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
}

/// Nothing new comes in, and all that runs or is queued ends before this returns: but for a job of the same pool, which would wait for itself; then the
/// threads end by themselves. Futures that are suspended then are cancelled; [`Pool::shutdown`] waits for them, too.
impl Drop for Pool {
    fn drop(&mut self) {
        let shared = self.shared();
        if shared.closing.load(Ordering::Acquire) == DETACHED {
            return;
        }
        shared.close(REST);
        if !shared.is_inside() {
            shared.join_threads();
            // A thread whose place another has taken may still be at its hook.
            if shared.alive.load(Ordering::Acquire) > 0 && shared.is_over() {
                let over = Over { pool: shared, ticket: None };
                event::wait_with(over, Limits::unstoppable()).expect("nothing stops this wait");
            }
        }
    }
}

/// The event that all threads of a pool have ended.
struct Over<'a> {
    pool: &'a Shared,
    ticket: Option<Ticket>,
}

impl Event for Over<'_> {
    type Output = ();

    fn attempt(&mut self) -> Option<()> {
        // Acquire: what the threads have done is done.
        (self.pool.is_over() && self.pool.alive.load(Ordering::Acquire) == 0).then_some(())
    }

    fn enlist(&mut self, waiter: &Waiter) -> bool {
        self.ticket = Some(self.pool.waiters.push(waiter));
        self.attempt().is_some()
    }

    fn delist(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.pool.waiters.remove(ticket);
        }
    }

    /// Nothing: all waiters are woken.
    fn pass_on(&mut self) {}

    fn awaits(&self) -> Awaits {
        Awaits::unknown(format!("the end of the pool \"{}\"", self.pool.settings.name))
    }
}

/// What is left of a pool that has been shut down, at some moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Left {
    /// Jobs that run, those that are blocked among them.
    pub running: usize,
    /// Jobs in queues.
    pub waiting: usize,
    /// Futures that wait to be woken.
    pub suspended: usize,
}

/// Why a pool that has been shut down has not ended.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ShutdownError {
    /// The wait was stopped, by its deadline or by the current token. The pool stays shut, and ends by itself.
    Unfinished {
        /// What is left to do.
        left: Left,
        /// What has stopped the wait.
        stopped: Stopped,
    },
    /// A job of the same pool has called, which would have waited for itself. The pool is shut, and ends by itself.
    Inside,
}

impl fmt::Display for ShutdownError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unfinished { left: Left { running, waiting, suspended }, stopped } => write!(
                f,
                "the pool has shut down and not ended: {stopped}, with {running} jobs running, {waiting} in queues and {suspended} \
                 suspended; wait again, or cancel them"
            ),
            Self::Inside => f.write_str(
                "a job cannot wait for the end of its own pool; the pool has shut down, and ends when all its jobs have",
            ),
        }
    }
}

impl Error for ShutdownError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unfinished { stopped, .. } => Some(stopped),
            Self::Inside => None,
        }
    }
}
