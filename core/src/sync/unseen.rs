//! A lock that the model checkers do not see, for the bookkeeping of models.
//!
//! A modelled lock orders memory between the threads that take it and so hides missing orderings in the code under test.
//! It must never be held across any operation of the facade: the checkers would block the one thread they run on.

use std::sync::{Arc, Mutex, PoisonError};

/// A value behind an unseen lock; cloning shares it.
#[derive(Debug, Default)]
pub struct Unseen<T>(Arc<Mutex<T>>);

impl<T> Clone for Unseen<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Unseen<T> {
    /// Wraps a value.
    pub fn new(value: T) -> Self {
        Self(Arc::new(Mutex::new(value)))
    }

    /// Runs `access` on the value, alone.
    pub fn with<R>(&self, access: impl FnOnce(&mut T) -> R) -> R {
        access(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
