//! Single operations of the transactional memory on one thread, beside the same operation with locks.
//!
//! `cargo bench -p reweave-benches` runs them all; a word after `--` chooses those whose name contains it.
//!
//! | group | operation |
//! |---|---|
//! | `empty` | a transaction that does nothing |
//! | `read`, `write` | one variable in a transaction |
//! | `commit` | 1, 2, 8 or 64 variables, each read and written |
//! | `sum` | 1,024 variables at one moment |
//! | `load`, `store` | one variable outside transactions |
//!
//! The lock in the comparisons is a `parking_lot` mutex for each variable; several are taken in order and held together.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use crossbeam_utils::CachePadded;
use parking_lot::Mutex;
use reweave_stm::{Engine, TVar};

/// Numbers of variables in a commit.
const COMMIT_SIZES: [usize; 4] = [1, 2, 8, 64];
/// How many variables the sums read.
const SUMMED: usize = 1024;

/// Variables of an engine of their own, each on cache lines of its own.
fn variables(count: usize) -> (Engine, Vec<TVar<i64>>) {
    let engine = Engine::new();
    let variables = (0..count).map(|_| TVar::new_padded_in(&engine, 1)).collect();
    (engine, variables)
}

/// The same behind locks.
fn locked(count: usize) -> Vec<CachePadded<Mutex<i64>>> {
    (0..count).map(|_| CachePadded::new(Mutex::new(1))).collect()
}

/// Transactions of no or one variable, and the same variable behind a lock.
fn one(c: &mut Criterion) {
    let (engine, variables) = variables(1);
    let (variable, lock) = (&variables[0], &locked(1)[0]);

    c.bench_function("empty/reweave", |b| b.iter(|| engine.atomically(|_| Ok(()))));

    let mut group = c.benchmark_group("read");
    group.bench_function("reweave", |b| b.iter(|| engine.atomically(|tx| variable.read(tx))));
    group.bench_function("lock", |b| b.iter(|| *lock.lock()));
    group.finish();

    let mut group = c.benchmark_group("write");
    group.bench_function("reweave", |b| b.iter(|| engine.atomically(|tx| variable.write(tx, black_box(2)))));
    group.bench_function("lock", |b| b.iter(|| *lock.lock() = black_box(2)));
    group.finish();

    c.bench_function("load/reweave", |b| b.iter(|| variable.load()));
    c.bench_function("store/reweave", |b| b.iter(|| variable.store(black_box(2))));
}

/// Transactions that read and write several variables, and the same under locks taken in order.
fn commit(c: &mut Criterion) {
    let mut group = c.benchmark_group("commit");
    for size in COMMIT_SIZES {
        let (engine, variables) = variables(size);
        group.bench_function(BenchmarkId::new("reweave", size), |b| {
            b.iter(|| engine.atomically(|tx| variables.iter().try_for_each(|variable| variable.modify(tx, |n| n + 1))));
        });
        let locks = locked(size);
        group.bench_function(BenchmarkId::new("locks", size), |b| {
            let mut held = Vec::with_capacity(size);
            b.iter(|| {
                for lock in &locks {
                    let mut value = lock.lock();
                    *value += 1;
                    held.push(value);
                }
                held.clear();
            });
        });
    }
    group.finish();
}

/// Sums of many variables at one moment: a snapshot, and all locks held together.
fn sum(c: &mut Criterion) {
    let mut group = c.benchmark_group(format!("sum of {SUMMED}"));
    let (engine, variables) = variables(SUMMED);
    group.bench_function("reweave", |b| {
        b.iter(|| engine.snapshot(|now| variables.iter().map(|variable| now.read(variable)).sum::<i64>()));
    });
    let locks = locked(SUMMED);
    group.bench_function("locks", |b| {
        let mut held = Vec::with_capacity(SUMMED);
        b.iter(|| {
            held.extend(locks.iter().map(|lock| lock.lock()));
            let sum: i64 = held.iter().map(|value| **value).sum();
            held.clear();
            sum
        });
    });
    group.finish();
}

criterion_group!(benches, one, commit, sum);
criterion_main!(benches);
