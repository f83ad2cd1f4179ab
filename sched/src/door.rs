//! The door of a pool: what comes in from outside is counted here, and turned away when it is too late.
//!
//! One word: how many have come in from the start, and two flags.
//!
//! | flag | meaning |
//! |---|---|
//! | `SHUT` | no new tasks; those that are there already may still be woken from outside |
//! | `CLOSED` | nothing any more: all that ever came in has ended |
//!
//! | step | by | from, to |
//! |---|---|---|
//! | enter | whoever brings a job, before it is queued | neither flag that bars it: one more |
//! | shut | who ends the pool | sets `SHUT` |
//! | close | a worker that lies down, or who ends the pool | reads the count; if all of them have ended, and the word is still the same: sets `CLOSED` |
//!
//! # Invariants
//!
//! 1. *A job is counted before it is queued*, so one that is on its way keeps the door open.
//! 2. *A job is counted, or turned away*: it comes in by a compare-and-swap of the word that closing changes by another.

use reweave_core::seeded;
use reweave_core::sync::atomic::{AtomicU64, Ordering};

const CLOSED: u64 = 1;
const SHUT: u64 = 2;
const ONE: u64 = 4;

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Door(AtomicU64);

/// What comes in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Arrival {
    /// Something new.
    New,
    /// A task that is there already, and has been woken.
    Woken,
}

impl Door {
    /// Open, and nobody has come in.
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Lets one in, unless it is too late: whether it has.
    pub(crate) fn enter(&self, arrival: Arrival) -> bool {
        let bars = match arrival {
            _ if seeded("pool/turn-nobody-away") => 0,
            Arrival::Woken if !seeded("pool/shut-turns-wakes-away") => CLOSED,
            Arrival::New | Arrival::Woken => SHUT | CLOSED,
        };
        let mut word = self.0.load(Ordering::Relaxed);
        while word & bars == 0 {
            match self.0.compare_exchange(word, word + ONE, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
        false
    }

    /// Lets nothing new in from now on.
    pub(crate) fn shut(&self) {
        self.0.fetch_or(SHUT, Ordering::AcqRel);
    }

    /// Lets nothing in from now on, if all are `done`, of whom so many came in here. Tells whether it is closed.
    pub(crate) fn close_if(&self, done: impl Fn(u64) -> bool) -> bool {
        let mut word = self.0.load(Ordering::Acquire);
        while word & CLOSED == 0 && done(word / ONE) {
            match self.0.compare_exchange(word, word | CLOSED, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
        word & CLOSED != 0
    }
}
