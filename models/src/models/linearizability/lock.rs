//! The exclusive lock: acquisitions, attempts and releases are linearizable, and so is the value between them.
//!
//! A thread holds at most one guard, from one operation to a later one, and does not wait while it holds it. An attempt
//! fails only while somebody holds the lock; whoever is called to a lock that is reserved for it counts as one who does.

use reweave_core::cancel::Token;
use reweave_core::lock::{Guard, Lock, RoamingGuard};

use super::SEEDS;
use super::held::Held;
use crate::histories::{Ending, Mix, Outcome, Place, Scenario, Sequential, Shape, Subject, explore, explore_one};
use crate::{Model, Run, Seeded};

/// The models of the exclusive lock as an object.
pub const MODELS: &[Model] = &[
    Model {
        name: "lock-linearizable",
        property: "one holds the lock at a time, attempts fail while one does, and the value is that of the last release",
        runs: &[Run::shuttle_random(10_000), Run::shuttle_pct(3, 10_000), Run::shuttle_random(100_000).deep()],
        covers: &["operations overlapped", "ended from outside"],
        seeded: &[
            Seeded {
                bug: "lock/take-without-comparing",
                run: Run::shuttle_random(10_000),
                expect: "the history of the lock is not linearizable",
            },
            Seeded { bug: "lock/release-without-call", run: Run::shuttle_random(10_000), expect: "deadlock" },
        ],
        body: || explore::<Locked>(&Shape::usual(), SEEDS),
    },
    Model {
        name: "lock-sequentially-consistent",
        property: "an attempt beside two acquisitions is as if one came after the other",
        runs: &[Run::loom_bounded(3), Run::loom().deep().may_be_cut_off("not seen to end in fourteen seconds")],
        covers: &["operations overlapped"],
        seeded: &[Seeded {
            bug: "lock/take-without-comparing",
            run: Run::loom_bounded(3),
            expect: "Causality violation",
        }],
        body: attempt_beside_acquisitions,
    },
];

/// The value behind the lock, and which thread holds it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Register {
    value: u64,
    holder: Option<usize>,
}

/// What a thread does with the lock; it says its number.
#[derive(Clone, Debug)]
pub enum Op {
    /// Waits for the lock and reads the value.
    Acquire(usize),
    /// Reads the value if the lock can be had at once.
    Attempt(usize),
    /// Writes the value and releases the lock.
    Release(usize, u64),
}

/// What came of it.
#[derive(Clone, PartialEq, Debug)]
pub enum Ret {
    /// The thread has the lock, behind which was this value.
    Value(u64),
    /// Somebody else holds it.
    Busy,
    /// It has been released.
    Released,
    /// The thread holds it already, or does not hold it.
    Nothing,
    /// The wait was ended from outside.
    Stopped,
}

impl Sequential for Register {
    type Op = Op;
    type Ret = Ret;

    fn apply(&mut self, op: &Op) -> Outcome<Self> {
        Outcome::Returns(match *op {
            Op::Acquire(thread) | Op::Attempt(thread) if self.holder == Some(thread) => Ret::Nothing,
            Op::Acquire(_) if self.holder.is_some() => return Outcome::Blocks,
            Op::Attempt(_) if self.holder.is_some() => Ret::Busy,
            Op::Acquire(thread) | Op::Attempt(thread) => {
                self.holder = Some(thread);
                Ret::Value(self.value)
            }
            Op::Release(thread, value) if self.holder == Some(thread) => {
                *self = Self { value, holder: None };
                Ret::Released
            }
            Op::Release(..) => Ret::Nothing,
        })
    }
}

/// A lock, the guards of those who hold it, and what ends the waits.
#[derive(Debug)]
pub struct Locked {
    held: Held<Lock<u64>, RoamingGuard<'static, u64>>,
    end: Token,
}

impl Locked {
    fn entered(&self, thread: usize, guard: Guard<'static, u64>) -> Ret {
        let value = *guard;
        self.held.keep(thread, Guard::roam(guard));
        Ret::Value(value)
    }
}

/// The operations of the thread of this number.
fn of(thread: usize) -> Mix<Op> {
    Mix::new()
        .with(2, move |_| Op::Acquire(thread))
        .with(2, move |_| Op::Attempt(thread))
        .with(4, move |random| Op::Release(thread, random.unique()))
}

impl Subject for Locked {
    type Model = Register;
    const NAME: &'static str = "the lock";

    fn fresh() -> Self {
        Self { held: Held::new(Lock::new(0)), end: Token::new() }
    }

    fn model() -> Register {
        Register { value: 0, holder: None }
    }

    fn operations(place: Place) -> Mix<Op> {
        match place {
            // Nothing that waits: behind the threads nobody would end it.
            Place::Before | Place::After => {
                Mix::new().with(2, |_| Op::Attempt(0)).with(1, |random| Op::Release(0, random.unique()))
            }
            Place::Thread(thread) => of(thread),
        }
    }

    fn perform(&self, _thread: usize, op: &Op) -> Ret {
        let lock = self.held.object;
        match *op {
            Op::Acquire(thread) | Op::Attempt(thread) if self.held.holds(thread) => Ret::Nothing,
            Op::Acquire(thread) => {
                self.end.run(|| lock.acquire()).map_or(Ret::Stopped, |guard| self.entered(thread, guard))
            }
            Op::Attempt(thread) => lock.try_lock().map_or(Ret::Busy, |guard| self.entered(thread, guard)),
            Op::Release(thread, value) => match self.held.take(thread) {
                Some(mut guard) => {
                    *guard = value;
                    Ret::Released
                }
                None => Ret::Nothing,
            },
        }
    }

    fn ending() -> Ending<Op> {
        Ending::Hook
    }

    fn end(&self) {
        self.end.cancel("the scenario is over");
    }
}

fn attempt_beside_acquisitions() {
    let threads = vec![
        vec![Op::Acquire(1), Op::Release(1, 1), Op::Attempt(1), Op::Release(1, 2)],
        vec![Op::Acquire(2), Op::Release(2, 3)],
    ];
    explore_one::<Locked>(&Scenario { before: vec![], threads, after: vec![Op::Attempt(0)] });
}

#[cfg(all(test, not(any(reweave_loom, reweave_shuttle))))]
mod tests {
    use super::*;
    use crate::histories::Plan;
    use crate::models::linearizability::passes_on_real_threads;

    #[test]
    fn a_lock_is_linearizable_on_real_threads() {
        passes_on_real_threads::<Locked>(&Plan::new(1).repetitions(100));
    }
}
