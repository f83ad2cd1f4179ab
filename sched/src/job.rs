//! A job: what stands in a queue and is run by one worker, once.
//!
//! A job is the first field of something larger (half of a `join` on its owner's stack, a task on the heap) and says by a
//! function pointer how that is run. So a queue's item is one word, whatever it is.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{NonNull, null};

use crate::deque::Word;
use crate::worker::Worker;

/// How to run what this is the first field of, and whose it is.
#[derive(Debug)]
pub(crate) struct Job {
    run: Run,
    group: *const (),
}

// SAFETY: the group is compared with others, and never looked at.
unsafe impl Send for Job {}
// SAFETY: as above.
unsafe impl Sync for Job {}

/// Runs the job; the worker is the current thread, or there is none.
type Run = unsafe fn(NonNull<Job>, Option<&Worker>);

impl Job {
    /// A job of nobody in particular.
    ///
    /// # Safety
    /// `run` may be given the address of this job, once, in any thread.
    pub(crate) const unsafe fn new(run: Run) -> Self {
        // SAFETY: passed on.
        unsafe { Self::of(null(), run) }
    }

    /// A job that is known to belong to this group: an address, for whoever waits for the group ([`JobRef::group`]).
    ///
    /// # Safety
    /// As [`new`](Self::new).
    pub(crate) const unsafe fn of(group: *const (), run: Run) -> Self {
        Self { run, group }
    }
}

/// A job in a queue. Whoever takes it out runs it, once; until then what it is part of stays where it is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct JobRef(NonNull<Job>);

// SAFETY: whatever is queued may be run by any worker: those who queue it see to that.
unsafe impl Send for JobRef {}

impl JobRef {
    /// # Safety
    /// The job lives until it has been run, which may happen in any thread.
    pub(crate) unsafe fn new(job: NonNull<Job>) -> Self {
        Self(job)
    }

    /// Runs it. Does not unwind.
    pub(crate) fn run(self, worker: &Worker) {
        // SAFETY: it has been taken out of its queue, so it is run once; the pointer is good (`new`).
        unsafe { (self.0.as_ref().run)(self.0, Some(worker)) }
    }

    /// Runs it in a thread that is no worker.
    pub(crate) fn run_without_worker(self) {
        // SAFETY: as in `run`.
        unsafe { (self.0.as_ref().run)(self.0, None) }
    }

    /// Where it is.
    pub(crate) fn address(&self) -> NonNull<Job> {
        self.0
    }

    /// The group that it is known to belong to.
    pub(crate) fn group(&self) -> *const () {
        // SAFETY: it has not been run yet.
        unsafe { self.0.as_ref() }.group
    }
}

// SAFETY: the word is the pointer.
unsafe impl Word for JobRef {
    fn into_word(self) -> NonNull<()> {
        self.0.cast()
    }

    unsafe fn from_word(word: NonNull<()>) -> Self {
        Self(word.cast())
    }
}

/// Runs user code whose panic harms nobody else, such as a destructor. What it panics with is not dropped: that might panic again.
pub(crate) fn quietly(user_code: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(user_code)) {
        std::mem::forget(panic);
    }
}
