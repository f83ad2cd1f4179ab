//! Nurseries: children here and there, failures that race, late spawns, cancellation from outside, and futures that are dropped early.
//!
//! On a [`Kernel`](reweave_sched::kernel::Kernel) of two workers: the main thread has the nursery, another looks for children. What a child writes is read
//! behind the nursery, from an instrumented cell. The last model runs random families in whole pools.

mod children;
mod failures;
mod families;
mod futures;

use reweave_core::sync::Unseen;

use crate::Model;

/// The models of nurseries, file by file.
pub const MODELS: &[&[Model]] = &[children::MODELS, failures::MODELS, futures::MODELS, families::MODELS];

const LEFT: &str = "the nursery was left before its child had ended";
const LOST: &str = "a failure was lost";
const AFTER: &str = "a child ran after its nursery was left";

/// A count that the checkers do not see.
#[derive(Clone)]
struct Count(Unseen<usize>);

impl Count {
    fn new() -> Self {
        Self(Unseen::new(0))
    }

    fn add(&self) {
        self.0.with(|count| *count += 1);
    }

    fn get(&self) -> usize {
        self.0.with(|count| *count)
    }
}
