//! The promise: keeping it and every way of reading it are linearizable.
//!
//! A promise has one owner, so only the first thread keeps it, and the main one before all others.

use std::future::{Future, IntoFuture};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use reweave_core::event::Stopped;
use reweave_core::promise::{Eventual, Failure, Promise, pair};
use reweave_core::sync::Unseen;

use super::SEEDS;
use crate::histories::{Mix, Outcome, Place, Scenario, Sequential, Shape, Subject, explore, explore_one};
use crate::{Model, Run, Seeded};

/// The models of promises as objects.
pub const MODELS: &[Model] = &[
    Model {
        name: "linearizable",
        property: "a promise is kept once, by a value, an error or being dropped, and all who read it see that",
        runs: &[Run::shuttle_random(10_000), Run::shuttle_pct(3, 10_000), Run::shuttle_random(100_000).deep()],
        covers: &["operations overlapped"],
        seeded: &[
            Seeded {
                bug: "promise/break-silently",
                run: Run::shuttle_random(10_000),
                expect: "the history of the promise is not linearizable",
            },
            Seeded { bug: "promise/keep-silently", run: Run::shuttle_random(10_000), expect: "deadlock" },
        ],
        body: || explore::<Shared>(&Shape::usual(), SEEDS),
    },
    Model {
        name: "sequentially-consistent",
        property: "a wait with a deadline, a poll and a look beside the keeping are as if one came after the other",
        runs: &[Run::loom_bounded(3), Run::loom().deep().may_be_cut_off("not seen to end in fourteen seconds")],
        covers: &["operations overlapped"],
        seeded: &[Seeded {
            bug: "promise/publish-before-value",
            run: Run::loom_bounded(3),
            expect: "Causality violation",
        }],
        body: reads_beside_keeping,
    },
];

/// What became of the promise.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum State {
    /// Nothing yet.
    Open,
    /// A value.
    Value(u32),
    /// An error.
    Error(u32),
    /// It was dropped.
    Broken,
}

/// What can be done with a promise.
#[derive(Clone, Debug)]
pub enum Op {
    /// Keeps it with a value.
    Fulfil(u32),
    /// Keeps it with an error.
    Fail(u32),
    /// Drops it.
    Break,
    /// Whether it is done.
    IsDone,
    /// What became of it so far.
    TryGet,
    /// Polls a future of it once.
    Poll,
    /// Waits for it.
    Wait,
    /// Waits for it until a deadline that passes at once.
    WaitUntil,
}

/// What came of it.
#[derive(Clone, PartialEq, Debug)]
pub enum Ret {
    /// Whether there was a promise to keep, or it is done.
    Did(bool),
    /// What became of the promise.
    Read(State),
}

impl Sequential for State {
    type Op = Op;
    type Ret = Ret;

    fn apply(&mut self, op: &Op) -> Outcome<Self> {
        let open = *self == Self::Open;
        let mut keep = |kept: Self| {
            if open {
                *self = kept;
            }
            Ret::Did(open)
        };
        Outcome::Returns(match *op {
            Op::Fulfil(value) => keep(Self::Value(value)),
            Op::Fail(error) => keep(Self::Error(error)),
            Op::Break => keep(Self::Broken),
            Op::IsDone => Ret::Did(!open),
            Op::Wait if open => return Outcome::Blocks,
            Op::TryGet | Op::Poll | Op::Wait | Op::WaitUntil => Ret::Read(*self),
        })
    }
}

/// Both sides of a promise.
#[derive(Debug)]
pub struct Shared {
    promise: Unseen<Option<Promise<u32, u32>>>,
    eventual: Eventual<u32, u32>,
}

impl Shared {
    fn keep(&self, keep: impl FnOnce(Promise<u32, u32>)) -> Ret {
        let promise = self.promise.with(Option::take);
        Ret::Did(promise.map(keep).is_some())
    }
}

fn read(outcome: Result<&u32, Failure<&u32>>) -> Ret {
    Ret::Read(match outcome {
        Ok(value) => State::Value(*value),
        Err(Failure::Error(error)) => State::Error(*error),
        Err(Failure::Broken) => State::Broken,
        Err(Failure::Stopped(Stopped::TimedOut)) => State::Open,
        Err(Failure::Stopped(stopped)) => panic!("nobody cancels this wait: {stopped}"),
    })
}

impl Subject for Shared {
    type Model = State;
    const NAME: &'static str = "the promise";

    fn fresh() -> Self {
        let (promise, eventual) = pair();
        Self { promise: Unseen::new(Some(promise)), eventual }
    }

    fn model() -> State {
        State::Open
    }

    fn operations(place: Place) -> Mix<Op> {
        let looks = Mix::new().with(2, |_| Op::IsDone).with(2, |_| Op::TryGet).with(2, |_| Op::Poll);
        match place {
            Place::Before | Place::After => looks,
            Place::Thread(1) => looks
                .with(4, |random| Op::Fulfil(random.unique() as u32))
                .with(2, |random| Op::Fail(random.unique() as u32))
                .with(2, |_| Op::Break),
            Place::Thread(_) => looks.with(2, |_| Op::Wait).with(2, |_| Op::WaitUntil),
        }
    }

    fn perform(&self, _thread: usize, op: &Op) -> Ret {
        let eventual = &self.eventual;
        match *op {
            Op::Fulfil(value) => self.keep(|promise| promise.fulfil(value)),
            Op::Fail(error) => self.keep(|promise| promise.fail(error)),
            Op::Break => self.keep(drop),
            Op::IsDone => Ret::Did(eventual.is_done()),
            Op::TryGet => eventual.try_get().map_or(Ret::Read(State::Open), read),
            Op::Poll => match pin!(eventual.into_future()).poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(outcome) => read(outcome),
                Poll::Pending => Ret::Read(State::Open),
            },
            Op::Wait => read(eventual.wait()),
            Op::WaitUntil => read(eventual.wait_deadline(Instant::now())),
        }
    }
}

fn reads_beside_keeping() {
    let threads = vec![vec![Op::Fulfil(1)], vec![Op::WaitUntil, Op::Poll, Op::TryGet]];
    explore_one::<Shared>(&Scenario { before: vec![], threads, after: vec![Op::TryGet] });
}

#[cfg(all(test, not(any(reweave_loom, reweave_shuttle))))]
mod tests {
    use super::*;
    use crate::histories::Plan;
    use crate::models::linearizability::passes_on_real_threads;

    #[test]
    fn a_promise_is_linearizable_on_real_threads() {
        passes_on_real_threads::<Shared>(&Plan::new(1).repetitions(100));
    }
}
