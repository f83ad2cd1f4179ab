//! Mutual exclusion without poisoning.

use std::ops::{Deref, DerefMut};

use super::backend::{RawCondvar, RawMutex, RawMutexGuard};

/// A mutual exclusion lock around a value. A panic while it is held releases it and leaves the value as it was.
#[derive(Debug, Default)]
pub struct Mutex<T>(RawMutex<T>);

/// Access to the value of a locked [`Mutex`]; dropping it unlocks.
#[derive(Debug)]
#[must_use = "the lock is released when the guard is dropped"]
pub struct MutexGuard<'a, T>(RawMutexGuard<'a, T>);

impl<T> Mutex<T> {
    /// Wraps a value.
    pub fn new(value: T) -> Self {
        Self(RawMutex::new(value))
    }

    /// Blocks until the lock is free and takes it.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard(self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()))
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

/// A condition variable, to wait for a change of what a [`Mutex`] guards.
#[derive(Debug, Default)]
pub struct Condvar(RawCondvar);

impl Condvar {
    /// A condition variable that nobody waits on.
    pub fn new() -> Self {
        Self(RawCondvar::new())
    }

    /// Releases the lock, waits to be notified, and takes the lock again. May return without a notification.
    pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        MutexGuard(self.0.wait(guard.0).unwrap_or_else(|poisoned| poisoned.into_inner()))
    }

    /// Wakes one waiter.
    pub fn notify_one(&self) {
        self.0.notify_one();
    }

    /// Wakes all waiters.
    pub fn notify_all(&self) {
        self.0.notify_all();
    }
}
