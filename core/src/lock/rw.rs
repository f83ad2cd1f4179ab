//! The lock for readers and writers around a value.

use std::fmt;
use std::future::Future;
use std::time::{Duration, Instant};

use super::raw_rw::{Mode, RawRwLock, RwAcquiring};
use super::rw_guard::{ReadGuard, WriteGuard};
use super::{AcquireError, after};
use crate::Reason;
use crate::event::{Awaits, Event, Limits, Source, Waiter, Waiting};
use crate::sync::UnsafeCell;

/// A lock for any number of readers or one writer (Courtois, Heymans and Parnas, 1971).
///
/// Phase-fair: while somebody waits, phases of readers and of writers take turns, so a reader waits for one writer at
/// most, and a writer is not starved by readers. A consequence: **who reads and reads again may deadlock**, if a writer
/// began to wait in between. The second read waits for the writer, which waits for the first. A wait-for graph that was
/// on before the first read reports it.
///
/// Uncontended, a compare-and-swap to acquire and one read-modify-write to release. Panics, leaks and memory order are
/// those of the [module](super).
///
/// # Examples
/// ```
/// use reweave_core::lock::RwLock;
///
/// let routes = RwLock::named("routes", vec!["here"]);
/// {
///     let (one, other) = (routes.read(), routes.try_read().expect("readers share"));
///     assert_eq!(one.len() + other.len(), 2);
///     assert!(routes.try_write().is_none());
/// }
/// routes.write().push("there");
/// assert_eq!(routes.into_inner(), ["here", "there"]);
/// ```
pub struct RwLock<T: ?Sized> {
    pub(super) raw: RawRwLock,
    pub(super) value: UnsafeCell<T>,
}

// SAFETY: it owns the value, and moves with it.
unsafe impl<T: ?Sized + Send> Send for RwLock<T> {}
// SAFETY: readers share the value between threads, a writer has it alone (invariant 1 of `raw_rw`).
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLock<T> {}

impl<T> RwLock<T> {
    /// A lock without a name.
    pub fn new(value: T) -> Self {
        Self { raw: RawRwLock::new(None), value: UnsafeCell::new(value) }
    }

    /// A lock that reports and messages call by this name.
    pub fn named(name: impl Into<Reason>, value: T) -> Self {
        Self { raw: RawRwLock::new(Some(name.into())), value: UnsafeCell::new(value) }
    }

    /// Takes the value out: nobody else can hold the lock any more.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

/// The same calls for both modes.
macro_rules! mode {
    (
        $mode:expr, $guard:ident, $event:ident, $whom:literal,
        $plain:ident, $attempt:ident, $acquire:ident, $timeout:ident, $deadline:ident, $plain_async:ident, $acquire_async:ident,
        $make_event:ident
    ) => {
        impl<T: ?Sized> RwLock<T> {
            #[doc = concat!("Blocks until the lock can be had for ", $whom, ". Nothing else ends the wait.")]
            ///
            /// # Panics
            /// When the current agent writes already: it would wait for itself forever.
            #[inline]
            pub fn $plain(&self) -> $guard<'_, T> {
                if !self.raw.try_acquire($mode) {
                    self.raw.acquire_unstoppably($mode);
                }
                $guard::new(self)
            }

            #[doc = concat!("Acquires the lock for ", $whom, " if that is possible at once and nobody waits.")]
            #[inline]
            pub fn $attempt(&self) -> Option<$guard<'_, T>> {
                self.raw.try_acquire($mode).then(|| $guard::new(self))
            }

            #[doc = concat!("Blocks until the lock can be had for ", $whom, ", or until the wait is stopped.")]
            ///
            /// # Errors
            /// [`AcquireError`]; at once, with its `Deadlock`, if the current agent writes already.
            #[inline]
            pub fn $acquire(&self) -> Result<$guard<'_, T>, AcquireError> {
                if !self.raw.try_acquire($mode) {
                    self.raw.acquire($mode, Limits::default())?;
                }
                Ok($guard::new(self))
            }

            #[doc = concat!("As [`", stringify!($acquire), "`](Self::", stringify!($acquire), "), and gives up after `timeout`.")]
            ///
            /// # Errors
            /// [`AcquireError`].
            pub fn $timeout(&self, timeout: Duration) -> Result<$guard<'_, T>, AcquireError> {
                if !self.raw.try_acquire($mode) {
                    self.raw.acquire($mode, Limits { deadline: after(timeout), ..Limits::default() })?;
                }
                Ok($guard::new(self))
            }

            #[doc = concat!("As [`", stringify!($acquire), "`](Self::", stringify!($acquire), "), and gives up at `deadline`.")]
            ///
            /// # Errors
            /// [`AcquireError`].
            pub fn $deadline(&self, deadline: Instant) -> Result<$guard<'_, T>, AcquireError> {
                if !self.raw.try_acquire($mode) {
                    self.raw.acquire($mode, Limits::until(deadline))?;
                }
                Ok($guard::new(self))
            }

            #[doc = concat!("A future of [`", stringify!($plain), "`](Self::", stringify!($plain), ").")]
            pub fn $plain_async(&self) -> impl Future<Output = $guard<'_, T>> + Send + use<'_, T>
            where
                T: Send + Sync,
            {
                let waiting = Waiting::unstoppable(RwAcquiring::new(&self.raw, $mode));
                async move {
                    waiting.await.expect("nothing stops this wait");
                    $guard::new(self)
                }
            }

            #[doc = concat!("A future of [`", stringify!($acquire), "`](Self::", stringify!($acquire), "). It knows no deadlocks.")]
            pub fn $acquire_async(
                &self,
            ) -> impl Future<Output = Result<$guard<'_, T>, AcquireError>> + Send + use<'_, T>
            where
                T: Send + Sync,
            {
                let waiting = Waiting::new(RwAcquiring::new(&self.raw, $mode));
                async move {
                    waiting.await?;
                    Ok($guard::new(self))
                }
            }

            #[doc = concat!("The event of acquiring the lock for ", $whom, ", for [`select!`](crate::select).")]
            pub fn $make_event(&self) -> $event<'_, T> {
                $event { lock: self, acquiring: RwAcquiring::new(&self.raw, $mode) }
            }
        }

        #[doc = concat!("The event of acquiring an [`RwLock`] for ", $whom, ".")]
        #[derive(Debug)]
        #[must_use = "an event does nothing until it is waited for"]
        pub struct $event<'a, T: ?Sized> {
            lock: &'a RwLock<T>,
            acquiring: RwAcquiring<'a>,
        }

        impl<'a, T: ?Sized> Event for $event<'a, T> {
            type Output = $guard<'a, T>;

            fn attempt(&mut self) -> Option<$guard<'a, T>> {
                self.acquiring.attempt().map(|()| $guard::new(self.lock))
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
                Event::awaits(&self.acquiring)
            }

            fn source(&self) -> Option<&dyn Source> {
                self.acquiring.source()
            }
        }
    };
}

mode!(
    Mode::Read,
    ReadGuard,
    ReadEvent,
    "reading",
    read,
    try_read,
    acquire_read,
    acquire_read_timeout,
    acquire_read_deadline,
    read_async,
    acquire_read_async,
    read_event
);
mode!(
    Mode::Write,
    WriteGuard,
    WriteEvent,
    "writing",
    write,
    try_write,
    acquire_write,
    acquire_write_timeout,
    acquire_write_deadline,
    write_async,
    acquire_write_async,
    write_event
);

impl<T: ?Sized> RwLock<T> {
    /// The value: nobody else can hold the lock as long as this reference lives.
    pub fn get_mut(&mut self) -> &mut T {
        // SAFETY: the lock is borrowed exclusively.
        self.value.with_mut(|value| unsafe { &mut *value })
    }
}

impl<T: Default> Default for RwLock<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.try_read() {
            Some(guard) => f.debug_struct("RwLock").field("value", &&*guard).finish(),
            None => f.debug_struct("RwLock").field("value", &format_args!("<locked>")).finish(),
        }
    }
}
