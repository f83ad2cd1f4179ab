//! Pauses of random length, for waits that ended each other for nothing.
//!
//! A wait that finds a partner wins its own trigger and then the partner's. Two selects that find each other at two channels at the same moment
//! each win their own, find the other decided, and begin again ([rendezvous](crate::channel)). With nothing but their own
//! steps between two rounds they could do so as long as they keep step. So they pause, each for a time of its own.

use super::random::below;
use crate::sync::{MODELLED, hint, thread};

/// The longest pause is one spin less than two to this power: one to three microseconds.
const LONGEST: u32 = 6;

/// The pauses of one wait.
#[derive(Debug, Default)]
pub(super) struct Stagger {
    rounds: u32,
}

impl Stagger {
    /// After a round that was ended for nothing. The first time it costs nothing: most often the other has gone on by then.
    #[cold]
    pub(super) fn pause(&mut self) {
        if MODELLED {
            // The checker chooses who goes on; it must not have to explore both in step for ever.
            thread::yield_now();
            return;
        }
        for _ in 0..self.length() {
            hint::spin_loop();
        }
    }

    /// How many spins the next pause has: below one, two, four, and so on.
    pub(super) fn length(&mut self) -> usize {
        let length = below(1 << self.rounds);
        self.rounds = (self.rounds + 1).min(LONGEST);
        length
    }
}
