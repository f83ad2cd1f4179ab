//! The scheduler on real threads: a file for each promise.

mod joins;
mod scopes;
mod tasks;
