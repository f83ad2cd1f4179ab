//! Runs on real threads: broken objects are found, described, and sound ones are not accused.

use std::time::Duration;

use reweave_core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use reweave_core::sync::thread;

use crate::histories::{Kind, Mix, Outcome, Place, Plan, Scenario, Sequential, Shape, Subject, stress, stress_one};

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Count(u64);

#[derive(Clone, Debug, PartialEq)]
enum Op {
    Add(u64),
    Read,
    Panic,
}

impl Sequential for Count {
    type Op = Op;
    type Ret = u64;

    fn apply(&mut self, op: &Op) -> Outcome<Self> {
        if let Op::Add(amount) = op {
            self.0 += amount;
        }
        Outcome::Returns(self.0)
    }
}

/// A counter that is one only if `SOUND`.
struct Counter<const SOUND: bool>(AtomicU64);

impl<const SOUND: bool> Subject for Counter<SOUND> {
    type Model = Count;
    const NAME: &'static str = "the counter";

    fn fresh() -> Self {
        Self(AtomicU64::new(0))
    }

    fn model() -> Count {
        Count(0)
    }

    fn operations(_: Place) -> Mix<Op> {
        Mix::new().with(3, |random| Op::Add(random.between(1, 3) as u64)).with(1, |_| Op::Read)
    }

    fn perform(&self, _: usize, op: &Op) -> u64 {
        match op {
            Op::Add(amount) if SOUND => self.0.fetch_add(*amount, Ordering::Relaxed) + amount,
            Op::Add(amount) => {
                let sum = self.0.load(Ordering::Relaxed) + amount;
                // Where there are fewer cores than threads, this is where the other one gets its turn.
                thread::yield_now();
                self.0.store(sum, Ordering::Relaxed);
                sum
            }
            Op::Read => self.0.load(Ordering::Relaxed),
            Op::Panic => panic!("as it was told to"),
        }
    }
}

#[test]
fn a_lost_update_is_found_and_described() {
    let failure = stress::<Counter<false>>(&Plan::new(1)).expect_err("the counter loses updates");
    assert_eq!(failure.kind, Kind::Violation);
    let text = failure.to_string();
    for part in [
        "the history of the counter is not linearizable\n",
        "thread 1",
        "<- no order explains this",
        "The longest order found that explains results:",
        "and would have allowed next:",
        "it returned",
        "to run it again: Plan::only(0x",
    ] {
        assert!(text.contains(part), "`{part}` is missing in:\n{text}");
    }
    // Two additions are enough, or one and a read behind it; the search may stop one operation short.
    assert!(text.contains(" operations 2 are enough") || text.contains(" operations 3 are enough"), "{text}");
}

#[test]
fn the_seed_of_a_failure_fails_again() {
    let shape = Shape::small();
    let plan = Plan::new(5).shape(shape);
    let text = stress::<Counter<false>>(&plan).expect_err("the counter loses updates").to_string();
    let seed = text.split("Plan::only(0x").nth(1).and_then(|rest| rest.split(')').next()).expect("it names its seed");
    let seed = u64::from_str_radix(seed, 16).expect("in hexadecimal");
    let again = Plan::only(seed).shape(shape).repetitions(20_000);
    assert_eq!(stress::<Counter<false>>(&again).expect_err("the same scenario").kind, Kind::Violation);
}

#[test]
fn a_sound_counter_is_not_accused_although_its_memory_order_is_relaxed() {
    let tally = stress::<Counter<true>>(&Plan::new(2)).unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!(tally.scenarios, 20);
    assert!(tally.overlapped > tally.histories / 100, "the threads hardly met: {tally:?}");
}

#[test]
fn a_panic_is_a_failure_of_its_own_kind() {
    let threads = vec![vec![Op::Add(1), Op::Panic], vec![Op::Read]];
    let scenario = Scenario { before: vec![], threads, after: vec![] };
    let failure = stress_one::<Counter<true>>(&scenario, &Plan::new(0)).expect_err("an operation panics");
    assert_eq!(failure.kind, Kind::Panicked);
    assert!(failure.to_string().contains("Panic of thread 1 panicked: as it was told to"), "{failure}");
}

#[test]
fn a_run_without_time_checks_nothing() {
    let tally = stress::<Counter<true>>(&Plan::new(2).seconds(0)).unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!((tally.scenarios, tally.histories), (0, 0));
}

/// A gate: whoever waits passes when it is open.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Open(bool);

#[derive(Clone, Debug)]
enum GateOp {
    Open,
    Wait,
}

impl Sequential for Open {
    type Op = GateOp;
    type Ret = ();

    fn apply(&mut self, op: &GateOp) -> Outcome<Self> {
        match op {
            GateOp::Open => self.0 = true,
            GateOp::Wait if !self.0 => return Outcome::Blocks,
            GateOp::Wait => {}
        }
        Outcome::Returns(())
    }
}

/// A gate that forgets to open.
struct Jammed(AtomicBool);

impl Subject for Jammed {
    type Model = Open;
    const NAME: &'static str = "the gate";

    fn fresh() -> Self {
        Self(AtomicBool::new(false))
    }

    fn model() -> Open {
        Open(false)
    }

    fn operations(_: Place) -> Mix<GateOp> {
        Mix::new()
    }

    fn perform(&self, _: usize, op: &GateOp) {
        if let GateOp::Wait = op {
            while !self.0.load(Ordering::Acquire) {
                thread::park();
            }
        }
    }
}

#[test]
fn a_thread_that_waits_for_what_has_come_is_stuck() {
    let threads = vec![vec![GateOp::Open], vec![GateOp::Wait]];
    let scenario = Scenario { before: vec![], threads, after: vec![] };
    let plan = Plan::new(0).patience(Duration::from_millis(300));
    let failure = stress_one::<Jammed>(&scenario, &plan).expect_err("the gate does not open");
    assert_eq!(failure.kind, Kind::Stuck);
    let text = failure.to_string();
    assert!(text.starts_with("the history of the gate waits for what has come\n"), "{text}");
    assert!(text.contains("│ has not returned"), "{text}");
    assert!(text.contains("thread 2: Wait -> (); it has not returned"), "{text}");
}
