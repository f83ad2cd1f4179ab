//! Guards of the exclusive lock: access to the value, and its release.

use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};

use super::exclusive::Lock;
use super::raw::{ROAMING, RawLock};

/// Access to the value of a [`Lock`]; dropping it unlocks.
///
/// It stays with the agent that locked; [`roam`](Guard::roam) makes one that does not.
#[must_use = "the lock is released when the guard is dropped"]
pub struct Guard<'a, T: ?Sized> {
    lock: &'a Lock<T>,
    /// As whom it was locked.
    owner: u64,
    _not_send: PhantomData<*const ()>,
}

// SAFETY: a shared guard gives shared access to the value, and nothing else.
unsafe impl<T: ?Sized + Sync> Sync for Guard<'_, T> {}

impl<'a, T: ?Sized> Guard<'a, T> {
    /// The lock has just been acquired for this guard, by the agent of this number.
    #[inline]
    pub(super) fn new(lock: &'a Lock<T>, owner: u64) -> Self {
        Self { lock, owner, _not_send: PhantomData }
    }

    /// A guard that may move to other threads, as with a task that does. Nobody knows from then on who holds the lock:
    /// a deadlock that it takes part in is not found, and locking it again waits.
    pub fn roam(guard: Self) -> RoamingGuard<'a, T> {
        let guard = ManuallyDrop::new(guard);
        guard.lock.raw.roam();
        RoamingGuard { lock: guard.lock, _owned: PhantomData }
    }

    /// A guard of a part of the value. An associated function, so that it hides no method of `T`.
    pub fn map<U: ?Sized>(guard: Self, part: impl FnOnce(&mut T) -> &mut U) -> MappedGuard<'a, U> {
        let mut guard = guard;
        // If `part` panics, `guard` unlocks.
        let part: *mut U = part(&mut guard);
        let guard = ManuallyDrop::new(guard);
        MappedGuard { raw: &guard.lock.raw, owner: guard.owner, part, _owned: PhantomData }
    }
}

impl<T: ?Sized> Drop for Guard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.lock.raw.release(self.owner);
    }
}

impl<T: ?Sized> Deref for Guard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the lock is ours until the guard is dropped, and the reference does not outlive that.
        self.lock.value.with(|value| unsafe { &*value })
    }
}

impl<T: ?Sized> DerefMut for Guard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`, and the guard is borrowed exclusively.
        self.lock.value.with_mut(|value| unsafe { &mut *value })
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Guard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// Access to the value of a [`Lock`] that may move between threads: see [`Guard::roam`]. Dropping it unlocks.
#[must_use = "the lock is released when the guard is dropped"]
pub struct RoamingGuard<'a, T: ?Sized> {
    lock: &'a Lock<T>,
    /// It moves between threads as `&mut T` does, and is shared as that is.
    _owned: PhantomData<&'a mut T>,
}

impl<T: ?Sized> Drop for RoamingGuard<'_, T> {
    fn drop(&mut self) {
        self.lock.raw.release(ROAMING);
    }
}

impl<T: ?Sized> Deref for RoamingGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the lock is the guard's until it is dropped.
        self.lock.value.with(|value| unsafe { &*value })
    }
}

impl<T: ?Sized> DerefMut for RoamingGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`, and the guard is borrowed exclusively.
        self.lock.value.with_mut(|value| unsafe { &mut *value })
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RoamingGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// Access to a part of the value of a [`Lock`]: see [`Guard::map`]. Dropping it unlocks.
#[must_use = "the lock is released when the guard is dropped"]
pub struct MappedGuard<'a, U: ?Sized> {
    raw: &'a RawLock,
    /// As whom it was locked.
    owner: u64,
    part: *mut U,
    _owned: PhantomData<&'a mut U>,
}

// SAFETY: a shared guard gives shared access to the part, and nothing else.
unsafe impl<U: ?Sized + Sync> Sync for MappedGuard<'_, U> {}

impl<U: ?Sized> Drop for MappedGuard<'_, U> {
    fn drop(&mut self) {
        self.raw.release(self.owner);
    }
}

impl<U: ?Sized> Deref for MappedGuard<'_, U> {
    type Target = U;

    fn deref(&self) -> &U {
        // SAFETY: it was derived from the exclusive reference of a guard whose lock is now held by this one.
        unsafe { &*self.part }
    }
}

impl<U: ?Sized> DerefMut for MappedGuard<'_, U> {
    fn deref_mut(&mut self) -> &mut U {
        // SAFETY: as in `deref`, and the guard is borrowed exclusively.
        unsafe { &mut *self.part }
    }
}

impl<U: ?Sized + fmt::Debug> fmt::Debug for MappedGuard<'_, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
