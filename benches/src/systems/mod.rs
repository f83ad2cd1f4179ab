//! On what workloads run: one adapter a file, each an implementation of the workloads' traits.
//!
//! | file | system |
//! |---|---|
//! | [`reweave`] | this project's transactional memory |
//! | [`mutex`] | one lock around everything |
//! | [`rwlock`] | one lock around everything, shared by readers |
//! | [`two_phase`] | a lock for each object, taken in order |
//! | [`stm`], [`fast_stm`] | two published transactional memories for Rust, single-version and lock-based |
//!
//! An adapter is written as a competent user of that system would write it: no system gets help from the benchmark, and
//! none is handicapped. [`place`] decides whether neighbouring objects share cache lines, for all of them alike.

pub mod fast_stm;
pub mod mutex;
pub mod place;
pub mod reweave;
pub mod rwlock;
pub mod stm;
pub mod two_phase;
