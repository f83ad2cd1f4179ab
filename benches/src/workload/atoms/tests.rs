//! Every system with one thread and several, and an atom that forgets swaps.

use std::time::Duration;

use reweave_core::sync::atomic::{AtomicU64, Ordering};

use super::*;

fn trial(threads: usize) -> Trial {
    Trial { threads, window: Duration::from_millis(2), seed: 1 }
}

#[test]
fn every_system_runs_both() {
    for workload in ALL {
        for system in workload.systems() {
            for threads in [1, 3] {
                let sample = workload.trial(system, &trial(threads)).unwrap();
                assert!(sample.ops > 0 && sample.ns_per_op > 0.0, "{sample:?}");
            }
        }
    }
    let error = Atoms::Load.trial("none", &trial(1)).unwrap_err().to_string();
    assert!(error.starts_with("unknown system `none`: choose from "), "{error}");
}

#[test]
fn a_swap_gets_the_value_and_puts_its_own() {
    fn check<A: Atom>() {
        let atom = A::new(5);
        atom.swap(|value| value * 3);
        assert_eq!(atom.load(), 15);
    }
    check::<reweave::Atom>();
    check::<arc_swap::Atom>();
    check::<mutex::Atom>();
    check::<rwlock::Atom>();
}

/// An atom whose swaps are a load and a store, every hundredth of which gets lost.
struct Broken(AtomicU64, AtomicU64);

impl Atom for Broken {
    fn new(value: u64) -> Self {
        Self(AtomicU64::new(value), AtomicU64::new(0))
    }

    fn load(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn swap(&self, f: impl Fn(u64) -> u64) {
        if !self.1.fetch_add(1, Ordering::Relaxed).is_multiple_of(100) {
            self.0.store(f(self.load()), Ordering::Relaxed);
        }
    }
}

#[test]
fn an_atom_that_loses_swaps_gets_an_error() {
    let error = timed::<Broken>(Atoms::Swap, "broken", &trial(1)).unwrap_err().to_string();
    assert!(error.starts_with("broken with 1 thread: the atom holds "), "{error}");
    assert!(timed::<Broken>(Atoms::Load, "broken", &trial(1)).is_ok());
}
