//! Locks: what one, some or all may hold or pass, each with its guard.
//!
//! | type | who may go | order |
//! |---|---|---|
//! | [`Lock`] | one | whoever comes first may overtake, within a bound |
//! | [`RwLock`] | any number of readers, or one writer | phases of readers and of writers take turns |
//! | [`Semaphore`] | as many as there are permits for | first come, first served |
//! | [`Latch`] | all, once it is open | |
//! | [`Barrier`] | all together, again and again | |
//!
//! Each waits as the [driver](crate::event) of the library does; the files behind this module only say how their events
//! happen. Calls come in pairs:
//!
//! - `lock`, `read`, `write`, `take`, `wait` return what they promise. Nothing ends their wait: no cancellation, no
//!   deadline, no [`Break`](crate::waitfor::Break).
//! - `acquire` and its kin return a `Result`: their wait ends with an [`AcquireError`] when the current token is
//!   cancelled, their deadline passes, or the [wait-for graph](crate::waitfor) breaks a deadlock with them.
//! - `.._async` are the same for tasks, and `.._event` for [`select!`](crate::select).
//!
//! # Panics and leaks
//!
//! Nothing is poisoned: a panic while a guard is held releases it on its way out, and leaves the value as it was at
//! that moment. Whoever keeps an invariant across several steps restores it in a destructor. A guard that is forgotten
//! is never released.
//!
//! # Who holds
//!
//! A guard belongs to the [agent](crate::context::Agent) that acquired it, and is not `Send`: so the holder is known,
//! to the wait-for graph and to a call that would wait for itself. A guard that has to move, with a task or to another
//! thread, is made to roam (`Guard::roam`); then the graph no longer knows who holds it.
//!
//! # Order
//!
//! What happened before a release is visible to whoever acquires after it: every release is a read-modify-write (or a
//! store by the owner) with release order on the lock's word, every acquisition one with acquire order. What is done to
//! the word in between, by waiters who set their bit, is a read-modify-write too, and so continues the release
//! sequence.

mod barrier;
mod error;
mod exclusive;
mod guard;
mod holders;
mod latch;
mod places;
mod raw;
mod raw_rw;
mod raw_semaphore;
mod rw;
mod rw_guard;
mod semaphore;

#[cfg(all(test, not(any(reweave_loom, reweave_shuttle))))]
mod tests;

pub use barrier::{Barrier, BarrierEvent};
pub use error::AcquireError;
pub use exclusive::{Lock, LockEvent};
pub use guard::{Guard, MappedGuard, RoamingGuard};
pub use latch::{Latch, LatchEvent};
pub use rw::{ReadEvent, RwLock, WriteEvent};
pub use rw_guard::{ReadGuard, WriteGuard};
pub use semaphore::{Permit, PermitEvent, RoamingPermit, Semaphore};

use std::time::{Duration, Instant};

use crate::Reason;
use crate::context::Context;

/// When a wait of this length, begun now, gives up; never, if that is beyond what the clock can tell.
fn after(timeout: Duration) -> Option<Instant> {
    Context::current().clock.now().checked_add(timeout)
}

/// What a lock is called in reports and messages.
fn title(kind: &str, name: Option<&Reason>) -> String {
    name.map_or_else(|| format!("a {kind} without a name"), |name| format!("{kind} \"{name}\""))
}
