//! A job: what stands in a queue and is run by one worker, once.
//!
//! A job is the first field of something larger (half of a `join` on its owner's stack, a task on the heap) and says by a
//! function pointer how that is run. So a queue's item is one word, whatever it is.

use std::ptr::NonNull;

use crate::deque::Word;
use crate::worker::Worker;

/// How to run what this is the first field of.
#[derive(Debug)]
pub(crate) struct Job {
    run: unsafe fn(NonNull<Self>, &Worker),
}

impl Job {
    /// # Safety
    /// `run` is given the address of this job, by one worker, once.
    pub(crate) const unsafe fn new(run: unsafe fn(NonNull<Self>, &Worker)) -> Self {
        Self { run }
    }
}

/// A job in a queue. Whoever takes it out runs it, once; until then what it is part of stays where it is.
#[derive(Debug)]
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
        unsafe { (self.0.as_ref().run)(self.0, worker) }
    }

    /// Whether it is this one.
    pub(crate) fn is(&self, job: NonNull<Job>) -> bool {
        self.0 == job
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
