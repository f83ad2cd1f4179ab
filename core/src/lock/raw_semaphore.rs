//! The semaphore's word and line.
//!
//! # Protocol
//!
//! One word: the permits that are available, and `WAITERS` while somebody has a place in the line, which is under a
//! lock of its own.
//!
//! | step | by | when |
//! |---|---|---|
//! | `p -> p-n` | whoever acquires n | nobody in line, and p >= n: one compare-and-swap |
//! | `p\|WAITERS -> p-n\|..` | the first in line, under the line's lock | p >= n; leaves the line |
//! | `p -> p+n` | whoever releases n | calls the first in line, if there is one and it may go |
//! | `.. <-> ..\|WAITERS` | anybody, under the line's lock | follows the line |
//!
//! # Invariants
//!
//! 1. *Permits are conserved*: only these steps change their number, each by a read-modify-write.
//! 2. *First come, first served.* While somebody is in line only the first can take permits. A large request is not
//!    overtaken by small ones; they wait behind it.
//! 3. *A place is kept* until its wait has gone, has given up or was dropped; [`Line::settle`] follows each of these,
//!    and each release that finds `WAITERS`: it calls the first if it may go and sits. If it does not sit it finds out
//!    itself, when it sits down or attempts.

use super::holders::Holders;
use super::places::{Place, Places};
use super::title;
use crate::Reason;
use crate::context::Agent;
use crate::event::{Awaits, Enders, Event, Source, Waiter};
use crate::seeded;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, Ordering};

/// The permits that are available.
const PERMITS: u64 = u32::MAX as u64;
/// Somebody has a place in the line.
const WAITERS: u64 = 1 << 32;

#[derive(Debug)]
pub(super) struct RawSemaphore {
    word: AtomicU64,
    line: Mutex<Line>,
    pub(super) total: u32,
    pub(super) holders: Holders,
    name: Option<Reason>,
}

type Line = Places<Request>;

/// Who has a place, and for how many permits.
#[derive(Debug)]
struct Request {
    permits: u32,
    /// Who waits, if it is a blocked thread: a task might go on elsewhere.
    agent: Option<Agent>,
}

impl RawSemaphore {
    pub(super) fn new(name: Option<Reason>, permits: u32) -> Self {
        let word = AtomicU64::new(u64::from(permits));
        Self { word, line: Mutex::new(Places::new()), total: permits, holders: Holders::new(), name }
    }

    /// Takes `n` permits if they are available and nobody is in line.
    #[inline]
    pub(super) fn try_acquire(&self, n: u32) -> bool {
        let mut word = self.word.load(Ordering::Relaxed);
        while word & WAITERS == 0 && word >= u64::from(n) {
            if seeded("semaphore/take-without-comparing") {
                self.word.swap(word - u64::from(n), Ordering::Acquire);
                return true;
            }
            // Acquire pairs with the releases of the permits.
            match self.word.compare_exchange(word, word - u64::from(n), Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
        false
    }

    #[inline]
    pub(super) fn release(&self, n: u32) {
        // Release pairs with the acquire of whoever takes these permits.
        let order = if seeded("semaphore/relaxed-release") { Ordering::Relaxed } else { Ordering::Release };
        if self.word.fetch_add(u64::from(n), order) & WAITERS != 0 && !seeded("semaphore/release-silently") {
            self.call();
        }
    }

    /// Calls the first in line, if it may go.
    #[cold]
    fn call(&self) {
        let called = self.line.lock().settle(&self.word);
        // Outside the lock: a waker is user code. If the waiter has gone, it settles the line by itself (invariant 3).
        if let Some(waiter) = called {
            waiter.signal();
        }
    }

    pub(super) fn available(&self) -> u32 {
        (self.word.load(Ordering::Relaxed) & PERMITS) as u32
    }

    pub(super) fn what(&self) -> String {
        title("semaphore", self.name.as_ref())
    }
}

impl Line {
    /// Makes the bit follow the line, and takes out the first waiter if it may go. Under the line's lock.
    fn settle(&mut self, word: &AtomicU64) -> Option<Waiter> {
        if self.is_empty() {
            word.fetch_and(!WAITERS, Ordering::Relaxed);
            return None;
        }
        // A read-modify-write, to see the latest word.
        let available = word.fetch_or(WAITERS, Ordering::Relaxed) & PERMITS;
        self.iter_mut().next().filter(|first| u64::from(first.with.permits) <= available).and_then(Place::call)
    }
}

/// The event of acquiring permits. Its output is the obligation to release them.
#[derive(Debug)]
pub(super) struct PermitAcquiring<'a> {
    raw: &'a RawSemaphore,
    permits: u32,
    place: Option<u64>,
}

impl<'a> PermitAcquiring<'a> {
    /// # Panics
    /// When so many permits do not exist.
    pub(super) fn new(raw: &'a RawSemaphore, permits: u32) -> Self {
        let RawSemaphore { total, .. } = raw;
        assert!(permits <= *total, "{permits} permits of {} are more than the {total} it has", raw.what());
        Self { raw, permits, place: None }
    }

    /// Goes from the line, if it is our turn and the permits are there.
    fn go(&mut self, number: u64) -> bool {
        let (raw, permits) = (self.raw, u64::from(self.permits));
        let called = {
            let mut line = raw.line.lock();
            let mut word = raw.word.load(Ordering::Relaxed);
            loop {
                let turn = line.is_first(number) || seeded("semaphore/overtake");
                if !turn || word & PERMITS < permits {
                    return false;
                }
                // Acquire, as in `try_acquire`. Only releases can come between.
                match raw.word.compare_exchange(word, word - permits, Ordering::Acquire, Ordering::Relaxed) {
                    Ok(_) => break,
                    Err(now) => word = now,
                }
            }
            line.leave(number);
            line.settle(&raw.word)
        };
        self.place = None;
        if let Some(waiter) = called {
            waiter.signal();
        }
        true
    }
}

impl Event for PermitAcquiring<'_> {
    type Output = ();

    fn attempt(&mut self) -> Option<()> {
        match self.place {
            None => self.raw.try_acquire(self.permits),
            Some(number) => self.go(number),
        }
        .then_some(())
    }

    fn enlist(&mut self, waiter: &Waiter) -> bool {
        let raw = self.raw;
        let request = || Request { permits: self.permits, agent: waiter.attends().then(Agent::current) };
        let mut line = raw.line.lock();
        let number = line.sit(self.place, waiter, request);
        self.place = Some(number);
        let available = raw.word.fetch_or(WAITERS, Ordering::Relaxed) & PERMITS;
        let turn = line.is_first(number) || seeded("semaphore/overtake");
        turn && available >= u64::from(self.permits) && !seeded("semaphore/sit-without-looking")
    }

    fn delist(&mut self) {
        if let Some(number) = self.place {
            self.raw.line.lock().stand(number);
        }
    }

    /// Nothing: who leaves the line calls the next.
    fn pass_on(&mut self) {}

    fn awaits(&self) -> Awaits {
        Source::awaits(self)
    }

    fn source(&self) -> Option<&dyn Source> {
        Some(self)
    }
}

impl Drop for PermitAcquiring<'_> {
    /// Gives the place up, if the wait ended otherwise: the next may be able to go now.
    fn drop(&mut self) {
        let Some(number) = self.place else { return };
        let called = {
            let mut line = self.raw.line.lock();
            line.leave(number);
            line.settle(&self.raw.word)
        };
        if let Some(waiter) = called
            && !seeded("semaphore/leave-silently")
        {
            waiter.signal();
        }
    }
}

impl Source for PermitAcquiring<'_> {
    fn awaits(&self) -> Awaits {
        // Under the line's lock: while we are in line, permits are taken under it only. So if the known holders hold
        // all that is not available, nobody else holds any. Whoever is before us in line comes to hold some, too.
        let line = self.raw.line.lock();
        let before: Option<Vec<Agent>> = line.before(self.place.unwrap_or(0)).map(|request| request.agent).collect();
        let (mut agents, held) = self.raw.holders.known();
        let complete = held + u64::from(self.raw.available()) == u64::from(self.raw.total);
        let enders = match before {
            Some(before) if complete && self.place.is_some() => {
                agents.extend(before);
                Enders::Any(agents)
            }
            _ => Enders::Open,
        };
        Awaits::new(self.raw.what(), enders)
    }
}
