//! The guard that a load returns.

use std::fmt;
use std::ops::Deref;

use crate::sync::{Arc, ArcGuard};

/// The value that was current when it was loaded; derefs to it.
///
/// It stays valid, and the same, while the atom moves on. Meant to be short-lived: a thread that holds more than a
/// handful makes its further loads slower (arc-swap's debt slots). To keep a value use [`Current::into_arc`].
#[must_use = "a load has no effect but its result"]
pub struct Current<'a, T>(pub(super) ArcGuard<'a, T>);

impl<T> Current<'_, T> {
    /// The version itself, to keep.
    pub fn into_arc(self) -> Arc<T> {
        Arc::clone(&self.0)
    }

    /// The version itself, for [`Atom::compare_and_set`](super::Atom::compare_and_set).
    pub fn as_arc(&self) -> &Arc<T> {
        &self.0
    }
}

impl<T> Deref for Current<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: fmt::Debug> fmt::Debug for Current<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        T::fmt(self, f)
    }
}

impl<T: fmt::Display> fmt::Display for Current<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        T::fmt(self, f)
    }
}
