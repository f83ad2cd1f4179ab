//! The engine on real threads, a file a phenomenon. What interleavings and weak memory can do to it is in `models/`.

mod alternatives;
mod anomalies;
mod lifetimes;
mod limits;
mod outcomes;
mod reference;
mod snapshots;
mod starvation;
mod waiting;

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
