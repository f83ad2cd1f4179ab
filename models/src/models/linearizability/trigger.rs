//! The trigger: signals, looks and waits are linearizable.
//!
//! Its waiting side is one thread at a time, so only the first thread waits.

use std::time::Instant;

use reweave_core::trigger::Trigger;

use super::SEEDS;
use crate::histories::{Mix, Outcome, Place, Scenario, Sequential, Shape, Subject, explore, explore_one};
use crate::{Model, Run, Seeded};

/// The trigger's models.
pub const MODELS: &[Model] = &[
    Model {
        name: "linearizable",
        property: "signals, looks, waits and waits with a deadline are linearizable",
        runs: &[Run::shuttle_random(20_000), Run::shuttle_pct(3, 20_000), Run::shuttle_random(500_000).deep()],
        covers: &["operations overlapped"],
        seeded: &[
            Seeded {
                bug: "trigger/signal-overwrites",
                run: Run::shuttle_random(20_000),
                expect: "the history of the trigger is not linearizable",
            },
            Seeded {
                bug: "trigger/withdraw-drops-signal",
                run: Run::shuttle_random(20_000),
                expect: "the history of the trigger is not linearizable",
            },
            Seeded {
                bug: "trigger/register-overwrites-signal",
                run: Run::shuttle_pct(3, 20_000),
                expect: "the history of the trigger is not linearizable",
            },
        ],
        body: || explore::<Trigger>(&Shape::usual(), SEEDS),
    },
    Model {
        name: "sequentially-consistent",
        property: "two signals beside a wait with a deadline and a look are as if one came after the other",
        runs: &[Run::loom()],
        covers: &["operations overlapped"],
        seeded: &[Seeded {
            bug: "trigger/signal-overwrites",
            run: Run::loom(),
            expect: "the history of the trigger is not sequentially consistent",
        }],
        body: signals_beside_a_wait,
    },
];

/// What a trigger is: its token, once there was a signal.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Token(Option<usize>);

/// What can be done with a trigger.
#[derive(Clone, Debug)]
pub enum Op {
    /// Signal with this token.
    Signal(usize),
    /// Look whether there was a signal.
    Signalled,
    /// Wait for it.
    Wait,
    /// Wait for it until a deadline that passes at once.
    WaitUntil,
}

/// What came of it.
#[derive(Clone, PartialEq, Debug)]
pub enum Ret {
    /// The signal was the first.
    Won(bool),
    /// The token, if there was a signal.
    Token(Option<usize>),
}

impl Sequential for Token {
    type Op = Op;
    type Ret = Ret;

    fn apply(&mut self, op: &Op) -> Outcome<Self> {
        match op {
            Op::Signal(token) => {
                let first = self.0.is_none();
                self.0 = self.0.or(Some(*token));
                Outcome::Returns(Ret::Won(first))
            }
            Op::Wait if self.0.is_none() => Outcome::Blocks,
            Op::Signalled | Op::Wait | Op::WaitUntil => Outcome::Returns(Ret::Token(self.0)),
        }
    }
}

impl Subject for Trigger {
    type Model = Token;
    const NAME: &'static str = "the trigger";

    fn fresh() -> Self {
        Self::new()
    }

    fn model() -> Token {
        Token(None)
    }

    fn operations(place: Place) -> Mix<Op> {
        let mix = Mix::new().with(2, |_| Op::Signalled);
        match place {
            Place::Before => Mix::new(),
            Place::Thread(1) => mix.with(1, |_| Op::Wait).with(3, |_| Op::WaitUntil),
            Place::Thread(_) | Place::After => mix.with(2, |random| Op::Signal(random.unique() as usize)),
        }
    }

    fn perform(&self, _thread: usize, op: &Op) -> Ret {
        match op {
            Op::Signal(token) => Ret::Won(self.signal(*token)),
            Op::Signalled => Ret::Token(self.signalled()),
            Op::Wait => Ret::Token(Some(self.wait())),
            Op::WaitUntil => Ret::Token(self.wait_until(Instant::now())),
        }
    }
}

fn signals_beside_a_wait() {
    let threads = vec![vec![Op::WaitUntil, Op::Signalled], vec![Op::Signal(1), Op::Signal(2)]];
    explore_one::<Trigger>(&Scenario { before: vec![], threads, after: vec![Op::Signalled] });
}

#[cfg(all(test, not(any(reweave_loom, reweave_shuttle))))]
mod tests {
    use super::*;
    use crate::histories::Plan;
    use crate::models::linearizability::passes_on_real_threads;

    #[test]
    fn a_trigger_is_linearizable_on_real_threads() {
        passes_on_real_threads::<Trigger>(&Plan::new(1).repetitions(200));
    }
}
