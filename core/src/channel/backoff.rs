//! What a lock-free loop does between two tries.

use crate::event::Spin;
use crate::sync::{MODELLED, hint, thread};

/// The longest pause after a lost compare-and-swap is two to this power.
const LONGEST: u32 = 6;

/// The pauses of one operation.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    lost: u32,
    spin: Option<Spin>,
}

impl Backoff {
    #[inline]
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// After a lost compare-and-swap: somebody else has moved on, so a short pause and another try.
    #[cold]
    pub(super) fn lost(&mut self) {
        if MODELLED {
            // The value that the compare-and-swap returned is the latest: nobody need have a turn first.
            return;
        }
        for _ in 0..1 << self.lost {
            hint::spin_loop();
        }
        self.lost = (self.lost + 1).min(LONGEST);
    }

    /// Another thread is between two steps of its operation: lets some time pass. `false` when that has been done for
    /// long enough to say that it must have been preempted; the last pause has given the core away then.
    #[cold]
    pub(super) fn unfinished(&mut self) -> bool {
        if self.spin.get_or_insert_with(Spin::new).pause() {
            return true;
        }
        thread::yield_now();
        false
    }
}
