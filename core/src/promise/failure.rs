//! Why there is no value.

use std::error::Error;
use std::fmt;

use crate::event::Stopped;

/// Why a read of an [`Eventual`](super::Eventual) yields no value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Failure<E> {
    /// The promise was kept with an error.
    Error(E),
    /// The promise was dropped before it was kept; or the function that was to make the value panicked.
    Broken,
    /// The wait was stopped: cancelled, or timed out. The promise is still open.
    Stopped(Stopped),
}

impl<E> Failure<E> {
    /// The same with `f` applied to the error.
    pub fn map<F>(self, f: impl FnOnce(E) -> F) -> Failure<F> {
        match self {
            Self::Error(error) => Failure::Error(f(error)),
            Self::Broken => Failure::Broken,
            Self::Stopped(stopped) => Failure::Stopped(stopped),
        }
    }
}

impl<E: Clone> Failure<&E> {
    /// The same with an error of its own, to pass on.
    pub fn cloned(self) -> Failure<E> {
        self.map(E::clone)
    }
}

impl<E: fmt::Display> fmt::Display for Failure<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(error) => write!(f, "the promise was kept with an error: {error}"),
            Self::Broken => f.write_str(
                "the promise was broken: whoever held it dropped it, or panicked, before keeping it; ask for a new one",
            ),
            Self::Stopped(stopped) => {
                write!(f, "the wait for the promise was stopped: {stopped}; the promise is still open")
            }
        }
    }
}

impl<E: fmt::Debug + fmt::Display> Error for Failure<E> {}
