//! This project, a file for each part of it that has peers.

mod stm;

pub use stm::Accounts;
