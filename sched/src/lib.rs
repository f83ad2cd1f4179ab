//! Threads that work together.
//!
//! | module | concept |
//! |---|---|
//! | [`team`] | a fixed number of threads that start together, the way to run an experiment on real threads |
//!
//! The work-stealing scheduler, tasks, scopes and parallel operations will stand beside it.

pub mod deque;
pub mod team;
