//! Running something in a pool from outside: the caller waits until it has ended.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::NonNull;

use reweave_core::context::Context;
use reweave_core::event::{self, Limits};
use reweave_core::sync::{Arc, UnsafeCell};
use reweave_core::trigger::Trigger;

use super::Pool;
use crate::door::Arrival;
use crate::job::{Job, JobRef};
use crate::trace::{self, Kind, Unit};
use crate::worker::Worker;

/// On the stack of the caller, who waits.
#[repr(C)]
struct Installed<F, T> {
    job: Job,
    /// Taken by the worker that runs it.
    body: UnsafeCell<Option<(F, Context)>>,
    /// Written by it, before the signal.
    result: UnsafeCell<Option<Result<T, Box<dyn Any + Send>>>>,
    trigger: Arc<Trigger>,
    /// Its number in a trace.
    traced: u64,
}

impl Pool {
    /// Runs `body` in a worker of this pool and waits for it; in one of its workers already, at once and here.
    ///
    /// What `body` does with [`join`](crate::join()) and its like is done by this pool. It has the caller's context. Nothing
    /// ends the wait early, for `body` may borrow from the caller.
    ///
    /// # Panics
    /// If `body` does.
    pub fn install<T: Send>(&self, body: impl FnOnce() -> T + Send) -> T {
        if Worker::of(self.shared()).is_some() { body() } else { self.install_and_wait(body) }
    }

    fn install_and_wait<F: FnOnce() -> T + Send, T: Send>(&self, body: F) -> T {
        let trigger = Arc::new(Trigger::new());
        let installed = Installed {
            // SAFETY: `job` is the first field.
            job: unsafe { Job::new(Installed::<F, T>::run) },
            body: UnsafeCell::new(Some((body, Context::current()))),
            result: UnsafeCell::new(None),
            trigger: trigger.clone(),
            traced: trace::spawn(None, Some(self.shared()), Kind::Installed),
        };
        // SAFETY: it stays here until the signal, which is the last that the worker does with it.
        self.shared().inject(unsafe { JobRef::new(NonNull::from(&installed).cast()) }, Arrival::New);
        let limits = Limits::unstoppable();
        event::wait_signal(&trigger, "a body installed in a pool", limits).expect("nothing stops this wait");
        // SAFETY: written before the signal.
        let result = installed.result.with_mut(|result| unsafe { (*result).take() });
        result.expect("there is a result at the signal").unwrap_or_else(|panic| resume_unwind(panic))
    }
}

impl<F: FnOnce() -> T + Send, T: Send> Installed<F, T> {
    /// # Safety
    /// `job` is that of an installed body, which has been taken out of a queue.
    unsafe fn run(job: NonNull<Job>, worker: Option<&Worker>) {
        // SAFETY: the job is the first field, and stays until the signal.
        let installed = unsafe { job.cast::<Self>().as_ref() };
        // SAFETY: this worker's.
        let body = installed.body.with_mut(|body| unsafe { (*body).take() });
        let (body, context) = body.expect("a job is run once");
        // What blocks here blocks this pool.
        let hook = worker.map(Worker::hook);
        trace::begins(worker, || Unit::of(Kind::Installed, installed.traced));
        let result = catch_unwind(AssertUnwindSafe(|| {
            let _entered = Context { hook, ..context }.enter();
            body()
        }));
        trace::ends(worker, || Unit::of(Kind::Installed, installed.traced));
        // SAFETY: this worker's, until the signal.
        installed.result.with_mut(|place| unsafe { *place = Some(result) });
        // Its own handle, for the signal sets the caller free to leave.
        let trigger = installed.trigger.clone();
        trigger.signal(0);
    }
}
