//! The lock for readers and writers without its value: the word, the line, and whose turn it is.
//!
//! # Protocol
//!
//! One word. Its low half counts the readers, or names the writer's agent while the bit `WRITER` is set; `WAITERS` is
//! set while somebody has a place in the line. The line is under a lock of its own.
//!
//! | step | by | when |
//! |---|---|---|
//! | `n -> n+1` | a reader | no writer, nobody in line: one compare-and-swap |
//! | `0 -> WRITER\|me` | a writer | free, nobody in line: one compare-and-swap |
//! | the same with `WAITERS` | whoever may go, under the line's lock | leaves the line |
//! | `n -> n-1` | a reader | releases; the last, if somebody is in line, calls whoever may go |
//! | `WRITER\|me -> 0` | the writer | releases while nobody is in line |
//! | `WRITER\|.. -> WAITERS` | the writer, under the line's lock | releases; admits all readers in line |
//! | `.. <-> ..\|WAITERS` | anybody, under the line's lock | follows the line |
//!
//! # Whose turn it is
//!
//! Phases of readers and of writers take turns (phase-fair: Brandenburg and Anderson, 2010). While somebody is in line
//! nobody overtakes it.
//!
//! - A *reader* in line may go when no writer holds the lock, and it is admitted or no writer is before it. When a
//!   writer releases, all readers that are in line then are admitted: they go before the next writer, wherever they are
//!   in line.
//! - A *writer* in line may go when nobody holds the lock, it is first in line, and no admitted reader is left in line.
//!
//! So a reader waits for one phase of readers and one writer at most, and a writer for those before it and a phase of
//! readers each.
//!
//! # Invariants
//!
//! 1. *Exclusion.* `WRITER` is set only by a step from a word without readers and without `WRITER`, and a reader is
//!    counted only by one from a word without `WRITER`.
//! 2. *A place is kept* until its wait has gone, has given up or was dropped; [`Line::settle`] follows each of these,
//!    and each release that finds `WAITERS`. It calls whoever may go and sits; whoever may go and does not sit finds
//!    out itself, when it sits down or attempts. So nobody who may go sleeps.

use super::holders::Holders;
use super::places::{Place, Places};
use super::{AcquireError, title};
use crate::Reason;
use crate::context::Agent;
use crate::event::{self, Awaits, Enders, Event, Limits, Source, Waiter};
use crate::seeded;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU64, Ordering};

/// The number of readers, or the writer's agent.
const COUNT: u64 = u32::MAX as u64;
/// A writer holds the lock.
const WRITER: u64 = 1 << 32;
/// Somebody has a place in the line.
const WAITERS: u64 = 1 << 33;

#[derive(Debug)]
pub(super) struct RawRwLock {
    word: AtomicU64,
    line: Mutex<Line>,
    pub(super) readers: Holders,
    name: Option<Reason>,
}

type Line = Places<Wish>;

/// Who has a place, and for what.
#[derive(Debug)]
struct Wish {
    mode: Mode,
    /// A reader that goes before the next writer.
    admitted: bool,
    /// Who waits, if it is a blocked thread: a task might go on elsewhere.
    agent: Option<Agent>,
}

/// How somebody wants to hold the lock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mode {
    Read,
    Write,
}

/// What a reader counts for.
fn one_reader() -> u64 {
    if seeded("rwlock/readers-uncounted") { 0 } else { 1 }
}

fn writer() -> u64 {
    WRITER | u64::from(Agent::current().number())
}

impl RawRwLock {
    pub(super) fn new(name: Option<Reason>) -> Self {
        Self { word: AtomicU64::new(0), line: Mutex::new(Places::new()), readers: Holders::new(), name }
    }

    /// Acquires it if that is possible at once, with nobody in line.
    #[inline]
    pub(super) fn try_acquire(&self, mode: Mode) -> bool {
        match mode {
            Mode::Read => self.try_read(),
            // Acquire pairs with the releases of the last writer and of all readers since.
            Mode::Write => self.word.compare_exchange(0, writer(), Ordering::Acquire, Ordering::Relaxed).is_ok(),
        }
    }

    #[inline]
    fn try_read(&self) -> bool {
        let mut word = self.word.load(Ordering::Relaxed);
        while word & (WRITER | WAITERS) == 0 {
            assert!(word & COUNT < COUNT, "{} has 4,294,967,295 readers", self.what());
            // Acquire pairs with the last writer's release.
            match self.word.compare_exchange(word, word + one_reader(), Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
        false
    }

    /// Acquires it, whatever it takes.
    #[cold]
    pub(super) fn acquire_unstoppably(&self, mode: Mode) {
        assert!(
            !self.is_mine(),
            "{} is written by the same agent already: it would wait for itself forever",
            self.what()
        );
        event::wait_with(RwAcquiring::new(self, mode), Limits::unstoppable()).expect("nothing stops this wait");
    }

    /// Acquires it within `limits`.
    #[cold]
    pub(super) fn acquire(&self, mode: Mode, limits: Limits) -> Result<(), AcquireError> {
        if self.is_mine() {
            return Err(AcquireError::self_deadlock(self.what()));
        }
        Ok(event::wait_with(RwAcquiring::new(self, mode), limits.breakable())?)
    }

    /// Whether the current agent writes.
    fn is_mine(&self) -> bool {
        self.word.load(Ordering::Relaxed) & !WAITERS == writer()
    }

    /// A reader releases.
    #[inline]
    pub(super) fn release_read(&self) {
        // Release pairs with the acquire of the next writer.
        let order = if seeded("rwlock/relaxed-read-release") { Ordering::Relaxed } else { Ordering::Release };
        let word = self.word.fetch_sub(one_reader(), order);
        if word & WAITERS != 0 && word & COUNT == 1 && !seeded("rwlock/last-reader-calls-nobody") {
            self.settle();
        }
    }

    /// The writer releases.
    #[inline]
    pub(super) fn release_write(&self) {
        // Release pairs with the acquire of the next reader or writer.
        let order = if seeded("rwlock/relaxed-write-release") { Ordering::Relaxed } else { Ordering::Release };
        let word = self.word.load(Ordering::Relaxed);
        if word & WAITERS != 0 || self.word.compare_exchange(word, 0, order, Ordering::Relaxed).is_err() {
            self.release_write_and_call(order);
        }
    }

    #[cold]
    fn release_write_and_call(&self, order: Ordering) {
        let called = {
            let mut line = self.line.lock();
            for place in line.iter_mut().filter(|place| place.with.mode == Mode::Read) {
                place.with.admitted = true;
            }
            self.word.fetch_and(WAITERS, order);
            line.settle(&self.word)
        };
        signal(called);
    }

    /// Calls whoever may go.
    #[cold]
    fn settle(&self) {
        let called = self.line.lock().settle(&self.word);
        signal(called);
    }

    pub(super) fn what(&self) -> String {
        title("read-write lock", self.name.as_ref())
    }
}

/// Outside the line's lock: a waker is user code. Who was called and has gone settles the line by itself (invariant 2).
fn signal(called: Vec<Waiter>) {
    for waiter in called {
        waiter.signal();
    }
}

impl Line {
    /// Makes the bit follow the line, and takes out the waiters who are to be called: those who may go. Under the
    /// line's lock.
    fn settle(&mut self, word: &AtomicU64) -> Vec<Waiter> {
        if self.is_empty() {
            word.fetch_and(!WAITERS, Ordering::Relaxed);
            return Vec::new();
        }
        // A read-modify-write, to see the latest word.
        let word = word.fetch_or(WAITERS, Ordering::Relaxed);
        if word & WRITER != 0 {
            return Vec::new();
        }
        if !self.iter_mut().any(|place| place.with.admitted) {
            for place in self.iter_mut().take_while(|place| place.with.mode == Mode::Read) {
                place.with.admitted = true;
            }
        }
        let readers_go = self.iter_mut().any(|place| place.with.admitted);
        if readers_go {
            self.iter_mut().filter(|place| place.with.admitted).filter_map(Place::call).collect()
        } else if word & COUNT == 0 {
            self.iter_mut().next().and_then(Place::call).into_iter().collect()
        } else {
            Vec::new()
        }
    }

    /// Whether this place may go, the word being `word`.
    fn may_go(&mut self, number: u64, word: u64) -> bool {
        if word & WRITER != 0 {
            return false;
        }
        let Some(place) = self.get_mut(number) else { return false };
        match place.with.mode {
            Mode::Read => place.with.admitted || self.before(number).all(|wish| wish.mode == Mode::Read),
            Mode::Write => {
                let any_admitted = self.iter_mut().any(|place| place.with.admitted);
                word & COUNT == 0 && self.is_first(number) && !any_admitted
            }
        }
    }
}

/// The event of acquiring it. Its output is the obligation to release.
#[derive(Debug)]
pub(super) struct RwAcquiring<'a> {
    raw: &'a RawRwLock,
    mode: Mode,
    place: Option<u64>,
}

impl<'a> RwAcquiring<'a> {
    pub(super) fn new(raw: &'a RawRwLock, mode: Mode) -> Self {
        Self { raw, mode, place: None }
    }

    /// Goes from the line into the lock, if it is our turn.
    fn go(&mut self, number: u64) -> bool {
        let raw = self.raw;
        let mut word = raw.word.load(Ordering::Relaxed);
        let called = {
            let mut line = raw.line.lock();
            loop {
                if !line.may_go(number, word) {
                    return false;
                }
                let taken = match self.mode {
                    Mode::Read => word + one_reader(),
                    Mode::Write => word | writer(),
                };
                // Acquire, as in `try_acquire`. Only releases by readers can come between.
                match raw.word.compare_exchange(word, taken, Ordering::Acquire, Ordering::Relaxed) {
                    Ok(_) => break,
                    Err(now) => word = now,
                }
            }
            line.leave(number);
            line.settle(&raw.word)
        };
        self.place = None;
        signal(called);
        true
    }
}

impl Event for RwAcquiring<'_> {
    type Output = ();

    fn attempt(&mut self) -> Option<()> {
        match self.place {
            None => self.raw.try_acquire(self.mode),
            Some(number) => self.go(number),
        }
        .then_some(())
    }

    fn enlist(&mut self, waiter: &Waiter) -> bool {
        let raw = self.raw;
        let wish = || Wish { mode: self.mode, admitted: false, agent: waiter.attends().then(Agent::current) };
        let mut line = raw.line.lock();
        let number = line.sit(self.place, waiter, wish);
        self.place = Some(number);
        let word = raw.word.fetch_or(WAITERS, Ordering::Relaxed);
        line.may_go(number, word) && !seeded("rwlock/sit-without-looking")
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

impl Drop for RwAcquiring<'_> {
    /// Gives the place up, if the wait ended otherwise: those behind may be able to go now.
    fn drop(&mut self) {
        let Some(number) = self.place else { return };
        let called = {
            let mut line = self.raw.line.lock();
            line.leave(number);
            line.settle(&self.raw.word)
        };
        if !seeded("rwlock/leave-silently") {
            signal(called);
        }
    }
}

impl Source for RwAcquiring<'_> {
    fn awaits(&self) -> Awaits {
        let mut line = self.raw.line.lock();
        let word = self.raw.word.load(Ordering::Relaxed);
        let enders = if word & WRITER != 0 {
            Agent::from_number((word & COUNT) as u32).map_or(Enders::Open, Enders::One)
        } else {
            let number = self.place.unwrap_or(u64::MAX);
            let admitted = line.get_mut(number).is_some_and(|place| place.with.admitted);
            let mut writers = line.before(number).filter(|wish| wish.mode == Mode::Write).map(|wish| wish.agent);
            match self.mode {
                Mode::Read if admitted => Enders::Open,
                Mode::Read => writers.next().flatten().map_or(Enders::Open, Enders::One),
                Mode::Write => {
                    // Some of those who have to go first: each of them has to. The list may lack others.
                    let mut agents = self.raw.readers.known().0;
                    agents.extend(writers.flatten());
                    if agents.is_empty() { Enders::Open } else { Enders::All(agents) }
                }
            }
        };
        Awaits::new(self.raw.what(), enders)
    }
}
