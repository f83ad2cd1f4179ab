//! The trigger: the one-shot cell on which everything that blocks waits.
//!
//! A trigger is signalled once, from anywhere, with a *token* that tells the waiting side why. Its one waiter may park a
//! thread ([`Trigger::wait`]), wait until a deadline ([`Trigger::wait_until`]), hang a waker on it ([`Trigger::wait_async`])
//! or pass the signal on to another trigger ([`Trigger::forward`], [`wait_any`]). Several sources may hold the same trigger:
//! the first to signal it wins, and every other learns from `false` that it lost. Blocking, async, select, timeout
//! and cancellation are thus the same cell seen from different sides.
//!
//! # Protocol
//!
//! One word, and a cell for the waiter. The word is a phase in its two low bits; in phase `SIGNALLED` the token is above.
//!
//! | from | to | by | meaning |
//! |---|---|---|---|
//! | `EMPTY` | `BUSY` | waiting side | is about to write the waiter cell |
//! | `BUSY` | `WAITING` | waiting side | the cell holds a waiter |
//! | `WAITING` | `BUSY` | waiting side | withdraws: is about to take the waiter back |
//! | `BUSY` | `EMPTY` | waiting side | withdrawn |
//! | `EMPTY`, `BUSY` | `SIGNALLED` | signaller | nobody to wake: the waiting side will see it at its next step |
//! | `WAITING` | `SIGNALLED` | signaller | the cell now belongs to the signaller, who takes the waiter and wakes it |
//!
//! `SIGNALLED` is final. Every step is a compare-and-swap, so between the two sides there is one order.
//!
//! # Invariants
//!
//! 1. *The cell has one owner*: the waiting side in `EMPTY` and `BUSY`; nobody in `WAITING`; after `SIGNALLED`, the
//!    signaller if the phase before was `WAITING`, otherwise the waiting side.
//! 2. *No lost wake-up*: a waiter sleeps only after its own `BUSY -> WAITING`; a signal that comes before it makes that
//!    step fail, and one that comes after it finds the waiter.
//! 3. *No stale wake-up*: a wait returns only on `SIGNALLED` or its own deadline. Unpark tokens left over from an earlier
//!    wait make `park` return early and change nothing.
//! 4. *A cancelled wait leaves nothing behind*: `withdraw` either takes the waiter back or reports the signal it lost to.
//!
//! The idea of one primitive under all waiting is that of OCaml's picos (its *trigger*); the hand-over of the cell by state
//! is that of `AtomicWaker` in futures. The proof, with the model behind each step, is in `papers/trigger.md`.

mod wait;

#[cfg(all(test, not(any(reweave_loom, reweave_shuttle))))]
mod tests;

use std::fmt;
use std::task::Waker;

use crate::reclaim::contain;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::thread::Thread;
use crate::sync::{Arc, UnsafeCell};
use crate::{seeded, sync};

pub use wait::{Forward, Wait, wait_any};

const PHASE: usize = 0b11;
/// Not signalled, nobody waits.
const EMPTY: usize = 0b00;
/// Not signalled, the waiting side works on the waiter cell.
const BUSY: usize = 0b01;
/// Not signalled, the cell holds a waiter.
const WAITING: usize = 0b10;
/// Signalled; the token is in the bits above the phase.
const SIGNALLED: usize = 0b11;

/// The largest token that [`Trigger::signal`] accepts.
pub const MAX_TOKEN: usize = usize::MAX >> 2;

/// A one-shot cell: signalled once, waited on by one waiter at a time. See the [module](self) for the protocol.
///
/// # Examples
/// ```
/// use reweave_core::sync::{thread, Arc};
/// use reweave_core::trigger::Trigger;
///
/// let done = Arc::new(Trigger::new());
/// let signaller = thread::spawn({
///     let done = done.clone();
///     move || assert!(done.signal(7))
/// });
/// assert_eq!(done.wait(), 7);
/// assert!(!done.signal(8), "only the first signal wins");
/// signaller.join().unwrap();
/// ```
pub struct Trigger {
    state: AtomicUsize,
    waiter: UnsafeCell<Option<Waiter>>,
}

// SAFETY: the waiter cell is accessed by its one owner at a time (invariant 1), and what it holds is Send.
unsafe impl Send for Trigger {}
// SAFETY: as above; everything else in a trigger is an atomic word.
unsafe impl Sync for Trigger {}

/// Who is to be woken.
enum Waiter {
    Thread(Thread),
    Task(Waker),
    Forward(Arc<Trigger>, usize),
}

impl Waiter {
    /// Wakes, or says which trigger to signal next.
    fn wake(self) -> Option<(Arc<Trigger>, usize)> {
        match self {
            Waiter::Thread(thread) => thread.unpark(),
            // A waker is user code: its panic must not reach the signaller, who may have others left to wake.
            Waiter::Task(waker) => contain(|| waker.wake()),
            Waiter::Forward(next, token) => return Some((next, token)),
        }
        None
    }
}

/// The second step of a signal: dropping it wakes the waiter. See [`Trigger::signal_in_two_steps`].
#[must_use = "the waiter is woken when this is dropped"]
pub struct Wake(Option<Waiter>);

impl Drop for Wake {
    fn drop(&mut self) {
        let mut waiter = self.0.take();
        // A chain of forwards is followed here, not on the stack.
        while let Some((trigger, token)) = waiter.and_then(Waiter::wake) {
            waiter = trigger.decide(token).flatten();
        }
    }
}

impl fmt::Debug for Wake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Wake(somebody)" } else { "Wake(nobody)" })
    }
}

impl Trigger {
    /// A trigger that is not signalled and has no waiter.
    pub fn new() -> Self {
        Self { state: AtomicUsize::new(EMPTY), waiter: UnsafeCell::new(None) }
    }

    /// Signals, unless that has happened before, and wakes the waiter if there is one. Never blocks.
    ///
    /// Returns whether this call was the one that signalled. What happened before it in this thread is visible to
    /// whoever sees the signal. One read-modify-write, and a wake-up if somebody waits.
    ///
    /// # Panics
    /// When `token` is above [`MAX_TOKEN`].
    pub fn signal(&self, token: usize) -> bool {
        self.signal_in_two_steps(token).is_some()
    }

    /// Signals as [`signal`](Self::signal) does, but leaves the wake-up for later: the waiter is woken when the returned
    /// [`Wake`] is dropped. `None` if the trigger had been signalled before.
    ///
    /// For a source that decides under a lock of its own: a wake-up may be user code, which must not run there.
    ///
    /// # Panics
    /// When `token` is above [`MAX_TOKEN`].
    pub fn signal_in_two_steps(&self, token: usize) -> Option<Wake> {
        assert!(token <= MAX_TOKEN, "the token {token} is above MAX_TOKEN ({MAX_TOKEN})");
        self.decide(token).map(Wake)
    }

    /// Reaches `SIGNALLED` and returns the waiter that is to be woken, if one waits; `None` if another signal was first.
    fn decide(&self, token: usize) -> Option<Option<Waiter>> {
        // Release publishes what the signaller did before; acquire takes over the waiter cell from `register`.
        let success = if seeded("trigger/relaxed-signal") { Ordering::Relaxed } else { Ordering::AcqRel };
        let mut state = self.state.load(Ordering::Relaxed);
        loop {
            if state & PHASE == SIGNALLED && !seeded("trigger/signal-overwrites") {
                return None;
            }
            let signalled = SIGNALLED | token << 2;
            match self.state.compare_exchange(state, signalled, success, Ordering::Relaxed) {
                Ok(_) => break,
                Err(now) => state = now,
            }
        }
        if state == WAITING && !seeded("trigger/signal-without-wake") {
            let waiter = self.take_waiter();
            return Some(Some(waiter.expect("phase WAITING means that the cell holds a waiter")));
        }
        Some(None)
    }

    /// The token of the signal, if it has come. One load.
    #[inline]
    pub fn signalled(&self) -> Option<usize> {
        // Acquire pairs with the release in `signal`.
        token_of(self.state.load(Ordering::Acquire))
    }

    /// Puts `waiter` into the cell, or returns the token of a signal that came first.
    fn register(&self, waiter: Waiter) -> Result<(), usize> {
        match self.state.compare_exchange(EMPTY, BUSY, Ordering::Acquire, Ordering::Acquire) {
            Ok(_) => {}
            Err(state) => match token_of(state) {
                Some(token) => return Err(token),
                None => panic!("a trigger has one waiter at a time, and this one has one already"),
            },
        }
        self.waiter.with_mut(|cell| {
            // SAFETY: the phase is BUSY by our own step, so the cell is ours (invariant 1).
            unsafe { *cell = Some(waiter) }
        });
        if seeded("trigger/register-overwrites-signal") {
            self.state.store(WAITING, Ordering::Release);
            return Ok(());
        }
        // Release hands the cell over to the signaller.
        match self.state.compare_exchange(BUSY, WAITING, Ordering::Release, Ordering::Acquire) {
            Ok(_) => Ok(()),
            Err(state) => {
                drop(self.take_waiter());
                Err(token_of(state).expect("only a signal can end the phase BUSY from outside"))
            }
        }
    }

    /// Takes the waiter back, or returns the token of a signal that came first. Without a waiter it does nothing.
    fn withdraw(&self) -> Option<usize> {
        match self.state.compare_exchange(WAITING, BUSY, Ordering::Acquire, Ordering::Acquire) {
            Ok(_) => {}
            Err(state) => return token_of(state),
        }
        let waiter = self.take_waiter();
        let withdrawn = if seeded("trigger/withdraw-drops-signal") {
            self.state.store(EMPTY, Ordering::Release);
            Ok(BUSY)
        } else {
            self.state.compare_exchange(BUSY, EMPTY, Ordering::Release, Ordering::Acquire)
        };
        drop(waiter);
        withdrawn.err().and_then(token_of)
    }

    /// Empties the waiter cell. Called by its owner only (invariant 1).
    fn take_waiter(&self) -> Option<Waiter> {
        self.waiter.with_mut(|cell| {
            // SAFETY: every caller owns the cell: `signal` after WAITING -> SIGNALLED, the waiting side in BUSY or
            // after BUSY -> SIGNALLED.
            unsafe { (*cell).take() }
        })
    }
}

fn token_of(state: usize) -> Option<usize> {
    (state & PHASE == SIGNALLED).then_some(state >> 2)
}

impl Default for Trigger {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.state.load(sync::atomic::Ordering::Relaxed) {
            state if state & PHASE == SIGNALLED => write!(f, "Trigger(signalled {})", state >> 2),
            WAITING => f.write_str("Trigger(waited on)"),
            _ => f.write_str("Trigger(idle)"),
        }
    }
}
