//! The cancellation token: cancelling, looking, waiting, and what is made below it are linearizable.
//!
//! The object is one token. A tree is none: who cancels a token tells those below it one after the other, and only the
//! end of the call promises that all have been told.

use reweave_core::cancel::{Cancelled, Token};
use reweave_core::event::wait;
use reweave_core::sync::Unseen;

use super::SEEDS;
use crate::histories::{Ending, Mix, Outcome, Place, Scenario, Sequential, Shape, Subject, explore, explore_one};
use crate::{Model, Run, Seeded};

/// What can be a reason: the words of a reason are fixed.
const REASONS: [&str; 3] = ["one", "two", "three"];

/// The models of the token as an object.
pub const MODELS: &[Model] = &[
    Model {
        name: "linearizable",
        property: "a token is cancelled once, for the first reason, and children and callbacks follow it from then on",
        runs: &[Run::shuttle_random(10_000), Run::shuttle_pct(3, 10_000), Run::shuttle_random(100_000).deep()],
        covers: &["operations overlapped"],
        seeded: &[
            Seeded {
                bug: "cancel/second-reason-overwrites",
                run: Run::shuttle_random(10_000),
                expect: "the history of the token is not linearizable",
            },
            Seeded { bug: "cancel/wake-before-flag", run: Run::shuttle_random(10_000), expect: "deadlock" },
        ],
        body: || explore::<Token>(&Shape::usual(), SEEDS),
    },
    Model {
        name: "sequentially-consistent",
        property: "a child and a callback that are made beside two cancellations are as if one came after the other",
        runs: &[Run::loom()],
        covers: &["operations overlapped"],
        seeded: &[Seeded {
            bug: "cancel/second-reason-overwrites",
            run: Run::loom(),
            expect: "the history of the token is not sequentially consistent",
        }],
        body: dependents_beside_cancellations,
    },
];

/// Why the token was cancelled, if it was.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Verdict(Option<&'static str>);

/// What can be done with a token.
#[derive(Clone, Debug)]
pub enum Op {
    /// Cancels it for the reason of this number.
    Cancel(usize),
    /// Whether it is cancelled.
    IsCancelled,
    /// Why it is cancelled, by its reason.
    Reason,
    /// The same by the check between two steps.
    Check,
    /// Waits until it is cancelled.
    Wait,
    /// Makes a child, and asks why that is cancelled.
    Child,
    /// Adds a callback, and tells whether it ran at once.
    OnCancel,
}

/// What came of it.
#[derive(Clone, PartialEq, Debug)]
pub enum Ret {
    /// Whether it is, or was, the case.
    Is(bool),
    /// The reason, if there is one.
    Why(Option<&'static str>),
}

impl Sequential for Verdict {
    type Op = Op;
    type Ret = Ret;

    fn apply(&mut self, op: &Op) -> Outcome<Self> {
        Outcome::Returns(match *op {
            Op::Cancel(reason) => {
                let first = self.0.is_none();
                self.0 = self.0.or(Some(REASONS[reason]));
                Ret::Is(first)
            }
            Op::IsCancelled | Op::OnCancel => Ret::Is(self.0.is_some()),
            Op::Wait if self.0.is_none() => return Outcome::Blocks,
            Op::Reason | Op::Check | Op::Wait | Op::Child => Ret::Why(self.0),
        })
    }
}

fn why(cancelled: Option<Cancelled>) -> Ret {
    let known = |cancelled: Cancelled| REASONS.into_iter().find(|&reason| reason == cancelled.reason.as_str());
    Ret::Why(cancelled.map(|cancelled| known(cancelled).expect("the reason is one of those given")))
}

impl Subject for Token {
    type Model = Verdict;
    const NAME: &'static str = "the token";

    fn fresh() -> Self {
        Self::new()
    }

    fn model() -> Verdict {
        Verdict(None)
    }

    fn operations(place: Place) -> Mix<Op> {
        let mix = Mix::new()
            .with(1, |_| Op::IsCancelled)
            .with(1, |_| Op::Reason)
            .with(1, |_| Op::Check)
            .with(2, |_| Op::Child)
            .with(1, |_| Op::OnCancel);
        match place {
            Place::Before => mix,
            Place::After => mix.with(1, |random| Op::Cancel(random.below(REASONS.len()))),
            Place::Thread(_) => mix.with(2, |random| Op::Cancel(random.below(REASONS.len()))).with(1, |_| Op::Wait),
        }
    }

    fn perform(&self, _thread: usize, op: &Op) -> Ret {
        match *op {
            Op::Cancel(reason) => Ret::Is(self.cancel(REASONS[reason])),
            Op::IsCancelled => Ret::Is(self.is_cancelled()),
            Op::Reason => why(self.reason()),
            Op::Check => why(self.check().err()),
            Op::Wait => why(Some(wait(self.cancelled()).expect("nobody stops this wait"))),
            Op::Child => why(self.child().reason()),
            Op::OnCancel => {
                let ran = Unseen::new(false);
                let there = ran.clone();
                self.on_cancel(move |_| there.with(|ran| *ran = true)).detach();
                Ret::Is(ran.with(|ran| *ran))
            }
        }
    }

    fn ending() -> Ending<Op> {
        Ending::Operation(Op::Cancel(0))
    }
}

fn dependents_beside_cancellations() {
    let threads = vec![vec![Op::Cancel(1), Op::Child], vec![Op::OnCancel, Op::Cancel(2), Op::Reason]];
    explore_one::<Token>(&Scenario { before: vec![], threads, after: vec![Op::Check] });
}

#[cfg(all(test, not(any(reweave_loom, reweave_shuttle))))]
mod tests {
    use super::*;
    use crate::histories::Plan;
    use crate::models::linearizability::passes_on_real_threads;

    #[test]
    fn a_token_is_linearizable_on_real_threads() {
        passes_on_real_threads::<Token>(&Plan::new(1).repetitions(100));
    }
}
