//! The facade over loom: every access is a step that loom explores, weak memory included.

use std::marker::PhantomData;

#[path = "loom_atomic.rs"]
pub mod atomic;

pub use loom::cell::UnsafeCell;
pub use loom::hint;
pub use loom::sync::Arc;
#[doc(hidden)]
pub use loom::thread_local as raw_thread_local;

pub(super) use loom::sync::{Condvar as RawCondvar, Mutex as RawMutex, MutexGuard as RawMutexGuard};

/// Threads and parking.
pub mod thread {
    use std::time::Instant;

    pub use loom::thread::{AccessError, JoinHandle, LocalKey, Thread, current, park, spawn, yield_now};

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

    /// Whether the current thread is unwinding from a panic.
    pub fn panicking() -> bool {
        std::thread::panicking()
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

/// A value made at its first use in each execution.
pub struct Lazy<T>(loom::lazy_static::Lazy<T>);

impl<T: 'static> Lazy<T> {
    /// A value that `make` will produce at first use.
    pub const fn new(make: fn() -> T) -> Self {
        Self(loom::lazy_static::Lazy { init: make, _p: PhantomData })
    }

    /// The value.
    pub fn get(&'static self) -> &'static T {
        self.0.get()
    }
}
