//! A work-stealing scheduler, and what is built on it.
//!
//! | module | concept |
//! |---|---|
//! | [`mod@join`] | two computations that may run at the same time |
//! | [`mod@scope`] | jobs that borrow from the stack, and end before it does |
//! | [`mod@nursery`] | children that may fail, be futures, and start siblings; all end before whoever started them goes on |
//! | [`task`] | work that goes on by itself, closures and futures, and its handle |
//! | [`par`] | parallel operations on many items |
//! | [`pool`] | workers that share jobs, and make up for those that block |
//! | [`worker_pool`] | so many at a time, first come first served |
//! | [`deque`] | the queue of a worker: one owner, many thieves |
//! | [`sleep`] | who searches, who sleeps, and who is called when there is work |
//! | [`trace`] | seeing what a pool does: a record of events, for viewers and flame graphs |
//! | [`team`] | a fixed number of threads that start together, the way to run an experiment on real threads |

mod agenda;
pub mod deque;
mod door;
mod injector;
mod job;
pub mod join;
#[doc(hidden)]
pub mod kernel;
pub mod nursery;
pub mod par;
pub mod pool;
pub mod scope;
pub mod sleep;
mod stats;
pub mod task;
pub mod team;
pub mod trace;
mod worker;
pub mod worker_pool;

#[cfg(all(test, not(any(reweave_loom, reweave_shuttle))))]
mod tests;

pub use agenda::{Class, Fairness, Policy};
pub use join::join;
pub use nursery::{Nursery, NurseryError, Supervisor, nursery, nursery_async, supervisor, supervisor_async};
pub use par::{Par, par_filter, par_for, par_map, par_map_iter, par_reduce, stream_map};
pub use pool::{BuildError, Builder, Left, Pool, Shutdown, ShutdownError, blocking};
pub use scope::{Scope, scope};
pub use stats::{PoolStats, WorkerStats};
pub use task::group::{join_all, join_any, race};
pub use task::{Failed, Handle, Task, TaskId, spawn, spawn_async, spawn_link, timeout};
pub use worker_pool::WorkerPool;
