//! The scheduler on real threads: a file for each promise.

mod joins;
mod nurseries;
mod nurseries_async;
mod par_laws;
mod par_limits;
mod par_streams;
mod scopes;
mod supervisors;
mod tasks;
