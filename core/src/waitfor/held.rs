//! Handles that are held: one agent has declared that it alone uses them.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use crate::context::Agent;
use crate::seeded;

/// Where a handle notes who holds it. Not to be named outside.
pub trait Notes {
    fn note(&self, holder: Agent);
    fn erase(&self, holder: Agent);
}

/// What can be held: a [`Sender`](crate::channel::Sender), a [`Receiver`](crate::channel::Receiver), a
/// [`Promise`](crate::promise::Promise). Not to be implemented by others.
pub trait Handle: Notes {}

impl<H: Notes> Handle for H {}

/// A handle, and the declaration that the agent which made this alone uses it: made by
/// [`Sender::hold`](crate::channel::Sender::hold) and its kin.
///
/// It is the handle by [`Deref`], and tells the wait-for graph who can act through it. A wait on a channel all of whose
/// handles are held, on both sides, can be part of a deadlock that is reported; so can one for a promise that is held.
///
/// # What is declared
///
/// As long as the handle is held, nobody but its holder sends, receives, closes, clones or waits by it. Types see to it
/// that it does not move to another thread and is not used in another way meanwhile: it is not `Send`, and contains the
/// handle. Left to the program is not to lend a reference to it, or an event made from it, to another thread, and not
/// to use it while running as another agent.
///
/// Clones are handles that are not held. Forgotten, it takes the handle with it: nobody will use that again.
///
/// # Complexity
/// Holding and releasing take a lock of the channel's that no send or receive takes; of a promise, one store.
///
/// # Examples
/// ```
/// use reweave_core::channel;
/// use reweave_core::waitfor::Graph;
///
/// let (tx, rx) = channel::bounded(1);
/// let (tx, rx) = (tx.hold(), rx.hold());
/// tx.send("as before").unwrap();
/// assert_eq!(rx.recv().unwrap(), "as before");
///
/// // It may move again, and to the graph anybody may have it.
/// let tx = tx.release();
/// std::thread::spawn(move || drop(tx)).join().unwrap();
/// ```
///
/// It stays where it is:
/// ```compile_fail
/// let (tx, rx) = reweave_core::channel::bounded::<u8>(1);
/// let tx = tx.hold();
/// std::thread::spawn(move || tx.send(1));
/// ```
#[must_use = "dropping it drops the handle"]
pub struct Held<H: Handle> {
    /// Always there, but for the moment of being released.
    handle: Option<H>,
    holder: Agent,
    _stays: PhantomData<*const ()>,
}

impl<H: Handle> Held<H> {
    pub(crate) fn new(handle: H) -> Self {
        let holder = Agent::current();
        handle.note(holder);
        Self { handle: Some(handle), holder, _stays: PhantomData }
    }

    /// Takes the declaration back: the handle alone.
    pub fn release(mut self) -> H {
        self.erase();
        self.handle.take().expect("it is released once")
    }

    /// Who holds it.
    pub fn holder(&self) -> Agent {
        self.holder
    }

    /// Before the handle goes anywhere: whoever gets it next is not its holder.
    fn erase(&self) {
        if let Some(handle) = &self.handle
            && !seeded("waitfor/hold-for-ever")
        {
            handle.erase(self.holder);
        }
    }
}

impl<H: Handle> Deref for Held<H> {
    type Target = H;

    #[inline]
    fn deref(&self) -> &H {
        self.handle.as_ref().expect("only `release` takes it out")
    }
}

impl<H: Handle> Drop for Held<H> {
    fn drop(&mut self) {
        // Then the handle is dropped.
        self.erase();
    }
}

impl<H: Handle + fmt::Debug> fmt::Debug for Held<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").field("handle", &**self).field("holder", &self.holder).finish()
    }
}
