//! A worker pool: so many at a time, first come first served, and in the end all is done.
//!
//! The pattern, ready made, for whoever wants no more than that. Everything else is to be had of a [`Pool`], of which this is one: with as many
//! workers, a policy by which no more tasks run at a time even where some of them block, and in the order in which they came.

use crate::agenda::{Fairness, Policy};
use crate::pool::{Pool, Shared};
use crate::task::{Handle, Task};

/// So many workers, and what they are given to do: see the [module](self).
///
/// Dropped, it waits until all is done, as [`shutdown`](Self::shutdown) does.
///
/// # Examples
/// ```
/// use reweave_sched::WorkerPool;
///
/// let workers = WorkerPool::new(10);
/// let lengths: Vec<_> = ["a", "list", "of words"].map(|word| workers.submit(move || word.len())).into();
/// workers.shutdown();
/// let lengths: Vec<usize> = lengths.into_iter().map(|length| length.join().unwrap()).collect();
/// assert_eq!(lengths, [1, 4, 8]);
/// ```
#[derive(Debug)]
pub struct WorkerPool {
    handle: Handle,
    /// None: the system refuses threads.
    pool: Option<Pool>,
}

impl WorkerPool {
    /// So many workers; at least 1.
    ///
    /// Where the system refuses the threads, what is submitted is done by whoever submits it.
    pub fn new(workers: usize) -> Self {
        let policy = Policy::new().fairness(Fairness::Fifo).max_running(workers);
        match Pool::builder().threads(workers).name("worker").policy(policy).build() {
            Ok(pool) => Self { handle: pool.handle(), pool: Some(pool) },
            Err(_) => Self::sequential(),
        }
    }

    fn sequential() -> Self {
        Self { handle: Handle::of(Shared::sequential()), pool: None }
    }

    /// Has it done: after all that came before has begun, and as soon as a worker is free.
    ///
    /// A panic is the result of the task, and harms nobody else.
    pub fn submit<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Task<T> {
        self.handle.spawn(work)
    }

    /// Whether there are no threads, and everything is done by whoever submits it.
    pub fn is_sequential(&self) -> bool {
        self.pool.is_none()
    }

    /// Waits until all that was submitted is done, and ends the threads.
    pub fn shutdown(self) {
        // What waits is the drop of the pool.
    }
}

#[cfg(all(test, not(any(reweave_loom, reweave_shuttle))))]
mod tests {
    use std::time::Duration;

    use reweave_core::sync::atomic::{AtomicUsize, Ordering};
    use reweave_core::sync::{Arc, thread};

    use super::WorkerPool;

    #[test]
    fn all_is_done_at_the_end_and_no_more_run_at_a_time_than_there_are_workers() {
        let workers = WorkerPool::new(3);
        let (now, most, done) =
            (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        for _ in 0..30 {
            let (now, most, done) = (now.clone(), most.clone(), done.clone());
            workers
                .submit(move || {
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    // A wait that the pool makes up for.
                    reweave_core::time::sleep(Duration::from_millis(2)).unwrap();
                    now.fetch_sub(1, Ordering::SeqCst);
                    done.fetch_add(1, Ordering::SeqCst);
                })
                .detach();
        }
        workers.shutdown();
        assert_eq!((done.load(Ordering::SeqCst), most.load(Ordering::SeqCst)), (30, 3));
    }

    #[test]
    fn without_threads_whoever_submits_does_the_work() {
        let workers = WorkerPool::sequential();
        assert!(workers.is_sequential() && !WorkerPool::new(1).is_sequential());
        let here = thread::current().id();
        assert!(workers.submit(move || thread::current().id() == here).join().unwrap());
        assert!(workers.submit(|| panic!("contained")).join().map(|(): ()| ()).is_err());
        workers.shutdown();
    }
}
