//! How long to spin on a variable that is being replaced.

use reweave_core::sync::{MODELLED, hint, thread};

/// Spins on a locked variable before a reader gives up its attempt: about the length of a commit of a few variables.
pub(crate) const READ_SPINS: u32 = if MODELLED { 0 } else { 64 };

/// Spins before a step that cannot give up lets other threads run instead.
const SPINS_BEFORE_YIELD: u32 = if MODELLED { 0 } else { 128 };

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
