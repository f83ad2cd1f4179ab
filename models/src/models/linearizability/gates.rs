//! Latch and barrier: counts and passages are linearizable.
//!
//! Those who pass a barrier do so together: a passage is a meeting of two, of which one leads.

use reweave_core::cancel::Token;
use reweave_core::lock::{Barrier, Latch};

use super::SEEDS;
use crate::histories::{Ending, Mix, Outcome, Place, Scenario, Sequential, Shape, Subject, explore, explore_one};
use crate::{Model, Run, Seeded};

/// The models of latch and barrier as objects.
pub const MODELS: &[Model] = &[
    Model {
        name: "latch-linearizable",
        property: "a latch opens with its last count, which says so, and lets everybody through from then on",
        runs: &[Run::shuttle_random(10_000), Run::shuttle_pct(3, 10_000)],
        covers: &["operations overlapped"],
        seeded: &[
            Seeded {
                bug: "latch/count-without-comparing",
                run: Run::shuttle_random(10_000),
                expect: "the history of the latch is not linearizable",
            },
            Seeded { bug: "latch/open-silently", run: Run::shuttle_random(10_000), expect: "deadlock" },
        ],
        body: || explore::<Latch>(&Shape::usual(), SEEDS),
    },
    Model {
        name: "latch-sequentially-consistent",
        property: "counts beside each other and a look are as if one came after the other",
        runs: &[Run::loom()],
        covers: &["operations overlapped"],
        seeded: &[Seeded {
            bug: "latch/count-without-comparing",
            run: Run::loom(),
            expect: "the history of the latch is not sequentially consistent",
        }],
        body: counts_beside_counts,
    },
    Model {
        name: "barrier-linearizable",
        property: "two pass a barrier together, one of them leads, and nobody passes alone",
        runs: &[Run::shuttle_random(10_000), Run::shuttle_pct(3, 10_000)],
        covers: &["operations overlapped", "ended from outside"],
        seeded: &[
            Seeded {
                bug: "barrier/keep-count",
                run: Run::shuttle_random(10_000),
                expect: "the history of the barrier is not linearizable",
            },
            Seeded { bug: "barrier/pass-silently", run: Run::shuttle_random(10_000), expect: "deadlock" },
        ],
        body: || explore::<Gate>(&Shape::usual(), SEEDS),
    },
    Model {
        name: "barrier-sequentially-consistent",
        property: "two pairs of passages are two meetings",
        runs: &[Run::loom_bounded(3), Run::loom_bounded(4).deep()],
        covers: &["operations overlapped"],
        seeded: &[Seeded {
            bug: "barrier/keep-count",
            run: Run::loom_bounded(3),
            expect: "the history of the barrier is not sequentially consistent",
        }],
        body: || explore_one::<Gate>(&Scenario { before: vec![], threads: vec![vec![Pass; 2]; 2], after: vec![] }),
    },
];

/// How many counts are left.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Left(u64);

/// What can be done with a latch.
#[derive(Clone, Debug)]
pub enum Op {
    /// Counts.
    Count,
    /// Waits until it is open.
    Wait,
    /// Whether it is open.
    IsOpen,
    /// How many counts are left.
    Left,
}

/// What came of it.
#[derive(Clone, PartialEq, Debug)]
pub enum Ret {
    /// Whether this count opened it, or it is open.
    Open(bool),
    /// A number.
    Left(u64),
}

impl Sequential for Left {
    type Op = Op;
    type Ret = Ret;

    fn apply(&mut self, op: &Op) -> Outcome<Self> {
        Outcome::Returns(match op {
            Op::Count => {
                let opens = self.0 == 1;
                self.0 = self.0.saturating_sub(1);
                Ret::Open(opens)
            }
            Op::Wait if self.0 > 0 => return Outcome::Blocks,
            Op::Wait | Op::IsOpen => Ret::Open(self.0 == 0),
            Op::Left => Ret::Left(self.0),
        })
    }
}

const COUNTS: u64 = 3;

impl Subject for Latch {
    type Model = Left;
    const NAME: &'static str = "the latch";

    fn fresh() -> Self {
        Self::new(COUNTS)
    }

    fn model() -> Left {
        Left(COUNTS)
    }

    fn operations(place: Place) -> Mix<Op> {
        let looks = Mix::new().with(1, |_| Op::IsOpen).with(1, |_| Op::Left);
        match place {
            Place::Before | Place::After => looks.with(1, |_| Op::Count),
            Place::Thread(_) => looks.with(4, |_| Op::Count).with(1, |_| Op::Wait),
        }
    }

    fn perform(&self, _thread: usize, op: &Op) -> Ret {
        match op {
            Op::Count => Ret::Open(self.count_down()),
            Op::Wait => {
                self.wait();
                Ret::Open(true)
            }
            Op::IsOpen => Ret::Open(self.is_open()),
            Op::Left => Ret::Left(self.left()),
        }
    }
}

fn counts_beside_counts() {
    let threads = vec![vec![Op::Count, Op::Count], vec![Op::Count, Op::IsOpen]];
    explore_one::<Latch>(&Scenario { before: vec![], threads, after: vec![Op::Left] });
}

/// A barrier for two has no state between two passages.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Meeting;

/// Passes the barrier.
#[derive(Clone, Debug)]
pub struct Pass;

impl Sequential for Meeting {
    type Op = Pass;
    type Ret = Option<bool>;

    fn apply(&mut self, _: &Pass) -> Outcome<Self> {
        Outcome::Blocks
    }

    fn meet(&mut self, _: &Pass, _: &Pass) -> Option<(Option<bool>, Option<bool>)> {
        // Whether it leads. The other order of the two is tried as well.
        Some((Some(true), Some(false)))
    }
}

/// A barrier for two, and what ends the waits.
#[derive(Debug)]
pub struct Gate {
    barrier: Barrier,
    end: Token,
}

impl Subject for Gate {
    type Model = Meeting;
    const NAME: &'static str = "the barrier";

    fn fresh() -> Self {
        Self { barrier: Barrier::new(2), end: Token::new() }
    }

    fn model() -> Meeting {
        Meeting
    }

    fn operations(place: Place) -> Mix<Pass> {
        match place {
            Place::Before | Place::After => Mix::new(),
            Place::Thread(_) => Mix::new().with(1, |_| Pass),
        }
    }

    fn perform(&self, _thread: usize, _: &Pass) -> Option<bool> {
        self.end.run(|| self.barrier.wait_or_stop()).ok()
    }

    fn ending() -> Ending<Pass> {
        Ending::Hook
    }

    fn end(&self) {
        self.end.cancel("the scenario is over");
    }
}

#[cfg(all(test, not(any(reweave_loom, reweave_shuttle))))]
mod tests {
    use super::*;
    use crate::histories::Plan;
    use crate::models::linearizability::passes_on_real_threads;

    fn passes<S: Subject>() {
        passes_on_real_threads::<S>(&Plan::new(1).repetitions(100));
    }

    #[test]
    fn a_latch_is_linearizable_on_real_threads() {
        passes::<Latch>();
    }

    #[test]
    fn a_barrier_is_linearizable_on_real_threads() {
        passes::<Gate>();
    }
}
