//! Every system on every workload that it offers, and pools that are wrong in each way that a check must see.

use std::any::Any;
use std::time::Duration;

use reweave_core::sync::Arc;
use reweave_core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::pool::{Install, Join, Map, Pool, Queue, Scope, Spawn, Task};
use super::*;
use crate::workload::Queueing;

fn trial(threads: usize) -> Trial {
    Trial { threads, window: Duration::from_millis(1), seed: 1 }
}

/// The workloads, with rounds that are over soon without any optimisation.
fn small() -> [Sched; 7] {
    ALL.map(|workload| Sched {
        size: match workload.work {
            Work::Join => 8,
            Work::Await => 4,
            Work::Skew => 1_000,
            Work::Scope | Work::Map | Work::Unbalanced | Work::Fine => 500,
        },
        ..workload
    })
}

#[test]
fn every_system_runs_what_it_offers() {
    for workload in small() {
        for system in workload.systems() {
            for threads in [1, 3] {
                let sample = workload.trial(system, &trial(threads)).unwrap();
                assert!(sample.ops > 0 && sample.ops_per_sec > 0.0 && sample.ns_per_op > 0.0, "{sample:?}");
                assert!(sample.aborts.is_empty() && sample.audits_per_sec.is_none());
                let queued = matches!(workload.work, Work::Unbalanced | Work::Fine);
                assert_eq!(sample.queueing.is_some(), queued, "{workload:?}");
                if let Some(Queueing { start_ns, idle_share }) = sample.queueing {
                    assert!(start_ns.median > 0.0 && start_ns.p99 >= start_ns.median, "{start_ns:?}");
                    assert_eq!(idle_share.is_some(), ["reweave", "shared-queue"].contains(&system));
                    assert!(idle_share.is_none_or(|share| (0.0..=1.0).contains(&share)), "{idle_share:?}");
                }
            }
        }
    }
}

#[test]
fn systems_offer_what_they_can() {
    let offered = |work: Work| ALL.iter().find(|workload| workload.work == work).unwrap().systems();
    assert_eq!(offered(Work::Join), ["reweave", "rayon", "chili"]);
    assert_eq!(offered(Work::Await), ["reweave", "reweave-observed", "tokio", "async-executor"]);
    assert_eq!(offered(Work::Scope), ["reweave", "rayon"]);
    assert_eq!(offered(Work::Map), ["reweave", "rayon"]);
    for work in [Work::Skew, Work::Unbalanced, Work::Fine] {
        assert_eq!(offered(work), ["reweave", "rayon", "shared-queue"]);
    }
    for workload in &ALL {
        assert!(workload.baselines().iter().all(|baseline| workload.systems().contains(baseline)), "{workload:?}");
    }
    let error = ALL[0].trial("tokio", &trial(1)).unwrap_err().to_string();
    assert_eq!(error, "unknown system `tokio`: choose from reweave, rayon, chili");
}

#[test]
fn every_workload_can_be_traced() {
    use reweave_sched::trace::{Kind, What};

    for workload in small() {
        let trace = workload.trace(2, 1).unwrap();
        let begun = |kind| {
            let begins = |what: &What| matches!(what, What::Begin(unit) if unit.kind == kind);
            trace.tracks.iter().flat_map(|track| &track.events).filter(|event| begins(&event.what)).count()
        };
        // Two workers, what is outside, and perhaps one that has made up for another.
        assert!(trace.pool == "bench" && trace.tracks.len() >= 3, "{workload:?}");
        let expected = match workload.work {
            Work::Scope | Work::Unbalanced | Work::Fine => begun(Kind::Job),
            Work::Await => begun(Kind::Poll),
            // Whether halves are shared is a matter of chance.
            Work::Join | Work::Map | Work::Skew => begun(Kind::Installed),
        };
        assert!(expected > 0, "{workload:?}");
    }
    // And nothing else is, here or later.
    let untraced = <reweave::Pool as pool::Pool>::start(1).unwrap();
    drop(untraced);
    assert!(reweave::traced(10, || ()).1.is_empty());
}

#[test]
fn spawning_loops_have_a_figure_each() {
    let sample = small()[2].trial("tokio", &trial(3)).unwrap();
    assert!((sample.ns_per_op * sample.ops_per_sec - 3e9).abs() < 10.0, "{sample:?}");
}

/// What is wrong with a pool.
const LOSES: u8 = 0;
const REPEATS: u8 = 1;
const SWAPS: u8 = 2;
const CHANGES: u8 = 3;
const PANICS: u8 = 4;

/// A pool of the caller alone that does something wrong once, the first time that it can. What it is given it does at once.
struct Broken<const FAULT: u8>(AtomicBool);

impl<const FAULT: u8> Broken<FAULT> {
    /// Whether this is the one time that something goes wrong in this way.
    fn fails(&self, fault: u8) -> bool {
        FAULT == fault && !self.0.swap(true, Ordering::Relaxed)
    }
}

impl<const FAULT: u8> Pool for Broken<FAULT> {
    fn start(_: usize) -> Result<Self, String> {
        Ok(Self(AtomicBool::new(false)))
    }
}

impl<const FAULT: u8> Install for Broken<FAULT> {
    fn install<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        work()
    }
}

impl<const FAULT: u8> Join for Broken<FAULT> {
    type Branch<'pool> = &'pool Self;

    fn branch(&self) -> &Self {
        self
    }

    fn join<L: Send, R: Send>(
        branch: &mut &Self,
        left: impl FnOnce(&mut &Self) -> L + Send,
        right: impl FnOnce(&mut &Self) -> R + Send,
    ) -> (L, R) {
        assert!(!branch.fails(PANICS), "on purpose");
        (left(branch), right(branch))
    }
}

impl<const FAULT: u8> Scope for Broken<FAULT> {
    fn spawn_each(&self, jobs: usize, job: impl Fn(usize) + Send + Sync) {
        for index in 0..jobs {
            if self.fails(REPEATS) {
                job(index);
            }
            if !self.fails(LOSES) {
                job(index);
            }
        }
    }
}

impl<const FAULT: u8> Map for Broken<FAULT> {
    fn map(&self, items: &[u64], f: impl Fn(u64) -> u64 + Send + Sync) -> Vec<u64> {
        let mut results: Vec<u64> = items.iter().map(|&item| f(item)).collect();
        if self.fails(LOSES) {
            results.pop();
        }
        if self.fails(SWAPS) {
            results.swap(1, 2);
        }
        if self.fails(CHANGES) {
            results[7] += 1;
        }
        results
    }
}

impl<const FAULT: u8> Queue for Broken<FAULT> {
    fn run<T: Task>(&self, root: T) {
        let mut tasks = vec![root];
        while let Some(task) = tasks.pop() {
            let mut children = Vec::new();
            task.run(|child| children.push(child));
            if self.fails(LOSES) {
                children.pop();
            }
            tasks.extend(children);
        }
    }
}

/// A pool that runs futures as another does, and changes the tenth number that one of them returns.
struct Forgetful(async_executor::Pool);

impl Pool for Forgetful {
    fn start(threads: usize) -> Result<Self, String> {
        async_executor::Pool::start(threads).map(Self)
    }
}

impl Spawn for Forgetful {
    type Spawner = (<async_executor::Pool as Spawn>::Spawner, Arc<AtomicU64>);

    fn spawner(&self) -> Self::Spawner {
        (self.0.spawner(), Arc::default())
    }

    fn spawn<T: Send + 'static>(
        (spawner, numbers): &Self::Spawner,
        task: impl Future<Output = T> + Send + 'static,
    ) -> impl Future<Output = T> + Send {
        let numbers = Arc::clone(numbers);
        let task = async_executor::Pool::spawn(spawner, task);
        async move {
            let mut returned = task.await;
            if let Some(number) = (&mut returned as &mut (dyn Any + Send)).downcast_mut::<u64>() {
                *number += u64::from(numbers.fetch_add(1, Ordering::Relaxed) == 9);
            }
            returned
        }
    }
}

/// What a trial finds to be wrong with one thread.
fn finding(timed: Timed, size: usize) -> String {
    timed(size, "broken", &trial(1)).unwrap_err().to_string()
}

#[test]
fn a_pool_that_panics_gets_an_error() {
    let found = finding(join::trial::<Broken<PANICS>>, 4);
    assert_eq!(found, "broken with 1 thread: a thread panicked: on purpose");
}

#[test]
fn a_task_that_returns_something_else_gets_an_error() {
    let found = finding(awaiting::trial::<Forgetful>, 4);
    assert_eq!(found, "broken with 1 thread: a task that had to return 9 returned 10");
}

#[test]
fn jobs_that_are_lost_or_repeated_get_an_error() {
    let found = finding(scoped::trial::<Broken<LOSES>>, 10);
    assert_eq!(found, "broken with 1 thread: job 0 of a scope was run 0 times by the time that the scope ended");
    let found = finding(scoped::trial::<Broken<REPEATS>>, 10);
    assert_eq!(found, "broken with 1 thread: job 0 of a scope was run 2 times by the time that the scope ended");
}

#[test]
fn maps_that_are_wrong_get_an_error() {
    let found = finding(map::even::<Broken<LOSES>>, 20);
    assert_eq!(found, "broken with 1 thread: a map of 20 items had 19 results");
    for found in [
        finding(map::even::<Broken<SWAPS>>, 20),
        finding(map::even::<Broken<CHANGES>>, 20),
        finding(map::skewed::<Broken<SWAPS>>, 200),
    ] {
        assert!(found.ends_with("results that are not those of its items, or not in their order"), "{found}");
    }
}

#[test]
fn trees_that_lose_tasks_get_an_error() {
    for timed in [queue::fine::<Broken<LOSES>> as Timed, queue::unbalanced::<Broken<LOSES>>] {
        let found = finding(timed, 100);
        assert!(found.starts_with("broken with 1 thread: of a tree of 100 tasks "), "{found}");
    }
}
