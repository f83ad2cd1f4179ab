//! Linearizability of the product's objects: each with a sequential model, in scenarios of two and three threads.
//!
//! A new object is a file here, with its `MODELS` listed by its component, and a test on real threads. How to declare
//! one is told in [`histories`](crate::histories).

pub mod atom;
pub mod cancel;
pub mod channel;
pub mod deque;
pub mod gates;
mod held;
pub mod lock;
pub mod mailbox;
pub mod promise;
pub mod rw;
pub mod semaphore;
pub mod stm;
pub mod time;
pub mod trigger;

/// The scenarios that the models under shuttle choose from.
const SEEDS: &[u64] = &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24];

/// Runs the plan on real threads, again and again until operations of different threads have overlapped: on a busy machine
/// one thread may be through before the next begins, and a history without overlap shows nothing.
#[cfg(all(test, not(any(reweave_loom, reweave_shuttle))))]
fn passes_on_real_threads<S: crate::histories::Subject>(plan: &crate::histories::Plan) {
    const TRIES: usize = 50;
    let met = (0..TRIES).any(|_| {
        let tally = crate::histories::stress::<S>(plan).unwrap_or_else(|failure| panic!("{failure}"));
        tally.overlapped > 0
    });
    assert!(met, "in {TRIES} runs of {plan:?} the threads never met");
}
