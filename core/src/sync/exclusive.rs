//! Loads by the only thread that may write.

#[cfg(not(reweave_loom))]
use super::backend::atomic::{AtomicPtr, AtomicU64, Ordering};

/// A load by the one thread that may write the location at the moment: the holder of the lock that guards its writes.
///
/// Such a load always sees the latest value and is no scheduling point: it cannot race with a write. A relaxed load under std
/// and shuttle; under loom an unsynchronised one, which panics if the claim does not hold.
pub trait ExclusiveLoad {
    /// What is loaded.
    type Value;

    /// Loads the latest value.
    fn load_exclusive(&self) -> Self::Value;
}

#[cfg(not(reweave_loom))]
impl<T> ExclusiveLoad for AtomicPtr<T> {
    type Value = *mut T;

    #[inline(always)]
    fn load_exclusive(&self) -> *mut T {
        self.load(Ordering::Relaxed)
    }
}

#[cfg(not(reweave_loom))]
impl ExclusiveLoad for AtomicU64 {
    type Value = u64;

    #[inline(always)]
    fn load_exclusive(&self) -> u64 {
        self.load(Ordering::Relaxed)
    }
}
