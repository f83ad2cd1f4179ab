//! Why something was not acquired.

use std::error::Error;
use std::fmt;

use crate::cancel::Cancelled;
use crate::context::{Agent, Context};
use crate::event::{Awaits, Enders, Stopped};
use crate::sync::thread;
use crate::waitfor::Deadlock;

/// Why `acquire` and its kin gave up. Nothing is held then.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum AcquireError {
    /// The current cancellation token was cancelled.
    Cancelled(Cancelled),
    /// The deadline passed.
    TimedOut,
    /// It would have waited for itself, or was chosen to break a deadlock. To release what is held, and to try again,
    /// lets the others go on.
    Deadlock(Box<Deadlock>),
}

impl fmt::Display for AcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not acquired: ")?;
        match self {
            Self::Cancelled(cancelled) => cancelled.fmt(f),
            Self::TimedOut => f.write_str("timed out"),
            Self::Deadlock(deadlock) => deadlock.fmt(f),
        }
    }
}

impl Error for AcquireError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Cancelled(cancelled) => Some(cancelled),
            Self::TimedOut => None,
            Self::Deadlock(deadlock) => Some(deadlock),
        }
    }
}

impl From<Stopped> for AcquireError {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::Cancelled(cancelled) => Self::Cancelled(cancelled),
            Stopped::TimedOut => Self::TimedOut,
            Stopped::Deadlock(deadlock) => Self::Deadlock(deadlock),
        }
    }
}

impl AcquireError {
    /// The current agent holds what it would wait for.
    #[cold]
    pub(super) fn self_deadlock(what: String) -> Self {
        let agent = Agent::current();
        let awaits = Awaits::new(what, Enders::One(agent));
        Self::Deadlock(Box::new(Deadlock::alone(agent, thread::name(), Context::current().task, awaits)))
    }
}
