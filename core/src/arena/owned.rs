//! A value in a scope, with its destructor.

use std::fmt;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};

/// The one owner of a value in a [`Scope`](super::Scope): dropping it runs the value's destructor.
///
/// What a `Box` is to the heap. The memory itself is free when the scope ends; forgetting an `Owned` leaks no memory but
/// what the value holds elsewhere. Made by [`Scope::alloc_owned`](super::Scope::alloc_owned).
///
/// # Examples
/// ```
/// use reweave_core::arena;
///
/// let text = arena::local(|scope| {
///     let words = scope.alloc_owned(vec!["drop", "me"]);
///     words.join(" ")
/// });
/// assert_eq!(text, "drop me");
/// ```
pub struct Owned<'s, T>(&'s mut ManuallyDrop<T>);

impl<'s, T> Owned<'s, T> {
    /// Takes over a value that nobody has dropped.
    #[inline]
    pub(super) fn new(value: &'s mut ManuallyDrop<T>) -> Self {
        Self(value)
    }

    /// Moves the value out of the scope.
    #[inline]
    pub fn into_inner(self) -> T {
        let mut owned = ManuallyDrop::new(self);
        // SAFETY: `self` is consumed without its destructor, so nobody looks at the value again.
        unsafe { ManuallyDrop::take(owned.0) }
    }
}

impl<T> Drop for Owned<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the reference is this owner's alone, and an owner is dropped once.
        unsafe { ManuallyDrop::drop(self.0) }
    }
}

impl<T> Deref for Owned<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        self.0
    }
}

impl<T> DerefMut for Owned<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        self.0
    }
}

impl<T: fmt::Debug> fmt::Debug for Owned<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
