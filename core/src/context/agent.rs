//! Who waits and who holds: the identity under which a thread, or a task, takes part in waiting.

use std::cell::Cell;
use std::fmt;
use std::num::NonZeroU32;

use crate::sync::atomic::{AtomicU32, Ordering};
use crate::sync::{Lazy, thread_local};

/// A thread, or a task that runs on one: whoever can wait for something and hold something.
///
/// A thread gets its number at the first use. A scheduler gives each task a number of its own and runs it with
/// [`Agent::run`], so that what the task holds is known as the task's. Numbers are not given out twice in a process; a scheduler of
/// short tasks keeps those of tasks that have ended and uses them for new ones.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Agent(NonZeroU32);

static NEXT: Lazy<AtomicU32> = Lazy::new(|| AtomicU32::new(1));

thread_local! {
    /// The current agent's number; 0 until it has one.
    static CURRENT: Cell<u32> = const { Cell::new(0) };
}

impl Agent {
    /// The agent that runs this code. One thread-local load, after the first call in a thread.
    #[inline]
    pub fn current() -> Self {
        CURRENT.with(|current| match NonZeroU32::new(current.get()) {
            Some(number) => Self(number),
            None => Self::arrive(current),
        })
    }

    #[cold]
    fn arrive(current: &Cell<u32>) -> Self {
        let agent = Self::fresh();
        current.set(agent.number());
        agent
    }

    /// An agent that nobody is yet.
    ///
    /// # Panics
    /// After 4,294,967,294 of them.
    pub fn fresh() -> Self {
        let mut next = NEXT.get().load(Ordering::Relaxed);
        loop {
            assert!(next != u32::MAX, "all 4,294,967,294 agents of this process have been used");
            // Relaxed: the number need only differ from all others.
            match NEXT.get().compare_exchange(next, next + 1, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Self(NonZeroU32::new(next).expect("numbers start with 1")),
                Err(now) => next = now,
            }
        }
    }

    /// The agent of this number, as [`Agent::number`] gave it.
    pub fn from_number(number: u32) -> Option<Self> {
        NonZeroU32::new(number).map(Self)
    }

    /// Its number, never 0: small enough to be the owner in a lock's word.
    #[inline]
    pub fn number(self) -> u32 {
        self.0.get()
    }

    /// Runs `body` as this agent; afterwards, also if `body` panics, the thread is who it was before.
    pub fn run<R>(self, body: impl FnOnce() -> R) -> R {
        struct Restore(u32);
        impl Drop for Restore {
            fn drop(&mut self) {
                CURRENT.with(|current| current.set(self.0));
            }
        }
        let _restore = Restore(CURRENT.with(|current| current.replace(self.number())));
        body()
    }
}

impl fmt::Debug for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Agent({})", self.0)
    }
}
