//! The crate `chili` 0.2: forks and joins that are offered to other threads at a heartbeat only.
//!
//! The thread that asks is one of a pool's threads, so one fewer is started; the heartbeat has a thread of its own, which
//! sleeps in between.

use std::num::NonZero;

use chili::{Config, Scope, ThreadPool};

use crate::workload::sched::pool::{self, Install, Join};

/// A pool of its threads.
#[derive(Debug)]
pub struct Pool(ThreadPool);

impl pool::Pool for Pool {
    fn start(threads: usize) -> Result<Self, String> {
        Ok(Self(ThreadPool::with_config(Config { thread_count: NonZero::new(threads), ..Config::default() })))
    }
}

impl Install for Pool {
    fn install<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        work()
    }
}

impl Join for Pool {
    type Branch<'pool> = Scope<'pool>;

    fn branch(&self) -> Scope<'_> {
        self.0.scope()
    }

    #[inline]
    fn join<L: Send, R: Send>(
        branch: &mut Scope<'_>,
        left: impl FnOnce(&mut Scope<'_>) -> L + Send,
        right: impl FnOnce(&mut Scope<'_>) -> R + Send,
    ) -> (L, R) {
        branch.join(left, right)
    }
}
