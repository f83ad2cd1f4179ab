//! Who keeps a promise, where that is declared.

use crate::context::Agent;
use crate::event::{Awaits, Enders, Source};
use crate::sync::atomic::{AtomicU32, Ordering};

/// The agent that holds the promise; 0 while none does.
///
/// Written by whoever has the promise, and so by one after the other. Relaxed, as an owner in a lock's word: what it
/// says of an agent that waits is true, for what that agent wrote happened before the check, and nobody has written
/// since.
#[derive(Debug)]
pub(super) struct Keeper(AtomicU32);

impl Default for Keeper {
    fn default() -> Self {
        Self(AtomicU32::new(0))
    }
}

impl Keeper {
    pub(super) fn note(&self, holder: Agent) {
        self.0.store(holder.number(), Ordering::Relaxed);
    }

    pub(super) fn erase(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

impl Source for Keeper {
    fn awaits(&self) -> Awaits {
        match Agent::from_number(self.0.load(Ordering::Relaxed)) {
            Some(holder) => Awaits::new("a promise", Enders::One(holder)),
            // It travels: whoever has it may keep it.
            None => Awaits { note: Some("it is not held".to_owned()), ..Awaits::unknown("a promise") },
        }
    }
}
