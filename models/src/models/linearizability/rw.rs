//! The lock for readers and writers: a value in two halves behind it is read and written as one.
//!
//! An operation acquires and releases. Between its two halves a thread lets others go, so that somebody who is let in
//! beside a writer shows. An attempt may fail for no reason: it does while others wait, or are on their way.

use reweave_core::lock::{ReadGuard, RwLock, WriteGuard};
use reweave_core::sync::thread;

use super::SEEDS;
use crate::histories::{Mix, Outcome, Place, Scenario, Sequential, Shape, Subject, explore, explore_one};
use crate::{Model, Run, Seeded};

/// The models of the lock for readers and writers as an object.
pub const MODELS: &[Model] = &[
    Model {
        name: "rwlock-linearizable",
        property: "reads and writes behind the lock are of whole values, and as if one came after the other",
        runs: &[Run::shuttle_random(10_000), Run::shuttle_pct(3, 10_000), Run::shuttle_random(100_000).deep()],
        covers: &["operations overlapped"],
        seeded: &[
            Seeded {
                bug: "rwlock/readers-uncounted",
                run: Run::shuttle_random(10_000),
                expect: "the history of the value behind the read-write lock is not linearizable",
            },
            Seeded { bug: "rwlock/last-reader-calls-nobody", run: Run::shuttle_random(10_000), expect: "deadlock" },
            Seeded { bug: "rwlock/sit-without-looking", run: Run::shuttle_random(10_000), expect: "deadlock" },
        ],
        body: || explore::<Guarded>(&Shape::usual(), SEEDS),
    },
    Model {
        name: "rwlock-sequentially-consistent",
        property: "two reads and an attempt beside a write are as if one came after the other",
        runs: &[Run::loom_bounded(3), Run::loom().deep().may_be_cut_off("not seen to end in fourteen seconds")],
        covers: &["operations overlapped"],
        seeded: &[Seeded {
            bug: "rwlock/relaxed-write-release",
            run: Run::loom_bounded(3),
            expect: "Causality violation",
        }],
        body: reads_beside_a_write,
    },
];

/// The value, whole.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Whole(u64);

/// What is done behind the lock.
#[derive(Clone, Debug)]
pub enum Op {
    /// Waits and reads.
    Read,
    /// Waits and adds.
    Add(u64),
    /// Reads, if that is possible at once.
    TryRead,
    /// Adds, if that is possible at once.
    TryAdd(u64),
    /// Adds if that is possible at once, alone: it is.
    TryAddAlone(u64),
}

/// What came of it: both halves, if the lock was had.
type Ret = Option<(u64, u64)>;

impl Sequential for Whole {
    type Op = Op;
    type Ret = Ret;

    fn apply(&mut self, op: &Op) -> Outcome<Self> {
        let before = self.clone();
        if let Op::Add(amount) | Op::TryAdd(amount) | Op::TryAddAlone(amount) = op {
            self.0 += amount;
        }
        let done = Some((self.0, self.0));
        match op {
            Op::TryRead | Op::TryAdd(_) => Outcome::OneOf(vec![(before, None), (self.clone(), done)]),
            Op::Read | Op::Add(_) | Op::TryAddAlone(_) => Outcome::Returns(done),
        }
    }
}

/// A value in two halves behind a lock.
#[derive(Debug)]
pub struct Guarded(RwLock<(u64, u64)>);

fn read(guard: ReadGuard<'_, (u64, u64)>) -> (u64, u64) {
    let first = guard.0;
    thread::yield_now();
    (first, guard.1)
}

fn add(mut guard: WriteGuard<'_, (u64, u64)>, amount: u64) -> (u64, u64) {
    let sum = guard.0 + amount;
    guard.0 = sum;
    thread::yield_now();
    guard.1 += amount;
    (sum, guard.1)
}

impl Subject for Guarded {
    type Model = Whole;
    const NAME: &'static str = "the value behind the read-write lock";

    fn fresh() -> Self {
        Self(RwLock::new((0, 0)))
    }

    fn model() -> Whole {
        Whole(0)
    }

    fn operations(place: Place) -> Mix<Op> {
        match place {
            Place::Before | Place::After => Mix::new().with(1, |random| Op::TryAddAlone(random.unique())),
            Place::Thread(_) => Mix::new()
                .with(3, |_| Op::Read)
                .with(2, |random| Op::Add(random.unique()))
                .with(1, |_| Op::TryRead)
                .with(1, |random| Op::TryAdd(random.unique())),
        }
    }

    fn perform(&self, _thread: usize, op: &Op) -> Ret {
        match *op {
            Op::Read => Some(read(self.0.read())),
            Op::Add(amount) => Some(add(self.0.write(), amount)),
            Op::TryRead => self.0.try_read().map(read),
            Op::TryAdd(amount) | Op::TryAddAlone(amount) => self.0.try_write().map(|guard| add(guard, amount)),
        }
    }
}

fn reads_beside_a_write() {
    let threads = vec![vec![Op::Read, Op::TryRead], vec![Op::Add(1)]];
    explore_one::<Guarded>(&Scenario { before: vec![], threads, after: vec![Op::TryAddAlone(2)] });
}

#[cfg(all(test, not(any(reweave_loom, reweave_shuttle))))]
mod tests {
    use super::*;
    use crate::histories::Plan;
    use crate::models::linearizability::passes_on_real_threads;

    #[test]
    fn a_read_write_lock_is_linearizable_on_real_threads() {
        passes_on_real_threads::<Guarded>(&Plan::new(1).repetitions(100));
    }
}
