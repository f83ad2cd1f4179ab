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
//! The list is in order of arrival and doubly linked inside a vector, so that a waiter leaves it in constant time, and places are
//! used again without allocation.

use crate::seeded;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::{Mutex, fence_after_rmw};

use super::Waiter;

/// The place of a waiter in a list, to leave it again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ticket {
    place: u32,
    /// Tells it from those who had the place before and will have it after.
    number: u64,
}

/// Waiters in order of arrival, each with something of its own. Not synchronised.
#[derive(Debug)]
pub struct WaitQueue<P = ()> {
    places: Vec<Place<P>>,
    /// The ends of the list, or [`NOWHERE`]. Numbers of places, not of machine words, so that the list's head is small: it
    /// goes from core to core with the lock.
    first: u32,
    last: u32,
    /// The first of the places that are not used, linked by `next`.
    free: u32,
    len: u32,
    arrivals: u64,
}

#[derive(Debug)]
struct Place<P> {
    number: u64,
    previous: u32,
    next: u32,
    entry: Option<(Waiter, P)>,
}

/// No place.
const NOWHERE: u32 = u32::MAX;

impl<P> Default for WaitQueue<P> {
    fn default() -> Self {
        Self { places: Vec::new(), first: NOWHERE, last: NOWHERE, free: NOWHERE, len: 0, arrivals: 0 }
    }
}

impl<P> WaitQueue<P> {
    /// An empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a waiter at the end. O(1), amortised.
    pub fn push(&mut self, waiter: &Waiter, with: P) -> Ticket {
        let number = self.arrivals;
        self.arrivals += 1;
        let new = Place { number, previous: NOWHERE, next: NOWHERE, entry: Some((waiter.clone(), with)) };
        let place = match self.free {
            NOWHERE => {
                let place = u32::try_from(self.places.len()).ok().filter(|&place| place != NOWHERE);
                self.places.push(new);
                place.expect("fewer than 4,294,967,295 wait for one thing")
            }
            free => {
                self.free = self.places[free as usize].next;
                self.places[free as usize] = new;
                free
            }
        };
        self.append(place);
        self.len += 1;
        Ticket { place, number }
    }

    /// Removes the entry of this ticket, if it is still there. O(1).
    pub fn remove(&mut self, ticket: Ticket) -> Option<P> {
        let place = self.places.get(ticket.place as usize)?;
        (place.number == ticket.number && place.entry.is_some()).then(|| self.unlink(ticket.place).1)
    }

    /// Takes the first entry out. O(1).
    pub fn pop(&mut self) -> Option<(Waiter, P)> {
        (self.first != NOWHERE).then(|| self.unlink(self.first))
    }

    /// Takes the first entry out that `accept` accepts. O(n).
    pub fn pop_if(&mut self, mut accept: impl FnMut(&Waiter, &mut P) -> bool) -> Option<(Waiter, P)> {
        let mut place = self.first;
        while place != NOWHERE {
            let (waiter, with) = self.places[place as usize].entry.as_mut().expect("a linked place is used");
            if accept(waiter, with) {
                return Some(self.unlink(place));
            }
            place = self.places[place as usize].next;
        }
        None
    }

    /// Takes all entries out, first come first.
    pub fn take(&mut self) -> impl Iterator<Item = (Waiter, P)> + use<P> {
        let mut all = std::mem::take(self);
        // The tickets of those who are taken out must not fit those who come after.
        self.arrivals = all.arrivals;
        std::iter::from_fn(move || all.pop())
    }

    /// The entries, first come first.
    pub fn iter(&self) -> impl Iterator<Item = (&Waiter, &P)> {
        let mut place = self.first;
        std::iter::from_fn(move || {
            let here = self.places.get(place as usize)?;
            place = here.next;
            here.entry.as_ref().map(|(waiter, with)| (waiter, with))
        })
    }

    /// The first entry that `accept` accepts. That of a blocked thread stays, behind all others, until it comes to take it out;
    /// so those who serve one after the other do not pass those that have been served. That of a suspended task, which
    /// may never come, is taken out and returned. O(n).
    pub fn serve(&mut self, mut accept: impl FnMut(&Waiter, &mut P) -> bool) -> Option<(Waiter, P)> {
        let mut place = self.first;
        while place != NOWHERE {
            let here = &mut self.places[place as usize];
            let next = here.next;
            let (waiter, with) = here.entry.as_mut().expect("a linked place is used");
            if accept(waiter, with) {
                if !waiter.attends() {
                    return Some(self.unlink(place));
                }
                if next != NOWHERE {
                    self.take_out(place);
                    self.append(place);
                }
                return None;
            }
            place = next;
        }
        None
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Makes a place the last of the list; it is in no list.
    fn append(&mut self, place: u32) {
        match self.last {
            NOWHERE => self.first = place,
            last => self.places[last as usize].next = place,
        }
        let here = &mut self.places[place as usize];
        (here.previous, here.next) = (self.last, NOWHERE);
        self.last = place;
    }

    /// Takes a place out of the list.
    fn take_out(&mut self, place: u32) {
        let Place { previous, next, .. } = self.places[place as usize];
        match previous {
            NOWHERE => self.first = next,
            previous => self.places[previous as usize].next = next,
        }
        match next {
            NOWHERE => self.last = previous,
            next => self.places[next as usize].previous = previous,
        }
    }

    /// Takes an entry out of the list; its place can be used again.
    fn unlink(&mut self, place: u32) -> (Waiter, P) {
        self.take_out(place);
        self.places[place as usize].next = self.free;
        self.free = place;
        self.len -= 1;
        self.places[place as usize].entry.take().expect("a linked place is used")
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

    /// Wakes the next waiter in place of one that this list has woken and that will make no use of it.
    ///
    /// No fence: a waiter whom the one that woke us must have seen is seen by us too, because its look at the count happens before
    /// ours; any other sees the change for itself.
    pub fn pass_on(&self) {
        if self.count.load(Ordering::Relaxed) != 0 {
            self.wake_one();
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
