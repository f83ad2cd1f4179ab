//! This project's lock.

use crate::workload::locks;

/// A number behind the lock.
#[derive(Debug)]
pub struct Lock(reweave_core::lock::Lock<u64>);

impl locks::Lock for Lock {
    fn new(value: u64) -> Self {
        Self(reweave_core::lock::Lock::new(value))
    }

    #[inline]
    fn with<R>(&self, f: impl FnOnce(&mut u64) -> R) -> R {
        f(&mut self.0.lock())
    }
}
