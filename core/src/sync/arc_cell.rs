//! A shared place for one `Arc`, on arc-swap.
//!
//! arc-swap's own atomics are the standard library's, which no checker sees. Under the checkers the stand-in of
//! `arc_cell_modelled.rs` takes its place, which keeps this contract and no more.
//!
//! # Contract
//!
//! 1. Every operation takes effect at one moment between its call and its return. A load returns the `Arc` that is in
//!    the cell at its moment.
//! 2. What happened before an `Arc` was put in is visible to whoever loads it. A load orders nothing else: in
//!    particular it is not ordered after an earlier store of its thread to another location. [`ArcCell::swap`] and a
//!    successful [`ArcCell::compare_exchange`] contain a read-modify-write, which
//!    [`fence_after_rmw`](super::fence_after_rmw) may follow.
//! 3. [`ArcCell::compare_exchange`] fails only if it has seen another `Arc` than the current one in the cell.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use arc_swap::{ArcSwap, Guard};

use super::Arc;

/// A place that holds one `Arc`, loaded and replaced by any number of threads.
pub struct ArcCell<T>(ArcSwap<T>);

/// Protected access to the `Arc` that was in an [`ArcCell`] when it was loaded. It stays valid when the cell moves on.
pub struct ArcGuard<'a, T>(Guard<Arc<T>>, PhantomData<&'a ArcCell<T>>);

impl<T> ArcCell<T> {
    /// A cell that holds `value`.
    pub fn new(value: Arc<T>) -> Self {
        Self(ArcSwap::new(value))
    }

    /// What the cell holds, without touching its reference count. Wait-free.
    #[inline]
    pub fn load(&self) -> ArcGuard<'_, T> {
        ArcGuard(self.0.load(), PhantomData)
    }

    /// What the cell holds, as an `Arc` of the caller's own. Wait-free.
    #[inline]
    pub fn load_full(&self) -> Arc<T> {
        self.0.load_full()
    }

    /// Puts `new` in and returns what was there. Lock-free.
    #[inline]
    pub fn swap(&self, new: Arc<T>) -> Arc<T> {
        self.0.swap(new)
    }

    /// Puts `new` in if the cell holds this very `current`, and returns what was there. Lock-free.
    ///
    /// # Errors
    /// What the cell holds instead; `new` has been dropped by then.
    #[inline]
    pub fn compare_exchange(&self, current: &Arc<T>, new: Arc<T>) -> Result<Arc<T>, ArcGuard<'_, T>> {
        let before = self.0.compare_and_swap(current, new);
        if Arc::ptr_eq(&before, current) { Ok(Guard::into_inner(before)) } else { Err(ArcGuard(before, PhantomData)) }
    }
}

impl<T> Deref for ArcGuard<'_, T> {
    type Target = Arc<T>;

    #[inline]
    fn deref(&self) -> &Arc<T> {
        &self.0
    }
}

impl<T> fmt::Debug for ArcCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ArcCell")
    }
}

impl<T> fmt::Debug for ArcGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ArcGuard")
    }
}
