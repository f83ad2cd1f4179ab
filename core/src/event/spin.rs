//! Bounded spinning before sleep.
//!
//! To park and be unparked costs some 4 µs hot and 40 µs cold, a cache line's round trip 0.1 to 0.4 µs: a wait that is over
//! soon is cheaper spun than slept. The bound keeps a wait that is not from burning the core that the other side may
//! need: a few short bursts, then turns given away, then sleep. On a machine with one core, and under a model checker, nothing is spun.

use crate::sync::{Lazy, MODELLED, hint, thread};

/// Rounds of spinning; round `r` is `2^r` pauses (about 23 ns each on the reference machine).
const BURSTS: u32 = 6;
/// Rounds after them, in which the core is given to another thread.
const YIELDS: u32 = 4;

static ALONE: Lazy<bool> = Lazy::new(|| thread::cores() < 2);

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
