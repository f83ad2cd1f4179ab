//! The scheduler on real threads: a file for each promise.

mod bounds;
mod groups;
mod joins;
mod par_laws;
mod par_limits;
mod par_streams;
mod scopes;
mod tasks;
