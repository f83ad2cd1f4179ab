//! The crate `parking_lot` 0.13: a lock of one byte whose waiters stand in a table of the process.

use ::parking_lot::Mutex;

use crate::workload::locks;

/// A number behind a lock.
#[derive(Debug)]
pub struct Lock(Mutex<u64>);

impl locks::Lock for Lock {
    fn new(value: u64) -> Self {
        Self(Mutex::new(value))
    }

    #[inline]
    fn with<R>(&self, f: impl FnOnce(&mut u64) -> R) -> R {
        f(&mut self.0.lock())
    }
}
