//! The semaphore: acquisitions, attempts and releases are linearizable.
//!
//! A thread holds the permits of one acquisition at most, from one operation to a later one, and does not wait while it
//! holds them: first come, first served would let it wait behind others who wait for it. An attempt may fail although
//! there are permits, as it does while others wait.

use reweave_core::cancel::Token;
use reweave_core::lock::{Permit, RoamingPermit, Semaphore};

use super::SEEDS;
use super::held::{Held, THREADS};
use crate::histories::{
    Ending, Mix, Outcome, Place, Random, Scenario, Sequential, Shape, Subject, explore, explore_one,
};
use crate::{Model, Run, Seeded};

const BROKEN: &str = "the history of the semaphore is not linearizable";

/// The models of the semaphore as an object.
pub const MODELS: &[Model] = &[
    Model {
        name: "semaphore-linearizable",
        property: "no more permits are held than there are, and those that nobody holds can be had",
        runs: &[Run::shuttle_random(10_000), Run::shuttle_pct(3, 10_000), Run::shuttle_random(100_000).deep()],
        covers: &["operations overlapped", "ended from outside"],
        seeded: &[
            Seeded { bug: "semaphore/take-without-comparing", run: Run::shuttle_random(10_000), expect: BROKEN },
            Seeded { bug: "semaphore/release-silently", run: Run::shuttle_random(10_000), expect: "deadlock" },
            Seeded { bug: "semaphore/sit-without-looking", run: Run::shuttle_random(10_000), expect: "deadlock" },
        ],
        body: || explore::<Permits>(&Shape::usual(), SEEDS),
    },
    Model {
        name: "semaphore-sequentially-consistent",
        property: "an attempt beside a large and a small acquisition is as if one came after the other",
        runs: &[Run::loom_bounded(3), Run::loom().deep().may_be_cut_off("not seen to end in fourteen seconds")],
        covers: &["operations overlapped"],
        seeded: &[Seeded {
            bug: "semaphore/take-without-comparing",
            run: Run::loom_bounded(3),
            expect: "the history of the semaphore is not sequentially consistent",
        }],
        body: attempt_beside_acquisitions,
    },
];

const TOTAL: u32 = 2;

/// How many permits each thread holds.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Holders([u32; THREADS]);

impl Holders {
    fn available(&self) -> u32 {
        TOTAL - self.0.iter().sum::<u32>()
    }
}

/// What a thread does; it says its number, and how many permits it wants.
#[derive(Clone, Debug)]
pub enum Op {
    /// Waits for permits.
    Acquire(usize, u32),
    /// Takes permits if they can be had at once.
    Attempt(usize, u32),
    /// The same alone: they can be had if they are there.
    AttemptAlone(usize, u32),
    /// Gives back what the thread holds.
    Release(usize),
    /// How many nobody holds.
    Available,
}

/// What came of it.
#[derive(Clone, PartialEq, Debug)]
pub enum Ret {
    /// The thread has them.
    Acquired,
    /// They cannot be had now.
    Refused,
    /// So many were given back.
    Released(u32),
    /// The thread holds some already.
    Nothing,
    /// So many are there.
    Available(u32),
    /// The wait was ended from outside.
    Stopped,
}

impl Sequential for Holders {
    type Op = Op;
    type Ret = Ret;

    fn apply(&mut self, op: &Op) -> Outcome<Self> {
        let available = self.available();
        Outcome::Returns(match *op {
            Op::Acquire(thread, _) | Op::Attempt(thread, _) | Op::AttemptAlone(thread, _) if self.0[thread] > 0 => {
                Ret::Nothing
            }
            Op::Acquire(_, n) if n > available => return Outcome::Blocks,
            Op::Attempt(_, n) | Op::AttemptAlone(_, n) if n > available => Ret::Refused,
            Op::Acquire(thread, n) | Op::AttemptAlone(thread, n) => {
                self.0[thread] = n;
                Ret::Acquired
            }
            Op::Attempt(thread, n) => {
                let refused = (self.clone(), Ret::Refused);
                self.0[thread] = n;
                return Outcome::OneOf(vec![refused, (self.clone(), Ret::Acquired)]);
            }
            Op::Release(thread) => Ret::Released(std::mem::take(&mut self.0[thread])),
            Op::Available => Ret::Available(available),
        })
    }
}

/// A semaphore, the permits of those who hold some, and what ends the waits.
#[derive(Debug)]
pub struct Permits {
    held: Held<Semaphore, RoamingPermit<'static>>,
    end: Token,
}

impl Permits {
    fn keep(&self, thread: usize, permit: Permit<'static>) -> Ret {
        self.held.keep(thread, permit.roam());
        Ret::Acquired
    }
}

fn some(random: &mut Random) -> u32 {
    1 + random.below(TOTAL as usize) as u32
}

/// The operations of the thread of this number.
fn of(thread: usize) -> Mix<Op> {
    Mix::new()
        .with(3, move |random| Op::Acquire(thread, some(random)))
        .with(2, move |random| Op::Attempt(thread, some(random)))
        .with(4, move |_| Op::Release(thread))
        .with(1, |_| Op::Available)
}

impl Subject for Permits {
    type Model = Holders;
    const NAME: &'static str = "the semaphore";

    fn fresh() -> Self {
        Self { held: Held::new(Semaphore::new(TOTAL)), end: Token::new() }
    }

    fn model() -> Holders {
        Holders::default()
    }

    fn operations(place: Place) -> Mix<Op> {
        match place {
            Place::Before | Place::After => Mix::new()
                .with(1, |random| Op::AttemptAlone(0, some(random)))
                .with(1, |_| Op::Release(0))
                .with(1, |_| Op::Available),
            Place::Thread(thread) => of(thread),
        }
    }

    fn perform(&self, _thread: usize, op: &Op) -> Ret {
        let semaphore = self.held.object;
        match *op {
            Op::Acquire(thread, _) | Op::Attempt(thread, _) | Op::AttemptAlone(thread, _)
                if self.held.holds(thread) =>
            {
                Ret::Nothing
            }
            Op::Acquire(thread, n) => {
                self.end.run(|| semaphore.acquire(n)).map_or(Ret::Stopped, |permit| self.keep(thread, permit))
            }
            Op::Attempt(thread, n) | Op::AttemptAlone(thread, n) => {
                semaphore.try_acquire(n).map_or(Ret::Refused, |permit| self.keep(thread, permit))
            }
            Op::Release(thread) => Ret::Released(self.held.take(thread).map_or(0, |permit| permit.permits())),
            Op::Available => Ret::Available(semaphore.available()),
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
        vec![Op::Acquire(1, 1), Op::Release(1), Op::Attempt(1, 2), Op::Release(1)],
        vec![Op::Acquire(2, 2), Op::Release(2)],
    ];
    explore_one::<Permits>(&Scenario { before: vec![], threads, after: vec![Op::Available] });
}

#[cfg(all(test, not(any(reweave_loom, reweave_shuttle))))]
mod tests {
    use super::*;
    use crate::histories::Plan;
    use crate::models::linearizability::passes_on_real_threads;

    #[test]
    fn a_semaphore_is_linearizable_on_real_threads() {
        passes_on_real_threads::<Permits>(&Plan::new(1).repetitions(100));
    }
}
