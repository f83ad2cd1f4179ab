//! On what workloads run: one adapter a file, each an implementation of the workloads' traits.
//!
//! | file | system |
//! |---|---|
//! | [`reweave`] | this project |
//! | [`mutex`] | one lock around everything, and that lock by itself: the standard library's |
//! | [`rwlock`] | one lock around everything, shared by readers |
//! | [`two_phase`] | a lock for each object, taken in order |
//! | [`stm`], [`fast_stm`] | two published transactional memories for Rust, single-version and lock-based |
//! | [`crossbeam`], [`kanal`], [`flume`], [`std_mpsc`] | three published channels for Rust, and the standard library's |
//! | [`arc_swap`] | a published `Arc` that can be swapped |
//! | [`parking_lot`] | a published lock |
//! | [`rayon`], [`chili`], [`tokio`], [`async_executor`] | four published schedulers |
//! | [`shared_queue`] | threads that take their tasks from one queue |
//! | [`atomics`] | relaxed atomics, each by itself: the yardstick |
//!
//! An adapter is written as a competent user of that system would write it: no system gets help from the benchmark, and
//! none is handicapped. [`place`] decides whether neighbouring objects share cache lines, for all of them alike; [`locked`]
//! makes a memory without transactions of a lock and plain cells.

pub mod arc_swap;
pub mod async_executor;
pub mod atomics;
pub mod chili;
pub mod crossbeam;
pub mod fast_stm;
pub mod flume;
pub mod kanal;
pub mod locked;
pub mod mutex;
pub mod parking_lot;
pub mod place;
pub mod rayon;
pub mod reweave;
pub mod rwlock;
pub mod shared_queue;
pub mod std_mpsc;
pub mod stm;
pub mod tokio;
pub mod two_phase;
