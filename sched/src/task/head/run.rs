//! How a task comes into a queue and out of it, and is run.

use std::ptr::NonNull;

use reweave_core::cancel::{Cancelled, Token};
use reweave_core::context::{Agent, Context};
use reweave_core::sync::Arc;
use reweave_core::sync::atomic::Ordering;

use super::{Begun, Head, How};
use crate::agenda::Seat;
use crate::door::Arrival;
use crate::job::{Job, JobRef};
use crate::task::card::Card;
use crate::task::waker::{Reference, as_current, current_card};
use crate::trace::{self, Kind, Unit, What};
use crate::worker::Worker;

impl Head {
    /// Has it wait for its turn, if it has to, in a place that was `reserved` or in any; else enters it in a queue. The entry takes over a reference of
    /// the caller's, who has another.
    pub(in crate::task) fn start(this: NonNull<Self>, reserved: bool) {
        // SAFETY: the caller's reference.
        let head = unsafe { this.as_ref() };
        head.note(What::Spawn);
        let Some(seat) = head.seat() else { return Self::submit(this, Arrival::New) };
        if head.around.cancel.is_some() {
            // By which it hears that it is cancelled before its turn comes.
            drop(head.token());
        }
        // SAFETY: the entry's reference keeps it, until it is run.
        let entry = unsafe { JobRef::new(this.cast()) };
        // The handle's reference keeps the head, and that the pool.
        head.pool.come(entry, seat, reserved);
        if head.cancelled().is_some() {
            // All were cancelled when it was made and had not come yet.
            Self::stop(this);
        }
    }

    /// Enters the task in a queue, for the first time or after a wake-up; the entry takes over a reference of the caller's.
    pub(in crate::task) fn submit(this: NonNull<Self>, arrival: Arrival) {
        // SAFETY: the entry's reference keeps it, until it is run.
        let (head, job) = unsafe { (this.as_ref(), JobRef::new(this.cast())) };
        match Worker::of(&head.pool) {
            Some(worker) => worker.push(job),
            None => {
                // Its own handle: once the job is in, the task may end, and its pool with it.
                let pool = head.pool.clone();
                pool.inject(job, arrival);
            }
        }
    }

    /// It has been suspended and woken: enters it behind all others, with a reference of its own; a future that wakes itself lets them go first.
    /// Where there are no workers, takes the body again.
    fn go_on(this: NonNull<Self>) -> Option<Begun> {
        // SAFETY: whoever runs the task has a reference.
        let head = unsafe { this.as_ref() };
        let Some(worker) = Worker::of(&head.pool) else { return head.begin(false) };
        head.retain();
        // SAFETY: the entry's reference keeps it, until it is run.
        worker.push_last(unsafe { JobRef::new(this.cast()) });
        None
    }

    /// Wakes it.
    pub(in crate::task) fn wake_here(&self) {
        if self.wake() {
            self.retain();
            Self::submit(NonNull::from(self), Arrival::Woken);
        }
    }

    /// Runs a closure here that nobody has begun, if this is a worker of its pool.
    pub(in crate::task) fn run_inline(this: NonNull<Self>) {
        // SAFETY: the caller has a reference.
        let head = unsafe { this.as_ref() };
        let Some(worker) = Worker::of(&head.pool).filter(|_| head.vtable.is_closure) else { return };
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
        let waits = current_card().filter(|waits| waits.is_of(&self.pool));
        let (may, entry) = self.pool.agenda.begin_in_place(seat, waits.as_ref().and_then(|waits| waits.seat.as_ref()));
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
        if let Some(cancelled) = head.cancelled_before(begun) {
            // SAFETY: the body is ours.
            return unsafe { (head.vtable.abandon)(this, cancelled) };
        }
        if begun == Begun::First
            && let Some(card) = &head.card
        {
            head.starts(card);
        }
        if head.vtable.is_closure {
            head.runner.store(Agent::current().number(), Ordering::Relaxed);
        }
        let mut begun = Some(begun);
        while begun.take().is_some() {
            #[cfg(feature = "tracing")]
            let _span = trace::enter_task(head.traced(), head.card.as_ref().and_then(|card| card.name.as_ref()));
            head.note(What::Begin);
            let again = Context::enter_lazily(head, || {
                // SAFETY: the body is ours. It does not unwind.
                as_current(this, || unsafe { (head.vtable.run)(this) })
            });
            head.note(What::End);
            if again {
                begun = Self::go_on(this);
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

    /// It is about to be found ended: the account has it among those that have, its alarm is off, the agenda lets others begin. Whether an entry was taken
    /// back, which is to be counted when all is done.
    #[cold]
    pub(super) fn leave_books(&self, card: &Arc<Card>, how: How) -> bool {
        let pool = &self.pool;
        card.ends(pool.now());
        if card.observed {
            pool.table_of_tasks.retire(card.info(pool.started(), how.state()), how);
        }
        // Outside the lock: the clock may want it.
        let alarm = card.alarm.lock().take();
        drop(alarm);
        let Some(entry) = card.seat.as_ref().and_then(|seat| pool.leave_agenda(seat)) else { return false };
        // SAFETY: its reference; the caller has another.
        unsafe { Self::release(entry.address().cast()) };
        true
    }

    /// Notes an event of its own, if that is recorded: every task of a pool with a recorder has a card.
    #[inline]
    pub(super) fn note(&self, what: fn(Unit) -> What) {
        if self.card.is_some() {
            trace::note(&self.pool, || what(self.traced()));
        }
    }

    /// What it is in a trace.
    fn traced(&self) -> Unit {
        let kind = if self.vtable.is_closure { Kind::Closure } else { Kind::Poll };
        let card = self.card.as_ref();
        Unit { kind, id: card.map_or(0, |card| card.id.get()), name: card.and_then(|card| card.named) }
    }
}

/// Runs an entry, which is a reference.
///
/// # Safety
/// The job is the head's of a task whose entry this was.
pub(super) unsafe fn run_entry(job: NonNull<Job>, worker: Option<&Worker>) {
    let this: NonNull<Head> = job.cast();
    // SAFETY: the entry's reference.
    let head = unsafe { this.as_ref() };
    if let Some(begun) = head.begin(false) {
        if worker.is_some() || head.pool.is_sequential() {
            if let Some(worker) = worker.filter(|_| begun == Begun::Again) {
                worker.counters.resumed.add(1);
            }
            Head::run(this, begun);
        } else {
            let token = head.token();
            token.cancel("its pool has shut down");
            let cancelled = token.reason().expect("cancelled just now");
            // SAFETY: the body is ours.
            unsafe { (head.vtable.abandon)(this, cancelled) };
        }
    }
    // SAFETY: the entry's reference.
    unsafe { Head::release(this) }
}
