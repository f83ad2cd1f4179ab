//! The deque: one thread that pushes and pops, and others that steal, as operations on a list.
//!
//! The first thread is the owner, and the main one before and after all others.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::ptr::NonNull;

use reweave_sched::deque::{Deque, Steal, Word};

use super::SEEDS;
use crate::histories::{Mix, Outcome, Place, Scenario, Sequential, Shape, Subject, explore, explore_one};
use crate::{Model, Run, Seeded};

/// The models of deques as objects.
pub const MODELS: &[Model] = &[
    Model {
        name: "linearizable",
        property: "the owner takes the newest, thieves take the oldest, and who finds nothing does so when nothing is there",
        runs: &[Run::shuttle_random(10_000), Run::shuttle_pct(3, 10_000), Run::shuttle_random(100_000).deep()],
        covers: &["operations overlapped"],
        seeded: &[
            Seeded {
                bug: "deque/last-without-contest",
                run: Run::shuttle_random(10_000),
                expect: "the history of the deque is not linearizable",
            },
            Seeded {
                bug: "deque/read-after-raise",
                run: Run::shuttle_random(10_000),
                expect: "the history of the deque is not linearizable",
            },
        ],
        body: || explore::<Shared>(&Shape::usual(), SEEDS),
    },
    Model {
        name: "sequentially-consistent",
        property: "pushes and pops beside steals are as if one came after the other",
        runs: &[Run::loom_bounded(4), Run::loom_bounded(5).deep()],
        covers: &["operations overlapped"],
        seeded: &[Seeded {
            bug: "deque/pop-without-fence",
            run: Run::loom_bounded(3),
            expect: "the history of the deque is not sequentially consistent",
        }],
        body: owner_beside_thief,
    },
];

/// The items, the oldest first.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct List(VecDeque<u64>);

/// What can be done with a deque.
#[derive(Clone, Debug)]
pub enum Op {
    /// Puts an item at the owner's end, no two the same.
    Push(u64),
    /// Takes the newest.
    Pop,
    /// Tries to take the oldest.
    Steal,
}

/// What came of it.
#[derive(Clone, PartialEq, Debug)]
pub enum Ret {
    /// It is there.
    Pushed,
    /// What was popped, if anything.
    Popped(Option<u64>),
    /// What came of the attempt to steal.
    Stole(Steal<u64>),
}

impl Sequential for List {
    type Op = Op;
    type Ret = Ret;

    fn apply(&mut self, op: &Op) -> Outcome<Self> {
        let before = self.clone();
        Outcome::Returns(match op {
            Op::Push(item) => {
                self.0.push_back(*item);
                Ret::Pushed
            }
            Op::Pop => Ret::Popped(self.0.pop_back()),
            Op::Steal => {
                // An attempt is lost against another, of which one operation alone says nothing.
                let stolen = self.0.pop_front().map_or(Steal::Empty, Steal::Taken);
                return Outcome::OneOf(vec![(self.clone(), Ret::Stole(stolen)), (before, Ret::Stole(Steal::Lost))]);
            }
        })
    }
}

/// A number that stands in a deque as it is, so that a fault that hands it out twice frees nothing twice.
struct Number(NonZeroUsize);

// SAFETY: a number is its word.
unsafe impl Word for Number {
    fn into_word(self) -> NonNull<()> {
        NonNull::without_provenance(self.0)
    }

    unsafe fn from_word(word: NonNull<()>) -> Self {
        Self(word.addr())
    }
}

impl From<Number> for u64 {
    fn from(number: Number) -> Self {
        number.0.get() as Self
    }
}

/// A deque of numbers.
#[derive(Debug)]
pub struct Shared(Deque<Number>);

impl Subject for Shared {
    type Model = List;
    const NAME: &'static str = "the deque";

    fn fresh() -> Self {
        Self(Deque::new())
    }

    fn model() -> List {
        List::default()
    }

    fn operations(place: Place) -> Mix<Op> {
        let steals = Mix::new().with(1, |_| Op::Steal);
        match place {
            Place::Before => Mix::new().with(1, |random| Op::Push(random.unique())),
            Place::Thread(1) => steals.with(4, |random| Op::Push(random.unique())).with(4, |_| Op::Pop),
            Place::Thread(_) => steals,
            Place::After => steals.with(1, |_| Op::Pop),
        }
    }

    fn perform(&self, _thread: usize, op: &Op) -> Ret {
        match *op {
            Op::Push(item) => {
                let number = NonZeroUsize::new(item as usize).expect("the numbers of a scenario begin at one");
                // SAFETY: the first thread alone pushes and pops, or the main one while there are no others.
                unsafe { self.0.push(Number(number)) };
                Ret::Pushed
            }
            // SAFETY: as above.
            Op::Pop => Ret::Popped(unsafe { self.0.pop() }.map(u64::from)),
            Op::Steal => Ret::Stole(match self.0.steal() {
                Steal::Taken(number) => Steal::Taken(number.into()),
                Steal::Empty => Steal::Empty,
                Steal::Lost => Steal::Lost,
            }),
        }
    }
}

fn owner_beside_thief() {
    let before = vec![Op::Push(1), Op::Push(2)];
    let threads = vec![vec![Op::Pop, Op::Push(3)], vec![Op::Steal, Op::Steal]];
    explore_one::<Shared>(&Scenario { before, threads, after: vec![Op::Pop] });
}

#[cfg(all(test, not(any(reweave_loom, reweave_shuttle))))]
mod tests {
    use super::*;
    use crate::histories::Plan;
    use crate::models::linearizability::passes_on_real_threads;

    #[test]
    fn a_deque_is_linearizable_on_real_threads() {
        passes_on_real_threads::<Shared>(&Plan::new(1).repetitions(100));
    }
}
