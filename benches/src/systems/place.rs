//! Where objects of an array lie: on cache lines of their own, or side by side.
//!
//! A type parameter rather than an option, so that the code measured has no branch for it.

use std::ops::{Deref, DerefMut};

use crossbeam_utils::CachePadded;

/// A way to place the objects of an array in memory.
pub trait Place: Send + Sync + 'static {
    /// Whether each object has cache lines of its own.
    const PADDED: bool;

    /// An object in its place.
    type Cell<T: Send + Sync + 'static>: From<T> + DerefMut<Target = T> + Send + Sync + 'static;
}

/// Each object on cache lines of its own, so that threads that use different objects do not disturb each other.
#[derive(Debug)]
pub enum Padded {}

/// Objects side by side, so that several share a cache line.
#[derive(Debug)]
pub enum Packed {}

impl Place for Padded {
    const PADDED: bool = true;
    type Cell<T: Send + Sync + 'static> = CachePadded<T>;
}

impl Place for Packed {
    const PADDED: bool = false;
    type Cell<T: Send + Sync + 'static> = Plain<T>;
}

/// An object with nothing around it.
#[derive(Debug)]
#[repr(transparent)]
pub struct Plain<T>(T);

impl<T> From<T> for Plain<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T> Deref for Plain<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Plain<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_as_named() {
        assert_eq!(size_of::<<Packed as Place>::Cell<i64>>(), 8);
        assert!(size_of::<<Padded as Place>::Cell<i64>>() >= 64);
    }
}
