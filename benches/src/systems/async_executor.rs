//! The crate `async-executor` 1, run by as many threads as asked for: the way that `smol` is used on several.

use std::fmt;

use async_executor::Executor;
use flume::Sender;
use futures_lite::future::block_on;
use reweave_core::sync::{Arc, thread};

use crate::workload::sched::pool::{self, Spawn};

/// An executor and the threads that run it.
pub struct Pool {
    executor: Arc<Executor<'static>>,
    threads: Vec<thread::JoinHandle<()>>,
    /// Closed to end the threads.
    open: Option<Sender<()>>,
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("threads", &self.threads.len()).finish_non_exhaustive()
    }
}

impl pool::Pool for Pool {
    fn start(threads: usize) -> Result<Self, String> {
        let (open, closed) = flume::bounded(0);
        let mut pool = Self { executor: Arc::default(), threads: Vec::new(), open: Some(open) };
        for index in 0..threads {
            let (executor, closed) = (Arc::clone(&pool.executor), closed.clone());
            let body = move || {
                // The channel carries nothing: that it is closed is the message.
                let _closed = block_on(executor.run(closed.recv_async()));
            };
            let thread = thread::try_spawn(format!("executor-{index}"), body).map_err(|error| error.to_string())?;
            pool.threads.push(thread);
        }
        Ok(pool)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.open = None;
        for thread in self.threads.drain(..) {
            // A thread that a task panicked in has told so.
            drop(thread.join());
        }
    }
}

impl Spawn for Pool {
    type Spawner = Arc<Executor<'static>>;

    fn spawner(&self) -> Self::Spawner {
        Arc::clone(&self.executor)
    }

    #[inline]
    fn spawn<T: Send + 'static>(
        spawner: &Self::Spawner,
        task: impl Future<Output = T> + Send + 'static,
    ) -> impl Future<Output = T> + Send {
        spawner.spawn(task)
    }
}
