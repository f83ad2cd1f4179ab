//! What a cancelled token says: why, which token of the tree it began with, and how.

use std::error::Error;
use std::fmt;

use crate::Reason;

/// Why something was cancelled, and where that began.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Cancelled {
    /// The reason given by whoever cancelled.
    pub reason: Reason,
    /// The token that was cancelled first: the one asked, or one above it.
    pub source: Box<Source>,
}

/// Which token of a tree was cancelled, and how.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Source {
    /// The number of the token: [`Token::id`](super::Token::id).
    pub id: u64,
    /// Its name, if it has one.
    pub name: Option<Reason>,
    /// How it was cancelled.
    pub how: How,
    /// Whether it is an ancestor of the token that was asked, which was cancelled because of it.
    pub inherited: bool,
}

/// How a token was cancelled.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum How {
    /// By a call of [`Token::cancel`](super::Token::cancel), or the end of a [`CancelOnDrop`](super::CancelOnDrop).
    Explicit,
    /// By its deadline.
    Deadline,
}

impl Cancelled {
    pub(super) fn new(reason: Reason, id: u64, name: Option<Reason>, how: How) -> Self {
        Self { reason, source: Box::new(Source { id, name, how, inherited: false }) }
    }

    /// The same as the token of this number sees it.
    pub(super) fn seen_from(&self, id: u64) -> Self {
        let mut seen = self.clone();
        seen.source.inherited = seen.source.id != id;
        seen
    }

    /// Whether the deadline of the very token that was asked did it.
    pub fn by_own_deadline(&self) -> bool {
        self.source.how == How::Deadline && !self.source.inherited
    }
}

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cancelled: {}", self.reason)?;
        match &self.source.name {
            Some(name) => write!(f, " (token {name:?})"),
            None => Ok(()),
        }
    }
}

impl Error for Cancelled {}
