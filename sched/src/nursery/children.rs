//! The children of a nursery: how many have not ended, what surrounds them, and how their end is waited for.
//!
//! What is the same whatever they return, and all that a task knows of the nursery it belongs to.

use std::fmt;

use reweave_core::cancel::Token;
use reweave_core::context::{Context, HandedOn, Lazily};
use reweave_core::event::{self, Awaits, Event, Limits, Ticket, WaitList, Waiter};
use reweave_core::seeded;
use reweave_core::sync::atomic::{AtomicUsize, Ordering};
use reweave_core::sync::{Arc, thread};

use super::{Options, Refused};
use crate::pool::{Counted, Shared};
use crate::worker::Worker;

/// See the [module](self) and the protocol of the one above.
pub(crate) struct Children {
    pool: Arc<Shared>,
    /// The body and the children that have not ended. Zero is final.
    pending: AtomicUsize,
    /// Those who wait for zero.
    waiters: WaitList,
    /// Above those of the children, and the body's.
    token: Token,
    /// The context around the nursery.
    around: Context,
}

impl Counted for Children {
    fn not_ended(&self) -> usize {
        self.pending.load(Ordering::Relaxed)
    }
}

impl Children {
    /// None so far; the body is counted.
    pub(super) fn new(options: &Options) -> Self {
        let around = Context::current();
        Self {
            pool: Shared::here(),
            pending: AtomicUsize::new(1),
            waiters: WaitList::new(),
            token: options.token_below(around.cancel.as_ref()),
            around,
        }
    }

    pub(crate) fn pool(&self) -> &Arc<Shared> {
        &self.pool
    }

    pub(super) fn token(&self) -> &Token {
        &self.token
    }

    /// What their entries in queues are known by.
    pub(crate) fn id(&self) -> *const () {
        std::ptr::from_ref(self).cast()
    }

    /// What surrounds each child but for its own token, which is below the nursery's.
    pub(crate) fn around_a_child(&self) -> Context {
        Context { cancel: Some(self.token.clone()), handed_on: HandedOn::Given(self.outer_token()), ..self.handed_on() }
    }

    /// The token of tasks that are started in here and go on by themselves.
    fn outer_token(&self) -> Option<Token> {
        self.around.handed_on.token(&self.around.cancel)
    }

    /// Counts a child that is about to be started.
    pub(super) fn admit(&self) -> Result<(), Refused> {
        if let Some(cancelled) = self.token.reason() {
            return Err(Refused::Cancelled(cancelled));
        }
        let mut pending = self.pending.load(Ordering::Relaxed);
        loop {
            if pending == 0 && !seeded("nursery/spawn-after-end") {
                return Err(Refused::Ended);
            }
            // Relaxed: what matters is the place in the order of the word, and whoever lowers it is ordered by that.
            match self.pending.compare_exchange(pending, pending + 1, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Ok(()),
                Err(now) => pending = now,
            }
        }
    }

    /// One of those that are counted has ended.
    pub(crate) fn end_one(&self) {
        // Release: what it has done is visible to who waits; acquire: what the others have done, too.
        if self.pending.fetch_sub(1, Ordering::AcqRel) == 1 && !seeded("nursery/end-silently") {
            self.waiters.wake_all_after_rmw();
        }
    }

    pub(super) fn all_have_ended(&self) -> bool {
        // Acquire pairs with the release in `end_one`.
        self.pending.load(Ordering::Acquire) == 0
    }

    /// Runs children that are the newest of this thread's worker, if it is one of the pool.
    pub(super) fn help(&self) {
        // Whoever unwinds runs nothing: it would find the thread panicking.
        if let Some(worker) = Worker::of(&self.pool).filter(|_| !thread::panicking()) {
            while let Some(job) = worker.newest_of(self.id()) {
                worker.execute(job);
            }
        }
    }

    /// Blocks until all have ended.
    pub(super) fn wait(this: &Arc<Self>) {
        event::wait_with(AllEnded::new(this), Limits::unstoppable()).expect("nothing stops this wait");
    }
}

/// The context of the body.
impl Lazily for Children {
    fn context(&self) -> Context {
        let hook = Worker::current().map(Worker::hook).or_else(|| self.around.hook.clone());
        let handed_on = HandedOn::Given(self.outer_token());
        Context { cancel: Some(self.token.clone()), handed_on, hook, ..self.around.clone() }
    }

    fn handed_on(&self) -> Context {
        let Context { clock, graph, .. } = &self.around;
        Context { cancel: self.outer_token(), clock: clock.clone(), graph: graph.clone(), ..Context::default() }
    }
}

impl fmt::Debug for Children {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Relaxed: it may have changed when it is read.
        let pending = self.pending.load(Ordering::Relaxed);
        f.debug_struct("Children").field("pending", &pending).field("token", &self.token).finish_non_exhaustive()
    }
}

/// The event that all have ended, the body with them.
pub(super) struct AllEnded {
    children: Arc<Children>,
    ticket: Option<Ticket>,
}

impl AllEnded {
    pub(super) fn new(children: &Arc<Children>) -> Self {
        Self { children: children.clone(), ticket: None }
    }
}

impl Event for AllEnded {
    type Output = ();

    fn attempt(&mut self) -> Option<()> {
        self.children.all_have_ended().then_some(())
    }

    fn enlist(&mut self, waiter: &Waiter) -> bool {
        self.ticket = Some(self.children.waiters.push(waiter));
        self.children.all_have_ended()
    }

    fn delist(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.children.waiters.remove(ticket);
        }
    }

    /// Nothing: all waiters are woken.
    fn pass_on(&mut self) {}

    fn awaits(&self) -> Awaits {
        Awaits::unknown("the children of a nursery")
    }
}
