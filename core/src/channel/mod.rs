//! Channels: values handed from thread to thread, or task to task, in order.
//!
//! | made by | holds | a send waits | capacity |
//! |---|---|---|---|
//! | [`bounded`]`(n)` | up to `n` values | while it is full: back-pressure | `Some(n)` |
//! | [`unbounded`]`()` | any number | never | `None` |
//! | [`rendezvous`]`()` | nothing: sender and receiver meet | for a receiver | `Some(0)` |
//!
//! Both sides can be cloned; each value goes to one receiver. Each side can wait in all the ways of the library:
//! blocking, until a deadline, as a future, in a [`select!`](crate::select); and every wait takes part in
//! cancellation.
//!
//! # What holds
//!
//! 1. *Every value that was sent is received once, or dropped once.* A receive that times out, is cancelled, loses a
//!    select, or whose future is dropped takes no value. A send that fails gives its value back.
//! 2. *Order.* Values of one sending thread arrive in the order in which it sent them. What happened before a send is
//!    visible after its receive.
//! 3. *Close.* A channel is closed by either side, with a reason, or by the drop of the last handle of a side; the
//!    first counts, and every error tells which it was. Nothing is sent after; what was sent before is received
//!    first, then every receive says that it is closed. Nobody who waits misses it.
//! 4. *The last receiver drops what is left*, before its own drop returns, each value once; a destructor that panics
//!    harms no other value. No destructor, waker or other code of the user's runs under a lock of the channel.
//!
//! Threads that wait are served in order of arrival, but a thread that comes when it need not wait may be faster than
//! one that has just been woken. In a rendezvous channel a sender serves blocked threads before suspended tasks.
//!
//! # Structure
//!
//! [`Sender`] and [`Receiver`] are handles of a `Shared`, which has one of three flavours (`bounded.rs`,
//! `unbounded.rs`, `rendezvous.rs`), each with its protocol in its head. `event.rs` says how each is waited for; what
//! waiting is, is said in [`event`](crate::event). Costs and proofs are in `papers/channels.md`.
//!
//! # Examples
//! ```
//! use reweave_core::channel;
//! use reweave_core::sync::thread;
//!
//! let (tx, rx) = channel::bounded(8);
//! let workers: Vec<_> = (0..2)
//!     .map(|worker| {
//!         let tx = tx.clone();
//!         thread::spawn(move || (0..3).for_each(|item| tx.send((worker, item)).unwrap()))
//!     })
//!     .collect();
//! drop(tx);
//! // Ends when the last sender is gone and everything has been received.
//! assert_eq!(rx.iter().count(), 6);
//! for worker in workers {
//!     worker.join().unwrap();
//! }
//! ```

mod backoff;
mod block;
mod bounded;
mod error;
mod event;
mod future;
mod observe;
mod receiver;
mod record;
mod rendezvous;
mod sender;
mod shared;
mod unbounded;

#[cfg(all(test, not(any(reweave_loom, reweave_shuttle))))]
mod tests;

use std::time::Duration;

use crate::context::Context;
use crate::event::Limits;
use crate::sync::Arc;

use bounded::Ring;
use rendezvous::Meeting;
use shared::{Flavour, Shared};
use unbounded::List;

pub use error::{Closed, How, RecvError, SendError, TryRecvError, TrySendError, Why};
pub use event::{RecvEvent, SendEvent};
pub use future::{Receiving, Sending};
pub use receiver::{IntoIter, Iter, Receiver, TryIter};
pub use sender::Sender;

/// A channel that holds up to `capacity` values. `bounded(0)` is a [`rendezvous`], as in Go.
///
/// Allocates its slots at once. A send and a receive that need not wait are one compare-and-swap each and allocate
/// nothing.
///
/// # Panics
/// When `capacity` slots do not fit into memory.
///
/// # Examples
/// ```
/// use reweave_core::channel::{self, TrySendError};
///
/// let (tx, rx) = channel::bounded(1);
/// tx.try_send('a').unwrap();
/// assert_eq!(tx.try_send('b'), Err(TrySendError::Full('b')));
/// assert_eq!(rx.recv(), Ok('a'));
/// ```
pub fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    match capacity {
        0 => rendezvous(),
        _ => handles(Flavour::Bounded(Ring::new(capacity))),
    }
}

/// A channel that holds any number of values: a send never waits, so nothing but memory limits how far senders run
/// ahead.
///
/// A send and a receive that need not wait are one compare-and-swap each; an allocation is made once in 31 sends at
/// most.
///
/// # Examples
/// ```
/// use reweave_core::channel;
///
/// let (tx, rx) = channel::unbounded();
/// for number in 0..100 {
///     tx.send(number).unwrap();
/// }
/// assert_eq!(rx.try_iter().sum::<i32>(), 4950);
/// ```
pub fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    handles(Flavour::Unbounded(List::new()))
}

/// A channel that holds nothing: each send waits for its receive, and when it returns the value has been taken.
///
/// # Examples
/// ```
/// use reweave_core::channel;
/// use reweave_core::sync::thread;
///
/// let (tx, rx) = channel::rendezvous();
/// assert!(tx.try_send("nobody is there").is_err());
/// let receiver = thread::spawn(move || rx.recv());
/// tx.send("hello").unwrap();
/// assert_eq!(receiver.join().unwrap(), Ok("hello"));
/// ```
pub fn rendezvous<T>() -> (Sender<T>, Receiver<T>) {
    handles(Flavour::Rendezvous(Meeting::new()))
}

fn handles<T>(flavour: Flavour<T>) -> (Sender<T>, Receiver<T>) {
    let shared = Arc::new(Shared::new(flavour));
    (Sender { shared: shared.clone() }, Receiver { shared })
}

/// Limits that end a wait after this time by the current clock; one that is too far away for the clock ends nothing.
fn within(timeout: Duration) -> Limits {
    Limits { deadline: Context::current().clock.now().checked_add(timeout), ..Limits::default() }
}
