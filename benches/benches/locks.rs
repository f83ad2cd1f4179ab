//! A lock taken and released by one thread, system beside system.
//!
//! `cargo bench -p reweave-benches --bench locks` runs it. Threads that contend are measured by `reweave bench locks`.

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main};
use reweave_benches::systems::{mutex, parking_lot, reweave};
use reweave_benches::workload::locks::Lock;

fn lock<L: Lock>(group: &mut BenchmarkGroup<'_, WallTime>, name: &str) {
    let lock = L::new(0);
    group.bench_function(name, |b| b.iter(|| lock.with(|count| *count += 1)));
}

/// Lock, count, unlock.
fn locks(c: &mut Criterion) {
    let mut group = c.benchmark_group("lock");
    lock::<reweave::Lock>(&mut group, "reweave");
    lock::<parking_lot::Lock>(&mut group, "parking_lot");
    lock::<mutex::Lock>(&mut group, "std");
    group.finish();
}

criterion_group!(benches, locks);
criterion_main!(benches);
