//! The injector: where jobs wait that no worker has pushed, first come first served.
//!
//! Threads outside the pool put their jobs here, and workers those that are to wait their turn. It is a queue under a
//! lock, with its length beside it, so that a worker learns without the lock that there is nothing.

use std::collections::VecDeque;

use reweave_core::seeded;
use reweave_core::sync::Mutex;
use reweave_core::sync::atomic::{AtomicUsize, Ordering};

use crate::job::JobRef;

/// A queue of jobs for all workers.
#[derive(Debug)]
pub(crate) struct Injector {
    queue: Mutex<Queue>,
    /// How many there are: written under the lock, by read-modify-writes.
    len: AtomicUsize,
}

#[derive(Debug)]
struct Queue {
    jobs: VecDeque<JobRef>,
    /// How many came from outside the pool's workers, from the start.
    pushed: u64,
    /// Takes no more.
    closed: bool,
}

/// Where a job comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum From {
    /// From outside the pool's queues: it is counted here.
    Outside,
    /// From another queue, where it was counted.
    Queue,
}

impl Injector {
    pub(crate) fn new() -> Self {
        let queue = Queue { jobs: VecDeque::new(), pushed: 0, closed: false };
        Self { queue: Mutex::new(queue), len: AtomicUsize::new(0) }
    }

    /// Puts a job at the end. A full fence, as [`Deque::push`](crate::deque::Deque::push) is.
    ///
    /// # Errors
    /// The job, if it comes too late.
    pub(crate) fn push(&self, job: JobRef, from: From) -> Result<(), JobRef> {
        let mut queue = self.queue.lock();
        if queue.closed && !seeded("pool/turn-nobody-away") {
            return Err(job);
        }
        queue.pushed += u64::from(from == From::Outside);
        queue.jobs.push_back(job);
        self.len.fetch_add(1, Ordering::AcqRel);
        Ok(())
    }

    /// Takes no more from now on, if all is done, of which so many jobs came from outside. Tells whether it is.
    ///
    /// In one step: a job that comes at the same time is counted, or turned away.
    pub(crate) fn close_if(&self, done: impl FnOnce(u64) -> bool) -> bool {
        let mut queue = self.queue.lock();
        queue.closed |= done(queue.pushed);
        queue.closed
    }

    /// Takes the first.
    pub(crate) fn pop(&self) -> Option<JobRef> {
        if self.is_empty() {
            return None;
        }
        let mut queue = self.queue.lock();
        let job = queue.jobs.pop_front()?;
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
