//! Why a nursery has no result, and why it takes no child.

use std::any::Any;
use std::error::Error;
use std::fmt;

use reweave_core::cancel::Cancelled;
use reweave_core::{Reason, panic_text};

/// Why a nursery has no result: what came first, and what failed after that.
#[derive(Debug)]
#[non_exhaustive]
pub struct NurseryError<E> {
    /// What came first, and cancelled everything else.
    pub cause: Failure<E>,
    /// What failed later, in no particular order: [`Failed`](Failure::Failed) and [`Panicked`](Failure::Panicked) only. Some of it may be no more than
    /// the answer to the cancellation.
    pub suppressed: Vec<Failure<E>>,
}

impl<E> NurseryError<E> {
    /// Whether its deadline has cut it off: the one set by [`Options`](super::Options).
    pub fn timed_out(&self) -> bool {
        matches!(&self.cause, Failure::Cancelled(cancelled) if cancelled.by_own_deadline())
    }

    /// How many panicked.
    pub fn panics(&self) -> usize {
        let all = std::iter::once(&self.cause).chain(&self.suppressed);
        all.filter(|failure| matches!(failure, Failure::Panicked(_))).count()
    }
}

impl<E: fmt::Display> fmt::Display for NurseryError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)?;
        match self.suppressed.len() {
            0 => Ok(()),
            more => write!(f, " (and {more} more failed after that)"),
        }
    }
}

impl<E: Error + 'static> Error for NurseryError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.source()
    }
}

/// How a child or the body failed, or what ended all of them.
#[derive(Debug)]
#[non_exhaustive]
pub enum Failure<E> {
    /// It returned this error.
    Failed(E),
    /// It panicked, with this payload.
    Panicked(Box<dyn Any + Send>),
    /// The nursery was cancelled: from outside, by [`Nursery::cancel`](super::Nursery::cancel), or by its deadline.
    Cancelled(Cancelled),
    /// A child was dropped before it had ended, though its nursery went on: it cancelled its own token, or its pool has ended.
    Abandoned,
}

impl<E> Failure<E> {
    /// The message of a panic, if it was one, and had a text.
    pub fn panic_message(&self) -> Option<&str> {
        let Self::Panicked(payload) = self else { return None };
        panic_text(&**payload)
    }

    /// What the others are told.
    pub(super) fn reason(&self) -> Reason {
        Reason::fixed(match self {
            Self::Panicked(_) => "another of the same nursery has panicked",
            Self::Failed(_) | Self::Cancelled(_) | Self::Abandoned => "another of the same nursery has failed",
        })
    }
}

impl<E: fmt::Display> fmt::Display for Failure<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => error.fmt(f),
            Self::Panicked(_) => match self.panic_message() {
                Some(message) => write!(f, "a child of the nursery, or its body, panicked: {message}"),
                None => f.write_str("a child of the nursery, or its body, panicked"),
            },
            Self::Cancelled(cancelled) => write!(f, "the nursery was {cancelled}"),
            Self::Abandoned => {
                f.write_str("a child was dropped before it had ended: it cancelled itself, or its pool has ended")
            }
        }
    }
}

impl<E: Error + 'static> Error for Failure<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Failed(error) => error.source(),
            Self::Cancelled(cancelled) => Some(cancelled),
            Self::Panicked(_) | Self::Abandoned => None,
        }
    }
}

/// Why a nursery takes no more children.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Refused {
    /// It has been cancelled: by a failure, from outside, or by its deadline.
    Cancelled(Cancelled),
    /// All its children and its body have ended.
    Ended,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cancelled(cancelled) => write!(f, "the nursery takes no more children: it was {cancelled}"),
            Self::Ended => f.write_str("the nursery has ended: children are spawned while its body or a child runs"),
        }
    }
}

impl Error for Refused {}
