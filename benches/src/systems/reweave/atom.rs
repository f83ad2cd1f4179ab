//! This project's atoms.

use crate::workload::atoms;

/// A number in an atom.
#[derive(Debug)]
pub struct Atom(reweave_core::atom::Atom<u64>);

impl atoms::Atom for Atom {
    fn new(value: u64) -> Self {
        Self(reweave_core::atom::Atom::new(value))
    }

    #[inline]
    fn load(&self) -> u64 {
        *self.0.load()
    }

    #[inline]
    fn swap(&self, f: impl Fn(u64) -> u64) {
        self.0.swap(|value| f(*value));
    }
}
