//! The sync facade: atomics, cells, locks and threads, taken from std, loom or shuttle.
//!
//! No other module of the product names `std::sync`, `std::thread`, `loom` or `shuttle`. Code written against this
//! module is therefore the code that is model-checked: under `--cfg reweave_loom` every access below becomes a step that
//! loom reorders and interleaves, under `--cfg reweave_shuttle` a scheduling point of shuttle, and without either it is
//! the standard library's own type, re-exported or wrapped in an inlined newtype.
//!
//! Differences that the facade evens out:
//!
//! - [`Mutex::lock`] and [`Condvar::wait`] do not poison: a panic under a lock harms its owner only, and the data behind
//!   our locks is consistent at every point where user code could panic.
//! - [`UnsafeCell`] hands out raw pointers through closures (`with`, `with_mut`), so that loom can tell for how long an
//!   access lasts and report two that overlap.
//! - [`Lazy`] is the door behind which process-wide defaults live; under a model checker it is made afresh for every
//!   execution.
//! - [`thread::park_until`] under a model checker returns at once, as a timer that may fire at any moment.
//! - Loads under loom are corrected so that none hides another's order from the checker (`loom_atomic.rs`), and
//!   [`ExclusiveLoad`] is a load that cannot race.
//! - [`ArcCell`], a shared place for an `Arc`, is arc-swap's under std; under the checkers, which cannot see into arc-swap, a
//!   stand-in with the same contract (`arc_cell_modelled.rs`).
//! - [`ShardedMap`] is dashmap's under std, and a map under a lock under the checkers (`sharded_map.rs`).
//! - [`fence_after_rmw`] and [`fence_after_load`] are the two halves of a store-load (Dekker) handshake at the price the
//!   target really asks; [`fence_light`] and [`fence_heavy`] are those of one whose second half runs seldom enough to pay for
//!   both.
//! - [`prefetch_for_write`] is a hint to the cache, and nothing under the checkers.
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "what the rest of the product must not name is named here"
)]

#[cfg(all(reweave_loom, reweave_shuttle))]
compile_error!("`reweave_loom` and `reweave_shuttle` exclude each other: choose one checker per build");

#[cfg(reweave_loom)]
#[path = "loom.rs"]
mod backend;
#[cfg(reweave_shuttle)]
#[path = "shuttle.rs"]
mod backend;
#[cfg(not(any(reweave_loom, reweave_shuttle)))]
#[path = "std.rs"]
mod backend;

#[cfg(not(any(reweave_loom, reweave_shuttle)))]
mod arc_cell;
#[cfg(any(reweave_loom, reweave_shuttle))]
#[path = "arc_cell_modelled.rs"]
mod arc_cell;
mod asymmetric;
mod exclusive;
mod fence;
mod local;
mod lock;
mod prefetch;
pub(crate) mod seeded;
mod sharded_map;
mod unseen;

pub use arc_cell::{ArcCell, ArcGuard};
pub use asymmetric::{fence_heavy, fence_light};
pub use backend::{Arc, Lazy, UnsafeCell, atomic, hint, thread};
pub use exclusive::ExclusiveLoad;
pub use fence::{fence_after_load, fence_after_rmw};
#[doc(inline)]
pub use local::thread_local;
pub use lock::{Condvar, Mutex, MutexGuard};
pub use prefetch::prefetch_for_write;
pub use sharded_map::ShardedMap;
pub use unseen::Unseen;

#[doc(hidden)]
pub use backend::raw_thread_local;

/// Whether this build runs under a model checker, where tables are kept small and spinning short.
pub const MODELLED: bool = cfg!(any(reweave_loom, reweave_shuttle));
