//! Bounded spinning before sleep.
//!
//! To wake a parked thread on another core takes 20 to 50 µs, a cache line's round trip 0.1 to 0.4 µs: a wait that is over soon is
//! cheaper spun than slept. The budget is about the price of one sleep, which at worst doubles what a wait costs (the ski-rental
//! bound); with a smaller one, two threads that take turns never leave the state in which each sleeps until the other has woken.
//! A few short bursts come first, then turns given away, so that a thread that needs the core has it, then sleep. On a machine
//! with one core, and under a model checker, nothing is spun.

use crate::sync::{Lazy, MODELLED, hint, thread};
use crate::topology;

/// Rounds of spinning; round `r` is `2^r` pauses (about 23 ns each on the reference machine).
const BURSTS: u32 = 6;
/// Rounds after them, in which the core is given to another thread.
const YIELDS: u32 = 64;

/// Whether the machine has one core. Asked of the machine, not of the thread: one that is pinned to a core of its own is
/// told that there is one, and it is the others' cores that spinning is about.
static ALONE: Lazy<bool> = Lazy::new(|| match topology::online() {
    Some(cpus) => cpus < 2,
    None => thread::cores() < 2,
});

/// The spinning part of one wait.
#[derive(Debug)]
pub struct Spin {
    round: u32,
}

impl Spin {
    /// Spinning that has its whole budget before it, or none where spinning cannot help.
    pub fn new() -> Self {
        Self { round: if MODELLED || *ALONE.get() { BURSTS + YIELDS } else { 0 } }
    }

    /// Lets some time pass; `false` when the budget is used up and the wait should sleep.
    #[inline]
    pub fn pause(&mut self) -> bool {
        if self.round < BURSTS {
            for _ in 0..1 << self.round {
                hint::spin_loop();
            }
        } else if self.round < BURSTS + YIELDS {
            thread::yield_now();
        } else {
            return false;
        }
        self.round += 1;
        true
    }
}

impl Default for Spin {
    fn default() -> Self {
        Self::new()
    }
}
