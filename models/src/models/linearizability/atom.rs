//! The atom: loads, swaps, resets and comparisons are linearizable, with a validator that rejects.
//!
//! A comparison is with the version that its thread has loaded last. A version that was replaced never becomes current
//! again, so all the model has to know of that version is whether it still is.

use reweave_core::atom::{Atom, Change, NotSet};
use reweave_core::sync::{Arc, Unseen};

use super::SEEDS;
use super::held::THREADS;
use crate::histories::{Mix, Outcome, Place, Random, Scenario, Sequential, Shape, Subject, explore, explore_one};
use crate::{Model, Run, Seeded};

const BROKEN: &str = "the history of the atom is not linearizable";
const MIXED: &str = "the history of the atom is not sequentially consistent";

/// The models of the atom as an object.
pub const MODELS: &[Model] = &[
    Model {
        name: "linearizable",
        property: "loads, swaps, resets and comparisons are linearizable, and what is rejected changes nothing",
        runs: &[Run::shuttle_random(10_000), Run::shuttle_pct(3, 10_000), Run::shuttle_random(100_000).deep()],
        covers: &["operations overlapped"],
        seeded: &[
            Seeded { bug: "atom/lost-update", run: Run::shuttle_random(10_000), expect: BROKEN },
            Seeded { bug: "atom/validate-once", run: Run::shuttle_random(10_000), expect: BROKEN },
            Seeded { bug: "atom/compare-nothing", run: Run::shuttle_random(10_000), expect: BROKEN },
            Seeded { bug: "atom/lost-update", run: Run::shuttle_pct(3, 10_000), expect: BROKEN },
        ],
        body: || explore::<Validated>(&Shape::usual(), SEEDS),
    },
    Model {
        name: "sequentially-consistent",
        property: "a swap and a comparison beside a swap that may be rejected are as if one came after the other",
        runs: &[Run::loom()],
        covers: &["operations overlapped"],
        seeded: &[
            Seeded { bug: "atom/lost-update", run: Run::loom(), expect: MIXED },
            Seeded { bug: "atom/validate-once", run: Run::loom(), expect: MIXED },
            Seeded { bug: "atom/compare-nothing", run: Run::loom(), expect: MIXED },
        ],
        body: changes_beside_a_swap,
    },
];

/// The largest value that the validator lets pass.
const LARGEST: u32 = 5;

/// The current value, and of each thread whether the version that it loaded last is current.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Versions {
    value: u32,
    seen: [bool; THREADS],
}

/// What can be done with an atom.
#[derive(Clone, Debug)]
pub enum Op {
    /// Loads the version, to compare with later; by the thread of this number.
    Load(usize),
    /// Adds.
    Swap(u32),
    /// Sets, whatever it was.
    Reset(u32),
    /// Sets if the version that the thread of this number loaded last is current.
    CompareAndSet(usize, u32),
    /// Sets the second value if the first is current.
    SetIfEq(u32, u32),
}

/// What came of it.
#[derive(Clone, PartialEq, Debug)]
pub enum Ret {
    /// The current value.
    Value(u32),
    /// A change from one to the other.
    Change(u32, u32),
    /// No change: this was current.
    Current(u32),
    /// No change: the validator rejected this.
    Rejected(u32),
}

impl Versions {
    fn set(&mut self, new: u32) -> Ret {
        if new > LARGEST {
            return Ret::Rejected(new);
        }
        self.seen = [false; THREADS];
        Ret::Change(std::mem::replace(&mut self.value, new), new)
    }
}

impl Sequential for Versions {
    type Op = Op;
    type Ret = Ret;

    fn apply(&mut self, op: &Op) -> Outcome<Self> {
        Outcome::Returns(match *op {
            Op::Load(thread) => {
                self.seen[thread] = true;
                Ret::Value(self.value)
            }
            Op::Swap(amount) => self.set(self.value + amount),
            Op::CompareAndSet(thread, _) if !self.seen[thread] => Ret::Current(self.value),
            Op::SetIfEq(expected, _) if expected != self.value => Ret::Current(self.value),
            Op::Reset(new) | Op::CompareAndSet(_, new) | Op::SetIfEq(_, new) => self.set(new),
        })
    }
}

/// An atom with a validator, and the version that each thread loaded last.
#[derive(Debug)]
pub struct Validated {
    atom: Atom<u32, &'static str>,
    seen: [Unseen<Arc<u32>>; THREADS],
}

fn outcome(outcome: Result<Change<u32>, NotSet<u32, &'static str>>) -> Ret {
    match outcome {
        Ok(change) => Ret::Change(*change.old, *change.new),
        Err(NotSet::Rejected(rejected)) => Ret::Rejected(rejected.value),
        Err(NotSet::Changed(changed)) => Ret::Current(*changed.current),
    }
}

fn value(random: &mut Random) -> u32 {
    random.below(LARGEST as usize + 2) as u32
}

/// The operations of the thread of this number.
fn of(thread: usize) -> Mix<Op> {
    Mix::new()
        .with(2, move |_| Op::Load(thread))
        .with(3, |random| Op::Swap(1 + random.below(2) as u32))
        .with(1, |random| Op::Reset(value(random)))
        .with(3, move |random| Op::CompareAndSet(thread, value(random)))
        .with(1, |random| Op::SetIfEq(value(random), value(random)))
}

impl Subject for Validated {
    type Model = Versions;
    const NAME: &'static str = "the atom";

    fn fresh() -> Self {
        let small = |value: &u32| if *value <= LARGEST { Ok(()) } else { Err("too large") };
        let atom = Atom::with_validator(0, small).expect("0 is not too large");
        let seen = [(); THREADS].map(|()| Unseen::new(atom.load_full()));
        Self { atom, seen }
    }

    fn model() -> Versions {
        Versions { value: 0, seen: [true; THREADS] }
    }

    fn operations(place: Place) -> Mix<Op> {
        match place {
            Place::Before | Place::After => of(0),
            Place::Thread(thread) => of(thread),
        }
    }

    fn perform(&self, _thread: usize, op: &Op) -> Ret {
        match *op {
            Op::Load(thread) => {
                let version = self.atom.load_full();
                self.seen[thread].with(|seen| *seen = version.clone());
                Ret::Value(*version)
            }
            Op::Swap(amount) => outcome(self.atom.try_swap(|value| value + amount).map_err(NotSet::Rejected)),
            Op::Reset(new) => outcome(self.atom.try_reset(new).map_err(NotSet::Rejected)),
            Op::CompareAndSet(thread, new) => {
                let seen = self.seen[thread].with(|seen| seen.clone());
                outcome(self.atom.try_compare_and_set(&seen, new))
            }
            Op::SetIfEq(expected, new) => outcome(self.atom.try_set_if_eq(&expected, new)),
        }
    }
}

fn changes_beside_a_swap() {
    let threads = vec![vec![Op::Swap(1), Op::CompareAndSet(1, 2)], vec![Op::Load(2), Op::Swap(2)]];
    explore_one::<Validated>(&Scenario { before: vec![Op::Swap(LARGEST - 2)], threads, after: vec![Op::Load(0)] });
}

#[cfg(all(test, not(any(reweave_loom, reweave_shuttle))))]
mod tests {
    use super::*;
    use crate::histories::Plan;
    use crate::models::linearizability::passes_on_real_threads;

    #[test]
    fn an_atom_is_linearizable_on_real_threads() {
        passes_on_real_threads::<Validated>(&Plan::new(1).repetitions(100));
    }
}
