//! The crate `tokio` 1: its runtime of several threads.

use tokio::runtime::{Builder, Handle, Runtime};

use crate::workload::sched::pool::{self, Spawn};

/// A runtime of its threads, and nothing but tasks: no timer, no input and output.
#[derive(Debug)]
pub struct Pool(Runtime);

impl pool::Pool for Pool {
    fn start(threads: usize) -> Result<Self, String> {
        Builder::new_multi_thread().worker_threads(threads).build().map(Self).map_err(|error| error.to_string())
    }
}

impl Spawn for Pool {
    type Spawner = Handle;

    fn spawner(&self) -> Handle {
        self.0.handle().clone()
    }

    #[inline]
    fn spawn<T: Send + 'static>(
        spawner: &Handle,
        task: impl Future<Output = T> + Send + 'static,
    ) -> impl Future<Output = T> + Send {
        let handle = spawner.spawn(task);
        async { handle.await.expect("the task neither panics nor is aborted") }
    }
}
