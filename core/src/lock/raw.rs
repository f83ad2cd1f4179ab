//! The exclusive lock without its value: the word, the line of waiters, the hand-over.
//!
//! # Protocol
//!
//! One word: the owner's agent number in the low half, 0 if it is free, and two bits.
//!
//! | step | by | when |
//! |---|---|---|
//! | `0 -> me` | whoever acquires | at once: one compare-and-swap |
//! | `W -> W\|me` | whoever acquires | free while others wait: overtakes them |
//! | `R\|W -> W\|me` | an impatient waiter | free and reserved: ends the reservation |
//! | `me -> 0` | the owner | releases while nobody waits: one compare-and-swap |
//! | `me\|.. -> W?\|R?` | the owner, under the line's lock | releases and calls the first in line; R if it is impatient |
//! | `.. -> ..\|W` | a waiter, under the line's lock | has sat down in the line |
//! | `..\|W -> ..` | anybody, under the line's lock | the line is empty |
//! | `..\|R -> ..` | whoever called, under the line's lock | the waiter that was called has gone: calls the next |
//!
//! # Invariants
//!
//! 1. *Exclusion.* The owner is written by a compare-and-swap from a word without owner, and erased by the owner.
//! 2. *W is set while somebody sits in the line*, and both change under the line's lock. So a release that does not see
//!    W came before the step that set W, and that step, which returns the word as it was, tells the waiter that the
//!    lock is free.
//! 3. *No lost call.* Who is called and turns out to have gone is replaced by the next, until one heeds or the lock has
//!    an owner again, whose release will see W.
//!
//! # Fairness
//!
//! A lock that is released is free for whoever comes first (overtaking keeps the lock busy while a waiter wakes up). A
//! blocked thread that was called [`PATIENCE`] times and found the lock taken again is impatient: when it is called
//! next, the lock is reserved for it and those who come are refused. It keeps its place in the line meanwhile. So a
//! blocked thread waits for those before it and at most `PATIENCE` rounds of overtaking. Tasks have no such bound: one
//! that is called may not run for long, or ever, and the lock must not wait for it. The idea of fairness that comes in
//! eventually is that of parking_lot, which goes by time.

use super::places::Places;
use super::{AcquireError, title};
use crate::Reason;
use crate::context::Agent;
use crate::event::{self, Awaits, Enders, Event, Limits, Source, Waiter};
use crate::seeded;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{MODELLED, Mutex};

/// The owner's agent number, 0 if there is none.
const OWNER: u64 = u32::MAX as u64;
/// Owned, by nobody that is known: no agent has this number.
pub(super) const ROAMING: u64 = OWNER;
/// W: somebody sits in the line.
const WAITERS: u64 = 1 << 32;
/// R: free only for an impatient waiter.
const RESERVED: u64 = 1 << 33;

/// How often a waiter is called in vain before it becomes impatient.
const PATIENCE: u32 = if MODELLED { 1 } else { 8 };

#[derive(Debug)]
pub(super) struct RawLock {
    word: AtomicU64,
    /// The line; with each waiter, whether it is impatient.
    line: Mutex<Places<bool>>,
    name: Option<Reason>,
}

/// The current agent, as the word names an owner.
#[inline]
pub(super) fn me() -> u64 {
    u64::from(Agent::current().number())
}

impl RawLock {
    pub(super) fn new(name: Option<Reason>) -> Self {
        Self { word: AtomicU64::new(0), line: Mutex::new(Places::new()), name }
    }

    /// Acquires it for the current agent, which is `me`, if nobody holds it and nobody waits.
    #[inline]
    pub(super) fn try_fast(&self, me: u64) -> bool {
        // Acquire pairs with the release of whoever held it before.
        let success = if seeded("lock/relaxed-acquire") { Ordering::Relaxed } else { Ordering::Acquire };
        if seeded("lock/take-without-comparing") && self.word.load(Ordering::Relaxed) == 0 {
            self.word.swap(me, success);
            return true;
        }
        self.word.compare_exchange(0, me, success, Ordering::Relaxed).is_ok()
    }

    /// Acquires it if it is free, and not reserved unless we are impatient.
    pub(super) fn try_acquire(&self, impatient: bool) -> bool {
        let success = if seeded("lock/relaxed-acquire") { Ordering::Relaxed } else { Ordering::Acquire };
        let mut word = self.word.load(Ordering::Relaxed);
        while word & OWNER == 0 && (word & RESERVED == 0 || impatient) {
            if seeded("lock/take-without-comparing") {
                self.word.swap(word & WAITERS | me(), success);
                return true;
            }
            match self.word.compare_exchange(word, word & WAITERS | me(), success, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
        false
    }

    /// Acquires it, whatever it takes.
    #[cold]
    pub(super) fn acquire_unstoppably(&self) {
        assert!(
            !self.is_mine(),
            "{} is locked by the same agent already: it would wait for itself forever",
            self.what()
        );
        event::wait_with(Acquiring::new(self), Limits::unstoppable()).expect("nothing stops this wait");
    }

    /// Acquires it within `limits`.
    #[cold]
    pub(super) fn acquire(&self, limits: Limits) -> Result<(), AcquireError> {
        if self.is_mine() {
            return Err(AcquireError::self_deadlock(self.what()));
        }
        Ok(event::wait_with(Acquiring::new(self), limits.breakable())?)
    }

    /// Whether the current agent holds it. Exact, for nobody else can make it so or end it.
    fn is_mine(&self) -> bool {
        self.word.load(Ordering::Relaxed) & OWNER == me()
    }

    /// Whether anybody holds it, at some moment during the call.
    pub(super) fn is_locked(&self) -> bool {
        self.word.load(Ordering::Relaxed) & OWNER != 0
    }

    /// The owner is no longer known. By the owner only.
    pub(super) fn roam(&self) {
        self.word.fetch_or(ROAMING, Ordering::Relaxed);
    }

    /// Releases it. By the owner only, which has acquired it as `owner`.
    ///
    /// The owner is passed in because its guard knows it: a load of the word would have to wait for the locked instruction
    /// that acquired it, and delay the one that releases it (a sixth of the time of an uncontended lock).
    #[inline]
    pub(super) fn release(&self, owner: u64) {
        // Release pairs with the acquire of whoever holds it next.
        let success = if seeded("lock/relaxed-release") { Ordering::Relaxed } else { Ordering::Release };
        // In vain if somebody waits, or if the owner is no longer known.
        if self.word.compare_exchange(owner, 0, success, Ordering::Relaxed).is_err() {
            self.release_and_call();
        }
    }

    #[cold]
    fn release_and_call(&self) {
        let called = {
            let mut line = self.line.lock();
            let called = line.call_first();
            let reserve = called.as_ref().is_some_and(|(waiter, impatient)| *impatient && waiter.attends());
            let word = if line.is_empty() { 0 } else { WAITERS } | if reserve { RESERVED } else { 0 };
            // A store will do: the word has an owner, so nobody else writes it but under the line's lock.
            let order = if seeded("lock/relaxed-release") { Ordering::Relaxed } else { Ordering::Release };
            self.word.store(word, order);
            called
        };
        if seeded("lock/release-without-call") {
            return;
        }
        // Outside the lock: a waker is user code.
        if let Some((waiter, _)) = called
            && !waiter.signal()
            && !seeded("lock/call-the-decided")
        {
            self.call_next();
        }
    }

    /// Somebody was called and has gone (invariant 3).
    fn call_next(&self) {
        loop {
            let called = {
                let mut line = self.line.lock();
                // Whether or not the reservation was for the one who has gone: to lose it costs fairness only.
                let word = self.word.fetch_and(!RESERVED, Ordering::Relaxed);
                if word & OWNER != 0 {
                    // The owner will see that somebody waits.
                    return;
                }
                let called = line.call_first();
                self.settle(&line);
                called
            };
            match called {
                Some((waiter, _)) if !waiter.signal() => {}
                _ => return,
            }
        }
    }

    /// Clears W if the line is empty. Under the line's lock.
    fn settle(&self, line: &Places<bool>) {
        if line.is_empty() {
            self.word.fetch_and(!WAITERS, Ordering::Relaxed);
        }
    }

    pub(super) fn what(&self) -> String {
        title("lock", self.name.as_ref())
    }
}

impl Source for RawLock {
    fn awaits(&self) -> Awaits {
        // Relaxed: what the word says of an agent that waits is true (see `waitfor`, "No false report").
        let owner = self.word.load(Ordering::Relaxed) & OWNER;
        let owner = Some(owner as u32).filter(|&owner| u64::from(owner) != ROAMING).and_then(Agent::from_number);
        Awaits::new(self.what(), owner.map_or(Enders::Open, Enders::One))
    }
}

/// The event of acquiring it. Its output is the obligation to release.
#[derive(Debug)]
pub(super) struct Acquiring<'a> {
    raw: &'a RawLock,
    place: Option<u64>,
    /// Whether we have sat down and not left since.
    sits: bool,
    /// How often it was called, and had to sit down again.
    called: u32,
}

impl<'a> Acquiring<'a> {
    pub(super) fn new(raw: &'a RawLock) -> Self {
        Self { raw, place: None, sits: false, called: 0 }
    }
}

impl Event for Acquiring<'_> {
    type Output = ();

    fn attempt(&mut self) -> Option<()> {
        self.raw.try_acquire(self.called >= PATIENCE).then_some(())
    }

    fn enlist(&mut self, waiter: &Waiter) -> bool {
        let impatient = self.called >= PATIENCE;
        let mut line = self.raw.line.lock();
        self.place = Some(line.sit(self.place, waiter, || impatient));
        self.sits = true;
        // Invariant 2. Relaxed: only the word itself is looked at; `attempt` will acquire.
        let word = self.raw.word.fetch_or(WAITERS, Ordering::Relaxed);
        word & OWNER == 0 && (word & RESERVED == 0 || impatient) && !seeded("lock/sit-without-looking")
    }

    fn delist(&mut self) {
        let Some(place) = self.place.filter(|_| self.sits) else { return };
        self.sits = false;
        let mut line = self.raw.line.lock();
        if line.leave(place).is_none() {
            self.called += 1;
        }
        self.raw.settle(&line);
    }

    fn pass_on(&mut self) {
        self.raw.call_next();
    }

    fn awaits(&self) -> Awaits {
        self.raw.awaits()
    }

    fn source(&self) -> Option<&dyn Source> {
        Some(self.raw)
    }
}
