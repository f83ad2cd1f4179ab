//! The facade over shuttle: every access is a scheduling point, memory is sequentially consistent.

pub use shuttle::hint;
pub use shuttle::sync::Arc;
pub use shuttle::sync::atomic;
#[doc(hidden)]
pub use shuttle::thread_local as raw_thread_local;

pub(super) use shuttle::sync::{Condvar as RawCondvar, Mutex as RawMutex, MutexGuard as RawMutexGuard};

/// Threads and parking.
pub mod thread {
    use std::time::Instant;

    pub use shuttle::thread::{AccessError, JoinHandle, LocalKey, Thread, current, park, spawn, yield_now};

    /// Whether the current thread is unwinding from a panic.
    pub fn panicking() -> bool {
        std::thread::panicking()
    }

    /// Starts a named thread; no checker refuses one.
    ///
    /// # Errors
    /// None.
    pub fn try_spawn<F, T>(_name: String, body: F) -> std::io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        Ok(spawn(body))
    }

    /// The same: stacks of a checker's threads have one size.
    ///
    /// # Errors
    /// None.
    pub fn try_spawn_sized<F, T>(name: String, _stack: Option<usize>, body: F) -> std::io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        try_spawn(name, body)
    }

    /// None: threads of a model have no names.
    pub fn name() -> Option<String> {
        None
    }

    /// As many as a model has threads, for all that the code under test needs to know.
    pub fn cores() -> usize {
        2
    }

    /// Lets others run for a short while that nobody can name or end, in the middle of a step that cannot give up. Whatever waits
    /// for an event or for time waits elsewhere (`event`, `time`).
    pub fn nap(_duration: std::time::Duration) {
        yield_now();
    }

    /// A deadline that may pass at any moment: gives the others a turn and reports that it has passed.
    pub fn park_until(_deadline: Instant) -> bool {
        yield_now();
        true
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
    pub fn with<R>(&self, access: impl FnOnce(*const T) -> R) -> R {
        access(self.0.get())
    }

    /// Runs `access` with a pointer for writing; it must not be used after `access` returns.
    pub fn with_mut<R>(&self, access: impl FnOnce(*mut T) -> R) -> R {
        access(self.0.get())
    }
}

/// A value made at its first use in each execution.
pub struct Lazy<T: Sync + 'static>(shuttle::lazy_static::Lazy<T>);

impl<T: Sync + 'static> Lazy<T> {
    /// A value that `make` will produce at first use.
    pub const fn new(make: fn() -> T) -> Self {
        Self(shuttle::lazy_static::Lazy::new(make))
    }

    /// The value.
    pub fn get(&'static self) -> &'static T {
        self.0.get()
    }
}
