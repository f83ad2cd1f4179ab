//! Promises: a value that is there once, made by one and read by any number.
//!
//! [`pair`] makes the two sides. The [`Promise`] is kept once, with a value or an error; that consumes it, so it cannot
//! happen twice. Dropped without, it is *broken*, and its readers learn that. The [`Eventual`] is the side that reads,
//! elsewhere called a future; it clones, and what it gives out are references, so nothing need be cloned that is read.
//! It can be waited for by blocking, by `.await`, in a [`select!`](crate::select), and by functions that run when the
//! promise is kept.
//!
//! # Protocol
//!
//! One word of three bits, a cell for the outcome, a [`WaitList`](crate::event::WaitList), and a list of functions.
//!
//! | step | by | what |
//! |---|---|---|
//! | claim | who keeps it | sets `CLAIMED`, to own the cell. A `Promise` is alone and need not; sources of a [`race`] do |
//! | write | the owner | the outcome, into the cell |
//! | publish | the owner | sets `DONE`, releasing; from here on the cell is only read |
//! | wake | the owner | fence; if somebody waits, all are woken |
//! | call | the owner | if `CALLS` was set before `DONE`, takes the functions and runs them |
//! | wait | a reader | enters the list, fence, looks for `DONE` |
//! | call later | a reader | locks the list; sets `CALLS`; if `DONE` was set before, unlocks and runs, else lists it |
//!
//! # Invariants
//!
//! 1. *The cell has one writer*, before `DONE`, and is read only by those who have seen `DONE`, acquiring.
//! 2. *No reader is left behind*: Dekker's handshake between publish-wake and enter-look.
//! 3. *A function runs once*: `CALLS` and `DONE` are set by read-modify-writes of one word, so one is first. If `CALLS`
//!    is, the function is in the list when the lock is free, and the owner takes it after `DONE`; if `DONE` is, it is
//!    never listed.
//! 4. *Every promise is done at last*, unless it is leaked: keeping it consumes it, and dropping it breaks it.
//!
//! # Functions that run later
//!
//! [`Eventual::on_done`], [`map`](Eventual::map), [`then`](Eventual::then), [`join_all`] and [`race`] run functions on
//! the thread that keeps the promise, or at once if it has been kept. Those that are caused by others on the same
//! thread are queued, not nested, so chains of any length need no stack. Their panics are contained. They must not
//! wait: what they wait for may be queued behind them.
//!
//! Promises are those of Friedman and Wise (1976) and Liskov and Shrira (1988). The proof, the costs and the models are
//! in `papers/promises.md`.

mod calls;
mod combine;
mod failure;
mod keeper;
mod kept;
mod shared;

#[cfg(all(test, not(any(reweave_loom, reweave_shuttle))))]
mod tests;

use std::convert::Infallible;
use std::fmt;
use std::time::{Duration, Instant};

use crate::context::Agent;
use crate::event::{self, Limits};
use crate::seeded;
use crate::sync::Arc;
use crate::time::Clock;
use crate::waitfor::{Held, Notes};

use shared::{Outcome, Shared};

pub use combine::{join_all, race};
pub use failure::Failure;
pub use kept::{Kept, Reading, ReadingOwned};

/// A promise and the side that reads it.
///
/// One allocation, shared by both.
///
/// # Examples
/// ```
/// use reweave_core::promise;
/// use reweave_core::sync::thread;
///
/// let (promise, answer) = promise::pair::<u32, String>();
/// let reader = thread::spawn({
///     let answer = answer.clone();
///     move || answer.wait().map(|n| n + 1).unwrap()
/// });
/// promise.fulfil(41);
/// assert_eq!(reader.join().unwrap(), 42);
/// assert_eq!(*answer.wait().unwrap(), 41);
/// ```
pub fn pair<T, E>() -> (Promise<T, E>, Eventual<T, E>) {
    let shared = Arc::new(Shared::new());
    (Promise(Some(shared.clone())), Eventual(shared))
}

/// The side that is kept once: with a value ([`fulfil`](Self::fulfil)), with an error ([`fail`](Self::fail)), or broken
/// by dropping it.
#[must_use = "dropping it breaks the promise"]
pub struct Promise<T, E = Infallible>(Option<Arc<Shared<T, E>>>);

/// The side that reads, and that clones; see the [module](self).
#[must_use = "nothing is read until it is asked for"]
pub struct Eventual<T, E = Infallible>(Arc<Shared<T, E>>);

impl<T, E> Promise<T, E> {
    /// Keeps the promise with a value. Wakes all who wait, and runs the functions that were to run. Never blocks.
    pub fn fulfil(self, value: T) {
        self.keep(Outcome::Value(value));
    }

    /// Keeps the promise with an error, as [`fulfil`](Self::fulfil) does with a value.
    pub fn fail(self, error: E) {
        self.keep(Outcome::Error(error));
    }

    /// Keeps it with what a fallible computation yielded.
    pub fn keep_with(self, result: Result<T, E>) {
        match result {
            Ok(value) => self.fulfil(value),
            Err(error) => self.fail(error),
        }
    }

    fn keep(mut self, outcome: Outcome<T, E>) {
        if let Some(shared) = self.0.take() {
            Shared::complete(&shared, outcome);
        }
    }
}

impl<T, E> Promise<T, E> {
    /// Declares that the current agent will keep the promise, for as long as it is held: see [`Held`].
    ///
    /// The [wait-for graph](crate::waitfor) then knows for whom the readers wait, and finds deadlocks that go through
    /// the promise. Two stores in all.
    ///
    /// # Examples
    /// ```
    /// use reweave_core::promise;
    /// use reweave_core::sync::thread;
    ///
    /// let (promise, answer) = promise::pair::<u32, ()>();
    /// let keeper = thread::spawn(move || promise.hold().fulfil(42));
    /// assert_eq!(*answer.wait().unwrap(), 42);
    /// keeper.join().unwrap();
    /// ```
    pub fn hold(self) -> Held<Self> {
        Held::new(self)
    }

    /// The shared part, of a promise that has not been kept.
    fn shared(&self) -> &Shared<T, E> {
        self.0.as_ref().expect("keeping a promise consumes it")
    }
}

impl<T, E> Notes for Promise<T, E> {
    fn note(&self, holder: Agent) {
        self.shared().keeper.note(holder);
    }

    fn erase(&self, _holder: Agent) {
        self.shared().keeper.erase();
    }
}

impl<T, E> Held<Promise<T, E>> {
    /// [`Promise::fulfil`].
    pub fn fulfil(self, value: T) {
        self.release().fulfil(value);
    }

    /// [`Promise::fail`].
    pub fn fail(self, error: E) {
        self.release().fail(error);
    }

    /// [`Promise::keep_with`].
    pub fn keep_with(self, result: Result<T, E>) {
        self.release().keep_with(result);
    }
}

impl<T, E> Drop for Promise<T, E> {
    fn drop(&mut self) {
        if let Some(shared) = self.0.take()
            && !seeded("promise/break-silently")
        {
            Shared::complete(&shared, Outcome::Broken);
        }
    }
}

impl<T, E> Eventual<T, E> {
    /// One that is there already.
    pub fn ready(value: T) -> Self {
        let (promise, eventual) = pair();
        promise.fulfil(value);
        eventual
    }

    /// Whether the promise has been kept or broken. One load.
    #[inline]
    pub fn is_done(&self) -> bool {
        self.0.is_done()
    }

    /// The value, if it is there. `None` while the promise is open.
    ///
    /// # Errors
    /// [`Failure::Error`] and [`Failure::Broken`]; never `Stopped`.
    pub fn try_get(&self) -> Option<Result<&T, Failure<&E>>> {
        self.0.outcome().map(Outcome::read)
    }

    /// Blocks until the promise is kept or broken, or the wait is stopped.
    ///
    /// # Errors
    /// [`Failure`]. A wait that was stopped can be begun again.
    pub fn wait(&self) -> Result<&T, Failure<&E>> {
        self.wait_with(Limits::default())
    }

    /// As [`wait`](Self::wait), and gives up after `timeout`, by the current [`Clock`].
    ///
    /// # Errors
    /// [`Failure`].
    pub fn wait_timeout(&self, timeout: Duration) -> Result<&T, Failure<&E>> {
        if let Some(outcome) = self.try_get() {
            return outcome;
        }
        self.wait_with(Limits { deadline: Clock::current().after(timeout), ..Limits::default() })
    }

    /// As [`wait`](Self::wait), and gives up at `deadline`.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn wait_deadline(&self, deadline: Instant) -> Result<&T, Failure<&E>> {
        self.wait_with(Limits::until(deadline))
    }

    fn wait_with(&self, limits: Limits) -> Result<&T, Failure<&E>> {
        event::wait_with(self.event(), limits).unwrap_or_else(|stopped| Err(Failure::Stopped(stopped)))
    }

    /// The event of its being done, for [`select!`](crate::select).
    ///
    /// # Examples
    /// ```
    /// use reweave_core::{promise, select};
    ///
    /// let (early, late) = (promise::pair::<_, ()>(), promise::pair::<u8, ()>());
    /// early.0.fulfil("early");
    /// let first = select! {
    ///     value = early.1.event() => *value.unwrap(),
    ///     _ = late.1.event() => "late",
    /// };
    /// assert_eq!(first.unwrap(), "early");
    /// ```
    pub fn event(&self) -> Kept<'_, T, E> {
        Kept::new(&self.0)
    }

    /// Whether both read the same promise.
    pub fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<T, E> Clone for Eventual<T, E> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T, E> fmt::Debug for Promise<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Promise")
    }
}

impl<T, E> fmt::Debug for Eventual<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.try_get() {
            None => "open",
            Some(Ok(_)) => "fulfilled",
            Some(Err(Failure::Error(_))) => "failed",
            Some(Err(_)) => "broken",
        };
        write!(f, "Eventual({state})")
    }
}
