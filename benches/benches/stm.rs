//! Single operations of the transactional memory on one thread, beside the same operation with locks.
//!
//! `cargo bench -p reweave-benches` runs them all; a word after `--` chooses those whose name contains it.
//!
//! | group | operation |
//! |---|---|
//! | `empty`, `read1`, `counter`, `transfer` | as the workloads of that name in `reweave bench stm`, on all systems |
//! | `write` | one variable, written without being read |
//! | `commit` | 1, 2, 8 or 64 variables, each read and written |
//! | `sum` | 1,024 variables at one moment |
//! | `load`, `store` | one variable outside transactions |
//!
//! The lock in the comparisons is a `parking_lot` mutex for each variable; several are taken in order and held together.

use std::hint::black_box;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, criterion_group, criterion_main};
use crossbeam_utils::CachePadded;
use parking_lot::Mutex;
use reweave_benches::systems::locked::Locked;
use reweave_benches::systems::place::Padded;
use reweave_benches::systems::{atomics, fast_stm, mutex, reweave, rwlock, stm, two_phase};
use reweave_benches::workload::bank::Bank;
use reweave_benches::workload::stm::counters::{Cells, Counters};
use reweave_benches::workload::stm::memory::Memory;
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

type Group<'a> = BenchmarkGroup<'a, WallTime>;

fn empty<M: Memory>(group: &mut Group<'_>, name: &str) {
    let memory = M::new();
    group.bench_function(name, |b| b.iter(|| memory.atomically(|_| Ok(black_box(1)))));
}

fn read1<C: Counters>(group: &mut Group<'_>, name: &str) {
    let counters = C::new(1);
    group.bench_function(name, |b| b.iter(|| counters.get(0)));
}

fn counter<C: Counters>(group: &mut Group<'_>, name: &str) {
    let counters = C::new(1);
    group.bench_function(name, |b| b.iter(|| counters.add(0)));
}

fn transfer<B: Bank>(group: &mut Group<'_>, name: &str) {
    let bank = B::open(2, i64::MAX / 2);
    let mut from = 0;
    group.bench_function(name, |b| {
        b.iter(|| {
            from = 1 - from;
            bank.transfer(from, 1 - from, 1)
        });
    });
}

/// The shortest transactions, system beside system.
fn shortest(c: &mut Criterion) {
    let mut group = c.benchmark_group("empty");
    empty::<reweave::Memory<Padded>>(&mut group, "reweave");
    empty::<Locked<mutex::Alone, Padded>>(&mut group, "mutex");
    empty::<Locked<rwlock::Shared, Padded>>(&mut group, "rwlock");
    empty::<stm::Memory>(&mut group, "stm");
    empty::<fast_stm::Memory>(&mut group, "fast-stm");
    group.finish();

    macro_rules! counters {
        ($group:ident) => {
            let mut group = c.benchmark_group(stringify!($group));
            $group::<Cells<reweave::Memory<Padded>>>(&mut group, "reweave");
            $group::<Cells<Locked<mutex::Alone, Padded>>>(&mut group, "mutex");
            $group::<Cells<Locked<rwlock::Shared, Padded>>>(&mut group, "rwlock");
            $group::<two_phase::Counters>(&mut group, "2pl");
            $group::<Cells<stm::Memory>>(&mut group, "stm");
            $group::<Cells<fast_stm::Memory>>(&mut group, "fast-stm");
            $group::<atomics::Counters>(&mut group, "atomics");
            group.finish();
        };
    }
    counters!(read1);
    counters!(counter);

    let mut group = c.benchmark_group("transfer");
    transfer::<reweave::Accounts<Padded>>(&mut group, "reweave");
    transfer::<mutex::Accounts<Padded>>(&mut group, "mutex");
    transfer::<rwlock::Accounts<Padded>>(&mut group, "rwlock");
    transfer::<two_phase::Accounts<Padded>>(&mut group, "2pl");
    transfer::<stm::Accounts>(&mut group, "stm");
    transfer::<fast_stm::Accounts>(&mut group, "fast-stm");
    group.finish();
}

/// One variable, written; and outside transactions.
fn one(c: &mut Criterion) {
    let (engine, variables) = variables(1);
    let (variable, lock) = (&variables[0], &locked(1)[0]);

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

criterion_group!(benches, shortest, one, commit, sum);
criterion_main!(benches);
