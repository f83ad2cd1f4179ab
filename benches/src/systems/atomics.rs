//! Relaxed atomics, each by itself: no transaction, and no sum of one moment.
//!
//! The yardstick: what the loads, the stores and the traffic of the cache lines cost without any protocol.

use reweave_core::sync::atomic::{AtomicU64, Ordering};

use super::place::{Padded, Place};
use crate::workload::stm::counters;

/// Counters on cache lines of their own.
pub struct Counters(Vec<<Padded as Place>::Cell<AtomicU64>>);

impl std::fmt::Debug for Counters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Counters").field("count", &self.0.len()).finish_non_exhaustive()
    }
}

impl counters::Counters for Counters {
    fn new(count: usize) -> Self {
        Self((0..count).map(|_| AtomicU64::new(0).into()).collect())
    }

    #[inline]
    fn add(&self, index: usize) {
        self.0[index].fetch_add(1, Ordering::Relaxed);
    }

    #[inline]
    fn bump(&self, index: usize) {
        self.0[index].store(self.get(index) + 1, Ordering::Relaxed);
    }

    #[inline]
    fn get(&self, index: usize) -> u64 {
        self.0[index].load(Ordering::Relaxed)
    }

    #[inline]
    fn sum(&self) -> u64 {
        self.0.iter().map(|counter| counter.load(Ordering::Relaxed)).sum()
    }
}
