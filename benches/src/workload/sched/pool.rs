//! What a system offers: a pool of threads, and one trait for each kind of work that it does.
//!
//! A trait asks for whole steps (a scope with so many jobs in it, a map) where a system's own interface has types and
//! lifetimes of its own, so that each adapter is what its users would write.

use std::time::Duration;

/// Threads that work together. Dropping it lets them go.
pub trait Pool: Send + Sync + Sized + 'static {
    /// Starts a pool of so many threads.
    ///
    /// # Errors
    /// A line that says what the system refused.
    fn start(threads: usize) -> Result<Self, String>;
}

/// A pool that work can be carried into.
pub trait Install: Pool {
    /// Runs `work` on a thread that belongs to the pool, so that what it forks and spawns stays there; on the caller, where
    /// the system counts the caller among its threads or has no such thing.
    fn install<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R;
}

/// A pool that does two things at once.
pub trait Join: Install {
    /// What a branch needs to fork again.
    type Branch<'pool>;

    /// The branch of installed work.
    fn branch(&self) -> Self::Branch<'_>;

    /// Does both, on two threads if another has time, and returns what they return.
    fn join<L: Send, R: Send>(
        branch: &mut Self::Branch<'_>,
        left: impl FnOnce(&mut Self::Branch<'_>) -> L + Send,
        right: impl FnOnce(&mut Self::Branch<'_>) -> R + Send,
    ) -> (L, R);
}

/// A pool with scopes: jobs that may borrow, and that have ended when their scope has.
pub trait Scope: Install {
    /// Opens a scope, spawns so many jobs in it one by one, of which the *i*-th calls `job(i)`, and waits for all of them.
    /// Called from installed work.
    fn spawn_each(&self, jobs: usize, job: impl Fn(usize) + Send + Sync);
}

/// A pool that applies a function to many items.
pub trait Map: Install {
    /// What `f` makes of each item, in the order of the items. Called from installed work.
    fn map(&self, items: &[u64], f: impl Fn(u64) -> u64 + Send + Sync) -> Vec<u64>;
}

/// A pool for tasks that spawn others.
pub trait Queue: Install {
    /// Runs a task, all that it spawns, and all that those spawn; returns when nothing is left. Called from installed work.
    fn run<T: Task>(&self, root: T);

    /// For how long threads of the pool have had no task so far, all of them together: asleep, looking for one, or waiting
    /// for a lock on the way to one. `None` where the system does not tell.
    fn idle(&self) -> Option<Duration> {
        None
    }
}

/// Something to do, which may lead to more.
pub trait Task: Send + Sized {
    /// Does it, and hands what follows from it to `spawn`.
    fn run(self, spawn: impl FnMut(Self));
}

/// A pool that runs futures as tasks.
pub trait Spawn: Pool {
    /// What a task needs to spawn another.
    type Spawner: Clone + Send + Sync + 'static;

    /// The means to spawn into this pool, from inside and from outside.
    fn spawner(&self) -> Self::Spawner;

    /// Spawns a future as a task, which begins whether or not it is awaited. The handle yields its output.
    ///
    /// # Panics
    /// The handle does when the task did.
    fn spawn<T: Send + 'static>(
        spawner: &Self::Spawner,
        task: impl Future<Output = T> + Send + 'static,
    ) -> impl Future<Output = T> + Send;
}
