//! Why a wait ended without its event.

use std::error::Error;
use std::fmt;

use crate::cancel::Cancelled;
use crate::waitfor::Deadlock;

/// Why a wait ended before what it waited for.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Stopped {
    /// The current cancellation token was cancelled.
    Cancelled(Cancelled),
    /// The deadline passed.
    TimedOut,
    /// The wait was part of a deadlock, and was chosen to break it (see [`waitfor`](crate::waitfor)). Only a wait that
    /// allows it is.
    Deadlock(Box<Deadlock>),
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cancelled(cancelled) => cancelled.fmt(f),
            Self::TimedOut => f.write_str("timed out"),
            Self::Deadlock(deadlock) => deadlock.fmt(f),
        }
    }
}

impl Error for Stopped {}

impl From<Cancelled> for Stopped {
    fn from(cancelled: Cancelled) -> Self {
        Self::Cancelled(cancelled)
    }
}
