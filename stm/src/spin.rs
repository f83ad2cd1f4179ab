//! How long to spin on a variable that is being replaced.

use std::time::Duration;

use reweave_core::sync::{MODELLED, hint, thread};

/// Spins on a locked variable before a reader gives up its attempt: about the length of a commit of a few variables.
pub(crate) const READ_SPINS: u32 = if MODELLED { 0 } else { 64 };

/// Looks one right after the other, at first: a commit may be over before the processor goes on after the hint that somebody spins.
/// (A scan beside updates was 5 % faster with them; other rows were the same.)
const LOOKS: u32 = if MODELLED { 0 } else { 16 };

/// Spins before a step that cannot give up lets other threads run instead.
const SPINS: u32 = if MODELLED { 0 } else { 128 };

/// Turns of the scheduler that are given away before the thread sleeps instead.
const YIELDS: u32 = 16;

/// The first sleep; each is twice as long as the one before, up to the longest.
const FIRST_NAP: Duration = Duration::from_micros(20);
const LONGEST_NAP: Duration = Duration::from_millis(1);

/// Waiting for a lock that a committer holds for a short while, by one who cannot give up.
///
/// A commit is some tens of nanoseconds of its own steps, so a lock that is still taken after the first spins belongs to a
/// thread that does not run. Then the processor is better left to it: the waiting one yields, and soon sleeps.
pub(crate) struct Spin(u32);

impl Spin {
    pub(crate) fn new() -> Self {
        Self(0)
    }

    pub(crate) fn pause(&mut self) {
        self.0 += 1;
        let after_looks = self.0.saturating_sub(LOOKS);
        if after_looks == 0 {
            return;
        }
        let after_spins = after_looks.saturating_sub(SPINS);
        if after_spins == 0 {
            return hint::spin_loop();
        }
        if MODELLED || after_spins <= YIELDS {
            return thread::yield_now();
        }
        let naps = (after_spins - YIELDS - 1).min(6);
        // Not by parking: that might take a wake-up which is meant for whoever called us.
        thread::nap((FIRST_NAP * (1 << naps)).min(LONGEST_NAP));
    }
}
