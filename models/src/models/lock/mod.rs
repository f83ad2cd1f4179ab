//! Locks: exclusion, visibility, and that nobody is left asleep who may go.
//!
//! The value of a lock sits in the facade's `UnsafeCell`, so two that have access at once, or one that does not see
//! what the other wrote, are overlapping accesses. A lost wake-up is a deadlock. A deadline under a checker passes at
//! any moment.

mod exclusive;
mod gates;
mod mixed;
mod rw;
mod semaphore;

use super::linearizability;
use crate::Model;

/// The models of locks.
pub const MODELS: &[&[Model]] = &[
    exclusive::MODELS,
    rw::MODELS,
    semaphore::MODELS,
    gates::MODELS,
    mixed::MODELS,
    linearizability::lock::MODELS,
    linearizability::rw::MODELS,
    linearizability::semaphore::MODELS,
    linearizability::gates::MODELS,
];
