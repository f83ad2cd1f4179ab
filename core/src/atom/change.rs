//! What a change returns, and the errors of one that did not happen.

use std::error::Error;
use std::fmt;

use crate::sync::Arc;

/// A change that happened: the version before it and the one it made.
pub struct Change<T> {
    /// The version that was current.
    pub old: Arc<T>,
    /// The version that took its place.
    pub new: Arc<T>,
}

/// A value that the validator rejected.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Rejected<T, E> {
    /// The value, back.
    pub value: T,
    /// Why, in the validator's words.
    pub reason: E,
}

/// A value that was not put in because another one than the expected was current.
#[derive(Clone)]
pub struct Changed<T> {
    /// The value that was to be put in, back.
    pub value: T,
    /// The version that was current instead.
    pub current: Arc<T>,
}

/// Why a conditional change did not happen.
pub enum NotSet<T, E> {
    /// Another version, or value, than the expected was current.
    Changed(Changed<T>),
    /// The validator rejected the new value.
    Rejected(Rejected<T, E>),
}

impl<T> Clone for Change<T> {
    fn clone(&self) -> Self {
        Self { old: self.old.clone(), new: self.new.clone() }
    }
}

impl<T: fmt::Debug> fmt::Debug for Change<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Change").field("old", &*self.old).field("new", &*self.new).finish()
    }
}

// The errors are `Debug` whatever the value is, so that `unwrap` and `?` work for every atom.

impl<T, E: fmt::Debug> fmt::Debug for Rejected<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rejected").field("reason", &self.reason).finish_non_exhaustive()
    }
}

impl<T, E: fmt::Display> fmt::Display for Rejected<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the atom's validator rejected the new value ({}); the atom is unchanged, and the value is in this error",
            self.reason
        )
    }
}

impl<T, E: fmt::Debug + fmt::Display> Error for Rejected<T, E> {}

impl<T> fmt::Debug for Changed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Changed").finish_non_exhaustive()
    }
}

impl<T> fmt::Display for Changed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the atom was changed by somebody else and was left as it is: look at this error's version and try again",
        )
    }
}

impl<T> Error for Changed<T> {}

impl<T, E: fmt::Debug> fmt::Debug for NotSet<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed(changed) => changed.fmt(f),
            Self::Rejected(rejected) => rejected.fmt(f),
        }
    }
}

impl<T, E: fmt::Display> fmt::Display for NotSet<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed(changed) => changed.fmt(f),
            Self::Rejected(rejected) => rejected.fmt(f),
        }
    }
}

impl<T, E: fmt::Debug + fmt::Display> Error for NotSet<T, E> {}
