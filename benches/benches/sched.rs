//! Single operations of schedulers in a pool of one thread, system beside system.
//!
//! `cargo bench -p reweave-benches --bench sched` runs them all; a word after `--` chooses those whose name contains it.
//! Several threads are measured by `reweave bench sched`.
//!
//! | group | operation |
//! |---|---|
//! | `join` | a fork of two branches that return a number each, and the join |
//! | `join-tree` | the sum of 1,023 boxes, with a fork and a join at each |
//! | `scoped-spawn/1`, `scoped-spawn/100` | a scope with so many jobs, from opening it until all have run |
//! | `spawn-await` | inside a task: a task spawned and awaited |
//!
//! The loop runs in the pool, so that no operation begins with waking a thread.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main};
use futures_lite::future::block_on;
use reweave_benches::systems::{async_executor, chili, rayon, reweave, tokio};
use reweave_benches::workload::sched::join::Node;
use reweave_benches::workload::sched::pool::{Join, Pool, Scope, Spawn};

/// Layers of the tree that is summed.
const LAYERS: usize = 10;

type Group<'a> = BenchmarkGroup<'a, WallTime>;

/// A pool of one thread.
fn pool<P: Pool>() -> P {
    P::start(1).expect("a thread can be started")
}

/// How long so many operations take, one after another.
fn repeated(count: u64, mut operation: impl FnMut()) -> Duration {
    let begun = Instant::now();
    (0..count).for_each(|_| operation());
    begun.elapsed()
}

fn join<P: Join>(group: &mut Group<'_>, name: &str) {
    let pool = pool::<P>();
    group.bench_function(name, |b| {
        b.iter_custom(|count| {
            pool.install(|| {
                let mut branch = pool.branch();
                repeated(count, || {
                    black_box(P::join(&mut branch, |_| black_box(1), |_| black_box(2)));
                })
            })
        });
    });
}

fn join_tree<P: Join>(group: &mut Group<'_>, name: &str) {
    let (pool, tree) = (pool::<P>(), Node::tree(LAYERS, &mut fastrand::Rng::with_seed(1)));
    let sum = tree.sum();
    group.bench_function(name, |b| {
        b.iter_custom(|count| {
            pool.install(|| {
                let mut branch = pool.branch();
                repeated(count, || assert_eq!(tree.joined_sum::<P>(&mut branch), sum))
            })
        });
    });
}

fn scope<P: Scope>(group: &mut Group<'_>, name: &str, jobs: usize) {
    let pool = pool::<P>();
    let job = |index| {
        black_box(index);
    };
    group.bench_function(name, |b| {
        b.iter_custom(|count| pool.install(|| repeated(count, || pool.spawn_each(jobs, job))));
    });
}

fn spawn_await<P: Spawn>(group: &mut Group<'_>, name: &str) {
    let pool = pool::<P>();
    group.bench_function(name, |b| {
        b.iter_custom(|count| {
            let spawner = pool.spawner();
            let inside = spawner.clone();
            block_on(P::spawn(&spawner, async move {
                let begun = Instant::now();
                for number in 0..count {
                    assert_eq!(P::spawn(&inside, async move { black_box(number) }).await, number);
                }
                begun.elapsed()
            }))
        });
    });
}

/// Forks and joins.
fn joins(c: &mut Criterion) {
    let mut group = c.benchmark_group("join");
    join::<reweave::Pool>(&mut group, "reweave");
    join::<rayon::Pool>(&mut group, "rayon");
    join::<chili::Pool>(&mut group, "chili");
    group.finish();

    let mut group = c.benchmark_group("join-tree");
    join_tree::<reweave::Pool>(&mut group, "reweave");
    join_tree::<rayon::Pool>(&mut group, "rayon");
    join_tree::<chili::Pool>(&mut group, "chili");
    group.finish();
}

/// Scopes with few jobs and with many.
fn scopes(c: &mut Criterion) {
    for jobs in [1, 100] {
        let mut group = c.benchmark_group(format!("scoped-spawn/{jobs}"));
        scope::<reweave::Pool>(&mut group, "reweave", jobs);
        scope::<rayon::Pool>(&mut group, "rayon", jobs);
        group.finish();
    }
}

/// Tasks that are awaited.
fn tasks(c: &mut Criterion) {
    let mut group = c.benchmark_group("spawn-await");
    spawn_await::<reweave::Pool>(&mut group, "reweave");
    spawn_await::<reweave::Observed>(&mut group, "reweave-observed");
    spawn_await::<tokio::Pool>(&mut group, "tokio");
    spawn_await::<async_executor::Pool>(&mut group, "async-executor");
    group.finish();
}

criterion_group!(benches, joins, scopes, tasks);
criterion_main!(benches);
