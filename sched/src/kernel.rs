//! A pool without threads, for models: whoever asks is one of its workers for a while, and works as often as it likes.
//!
//! Under loom the threads of a pool are dear: each is started, looks around, sleeps and is woken before and after what a model
//! is about. Here the model's own threads are the workers, none of them sleeps for want of work, and everything else is
//! as in a pool.

use reweave_core::context::Context;
use reweave_core::sync::Arc;

use crate::agenda::Policy;
use crate::pool::{Builder, Pool, Shared};
use crate::task::Handle;
use crate::worker::Worker;

/// A pool whose threads are those of a model.
pub struct Kernel(Arc<Shared>);

/// A worker, for as long as the thread is it.
pub struct Desk<'a>(&'a Worker);

impl Kernel {
    /// A pool with so many workers, that nobody is yet.
    pub fn new(workers: usize) -> Self {
        Self::of(Pool::builder().threads(workers))
    }

    /// The same with a policy.
    pub fn with(workers: usize, policy: Policy) -> Self {
        Self::of(Pool::builder().threads(workers).policy(policy))
    }

    /// The workers of such a pool.
    pub fn of(pool: Builder) -> Self {
        Self(Shared::without_threads(pool.spare_threads(0)))
    }

    /// Runs `body` as this worker, as if it were a job. One thread at a time.
    pub fn work<R>(&self, index: usize, body: impl FnOnce(&Desk<'_>) -> R) -> R {
        let hook = Shared::hook(&self.0);
        let worker = self.0.worker(index).expect("made with the kernel");
        worker.sit_down(hook.clone(), self.0.clone());
        let result = {
            let _entered = Context { hook: Some(hook), ..Context::default() }.enter();
            body(&Desk(worker))
        };
        drop(worker.leave());
        result
    }

    /// What starts tasks in it, looks at them and cancels them.
    pub fn handle(&self) -> Handle {
        Handle::of(self.0.clone())
    }

    /// Takes no more from outside, if all is done: whether it is.
    pub fn close_if_done(&self) -> bool {
        self.0.close_if_done()
    }

    /// Shuts it down: nothing new comes in from outside, and it is over when everything is done.
    pub fn shut(&self) {
        self.0.shut();
    }

    /// Whether all was done after it had been shut.
    pub fn is_over(&self) -> bool {
        self.0.is_over()
    }

    /// Has a sleeper leave word with this worker.
    pub fn feed(&self, index: usize) {
        self.0.worker(index).expect("made with the kernel").feed();
    }
}

impl Desk<'_> {
    /// Runs a job, if there is one: an own one, an injected one, or another worker's.
    pub fn work_once(&self) -> bool {
        match self.0.look() {
            Some(job) => self.0.execute(job),
            None => {
                self.0.settle();
                return false;
            }
        }
        true
    }
}
