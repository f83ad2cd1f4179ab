//! What to run on real threads, and what was run.

use std::time::Duration;

use super::Shape;

/// What to run on real threads, and how much of it.
///
/// # Examples
/// ```
/// use reweave_models::histories::Plan;
/// // Ten scenarios, a thousand repetitions each, no more than five seconds.
/// let plan = Plan::new(42).scenarios(10).repetitions(1_000).seconds(5);
/// // One scenario again, by the seed that its failure named.
/// let again = Plan::only(0x5eed).repetitions(100_000);
/// # let _ = (plan, again);
/// ```
#[derive(Clone, Debug)]
pub struct Plan {
    pub(super) seed: u64,
    pub(super) only: bool,
    pub(super) shape: Shape,
    pub(super) scenarios: u64,
    pub(super) repetitions: usize,
    pub(super) limit: Duration,
    pub(super) patience: Duration,
}

impl Plan {
    /// Scenarios drawn from this seed: 20 of the [usual](Shape::usual) shape, 500 repetitions each, ten seconds at
    /// most.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            only: false,
            shape: Shape::usual(),
            scenarios: 20,
            repetitions: 500,
            limit: Duration::from_secs(10),
            patience: Duration::from_secs(10),
        }
    }

    /// The one scenario of this seed, as failures name it. Its shape must be the one that it was drawn with.
    pub fn only(seed: u64) -> Self {
        Self { only: true, scenarios: 1, ..Self::new(seed) }
    }

    /// The same with scenarios of another shape.
    #[must_use]
    pub fn shape(self, shape: Shape) -> Self {
        Self { shape, ..self }
    }

    /// The same with so many scenarios.
    #[must_use]
    pub fn scenarios(self, scenarios: u64) -> Self {
        Self { scenarios, ..self }
    }

    /// The same with so many repetitions of each scenario.
    #[must_use]
    pub fn repetitions(self, repetitions: usize) -> Self {
        Self { repetitions, ..self }
    }

    /// The same with another limit: no repetition is begun after so many seconds.
    #[must_use]
    pub fn seconds(self, seconds: u64) -> Self {
        Self { limit: Duration::from_secs(seconds), ..self }
    }

    /// The same with another patience: how long nothing has to move until threads are taken for stuck, ten seconds by
    /// default. Long enough that a busy machine is not mistaken for a deadlock.
    #[must_use]
    pub fn patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }
}

/// What was run without a failure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Scenarios begun.
    pub scenarios: u64,
    /// Histories checked.
    pub histories: u64,
    /// Histories in which operations of two threads overlapped: the others say little.
    pub overlapped: u64,
}
