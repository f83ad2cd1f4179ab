//! Transactional variables: whole transactions are linearizable, which is strict serializability.
//!
//! Two accounts; an operation is a transaction on one or both of them, a snapshot, or a load or store outside
//! transactions.

use reweave_stm::{Engine, TVar};

use super::SEEDS;
use crate::histories::{Mix, Outcome, Place, Random, Scenario, Sequential, Shape, Subject, explore, explore_one};
use crate::models::stm::lasting_engine;
use crate::{Model, Run, Seeded};

const BROKEN: &str = "the history of two transactional variables is not linearizable";
const MIXED: &str = "the history of two transactional variables is not sequentially consistent";

/// The models of transactional variables.
pub const MODELS: &[Model] = &[
    Model {
        name: "linearizable",
        property: "transactions, snapshots, loads and stores on two variables are strictly serializable",
        runs: &[Run::shuttle_random(15_000), Run::shuttle_pct(3, 15_000), Run::shuttle_random(300_000).deep()],
        covers: &["operations overlapped"],
        seeded: &[
            Seeded { bug: "stm/commit-without-validation", run: Run::shuttle_random(15_000), expect: BROKEN },
            Seeded { bug: "stm/commit-without-validation", run: Run::shuttle_pct(3, 15_000), expect: BROKEN },
            Seeded { bug: "stm/extend-without-validation", run: Run::shuttle_random(15_000), expect: BROKEN },
            Seeded { bug: "stm/snapshot-ignores-locks", run: Run::shuttle_random(15_000), expect: BROKEN },
        ],
        body: || explore::<Accounts>(&Shape::usual(), SEEDS),
    },
    Model {
        name: "sequentially-consistent",
        property: "a transfer and a compare-and-set that meet are as if one came after the other",
        runs: &[Run::loom_bounded(3), Run::loom_bounded(4).deep()],
        covers: &["operations overlapped"],
        seeded: &[Seeded { bug: "stm/commit-without-validation", run: Run::loom_bounded(3), expect: MIXED }],
        body: transfer_beside_compare_and_set,
    },
];

/// Two variables.
#[derive(Debug)]
pub struct Accounts {
    engine: Engine,
    vars: [TVar<i64>; 2],
}

/// Their values.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Balances([i64; 2]);

/// A transaction, or what is done outside one.
#[derive(Clone, Debug)]
pub enum Op {
    /// Reads a variable.
    Read(usize),
    /// Sets a variable.
    Write(usize, i64),
    /// Adds to a variable and returns its value.
    Add(usize, i64),
    /// Sets a variable to the second value if it has the first; returns whether it did.
    CompareAndSet(usize, i64, i64),
    /// Moves an amount from the first to the second variable.
    Transfer(i64),
    /// Adds up both.
    Sum,
    /// Adds up both in a snapshot.
    SnapshotSum,
    /// Loads a variable outside a transaction.
    Load(usize),
    /// Stores to a variable outside a transaction.
    Store(usize, i64),
}

impl Sequential for Balances {
    type Op = Op;
    type Ret = i64;

    fn apply(&mut self, op: &Op) -> Outcome<Self> {
        let values = &mut self.0;
        Outcome::Returns(match *op {
            Op::Read(var) | Op::Load(var) => values[var],
            Op::Write(var, value) | Op::Store(var, value) => {
                values[var] = value;
                0
            }
            Op::Add(var, amount) => {
                values[var] += amount;
                values[var]
            }
            Op::CompareAndSet(var, current, new) => {
                let equal = values[var] == current;
                if equal {
                    values[var] = new;
                }
                i64::from(equal)
            }
            Op::Transfer(amount) => {
                values[0] -= amount;
                values[1] += amount;
                0
            }
            Op::Sum | Op::SnapshotSum => values[0] + values[1],
        })
    }
}

impl Subject for Accounts {
    type Model = Balances;
    const NAME: &'static str = "two transactional variables";

    fn fresh() -> Self {
        let engine = lasting_engine();
        let vars = [TVar::new_in(&engine, 0), TVar::new_in(&engine, 0)];
        Self { engine, vars }
    }

    fn model() -> Balances {
        Balances([0, 0])
    }

    fn operations(place: Place) -> Mix<Op> {
        fn value(random: &mut Random) -> i64 {
            random.below(4) as i64
        }
        let looks = Mix::new().with(1, |random| Op::Load(random.below(2))).with(2, |_| Op::SnapshotSum);
        match place {
            Place::Before => Mix::new(),
            Place::After => looks,
            Place::Thread(_) => looks
                .with(1, |random| Op::Read(random.below(2)))
                .with(1, |random| Op::Write(random.below(2), value(random)))
                .with(2, |random| Op::Add(random.below(2), 1 + value(random)))
                .with(2, |random| Op::CompareAndSet(random.below(2), value(random), value(random)))
                .with(2, |random| Op::Transfer(1 + value(random)))
                .with(1, |_| Op::Sum)
                .with(1, |random| Op::Store(random.below(2), value(random))),
        }
    }

    fn perform(&self, _thread: usize, op: &Op) -> i64 {
        let [first, second] = &self.vars;
        match *op {
            Op::Read(var) => self.engine.atomically(|tx| self.vars[var].read(tx)),
            Op::Write(var, value) => {
                self.engine.atomically(|tx| self.vars[var].write(tx, value));
                0
            }
            Op::Add(var, amount) => self.engine.atomically(|tx| {
                let value = self.vars[var].read(tx)? + amount;
                self.vars[var].write(tx, value)?;
                Ok(value)
            }),
            Op::CompareAndSet(var, current, new) => self.engine.atomically(|tx| {
                let equal = self.vars[var].read(tx)? == current;
                if equal {
                    self.vars[var].write(tx, new)?;
                }
                Ok(i64::from(equal))
            }),
            Op::Transfer(amount) => {
                self.engine.atomically(|tx| {
                    first.modify(tx, |balance| balance - amount)?;
                    second.modify(tx, |balance| balance + amount)
                });
                0
            }
            Op::Sum => self.engine.atomically(|tx| Ok(first.read(tx)? + second.read(tx)?)),
            Op::SnapshotSum => self.engine.snapshot(|snapshot| snapshot.read(first) + snapshot.read(second)),
            Op::Load(var) => self.vars[var].load(),
            Op::Store(var, value) => {
                self.vars[var].store(value);
                0
            }
        }
    }
}

fn transfer_beside_compare_and_set() {
    let threads = vec![vec![Op::CompareAndSet(0, 0, 5)], vec![Op::Transfer(1)]];
    explore_one::<Accounts>(&Scenario { before: vec![], threads, after: vec![Op::SnapshotSum] });
}

#[cfg(all(test, not(any(reweave_loom, reweave_shuttle))))]
mod tests {
    use super::*;
    use crate::histories::Plan;
    use crate::models::linearizability::passes_on_real_threads;

    #[test]
    fn transactions_are_strictly_serializable_on_real_threads() {
        passes_on_real_threads::<Accounts>(&Plan::new(1).repetitions(200));
    }
}
