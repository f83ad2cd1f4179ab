//! Single operations of channels on one thread, system beside system.
//!
//! `cargo bench -p reweave-benches --bench channels` runs them all; a word after `--` chooses those whose name contains
//! it. Between threads `reweave bench channels` measures.
//!
//! | group | operation |
//! |---|---|
//! | `pair/bounded`, `pair/unbounded` | a message sent and received |
//! | `select` | the choice between two channels that are both ready, and a message sent to replace the one received |

use std::hint::black_box;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main};
use reweave_benches::systems::{crossbeam, flume, kanal, reweave, std_mpsc};
use reweave_benches::workload::channels::{Capacity, Channel, Select};

/// How much a bounded channel holds.
const BOUND: usize = 100;

/// A message sent and received.
fn pair<C: Channel>(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, capacity: Capacity) {
    let (sender, receiver) = C::open(capacity);
    group.bench_function(name, |b| {
        b.iter(|| {
            assert!(C::send(&sender, black_box(1)));
            C::recv(&receiver)
        });
    });
}

/// A message received from one of two channels, and another sent to it.
fn choice<C: Select>(group: &mut BenchmarkGroup<'_, WallTime>, name: &str) {
    let channels = [C::open(Capacity::Bounded(BOUND)), C::open(Capacity::Bounded(BOUND))];
    let [(first_in, first), (second_in, second)] = &channels;
    assert!(C::send(first_in, 1) && C::send(second_in, 1));
    group.bench_function(name, |b| {
        b.iter(|| {
            let (from, message) = C::select(first, second).expect("both channels are open");
            assert!(C::send(&channels[from].0, message));
        });
    });
}

/// Sends and receives, with a bound and without.
fn pairs(c: &mut Criterion) {
    let mut group = c.benchmark_group("pair/bounded");
    let bounded = Capacity::Bounded(BOUND);
    pair::<reweave::Channel>(&mut group, "reweave", bounded);
    pair::<crossbeam::Channel>(&mut group, "crossbeam", bounded);
    pair::<kanal::Channel>(&mut group, "kanal", bounded);
    pair::<flume::Channel>(&mut group, "flume", bounded);
    pair::<std_mpsc::SyncChannel>(&mut group, "std", bounded);
    group.finish();

    let mut group = c.benchmark_group("pair/unbounded");
    let unbounded = Capacity::Unbounded;
    pair::<reweave::Channel>(&mut group, "reweave", unbounded);
    pair::<crossbeam::Channel>(&mut group, "crossbeam", unbounded);
    pair::<kanal::Channel>(&mut group, "kanal", unbounded);
    pair::<flume::Channel>(&mut group, "flume", unbounded);
    pair::<std_mpsc::Channel>(&mut group, "std", unbounded);
    group.finish();
}

/// Choices between two channels.
fn choices(c: &mut Criterion) {
    let mut group = c.benchmark_group("select");
    choice::<reweave::Channel>(&mut group, "reweave");
    choice::<crossbeam::Channel>(&mut group, "crossbeam");
    choice::<flume::Channel>(&mut group, "flume");
    group.finish();
}

criterion_group!(benches, pairs, choices);
criterion_main!(benches);
