//! A token that is cancelled when a scope ends.

use super::Token;
use crate::Reason;

/// Cancels a token when it is dropped: see [`Token::cancel_on_drop`].
#[derive(Debug)]
#[must_use = "dropping it cancels the token"]
pub struct CancelOnDrop {
    armed: Option<(Token, Reason)>,
}

impl CancelOnDrop {
    pub(super) fn new(token: Token, reason: Reason) -> Self {
        Self { armed: Some((token, reason)) }
    }

    /// Gives up: the token is not cancelled.
    pub fn disarm(mut self) {
        self.armed = None;
    }
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        if let Some((token, reason)) = self.armed.take() {
            token.cancel(reason);
        }
    }
}
