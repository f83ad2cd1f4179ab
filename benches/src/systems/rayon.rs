//! The crate `rayon` 1: work stealing for forks and joins, scopes and parallel iterators.

use rayon::iter::{IntoParallelRefIterator, ParallelIterator};
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::workload::sched::pool::{self, Install, Join, Map, Queue, Scope, Task};

/// A pool of its threads.
#[derive(Debug)]
pub struct Pool(ThreadPool);

impl pool::Pool for Pool {
    fn start(threads: usize) -> Result<Self, String> {
        ThreadPoolBuilder::new().num_threads(threads).build().map(Self).map_err(|error| error.to_string())
    }
}

impl Install for Pool {
    fn install<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        self.0.install(work)
    }
}

impl Join for Pool {
    type Branch<'pool> = ();

    fn branch(&self) {}

    #[inline]
    fn join<L: Send, R: Send>(
        (): &mut (),
        left: impl FnOnce(&mut ()) -> L + Send,
        right: impl FnOnce(&mut ()) -> R + Send,
    ) -> (L, R) {
        rayon::join(|| left(&mut ()), || right(&mut ()))
    }
}

impl Scope for Pool {
    #[inline]
    fn spawn_each(&self, jobs: usize, job: impl Fn(usize) + Send + Sync) {
        let job = &job;
        rayon::scope(|scope| {
            for index in 0..jobs {
                scope.spawn(move |_| job(index));
            }
        });
    }
}

impl Map for Pool {
    fn map(&self, items: &[u64], f: impl Fn(u64) -> u64 + Send + Sync) -> Vec<u64> {
        items.par_iter().map(|&item| f(item)).collect()
    }
}

impl Queue for Pool {
    fn run<T: Task>(&self, root: T) {
        rayon::scope(|scope| run(root, scope));
    }
}

fn run<'scope, T: Task + 'scope>(task: T, scope: &rayon::Scope<'scope>) {
    task.run(|child| scope.spawn(move |scope| run(child, scope)));
}
