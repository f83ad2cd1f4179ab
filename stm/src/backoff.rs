//! How long to wait after a conflict, and how long to spin on a variable that is being replaced.

use reweave_core::sync::{MODELLED, hint, thread};

/// Spins on a locked variable before a reader gives up its attempt: about the length of a commit of a few variables.
pub(crate) const READ_SPINS: u32 = if MODELLED { 0 } else { 64 };

/// Spins before a step that cannot give up lets other threads run instead.
const SPINS_BEFORE_YIELD: u32 = if MODELLED { 0 } else { 128 };

/// Randomised exponential waiting between the attempts of one transaction.
pub(crate) struct Backoff {
    attempt: u32,
    random: u32,
}

impl Backoff {
    pub(crate) fn new(seed: u32) -> Self {
        Self { attempt: 0, random: seed.wrapping_mul(0x9e37_79b9) | 1 }
    }

    /// Waits before the next attempt: a few spins at first; once doubling has made that longer than a turn of the
    /// scheduler, a turn of the scheduler.
    pub(crate) fn pause(&mut self) {
        self.attempt += 1;
        if MODELLED || self.attempt > 8 {
            return thread::yield_now();
        }
        // Marsaglia's xorshift: enough to keep two threads from colliding in step.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 17;
        self.random ^= self.random << 5;
        for _ in 0..self.random % (1 << self.attempt) {
            hint::spin_loop();
        }
    }
}

/// Waiting for a lock that a committer holds for a short while, by one who cannot give up.
pub(crate) struct Spin(u32);

impl Spin {
    pub(crate) fn new() -> Self {
        Self(0)
    }

    pub(crate) fn pause(&mut self) {
        self.0 += 1;
        if self.0 > SPINS_BEFORE_YIELD { thread::yield_now() } else { hint::spin_loop() }
    }
}
