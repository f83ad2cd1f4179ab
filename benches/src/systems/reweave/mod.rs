//! This project, a file for each part of it that has peers.

mod atom;
mod stm;

pub use atom::Atom;
pub use stm::Accounts;
