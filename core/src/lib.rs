//! The ground of reweave: what every other crate stands on.
//!
//! | module | concept |
//! |---|---|
//! | [`sync`] | the one place that names std, loom or shuttle |
//! | [`trigger`] | the one-shot cell on which everything that blocks waits |
//! | [`event`] | what can be waited for, and the one driver that waits: blocking, async, [`select!`] |
//! | [`lock`] | locks, readers and writers, semaphores, latches, barriers |
//! | [`waitfor`] | who waits for whom, and which of the waits are deadlocks |
//! | [`channel`] | bounded, unbounded and rendezvous channels, closed with a reason |
//! | [`promise`] | a value that is there once, for any number of readers |
//! | [`cancel`] | tokens that end waits, with a reason |
//! | [`time`] | clocks and deadlines |
//! | [`context`] | what surrounds a thread or task: token, clock, scheduler |
//! | [`reclaim`] | the one door to epoch-based memory reclamation |
//! | [`topology`] | cpus, caches and memory nodes, and how near they are |
//! | [`arena`] | memory for a step of work, given back as a whole |
//! | [`atom`] | one value, changed by pure functions, validated and watched |
//!
//! The crate compiles from the same source against the standard library (the default, at no cost), against loom
//! (`--cfg reweave_loom`) and against shuttle (`--cfg reweave_shuttle`).

pub mod arena;
pub mod atom;
pub mod cancel;
pub mod channel;
pub mod context;
pub mod event;
pub mod lock;
pub mod promise;
pub mod reclaim;
pub mod sync;
pub mod time;
pub mod topology;
pub mod trigger;
pub mod waitfor;

mod reason;

pub use reason::{Reason, panic_text};
pub use sync::seeded::{seed_bug, seeded};
