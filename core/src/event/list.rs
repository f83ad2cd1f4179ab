//! The list of waiters that a source keeps: who to wake when an event becomes possible.
//!
//! [`WaitQueue`] is the plain list, for a source that keeps it under a lock of its own. [`WaitList`] is the list with its own lock
//! and a count beside it, so that a source without waiters pays one load to learn that there is nobody to wake.
//!
//! # The handshake
//!
//! | waiter | source |
//! |---|---|
//! | 1. `push`: enters the list, raises the count, fence | 1. changes its state by a read-modify-write, fence |
//! | 2. looks at the source's state: ready? | 2. loads the count: 0 means that nobody waits |
//!
//! It is Dekker's: the two fences are sequentially consistent, so at least one of the two sees the other's first step. On
//! x86-64 both first steps are locked instructions, and the fences cost nothing ([`fence_after_rmw`]).
//!
//! The list is in order of arrival. An entry is removed by its ticket: tickets grow, so it is found by binary search.

use std::collections::VecDeque;

use crate::seeded;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::{Mutex, fence_after_rmw};

use super::Waiter;

/// The place of a waiter in a list, to leave it again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Ticket(u64);

/// Waiters in order of arrival, each with something of its own. Not synchronised.
#[derive(Debug)]
pub struct WaitQueue<P = ()> {
    entries: VecDeque<(Ticket, Waiter, P)>,
    next: u64,
}

impl<P> Default for WaitQueue<P> {
    fn default() -> Self {
        Self { entries: VecDeque::new(), next: 0 }
    }
}

impl<P> WaitQueue<P> {
    /// An empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a waiter at the end.
    pub fn push(&mut self, waiter: &Waiter, with: P) -> Ticket {
        let ticket = Ticket(self.next);
        self.next += 1;
        self.entries.push_back((ticket, waiter.clone(), with));
        ticket
    }

    /// Removes the entry of this ticket, if it is still there. O(log n) to find it, and moving at most half the rest.
    pub fn remove(&mut self, ticket: Ticket) -> Option<P> {
        let index = self.entries.binary_search_by_key(&ticket, |entry| entry.0).ok()?;
        self.entries.remove(index).map(|(_, _, with)| with)
    }

    /// Takes the first entry out.
    pub fn pop(&mut self) -> Option<(Waiter, P)> {
        self.entries.pop_front().map(|(_, waiter, with)| (waiter, with))
    }

    /// Takes the first entry out that `accept` accepts.
    pub fn pop_if(&mut self, mut accept: impl FnMut(&Waiter, &mut P) -> bool) -> Option<(Waiter, P)> {
        let index = self.entries.iter_mut().position(|(_, waiter, with)| accept(waiter, with))?;
        self.entries.remove(index).map(|(_, waiter, with)| (waiter, with))
    }

    /// Takes all entries out.
    pub fn take(&mut self) -> impl Iterator<Item = (Waiter, P)> + use<P> {
        std::mem::take(&mut self.entries).into_iter().map(|(_, waiter, with)| (waiter, with))
    }

    /// The entries, first come first.
    pub fn iter(&self) -> impl Iterator<Item = (&Waiter, &P)> {
        self.entries.iter().map(|(_, waiter, with)| (waiter, with))
    }

    /// The entries, first come first, to change what they have.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&Waiter, &mut P)> {
        self.entries.iter_mut().map(|(_, waiter, with)| (&*waiter, with))
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// Waiters in order of arrival, behind a lock, with a count that tells at the price of a load whether there are any.
#[derive(Debug)]
pub struct WaitList {
    /// Raised and lowered under the lock, read without it.
    count: AtomicUsize,
    queue: Mutex<WaitQueue>,
}

impl WaitList {
    /// An empty list.
    pub fn new() -> Self {
        Self { count: AtomicUsize::new(0), queue: Mutex::new(WaitQueue::new()) }
    }

    /// Adds a waiter, who then has to look whether what it waits for has happened already.
    pub fn push(&self, waiter: &Waiter) -> Ticket {
        let mut queue = self.queue.lock();
        let ticket = queue.push(waiter, ());
        if seeded("event/count-after-look") {
            return ticket;
        }
        // Relaxed: the fence orders it before the waiter's look at the source.
        self.count.fetch_add(1, Ordering::Relaxed);
        fence_after_rmw();
        ticket
    }

    /// Removes the waiter, if it is still in the list.
    pub fn remove(&self, ticket: Ticket) {
        let mut queue = self.queue.lock();
        if queue.remove(ticket).is_some() {
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Wakes the first waiter whose wait is not yet decided. To be called after the read-modify-write that may have made
    /// its event possible; one load if nobody waits.
    #[inline]
    pub fn wake_one_after_rmw(&self) {
        if self.anybody_after_rmw() {
            self.wake_one();
        }
    }

    /// Wakes all waiters. To be called as [`wake_one_after_rmw`](Self::wake_one_after_rmw).
    #[inline]
    pub fn wake_all_after_rmw(&self) {
        if self.anybody_after_rmw() {
            self.wake_all();
        }
    }

    #[inline]
    fn anybody_after_rmw(&self) -> bool {
        fence_after_rmw();
        // Relaxed: the fence orders it after the source's change. What a waiter wrote comes with the lock.
        self.count.load(Ordering::Relaxed) != 0
    }

    #[cold]
    fn wake_one(&self) {
        loop {
            // The lock is released before the signal: a waker is user code.
            let popped = {
                let mut queue = self.queue.lock();
                let popped = queue.pop();
                if popped.is_some() {
                    self.count.fetch_sub(1, Ordering::Relaxed);
                }
                popped
            };
            match popped {
                None => return,
                // A waiter whose wait is decided otherwise has no use for the notification: the next one gets it.
                Some((waiter, ())) if waiter.signal() || seeded("event/notify-the-decided") => return,
                Some(_) => {}
            }
        }
    }

    #[cold]
    fn wake_all(&self) {
        let all = {
            let mut queue = self.queue.lock();
            self.count.fetch_sub(queue.len(), Ordering::Relaxed);
            queue.take()
        };
        for (waiter, ()) in all {
            waiter.signal();
        }
    }

    /// How many wait, at some moment during the call.
    pub fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Whether nobody waits, at some moment during the call.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Default for WaitList {
    fn default() -> Self {
        Self::new()
    }
}
