//! Single operations of atoms on one thread, system beside system.
//!
//! `cargo bench -p reweave-benches --bench atoms` runs them all; a word after `--` chooses those whose name contains
//! it. Several threads on one atom are measured by `reweave bench atoms`.
//!
//! | group | operation |
//! |---|---|
//! | `load` | gets the value, and reads the number in it |
//! | `swap` | replaces the value by one computed from it |

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main};
use reweave_benches::systems::{arc_swap, mutex, reweave, rwlock};
use reweave_benches::workload::atoms::Atom;

fn load<A: Atom>(group: &mut BenchmarkGroup<'_, WallTime>, name: &str) {
    let atom = A::new(1);
    group.bench_function(name, |b| b.iter(|| atom.load()));
}

fn swap<A: Atom>(group: &mut BenchmarkGroup<'_, WallTime>, name: &str) {
    let atom = A::new(1);
    group.bench_function(name, |b| b.iter(|| atom.swap(|value| value.wrapping_add(1))));
}

/// Both operations.
fn atoms(c: &mut Criterion) {
    let mut group = c.benchmark_group("load");
    load::<reweave::Atom>(&mut group, "reweave");
    load::<arc_swap::Atom>(&mut group, "arc-swap");
    load::<mutex::Atom>(&mut group, "mutex");
    load::<rwlock::Atom>(&mut group, "rwlock");
    group.finish();

    let mut group = c.benchmark_group("swap");
    swap::<reweave::Atom>(&mut group, "reweave");
    swap::<arc_swap::Atom>(&mut group, "arc-swap");
    swap::<mutex::Atom>(&mut group, "mutex");
    swap::<rwlock::Atom>(&mut group, "rwlock");
    group.finish();
}

criterion_group!(benches, atoms);
criterion_main!(benches);
