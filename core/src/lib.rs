//! The ground of reweave: what every other crate stands on.
//!
//! | module | concept |
//! |---|---|
//! | [`sync`] | the one place that names std, loom or shuttle |
//! | [`trigger`] | the one-shot cell on which everything that blocks waits |
//! | [`reclaim`] | the one door to epoch-based memory reclamation |
//! | [`atom`] | one value, changed by pure functions, validated and watched |
//!
//! The crate compiles from the same source against the standard library (the default, at no cost), against loom
//! (`--cfg reweave_loom`) and against shuttle (`--cfg reweave_shuttle`).

pub mod atom;
pub mod reclaim;
pub mod sync;
pub mod trigger;

pub use sync::seeded::{seed_bug, seeded};
