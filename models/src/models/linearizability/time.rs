//! The virtual clock: ticks, looks and waits for a time are linearizable.
//!
//! One thread moves the time, by one tick at a time: a larger step stops at every timer on its way, which others may
//! see, and so is no single operation.

use std::time::{Duration, Instant};

use reweave_core::event::wait;
use reweave_core::time::{self, VirtualClock};

use super::SEEDS;
use crate::histories::{Mix, Outcome, Place, Random, Scenario, Sequential, Shape, Subject, explore, explore_one};
use crate::{Model, Run, Seeded};

const BROKEN: &str = "the history of the virtual clock is not linearizable";

/// The models of the virtual clock as an object.
pub const MODELS: &[Model] = &[
    Model {
        name: "linearizable",
        property: "who waits for a time goes on when it has come and not before, and time does not go back",
        runs: &[Run::shuttle_random(10_000), Run::shuttle_pct(3, 10_000), Run::shuttle_random(100_000).deep()],
        covers: &["operations overlapped"],
        seeded: &[
            Seeded { bug: "time/fires-with-its-slot", run: Run::shuttle_random(10_000), expect: BROKEN },
            Seeded { bug: "time/looks-before-lock", run: Run::shuttle_random(10_000), expect: "deadlock" },
        ],
        body: || explore::<Ticking>(&Shape::usual(), SEEDS),
    },
    Model {
        name: "sequentially-consistent",
        property: "a wait for an event, a look and a sleep beside two ticks are as if one came after the other",
        runs: &[Run::loom_bounded(2), Run::loom_bounded(3).deep()],
        covers: &["operations overlapped"],
        seeded: &[
            Seeded {
                bug: "time/fires-with-its-slot",
                run: Run::loom_bounded(2),
                expect: "the history of the virtual clock is not sequentially consistent",
            },
            Seeded { bug: "time/looks-before-lock", run: Run::loom_bounded(2), expect: "deadlock" },
        ],
        body: waits_beside_ticks,
    },
];

/// A tick, and where the clock stands before the first: of the times behind it, 80 and 100 are in one slot of the timer
/// wheel, so that the timer of the second is looked at when the first has come.
const TICK: Duration = Duration::from_nanos(20);
const START: Duration = Duration::from_nanos(60);

/// How many ticks there were.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Ticks(u32);

/// What can be done with the clock.
#[derive(Clone, Debug)]
pub enum Op {
    /// Moves the time by a tick.
    Tick,
    /// How many ticks there were.
    Now,
    /// Sleeps until there have been so many ticks.
    Sleep(u32),
    /// Waits for the event that there have been so many ticks.
    WaitFor(u32),
}

impl Sequential for Ticks {
    type Op = Op;
    type Ret = u32;

    fn apply(&mut self, op: &Op) -> Outcome<Self> {
        Outcome::Returns(match *op {
            Op::Tick => {
                self.0 += 1;
                0
            }
            Op::Now => self.0,
            Op::Sleep(ticks) | Op::WaitFor(ticks) if ticks > self.0 => return Outcome::Blocks,
            Op::Sleep(_) => 0,
            Op::WaitFor(ticks) => ticks,
        })
    }
}

/// A clock, and when it stood at no tick.
#[derive(Debug)]
pub struct Ticking {
    clock: VirtualClock,
    start: Instant,
}

impl Ticking {
    fn ticks_until(&self, instant: Instant) -> u32 {
        ((instant - self.start).as_nanos() / TICK.as_nanos()) as u32
    }
}

fn soon(random: &mut Random) -> u32 {
    1 + random.below(2) as u32
}

impl Subject for Ticking {
    type Model = Ticks;
    const NAME: &'static str = "the virtual clock";

    fn fresh() -> Self {
        let clock = VirtualClock::new();
        clock.advance(START);
        let start = clock.now();
        Self { clock, start }
    }

    fn model() -> Ticks {
        Ticks(0)
    }

    fn operations(place: Place) -> Mix<Op> {
        let looks = Mix::new().with(2, |_| Op::Now);
        match place {
            Place::Before => Mix::new(),
            Place::After => looks,
            Place::Thread(1) => looks.with(6, |_| Op::Tick),
            Place::Thread(_) => {
                looks.with(2, |random| Op::Sleep(soon(random))).with(2, |random| Op::WaitFor(soon(random)))
            }
        }
    }

    fn perform(&self, _thread: usize, op: &Op) -> u32 {
        let after = |ticks: u32| self.start + TICK * ticks;
        match *op {
            Op::Tick => {
                self.clock.advance(TICK);
                0
            }
            Op::Now => self.ticks_until(self.clock.now()),
            Op::Sleep(ticks) => {
                self.clock.run(|| time::sleep_until(after(ticks))).expect("nobody stops this sleep");
                0
            }
            Op::WaitFor(ticks) => {
                let instant = self.clock.run(|| wait(time::at(after(ticks)))).expect("nobody stops this wait");
                self.ticks_until(instant)
            }
        }
    }
}

fn waits_beside_ticks() {
    let threads = vec![vec![Op::Tick, Op::Tick], vec![Op::WaitFor(1)], vec![Op::Sleep(2), Op::Now]];
    explore_one::<Ticking>(&Scenario { before: vec![], threads, after: vec![Op::Now] });
}

#[cfg(all(test, not(any(reweave_loom, reweave_shuttle))))]
mod tests {
    use super::*;
    use crate::histories::Plan;
    use crate::models::linearizability::passes_on_real_threads;

    #[test]
    fn a_virtual_clock_is_linearizable_on_real_threads() {
        passes_on_real_threads::<Ticking>(&Plan::new(1).repetitions(100));
    }
}
