//! The latch: closed until it has been counted down, then open for ever.
//!
//! One counter, and a list of waiters. Whoever counts it down to 0 wakes all that wait, after that read-modify-write; a
//! waiter enters the list and then looks at the counter ([`WaitList`]). The counter never leaves 0.

use std::future::Future;
use std::time::{Duration, Instant};

use super::{AcquireError, after, title};
use crate::Reason;
use crate::event::{self, Awaits, Event, Limits, Ticket, WaitList, Waiter, Waiting};
use crate::seeded;
use crate::sync::atomic::{AtomicU64, Ordering};

/// A gate that opens once it has been counted down, for any number of waiters.
///
/// What happened before each count is visible to whoever has passed.
///
/// # Examples
/// ```
/// use reweave_core::lock::Latch;
/// use reweave_core::sync::{Arc, thread};
///
/// let ready = Arc::new(Latch::new(2));
/// let threads = [(); 2].map(|()| {
///     let ready = ready.clone();
///     thread::spawn(move || ready.count_down())
/// });
/// ready.wait();
/// assert!(ready.is_open());
/// assert!(!ready.count_down(), "it was open already");
/// threads.map(|thread| thread.join().unwrap());
/// ```
#[derive(Debug)]
pub struct Latch {
    left: AtomicU64,
    waiters: WaitList,
    name: Option<Reason>,
}

impl Latch {
    /// A latch that opens after so many counts; at once, if that is 0.
    pub fn new(count: u64) -> Self {
        Self { left: AtomicU64::new(count), waiters: WaitList::new(), name: None }
    }

    /// A latch that reports call by this name.
    pub fn named(name: impl Into<Reason>, count: u64) -> Self {
        Self { name: Some(name.into()), ..Self::new(count) }
    }

    /// Counts; tells whether this was the count that opened it. Nothing, once it is open.
    pub fn count_down(&self) -> bool {
        // Release: what happened before is visible to whoever passes. A chain of read-modify-writes is one release
        // sequence, so the last count need not acquire for the others.
        let order = if seeded("latch/relaxed-count") { Ordering::Relaxed } else { Ordering::Release };
        let mut left = self.left.load(Ordering::Relaxed);
        loop {
            if left == 0 {
                return false;
            }
            if seeded("latch/count-without-comparing") {
                self.left.swap(left - 1, order);
                break;
            }
            match self.left.compare_exchange(left, left - 1, order, Ordering::Relaxed) {
                Ok(_) => break,
                Err(now) => left = now,
            }
        }
        if left > 1 {
            return false;
        }
        if !seeded("latch/open-silently") {
            self.waiters.wake_all_after_rmw();
        }
        true
    }

    /// Whether it is open.
    pub fn is_open(&self) -> bool {
        // Acquire pairs with the counts.
        self.left.load(Ordering::Acquire) == 0
    }

    /// How many counts are left.
    pub fn left(&self) -> u64 {
        self.left.load(Ordering::Relaxed)
    }

    /// Blocks until it is open. Nothing else ends the wait.
    pub fn wait(&self) {
        event::wait_with(self.wait_event(), Limits::unstoppable()).expect("nothing stops this wait");
    }

    /// Blocks until it is open, or until the wait is stopped.
    ///
    /// # Errors
    /// [`AcquireError`].
    pub fn wait_or_stop(&self) -> Result<(), AcquireError> {
        Ok(event::wait_with(self.wait_event(), Limits::default().breakable())?)
    }

    /// As [`wait_or_stop`](Self::wait_or_stop), and gives up after `timeout`.
    ///
    /// # Errors
    /// [`AcquireError`].
    pub fn wait_timeout(&self, timeout: Duration) -> Result<(), AcquireError> {
        let limits = Limits { deadline: after(timeout), ..Limits::default() };
        Ok(event::wait_with(self.wait_event(), limits.breakable())?)
    }

    /// As [`wait_or_stop`](Self::wait_or_stop), and gives up at `deadline`.
    ///
    /// # Errors
    /// [`AcquireError`].
    pub fn wait_deadline(&self, deadline: Instant) -> Result<(), AcquireError> {
        Ok(event::wait_with(self.wait_event(), Limits::until(deadline).breakable())?)
    }

    /// A future of [`wait_or_stop`](Self::wait_or_stop).
    pub fn wait_async(&self) -> impl Future<Output = Result<(), AcquireError>> + Send + use<'_> {
        let waiting = Waiting::new(self.wait_event());
        async move { Ok(waiting.await?) }
    }

    /// The event of its being open, for [`select!`](crate::select).
    pub fn wait_event(&self) -> LatchEvent<'_> {
        LatchEvent { latch: self, ticket: None }
    }
}

/// The event of an open [`Latch`]: see [`Latch::wait_event`].
#[derive(Debug)]
#[must_use = "an event does nothing until it is waited for"]
pub struct LatchEvent<'a> {
    latch: &'a Latch,
    ticket: Option<Ticket>,
}

impl Event for LatchEvent<'_> {
    type Output = ();

    fn attempt(&mut self) -> Option<()> {
        self.latch.is_open().then_some(())
    }

    fn enlist(&mut self, waiter: &Waiter) -> bool {
        self.ticket = Some(self.latch.waiters.push(waiter));
        self.latch.is_open()
    }

    fn delist(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.latch.waiters.remove(ticket);
        }
    }

    /// Nothing: all waiters are woken.
    fn pass_on(&mut self) {}

    fn awaits(&self) -> Awaits {
        // Anybody may count.
        Awaits::unknown(title("latch", self.latch.name.as_ref()))
    }
}
