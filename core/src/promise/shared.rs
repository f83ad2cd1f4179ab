//! What the two sides share: the word, the cell, the waiters and the functions to run.

use super::Failure;
use super::calls::{Call, run};
use super::keeper::Keeper;
use crate::event::WaitList;
use crate::seeded;
use crate::sync::atomic::{AtomicU8, Ordering};
use crate::sync::{Arc, Mutex, UnsafeCell};

/// Somebody owns the cell and is about to keep the promise. Set only where several may want to.
const CLAIMED: u8 = 0b001;
/// The outcome is in the cell, for good.
const DONE: u8 = 0b010;
/// There are functions to run, or there soon will be.
const CALLS: u8 = 0b100;

/// How a promise ended.
pub(super) enum Outcome<T, E> {
    Value(T),
    Error(E),
    Broken,
}

impl<T, E> Outcome<T, E> {
    pub(super) fn read(&self) -> Result<&T, Failure<&E>> {
        match self {
            Self::Value(value) => Ok(value),
            Self::Error(error) => Err(Failure::Error(error)),
            Self::Broken => Err(Failure::Broken),
        }
    }
}

pub(super) struct Shared<T, E> {
    state: AtomicU8,
    outcome: UnsafeCell<Option<Outcome<T, E>>>,
    pub(super) waiters: WaitList,
    pub(super) keeper: Keeper,
    /// Each holds this very allocation, until it runs: a promise is done at last, unless it is leaked.
    calls: Mutex<Vec<Call>>,
}

// SAFETY: the cell is written by its one owner before DONE and only read after it (invariant 1 of the module above);
// the outcome is read by several threads and dropped by any, which T and E allow. The functions are Send.
unsafe impl<T: Send + Sync, E: Send + Sync> Send for Shared<T, E> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync, E: Send + Sync> Sync for Shared<T, E> {}

impl<T, E> Shared<T, E> {
    pub(super) fn new() -> Self {
        Self {
            state: AtomicU8::new(0),
            outcome: UnsafeCell::new(None),
            waiters: WaitList::new(),
            keeper: Keeper::default(),
            calls: Mutex::new(Vec::new()),
        }
    }

    #[inline]
    pub(super) fn is_done(&self) -> bool {
        // Acquire pairs with the release that set it: the outcome can be read.
        self.state.load(Ordering::Acquire) & DONE != 0
    }

    #[inline]
    pub(super) fn outcome(&self) -> Option<&Outcome<T, E>> {
        self.is_done().then(|| self.done())
    }

    /// The outcome, of a promise that was seen to be done.
    fn done(&self) -> &Outcome<T, E> {
        let outcome = self.outcome.with(|outcome| {
            // SAFETY: DONE has been seen, so the cell is never written again (invariant 1).
            unsafe { &*outcome }
        });
        outcome.as_ref().expect("DONE is set after the outcome was written")
    }

    /// Claims the right to keep a promise that several may want to keep; one gets it.
    pub(super) fn claim(&self) -> bool {
        // Relaxed: who gets it has nothing to learn, and publishes with DONE.
        self.state.fetch_or(CLAIMED, Ordering::Relaxed) & CLAIMED == 0 || seeded("promise/race-takes-two")
    }

    /// Keeps the promise. To be called once, by the owner of the cell: the `Promise`, or whoever has claimed it.
    pub(super) fn complete(this: &Arc<Self>, outcome: Outcome<T, E>) {
        let publish = || this.state.fetch_or(DONE, Ordering::Release);
        let early = seeded("promise/publish-before-value").then(publish);
        this.outcome.with_mut(|cell| {
            // SAFETY: the cell is ours until DONE (invariant 1).
            unsafe { *cell = Some(outcome) }
        });
        // Release publishes the outcome.
        let before = early.unwrap_or_else(publish);
        if !seeded("promise/keep-silently") {
            this.waiters.wake_all_after_rmw();
        }
        if before & CALLS != 0 {
            // The lock: whoever set CALLS lists the function before it lets go of it.
            let calls = std::mem::take(&mut *this.calls.lock());
            run(calls);
        }
    }

    /// Runs a function when the promise is done: at once, if it is.
    pub(super) fn on_done(this: &Arc<Self>, function: impl FnOnce(&Outcome<T, E>) + Send + 'static)
    where
        T: Send + Sync + 'static,
        E: Send + Sync + 'static,
    {
        let shared = this.clone();
        let call: Call = Box::new(move || function(shared.done()));
        {
            let mut calls = this.calls.lock();
            // Acquire, should DONE be set already: the outcome will be read.
            let before = this.state.fetch_or(CALLS, Ordering::Acquire);
            if before & DONE == 0 || seeded("promise/list-though-done") {
                calls.push(call);
                return;
            }
        }
        run(vec![call]);
    }
}
