//! Timers: one set and cancelled again beside many others that wait, on one thread.
//!
//! `cargo bench -p reweave-benches --bench time` runs them all; a word after `--` chooses those whose name contains it.
//!
//! | group | operation |
//! |---|---|
//! | `set and cancel` | a token with a deadline made and dropped, by the real clock, while so many others wait for theirs |
//!
//! The others' deadlines are spread over an hour, and the one that comes and goes lies among them, so the wheel's slots are
//! neither empty nor next to one another. Were a removal a search, the last row would be thousands of times the first.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use reweave_core::cancel::Token;

const HOUR: Duration = Duration::from_secs(3600);

fn set_and_cancel(c: &mut Criterion) {
    let mut group = c.benchmark_group("set and cancel");
    for others in [0_u32, 1_000, 100_000] {
        // The first is due in a minute, so none fires while it is measured, and the timer thread sleeps.
        let _waiting: Vec<Token> =
            (0..others).map(|other| Token::with_timeout(HOUR / 60 + HOUR * other / others)).collect();
        group.bench_function(BenchmarkId::from_parameter(others), |b| {
            b.iter(|| drop(black_box(Token::with_timeout(black_box(HOUR / 2)))));
        });
    }
    group.finish();
}

criterion_group!(benches, set_and_cancel);
criterion_main!(benches);
