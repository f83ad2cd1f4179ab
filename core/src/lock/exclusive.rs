//! The exclusive lock around a value.

use std::fmt;
use std::future::Future;
use std::time::{Duration, Instant};

use super::guard::Guard;
use super::raw::{Acquiring, RawLock, me};
use super::{AcquireError, after};
use crate::Reason;
use crate::event::{Awaits, Event, Limits, Source, Waiter, Waiting};
use crate::sync::UnsafeCell;

/// A lock: one at a time has access to the value in it.
///
/// Uncontended, it costs a compare-and-swap to lock and one to unlock, and allocates nothing. Under contention a thread
/// spins shortly and then sleeps in a line. Whoever comes when the lock is free may overtake the line; a blocked thread
/// that was called 8 times and found the lock taken again gets it next. Panics, leaks and memory order are those of the
/// [module](super).
///
/// # Examples
/// ```
/// use reweave_core::lock::Lock;
///
/// let balance = Lock::named("balance", 10);
/// *balance.lock() += 5;
/// assert_eq!(*balance.lock(), 15);
///
/// let held = balance.lock();
/// let error = balance.acquire().unwrap_err();
/// assert!(error.to_string().contains("balance"), "it would have waited for itself");
/// # drop(held);
/// ```
pub struct Lock<T: ?Sized> {
    pub(super) raw: RawLock,
    pub(super) value: UnsafeCell<T>,
}

// SAFETY: it owns the value, and moves with it.
unsafe impl<T: ?Sized + Send> Send for Lock<T> {}
// SAFETY: one at a time has access to the value (invariant 1 of `raw`), whatever thread it is on.
unsafe impl<T: ?Sized + Send> Sync for Lock<T> {}

impl<T> Lock<T> {
    /// A lock without a name.
    pub fn new(value: T) -> Self {
        Self { raw: RawLock::new(None), value: UnsafeCell::new(value) }
    }

    /// A lock that reports and messages call by this name.
    pub fn named(name: impl Into<Reason>, value: T) -> Self {
        Self { raw: RawLock::new(Some(name.into())), value: UnsafeCell::new(value) }
    }

    /// Takes the value out: nobody else can hold the lock any more.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> Lock<T> {
    /// Blocks until the lock is free, and locks it. Nothing else ends the wait.
    ///
    /// # Panics
    /// When the current agent holds this lock already: it would wait for itself forever.
    #[inline]
    pub fn lock(&self) -> Guard<'_, T> {
        let me = me();
        if !self.raw.try_fast(me) {
            self.raw.acquire_unstoppably();
        }
        Guard::new(self, me)
    }

    /// Locks it if that is possible at once. It is not, either, when the lock is being handed over to somebody who
    /// waits.
    #[inline]
    pub fn try_lock(&self) -> Option<Guard<'_, T>> {
        let me = me();
        (self.raw.try_fast(me) || self.raw.try_acquire(false)).then(|| Guard::new(self, me))
    }

    /// Blocks until the lock is free, and locks it; or until the wait is stopped.
    ///
    /// # Errors
    /// [`AcquireError`]; at once, with its `Deadlock`, if the current agent holds this lock already.
    #[inline]
    pub fn acquire(&self) -> Result<Guard<'_, T>, AcquireError> {
        self.acquire_within(Limits::default())
    }

    /// As [`acquire`](Self::acquire), and gives up after `timeout`.
    ///
    /// # Errors
    /// [`AcquireError`].
    pub fn acquire_timeout(&self, timeout: Duration) -> Result<Guard<'_, T>, AcquireError> {
        match self.try_lock() {
            Some(guard) => Ok(guard),
            None => self.acquire_within(Limits { deadline: after(timeout), ..Limits::default() }),
        }
    }

    /// As [`acquire`](Self::acquire), and gives up at `deadline`.
    ///
    /// # Errors
    /// [`AcquireError`].
    pub fn acquire_deadline(&self, deadline: Instant) -> Result<Guard<'_, T>, AcquireError> {
        self.acquire_within(Limits::until(deadline))
    }

    #[inline]
    fn acquire_within(&self, limits: Limits) -> Result<Guard<'_, T>, AcquireError> {
        let me = me();
        if !self.raw.try_fast(me) {
            self.raw.acquire(limits)?;
        }
        Ok(Guard::new(self, me))
    }

    /// A future of [`lock`](Self::lock). The guard belongs to whoever polls it then; to hold it across an `.await` of a
    /// task that moves between threads, make it [roam](Guard::roam).
    pub fn lock_async(&self) -> impl Future<Output = Guard<'_, T>> + Send + use<'_, T>
    where
        T: Send,
    {
        let waiting = Waiting::unstoppable(Acquiring::new(&self.raw));
        async move {
            waiting.await.expect("nothing stops this wait");
            Guard::new(self, me())
        }
    }

    /// A future of [`acquire`](Self::acquire). It knows no deadlocks: a task that holds the lock may be polled by the
    /// same thread.
    pub fn acquire_async(&self) -> impl Future<Output = Result<Guard<'_, T>, AcquireError>> + Send + use<'_, T>
    where
        T: Send,
    {
        let waiting = Waiting::new(Acquiring::new(&self.raw));
        async move {
            waiting.await?;
            Ok(Guard::new(self, me()))
        }
    }

    /// The event of locking it, for [`select!`](crate::select).
    pub fn lock_event(&self) -> LockEvent<'_, T> {
        LockEvent { lock: self, acquiring: Acquiring::new(&self.raw) }
    }

    /// Whether anybody holds it, at some moment during the call.
    pub fn is_locked(&self) -> bool {
        self.raw.is_locked()
    }

    /// The value: nobody else can hold the lock as long as this reference lives.
    pub fn get_mut(&mut self) -> &mut T {
        // SAFETY: the lock is borrowed exclusively.
        self.value.with_mut(|value| unsafe { &mut *value })
    }
}

impl<T: Default> Default for Lock<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Lock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.try_lock() {
            Some(guard) => f.debug_struct("Lock").field("value", &&*guard).finish(),
            None => f.debug_struct("Lock").field("value", &format_args!("<locked>")).finish(),
        }
    }
}

/// The event of locking a [`Lock`]: see [`Lock::lock_event`].
#[derive(Debug)]
#[must_use = "an event does nothing until it is waited for"]
pub struct LockEvent<'a, T: ?Sized> {
    lock: &'a Lock<T>,
    acquiring: Acquiring<'a>,
}

impl<'a, T: ?Sized> Event for LockEvent<'a, T> {
    type Output = Guard<'a, T>;

    fn attempt(&mut self) -> Option<Guard<'a, T>> {
        self.acquiring.attempt().map(|()| Guard::new(self.lock, me()))
    }

    fn enlist(&mut self, waiter: &Waiter) -> bool {
        self.acquiring.enlist(waiter)
    }

    fn delist(&mut self) {
        self.acquiring.delist();
    }

    fn pass_on(&mut self) {
        self.acquiring.pass_on();
    }

    fn awaits(&self) -> Awaits {
        self.acquiring.awaits()
    }

    fn source(&self) -> Option<&dyn Source> {
        self.acquiring.source()
    }
}
