//! The crate `arc-swap` 1: an `Arc` that is read without a lock and replaced as a whole.

use ::arc_swap::ArcSwap;

use crate::workload::atoms;

/// A number behind an `Arc` that can be swapped.
#[derive(Debug)]
pub struct Atom(ArcSwap<u64>);

impl atoms::Atom for Atom {
    fn new(value: u64) -> Self {
        Self(ArcSwap::from_pointee(value))
    }

    #[inline]
    fn load(&self) -> u64 {
        **self.0.load()
    }

    #[inline]
    fn swap(&self, f: impl Fn(u64) -> u64) {
        self.0.rcu(|value| f(**value));
    }
}
