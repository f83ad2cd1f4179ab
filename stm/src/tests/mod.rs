//! The engine on real threads, a file a phenomenon. What interleavings and weak memory can do to it is in `models/`.

mod alternatives;
mod anomalies;
mod lifetimes;
mod limits;
mod memory;
mod outcomes;
mod reference;
mod snapshots;
mod starvation;
mod waiting;

use std::time::{Duration, Instant};

use reweave_core::sync::{Arc, thread};

/// Runs `body(index)` on `count` threads and returns their results.
fn on_threads<T: Send + 'static>(count: usize, body: impl Fn(usize) -> T + Send + Sync + 'static) -> Vec<T> {
    let body = Arc::new(body);
    let threads: Vec<_> = (0..count)
        .map(|index| {
            let body = body.clone();
            thread::spawn(move || body(index))
        })
        .collect();
    threads.into_iter().map(|thread| thread.join().expect("no test thread panics")).collect()
}

/// Waits until something holds that is only a matter of time; 10 s of it at most.
fn becomes(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(Instant::now() < deadline, "not in 10 s: {what}");
        thread::yield_now();
    }
}
