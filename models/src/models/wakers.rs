//! Wakers for models that poll futures by hand.

use std::task::{Wake, Waker};

use reweave_core::sync::atomic::{AtomicUsize, Ordering};
use reweave_core::sync::thread;

/// `Waker::from` wants the standard library's own `Arc`, whatever the backend.
mod std_arc {
    #![allow(clippy::disallowed_types)]
    pub(super) use std::sync::Arc;
}

/// How often a [`counting`] waker was woken. Relaxed, so that counting orders nothing.
pub(super) struct Wakes(std_arc::Arc<Counting>);

impl Wakes {
    pub(super) fn count(&self) -> usize {
        self.0.0.load(Ordering::Relaxed)
    }
}

struct Counting(AtomicUsize);

impl Wake for Counting {
    fn wake(self: std_arc::Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A waker that counts its wake-ups.
pub(super) fn counting() -> (Wakes, Waker) {
    let counting = std_arc::Arc::new(Counting(AtomicUsize::new(0)));
    (Wakes(counting.clone()), Waker::from(counting))
}

struct Unpark(thread::Thread);

impl Wake for Unpark {
    fn wake(self: std_arc::Arc<Self>) {
        self.0.unpark();
    }
}

/// A waker that unparks the current thread.
pub(super) fn unparking() -> Waker {
    Waker::from(std_arc::Arc::new(Unpark(thread::current())))
}
