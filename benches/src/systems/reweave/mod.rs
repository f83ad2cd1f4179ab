//! This project, a file for each part of it that has peers.

mod atom;
mod channel;
mod lock;
mod sched;
mod stm;

pub use atom::Atom;
pub use channel::Channel;
pub use lock::Lock;
pub use sched::{Observed, Pool, traced};
pub use stm::{Accounts, Memory, Snapshot};
