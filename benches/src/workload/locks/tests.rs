//! Every system with one thread and several, and a lock that is none.

use std::time::Duration;

use reweave_core::sync::Mutex;

use super::*;

fn trial(threads: usize) -> Trial {
    Trial { threads, window: Duration::from_millis(2), seed: 1 }
}

#[test]
fn every_system_counts_right() {
    for system in Locks.systems() {
        for threads in [1, 3] {
            let sample = Locks.trial(system, &trial(threads)).unwrap();
            assert!(sample.ops > 0 && sample.ns_per_op > 0.0, "{sample:?}");
        }
    }
    let error = Locks.trial("none", &trial(1)).unwrap_err().to_string();
    assert!(error.starts_with("unknown system `none`: choose from "), "{error}");
}

/// A lock that hands out a copy and forgets what was done to it, now and then.
struct Broken(Mutex<(u64, u64)>);

impl Lock for Broken {
    fn new(value: u64) -> Self {
        Self(Mutex::new((value, 0)))
    }

    fn with<R>(&self, f: impl FnOnce(&mut u64) -> R) -> R {
        let mut inner = self.0.lock();
        inner.1 += 1;
        if inner.1 == 100 { f(&mut inner.0.clone()) } else { f(&mut inner.0) }
    }
}

#[test]
fn a_lock_that_forgets_gets_an_error() {
    let error = timed::<Broken>("broken", &trial(1)).unwrap_err().to_string();
    assert!(error.starts_with("broken with 1 thread: ") && error.contains("counted up to"), "{error}");
}
