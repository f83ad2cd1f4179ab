//! Why an item has no result.

use std::any::Any;
use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use reweave_core::cancel::{Cancelled, Token};
use reweave_core::{panic_text, time};

/// Why there is no result of an item. The others are not touched by that.
#[derive(Debug)]
#[non_exhaustive]
pub enum ItemError<E = Infallible> {
    /// The function returned this error.
    Failed(E),
    /// The function panicked, with this payload.
    Panicked(Box<dyn Any + Send>),
    /// The time for one item had passed when the function returned.
    TimedOut,
    /// The operation was cancelled before the item was begun.
    Cancelled(Cancelled),
}

impl<E> ItemError<E> {
    /// The message of a panic, if it was one, and had a text.
    pub fn panic_message(&self) -> Option<&str> {
        let Self::Panicked(payload) = self else { return None };
        panic_text(&**payload)
    }
}

impl<E: fmt::Display> fmt::Display for ItemError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => error.fmt(f),
            Self::Panicked(_) => match self.panic_message() {
                Some(message) => write!(f, "the function panicked on this item: {message}"),
                None => f.write_str("the function panicked on this item"),
            },
            Self::TimedOut => f.write_str("this item took longer than one item may"),
            Self::Cancelled(cancelled) => write!(f, "not begun: {cancelled}"),
        }
    }
}

impl<E: Error + 'static> Error for ItemError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Failed(error) => error.source(),
            Self::Cancelled(cancelled) => Some(cancelled),
            Self::Panicked(_) | Self::TimedOut => None,
        }
    }
}

/// Runs `body` with its errors as values: not at all if the token is cancelled, and with a deadline if there is a limit.
pub(super) fn contained<R, E>(
    token: Option<&Token>,
    limit: Option<Duration>,
    body: impl FnOnce() -> Result<R, E>,
) -> Result<R, ItemError<E>> {
    if let Some(cancelled) = token.and_then(|token| token.check().err()) {
        return Err(ItemError::Cancelled(cancelled));
    }
    let limited = || match limit {
        None => body().map_err(ItemError::Failed),
        Some(limit) => match time::timeout(limit, body) {
            Ok(result) => result.map_err(ItemError::Failed),
            // What came too late is dropped here, where a panic of its destructor is caught.
            Err(_late) => Err(ItemError::TimedOut),
        },
    };
    catch_unwind(AssertUnwindSafe(limited)).unwrap_or_else(|panic| Err(ItemError::Panicked(panic)))
}
