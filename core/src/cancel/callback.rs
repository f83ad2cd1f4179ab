//! Callbacks: what is to run when a token is cancelled.

use std::fmt;

use super::{Cancelled, Token};
use crate::reclaim::contain;
use crate::seeded;
use crate::sync::MODELLED;

/// A callback that has not run. It runs once, because that takes it out.
pub(super) struct Job(Option<Boxed>);

/// `FnMut`, for a seeded bug to call it twice; what is inside is an `FnOnce`.
type Boxed = Box<dyn FnMut(&Cancelled) + Send>;

impl Job {
    pub(super) fn new(callback: impl FnOnce(&Cancelled) + Send + 'static) -> Self {
        let mut callback = Some(callback);
        Self(Some(Box::new(move |cancelled| {
            let callback = callback.take().expect("a callback runs once");
            callback(cancelled);
        })))
    }

    /// Runs it. A panic is contained, except under the model checkers, which report what they find by panicking.
    pub(super) fn run(mut self, cancelled: &Cancelled) {
        let Some(mut callback) = self.0.take() else { return };
        if MODELLED {
            callback(cancelled);
            if seeded("cancel/callback-twice") {
                callback(cancelled);
            }
            return;
        }
        contain(move || callback(cancelled));
    }
}

impl Drop for Job {
    /// What a callback has captured may panic when it is dropped, and nobody who drops a token is to suffer from it.
    fn drop(&mut self) {
        if let Some(callback) = self.0.take() {
            contain(move || drop(callback));
        }
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Job")
    }
}

/// A callback that has been added to a token: see [`Token::on_cancel`].
///
/// Dropping it removes the callback, as [`remove`](Self::remove) does; [`detach`](Self::detach) leaves it there. It
/// keeps the token's place in the tree, as a handle of the token does.
#[derive(Debug)]
#[must_use = "dropping it removes the callback; `detach` leaves it there"]
pub struct Callback {
    /// `None` when there is nothing to remove any more.
    place: Option<(Token, u64)>,
}

impl Callback {
    pub(super) fn added(token: Token, key: u64) -> Self {
        Self { place: Some((token, key)) }
    }

    pub(super) fn has_run() -> Self {
        Self { place: None }
    }

    /// Removes the callback. `true`: it has not run and never will. `false`: it has run, or the thread that cancelled
    /// has taken it and will run it, or is running it just now; this call does not wait for that.
    pub fn remove(mut self) -> bool {
        self.take_out()
    }

    /// Leaves the callback with the token: it runs when that is cancelled, and is dropped without having run when the
    /// last handle of the token goes before.
    pub fn detach(mut self) {
        self.place = None;
    }

    fn take_out(&mut self) -> bool {
        let Some((token, key)) = self.place.take() else { return false };
        let removed = token.node().remove(key);
        // What the callback captured is user code's to drop, and so is what hangs on the token: no lock is held.
        let was_there = removed.is_some() || seeded("cancel/remove-claims-all");
        drop(removed);
        drop(token);
        was_there
    }
}

impl Drop for Callback {
    fn drop(&mut self) {
        self.take_out();
    }
}
