//! The facade over the standard library: the build that users run. Everything here is a re-export or inlines away.

use std::sync;

pub use std::hint;
pub use std::sync::Arc;
pub use std::sync::atomic;
#[doc(hidden)]
pub use std::thread_local as raw_thread_local;

pub(super) use std::sync::{Condvar as RawCondvar, Mutex as RawMutex, MutexGuard as RawMutexGuard};

/// Threads and parking.
pub mod thread {
    use std::time::Instant;

    pub use std::thread::{AccessError, JoinHandle, LocalKey, Thread, current, park, yield_now};

    /// Starts a thread; see [`std::thread::spawn`].
    pub fn spawn<F, T>(body: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        std::thread::spawn(body)
    }

    /// Starts a named thread, or says why the system refuses one.
    ///
    /// # Errors
    /// Those of [`std::thread::Builder::spawn`].
    pub fn try_spawn<F, T>(name: String, body: F) -> std::io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        try_spawn_sized(name, None, body)
    }

    /// The same with a stack of so many bytes, if that is said.
    ///
    /// # Errors
    /// Those of [`std::thread::Builder::spawn`].
    pub fn try_spawn_sized<F, T>(name: String, stack: Option<usize>, body: F) -> std::io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let builder = std::thread::Builder::new().name(name);
        match stack {
            Some(bytes) => builder.stack_size(bytes),
            None => builder,
        }
        .spawn(body)
    }

    /// How many threads the machine runs at the same time, as far as the system tells; at least 1.
    pub fn cores() -> usize {
        std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
    }

    /// The name of the current thread, if it has one.
    pub fn name() -> Option<String> {
        current().name().map(str::to_owned)
    }

    /// Whether the current thread is unwinding from a panic.
    pub fn panicking() -> bool {
        std::thread::panicking()
    }

    /// Lets others run for a short while that nobody can name or end, in the middle of a step that cannot give up. Whatever waits
    /// for an event or for time waits elsewhere (`event`, `time`).
    pub fn nap(duration: std::time::Duration) {
        std::thread::sleep(duration);
    }

    /// Parks until unparked, woken for no reason, or `deadline`; tells whether the deadline has passed.
    pub fn park_until(deadline: Instant) -> bool {
        let now = Instant::now();
        if now >= deadline {
            return true;
        }
        std::thread::park_timeout(deadline - now);
        Instant::now() >= deadline
    }
}

/// A cell whose content may change behind a shared reference, accessed through closures.
#[derive(Debug, Default)]
#[repr(transparent)]
pub struct UnsafeCell<T: ?Sized>(std::cell::UnsafeCell<T>);

impl<T> UnsafeCell<T> {
    /// Wraps a value.
    pub const fn new(value: T) -> Self {
        Self(std::cell::UnsafeCell::new(value))
    }

    /// Takes the value out.
    pub fn into_inner(self) -> T {
        self.0.into_inner()
    }
}

impl<T: ?Sized> UnsafeCell<T> {
    /// Runs `access` with a pointer for reading; it must not be used after `access` returns.
    #[inline(always)]
    pub fn with<R>(&self, access: impl FnOnce(*const T) -> R) -> R {
        access(self.0.get())
    }

    /// Runs `access` with a pointer for writing; it must not be used after `access` returns.
    #[inline(always)]
    pub fn with_mut<R>(&self, access: impl FnOnce(*mut T) -> R) -> R {
        access(self.0.get())
    }
}

/// A value made at its first use, for process-wide defaults.
#[derive(Debug)]
pub struct Lazy<T>(sync::LazyLock<T>);

impl<T: 'static> Lazy<T> {
    /// A value that `make` will produce at first use.
    pub const fn new(make: fn() -> T) -> Self {
        Self(sync::LazyLock::new(make))
    }

    /// The value.
    #[inline]
    pub fn get(&'static self) -> &'static T {
        &self.0
    }
}
