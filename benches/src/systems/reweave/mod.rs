//! This project, a file for each part of it that has peers.

mod atom;
mod stm;

pub use atom::Atom;
mod channel;
mod stm;

pub use channel::Channel;
pub use stm::Accounts;
