//! The scheduler on real threads: a file for each promise.

mod accounts;
mod dumps;
mod ends;
mod joins;
mod nodes;
mod par_laws;
mod par_limits;
mod par_streams;
mod policies;
mod scopes;
mod tasks;
mod threads;
