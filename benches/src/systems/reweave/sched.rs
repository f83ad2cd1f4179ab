//! This project's scheduler.

use std::cell::RefCell;
use std::time::Duration;

use reweave_core::sync::thread_local;
use reweave_sched::trace::{Recorder, Trace};
use reweave_sched::{Handle, Policy};

use crate::workload::sched::pool::{self, Install, Join, Map, Queue, Scope, Spawn, Task};

thread_local! {
    /// For pools that are started on this thread: how many events their workers are to keep, and who records those that were started.
    static TRACED: RefCell<Option<(usize, Vec<Recorder>)>> = const { RefCell::new(None) };
}

/// Runs `work` on this thread, and records what the pools do that it starts here, with so many events a worker.
pub fn traced<R>(events: usize, work: impl FnOnce() -> R) -> (R, Vec<Trace>) {
    TRACED.with(|traced| *traced.borrow_mut() = Some((events, Vec::new())));
    let result = work();
    let recorders = TRACED.with(|traced| traced.borrow_mut().take()).map_or_else(Vec::new, |(_, recorders)| recorders);
    (result, recorders.iter().map(Recorder::snapshot).collect())
}

/// A pool of its workers.
#[derive(Debug)]
pub struct Pool(reweave_sched::Pool);

impl pool::Pool for Pool {
    fn start(threads: usize) -> Result<Self, String> {
        let builder = reweave_sched::Pool::builder().threads(threads).name("bench");
        let started = TRACED.with(|traced| match &mut *traced.borrow_mut() {
            None => builder.build(),
            Some((events, recorders)) => builder.trace(*events).build().inspect(|pool| {
                let recorder = pool.trace().expect("it is built for it");
                recorder.start();
                recorders.push(recorder.clone());
            }),
        });
        started.map(Self).map_err(|error| error.to_string())
    }
}

/// The same, which keeps an account of its tasks: their numbers, times and states.
#[derive(Debug)]
pub struct Observed(Pool);

impl pool::Pool for Observed {
    fn start(threads: usize) -> Result<Self, String> {
        let builder = reweave_sched::Pool::builder().threads(threads).policy(Policy::new().observed(1_000));
        builder.build().map(|pool| Self(Pool(pool))).map_err(|error| error.to_string())
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
        reweave_sched::join(|| left(&mut ()), || right(&mut ()))
    }
}

impl Scope for Pool {
    #[inline]
    fn spawn_each(&self, jobs: usize, job: impl Fn(usize) + Send + Sync) {
        let job = &job;
        reweave_sched::scope(|scope| {
            for index in 0..jobs {
                scope.spawn(move || job(index));
            }
        });
    }
}

impl Map for Pool {
    fn map(&self, items: &[u64], f: impl Fn(u64) -> u64 + Send + Sync) -> Vec<u64> {
        reweave_sched::par_map(items, |&item| f(item))
    }
}

impl Queue for Pool {
    fn run<T: Task>(&self, root: T) {
        reweave_sched::scope(|scope| run(root, scope));
    }

    fn idle(&self) -> Option<Duration> {
        let stats = self.0.stats();
        let busy: u64 = stats.workers.iter().map(|worker| worker.busy_ns).sum();
        Some(Duration::from_nanos((stats.uptime_ns * self.0.threads() as u64).saturating_sub(busy)))
    }
}

fn run<'scope, T: Task + 'scope>(task: T, scope: &'scope reweave_sched::Scope<'scope, '_>) {
    task.run(|child| scope.spawn(move || run(child, scope)));
}

impl Spawn for Pool {
    type Spawner = Handle;

    fn spawner(&self) -> Handle {
        self.0.handle()
    }

    fn spawn<T: Send + 'static>(
        spawner: &Handle,
        task: impl Future<Output = T> + Send + 'static,
    ) -> impl Future<Output = T> + Send {
        let task = spawner.spawn_async(task);
        async move { task.await.expect("the task does not fail") }
    }
}

impl Spawn for Observed {
    type Spawner = Handle;

    fn spawner(&self) -> Handle {
        self.0.spawner()
    }

    fn spawn<T: Send + 'static>(
        spawner: &Handle,
        task: impl Future<Output = T> + Send + 'static,
    ) -> impl Future<Output = T> + Send {
        Pool::spawn(spawner, task)
    }
}
