//! The event of a token's cancellation: how a wait is ended by a token.

use super::{Cancelled, Token};
use crate::event::{Awaits, Event, Ticket, Waiter};

/// The event of a token's cancellation: see [`Token::cancelled`].
#[derive(Debug)]
#[must_use = "an event does nothing until it is waited for"]
pub struct Cancellation {
    token: Token,
    ticket: Option<Ticket>,
}

impl Cancellation {
    pub(super) fn new(token: Token) -> Self {
        Self { token, ticket: None }
    }
}

impl Event for Cancellation {
    type Output = Cancelled;

    fn attempt(&mut self) -> Option<Cancelled> {
        self.token.reason()
    }

    fn enlist(&mut self, waiter: &Waiter) -> bool {
        self.ticket = Some(self.token.node().waiters().push(waiter));
        self.token.is_cancelled()
    }

    fn delist(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.token.node().waiters().remove(ticket);
        }
    }

    /// All waiters are woken.
    fn pass_on(&mut self) {}

    fn awaits(&self) -> Awaits {
        match self.token.name() {
            Some(name) => Awaits::unknown(format!("the cancellation of token {name:?}")),
            None => Awaits::unknown("the cancellation of a token"),
        }
    }
}
