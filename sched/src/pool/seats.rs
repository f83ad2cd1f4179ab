//! The places of a pool's workers, and the threads that take them.
//!
//! A worker stands in the pool's table from when it is made until the pool goes, at its *place*. A thread takes a free place, is that worker, and
//! leaves it when it ends; so there are as many workers as there were ever threads at the same time.
//!
//! No job lets a panic out. Should one do so all the same, its worker *dies*: it stops being counted as busy or blocked, gives back what it holds of a scope, and
//! another thread takes its place, with the queues as they are.

use std::any::Any;
use std::cell::Cell;
use std::io;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::{NonNull, null};

use reweave_core::context::{Agent, Context, Hook};
use reweave_core::seeded;
use reweave_core::sync::atomic::Ordering;
use reweave_core::sync::{Arc, MODELLED, thread, thread_local};

use super::crew::Compensation;
use super::{Builder, Shared};
use crate::job::quietly;
use crate::worker::Worker;

thread_local! {
    /// The pool whose thread this is, or null.
    static OF_THIS_THREAD: Cell<*const Shared> = const { Cell::new(null()) };
}

/// The places of workers that no thread has, and the threads.
#[derive(Default)]
pub(super) struct Seats {
    free: Vec<usize>,
    /// By place: the last thread there.
    pub(super) threads: Vec<Option<thread::JoinHandle<()>>>,
}

impl Shared {
    /// With all workers, and no thread that is one.
    pub(crate) fn without_threads(mut settings: Builder) -> Arc<Self> {
        let layout = settings.settle().expect("a model names no nodes");
        settings.most_threads = settings.threads;
        let shared = Arc::new(Self::new(settings, layout));
        for _ in 0..shared.settings.threads {
            shared.make_worker(&mut shared.seats.lock());
        }
        shared
    }

    /// What tells the pool that a worker blocks.
    pub(crate) fn hook(this: &Arc<Self>) -> Hook {
        Hook::new(Compensation(this.clone()))
    }

    /// Puts a thread, which the crew counts already, on a free place.
    pub(super) fn start_thread(this: &Arc<Self>) -> io::Result<()> {
        let mut seats = this.seats.lock();
        let index = match seats.free.pop() {
            Some(index) => index,
            None => this.make_worker(&mut seats),
        };
        let started = Self::start_at(this, &mut seats, index);
        if started.is_err() {
            seats.free.push(index);
        }
        started
    }

    /// Puts a thread on this place, which nobody else has.
    fn start_at(this: &Arc<Self>, seats: &mut Seats, index: usize) -> io::Result<()> {
        let (shared, agent) = (this.clone(), Agent::fresh());
        let name = this.settings.thread_name(index);
        this.alive.fetch_add(1, Ordering::Relaxed);
        let body = move || agent.run(|| Self::live(&shared, index));
        match thread::try_spawn_sized(name, this.settings.stack_size, body) {
            Ok(thread) => {
                seats.threads[index] = Some(thread);
                Ok(())
            }
            Err(cause) => {
                this.gone();
                Err(cause)
            }
        }
    }

    /// The pool whose thread this is, if it is one.
    pub(super) fn of_this_thread() -> *const Self {
        OF_THIS_THREAD.with(Cell::get)
    }

    /// What the thread of this place does.
    fn live(this: &Arc<Self>, index: usize) {
        let _gone = Gone(this);
        OF_THIS_THREAD.with(|pool| pool.set(Arc::as_ptr(this)));
        if !this.layout.bind(index, this.settings.binding) {
            this.refused_bindings.fetch_add(1, Ordering::Relaxed);
        }
        this.settings.hooks.started(index);
        let worker = this.worker(index).expect("made before its thread");
        while let Err(panic) = Self::serve(this, worker) {
            if MODELLED {
                // Not what the models are about: it is to be seen.
                resume_unwind(panic);
            }
            if Self::replace(this, worker, panic) {
                break;
            }
        }
        this.settings.hooks.stops(index);
    }

    /// The thread is this worker until it has left it, or has died of a panic.
    fn serve(this: &Arc<Self>, worker: &Worker) -> Result<(), Box<dyn Any + Send>> {
        catch_unwind(AssertUnwindSafe(|| {
            let hook = Self::hook(this);
            let _entered = Context { hook: Some(hook.clone()), ..Context::default() }.enter();
            worker.run(hook, this.clone());
            this.sweep();
        }))
    }

    /// A panic has come out of the loop of a worker, which no job is to let happen. The worker, with all that is in its queues, gets another thread: what this one
    /// has in its thread-locals may be in the middle of anything. Only if the system refuses one, this goes on: `false`.
    fn replace(this: &Arc<Self>, worker: &Worker, panic: Box<dyn Any + Send>) -> bool {
        this.settings.hooks.panicked(&*panic);
        quietly(|| drop(panic));
        worker.die();
        this.replaced.fetch_add(1, Ordering::Relaxed);
        Self::start_at(this, &mut this.seats.lock(), worker.index()).is_ok()
    }

    /// A thread ends, or could not be started.
    fn gone(&self) {
        // Release: what it has done is done; acquire: by all, for the last.
        if self.alive.fetch_sub(1, Ordering::AcqRel) == 1 && self.is_over() && !seeded("pool/last-leaves-silently") {
            self.waiters.wake_all_after_rmw();
        }
    }

    /// Makes the next worker of the table.
    fn make_worker(&self, seats: &mut Seats) -> usize {
        let index = self.made.load(Ordering::Relaxed);
        let (home, pen) = (self.layout.home(index), self.pen(index));
        let worker = Box::into_raw(Box::new(Worker::new(NonNull::from(self), index, home, pen)));
        // Release publishes the worker.
        self.table[index].store(worker, Ordering::Release);
        self.made.store(index + 1, Ordering::Release);
        seats.threads.push(None);
        index
    }

    /// The worker of this place, if it has been made.
    #[inline]
    pub(crate) fn worker(&self, index: usize) -> Option<&Worker> {
        // Acquire pairs with the release in `make_worker`.
        let worker = self.table.get(index)?.load(Ordering::Acquire);
        // SAFETY: made by `make_worker`, and kept until the pool goes.
        unsafe { worker.as_ref() }
    }

    /// All workers.
    pub(crate) fn workers(&self) -> impl Iterator<Item = &Worker> {
        (0..self.made.load(Ordering::Acquire)).filter_map(|index| self.worker(index))
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
        self.call();
        drop(ties);
        true
    }

    /// The places of the workers that it was made with, and of those that make up for blocked ones.
    pub(crate) fn places(&self) -> (Range<usize>, Range<usize>) {
        let (first, made) = (self.settings.threads, self.made.load(Ordering::Acquire));
        (0..first, first..made.max(first))
    }
}

/// Tells that a thread ends, on every way out.
struct Gone<'a>(&'a Shared);

impl Drop for Gone<'_> {
    fn drop(&mut self) {
        self.0.gone();
    }
}
