//! Memory for a step of work: an arena's scope beside the allocator, on one thread.
//!
//! `cargo bench -p reweave-benches --bench arena` runs them all; a word after `--` chooses those whose name contains it.
//!
//! | group | operation |
//! |---|---|
//! | `32 bytes` | one value of 32 bytes made and freed: in a scope that stays open for a thousand of them, in a scope of its own, in a box |
//! | `step` | 64 values of 32 bytes, all alive together, then all freed |
//! | `nested` | a scope in a scope, with one value each |

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use reweave_core::arena::{self, Arena};

type Value = [u64; 4];
const VALUE: Value = [1, 2, 3, 4];
/// Values in a step.
const STEP: usize = 64;
/// Values in a scope that shows what one of them costs by itself.
const MANY: usize = 1000;

fn value(c: &mut Criterion) {
    let arena = Arena::new();
    let mut group = c.benchmark_group("32 bytes");
    group.bench_function("scope, its share of 1,000", |b| {
        b.iter_custom(|iterations| {
            let rounds = iterations.div_ceil(MANY as u64);
            let begun = std::time::Instant::now();
            for _ in 0..rounds {
                arena.scope(|scope| {
                    for _ in 0..MANY {
                        black_box(scope.alloc(black_box(VALUE)));
                    }
                });
            }
            begun.elapsed().mul_f64(iterations as f64 / (rounds * MANY as u64) as f64)
        });
    });
    group.bench_function("scope", |b| b.iter(|| arena.scope(|scope| black_box(scope.alloc(black_box(VALUE)))[0])));
    group.bench_function("local", |b| b.iter(|| arena::local(|scope| black_box(scope.alloc(black_box(VALUE)))[0])));
    group.bench_function("box", |b| b.iter(|| black_box(Box::new(black_box(VALUE)))[0]));
    group.finish();
}

fn step(c: &mut Criterion) {
    let arena = Arena::new();
    let mut group = c.benchmark_group("step");
    group.bench_function("scope", |b| {
        b.iter(|| {
            arena.scope(|scope| {
                let values: [&mut Value; STEP] = std::array::from_fn(|_| scope.alloc(black_box(VALUE)));
                black_box(&values)[0][0]
            })
        });
    });
    group.bench_function("boxes", |b| {
        b.iter(|| {
            let values: [Box<Value>; STEP] = std::array::from_fn(|_| Box::new(black_box(VALUE)));
            black_box(&values)[0][0]
        });
    });
    group.finish();
}

fn nested(c: &mut Criterion) {
    let arena = Arena::new();
    c.bench_function("nested/scope", |b| {
        b.iter(|| {
            arena.scope(|outer| {
                let first = outer.alloc(black_box(VALUE));
                outer.scope(|inner| black_box(inner.alloc(*first))[0])
            })
        });
    });
}

criterion_group!(benches, value, step, nested);
criterion_main!(benches);
