//! The injector: where jobs wait that no worker has pushed, first come first served.
//!
//! Threads outside the pool put their jobs here, and workers those that are to wait their turn. It is a queue under a
//! lock, with its length beside it, so that a worker learns without the lock that there is nothing.

use std::collections::VecDeque;

use reweave_core::sync::Mutex;
use reweave_core::sync::atomic::{AtomicUsize, Ordering};

use crate::job::JobRef;

/// A queue of jobs for all workers.
#[derive(Debug)]
pub(crate) struct Injector {
    jobs: Mutex<VecDeque<JobRef>>,
    /// How many there are: written under the lock, by read-modify-writes.
    len: AtomicUsize,
}

impl Injector {
    pub(crate) fn new() -> Self {
        Self { jobs: Mutex::new(VecDeque::new()), len: AtomicUsize::new(0) }
    }

    /// Puts a job at the end. A full fence, as [`Deque::push`](crate::deque::Deque::push) is.
    pub(crate) fn push(&self, job: JobRef) {
        let mut jobs = self.jobs.lock();
        jobs.push_back(job);
        self.len.fetch_add(1, Ordering::AcqRel);
    }

    /// Takes the first.
    pub(crate) fn pop(&self) -> Option<JobRef> {
        if self.is_empty() {
            return None;
        }
        let mut jobs = self.jobs.lock();
        let job = jobs.pop_front()?;
        self.len.fetch_sub(1, Ordering::AcqRel);
        Some(job)
    }

    /// Whether there are none. One load.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many there are, at some moment during the call. One load.
    pub(crate) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }
}
