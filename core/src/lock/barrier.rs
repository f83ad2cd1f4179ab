//! The barrier: all arrive before any goes on, again and again.
//!
//! # Protocol
//!
//! The number of those who have arrived, under a lock; and the generation, which whoever arrives last raises under that
//! lock, by a read-modify-write, after setting the number back to 0. It then wakes all waiters, and leads. Who has
//! arrived waits until the generation is no longer the one of its arrival.
//!
//! # Invariants
//!
//! 1. *A generation has as many arrivals as the barrier has members*, all of them from waits that were not withdrawn. A
//!    wait that is stopped withdraws its arrival under the lock, if its generation is still the current one; if not, it
//!    has passed.
//! 2. *One leader a generation*: whoever raised it.
//! 3. *What happened before an arrival is visible after it*: arrivals acquire and release the lock in turn, and the
//!    generation that the last one writes with release order is read with acquire order.

use std::future::Future;
use std::time::{Duration, Instant};

use super::{AcquireError, after, title};
use crate::Reason;
use crate::event::{self, Awaits, Event, Limits, Ticket, WaitList, Waiter, Waiting};
use crate::seeded;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, Ordering};

/// A point that a number of members pass together; reusable.
///
/// # Examples
/// ```
/// use reweave_core::lock::Barrier;
/// use reweave_core::sync::{Arc, thread};
///
/// let barrier = Arc::new(Barrier::new(2));
/// let other = thread::spawn({
///     let barrier = barrier.clone();
///     move || barrier.wait()
/// });
/// assert_ne!(barrier.wait(), other.join().unwrap(), "one of them leads");
/// ```
#[derive(Debug)]
pub struct Barrier {
    members: u64,
    arrived: Mutex<u64>,
    generation: AtomicU64,
    waiters: WaitList,
    name: Option<Reason>,
}

impl Barrier {
    /// A barrier for so many members.
    ///
    /// # Panics
    /// When there are none.
    pub fn new(members: u64) -> Self {
        assert!(members > 0, "a barrier has at least one member");
        let (arrived, generation) = (Mutex::new(0), AtomicU64::new(0));
        Self { members, arrived, generation, waiters: WaitList::new(), name: None }
    }

    /// A barrier that reports call by this name.
    ///
    /// # Panics
    /// When it has no members.
    pub fn named(name: impl Into<Reason>, members: u64) -> Self {
        Self { name: Some(name.into()), ..Self::new(members) }
    }

    /// Blocks until all members have arrived; tells whether this one leads: one of them does. Nothing else ends the
    /// wait.
    pub fn wait(&self) -> bool {
        event::wait_with(self.wait_event(), Limits::unstoppable()).expect("nothing stops this wait")
    }

    /// Blocks until all members have arrived, or until the wait is stopped: then this arrival is taken back.
    ///
    /// # Errors
    /// [`AcquireError`]; never, if the others have gone on with this arrival counted.
    pub fn wait_or_stop(&self) -> Result<bool, AcquireError> {
        self.wait_within(Limits::default())
    }

    /// As [`wait_or_stop`](Self::wait_or_stop), and gives up after `timeout`.
    ///
    /// # Errors
    /// [`AcquireError`].
    pub fn wait_timeout(&self, timeout: Duration) -> Result<bool, AcquireError> {
        self.wait_within(Limits { deadline: after(timeout), ..Limits::default() })
    }

    /// As [`wait_or_stop`](Self::wait_or_stop), and gives up at `deadline`.
    ///
    /// # Errors
    /// [`AcquireError`].
    pub fn wait_deadline(&self, deadline: Instant) -> Result<bool, AcquireError> {
        self.wait_within(Limits::until(deadline))
    }

    fn wait_within(&self, limits: Limits) -> Result<bool, AcquireError> {
        let mut event = self.wait_event();
        match event::wait_with(&mut event, limits.breakable()) {
            Ok(leads) => Ok(leads),
            // It was stopped and completed at the same moment: the others have gone on.
            Err(_) if !event.withdraw() => Ok(false),
            Err(stopped) => Err(stopped.into()),
        }
    }

    /// A future of [`wait`](Self::wait) that the current token can cancel. It arrives at its first poll. Stopped or
    /// dropped it takes the arrival back, unless the others have gone on with it.
    pub fn wait_async(&self) -> impl Future<Output = Result<bool, AcquireError>> + Send + use<'_> {
        let waiting = Waiting::new(self.wait_event());
        async move { Ok(waiting.await?) }
    }

    /// The event of all having arrived, for [`select!`](crate::select). It arrives when it is first waited for. Where
    /// another event happens instead, the arrival is taken back, unless the others have gone on with it.
    pub fn wait_event(&self) -> BarrierEvent<'_> {
        BarrierEvent { barrier: self, arrived: None, ticket: None }
    }

    /// The current generation. Acquire pairs with the release of whoever raised it (invariant 3).
    fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }
}

/// The event of passing a [`Barrier`]: see [`Barrier::wait_event`].
#[derive(Debug)]
#[must_use = "an event does nothing until it is waited for"]
pub struct BarrierEvent<'a> {
    barrier: &'a Barrier,
    /// The generation that we have arrived in, and not passed yet.
    arrived: Option<u64>,
    ticket: Option<Ticket>,
}

impl BarrierEvent<'_> {
    /// Arrives; tells whether it was the last to do so.
    fn arrive(&mut self) -> bool {
        let barrier = self.barrier;
        {
            let mut arrived = barrier.arrived.lock();
            if *arrived + 1 < barrier.members {
                *arrived += 1;
                // Under the lock the generation stands still.
                self.arrived = Some(barrier.generation());
                return false;
            }
            *arrived = if seeded("barrier/keep-count") { barrier.members - 1 } else { 0 };
            let order = if seeded("barrier/relaxed-generation") { Ordering::Relaxed } else { Ordering::Release };
            barrier.generation.fetch_add(1, order);
        }
        if !seeded("barrier/pass-silently") {
            barrier.waiters.wake_all_after_rmw();
        }
        true
    }

    /// Takes the arrival back; `false` if the barrier was passed with it.
    fn withdraw(&mut self) -> bool {
        let Some(generation) = self.arrived.take() else { return true };
        let mut arrived = self.barrier.arrived.lock();
        let current = self.barrier.generation() == generation;
        if current && !seeded("barrier/stay-arrived") {
            *arrived -= 1;
        }
        current
    }
}

impl Event for BarrierEvent<'_> {
    type Output = bool;

    fn attempt(&mut self) -> Option<bool> {
        match self.arrived {
            None => self.arrive().then_some(true),
            Some(generation) => {
                let passed = self.barrier.generation() != generation;
                if passed {
                    self.arrived = None;
                }
                passed.then_some(false)
            }
        }
    }

    fn enlist(&mut self, waiter: &Waiter) -> bool {
        self.ticket = Some(self.barrier.waiters.push(waiter));
        self.arrived != Some(self.barrier.generation())
    }

    fn delist(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.barrier.waiters.remove(ticket);
        }
    }

    /// Nothing: all waiters are woken.
    fn pass_on(&mut self) {}

    fn awaits(&self) -> Awaits {
        // Anybody may be the one who is missing.
        Awaits::unknown(title("barrier", self.barrier.name.as_ref()))
    }
}

impl Drop for BarrierEvent<'_> {
    fn drop(&mut self) {
        self.withdraw();
    }
}
