//! The scheduler on real threads: a file for each promise.

mod accounts;
mod bounds;
mod dumps;
mod ends;
mod groups;
mod joins;
mod nodes;
mod nurseries;
mod par_laws;
mod par_limits;
mod par_streams;
mod policies;
mod scopes;
mod supervisors;
mod tasks;
mod threads;
