//! Scenarios: what a seed gives, which of them end, and how they shrink.

use super::{Queue, QueueOp};
use crate::histories::{Ending, Mix, Place, Random, Ret, Scenario, Sequential, Shape, Subject, may_stick, shrink};

/// A subject that is never performed.
struct Drawn;

impl Subject for Drawn {
    type Model = Queue;
    const NAME: &'static str = "what is drawn";

    fn fresh() -> Self {
        Self
    }

    fn model() -> Queue {
        Queue::default()
    }

    fn operations(place: Place) -> Mix<QueueOp> {
        let mix = Mix::new().with(1, |random: &mut Random| QueueOp::Send(random.unique() as u8));
        match place {
            Place::Before => mix,
            Place::Thread(_) => mix.with(1, |_| QueueOp::Receive),
            Place::After => Mix::new(),
        }
    }

    fn perform(&self, _: usize, _: &QueueOp) -> Ret<Self> {
        unreachable!("scenarios are drawn, not performed")
    }
}

/// The same with an ending.
struct Ended;

impl Subject for Ended {
    type Model = Queue;
    const NAME: &'static str = "what is ended";

    fn fresh() -> Self {
        Self
    }

    fn model() -> Queue {
        Queue::default()
    }

    fn operations(place: Place) -> Mix<QueueOp> {
        Drawn::operations(place)
    }

    fn perform(&self, _: usize, _: &QueueOp) -> Ret<Self> {
        unreachable!("scenarios are drawn, not performed")
    }

    fn ending() -> Ending<QueueOp> {
        Ending::Hook
    }
}

#[test]
fn a_seed_gives_one_scenario_of_the_shape() {
    let mut seen = Vec::new();
    for seed in 0..200 {
        let scenario = Scenario::generate::<Drawn>(&Shape::usual(), seed);
        assert_eq!(scenario, Scenario::generate::<Drawn>(&Shape::usual(), seed));
        assert!((2..=3).contains(&scenario.threads.len()));
        assert!(scenario.threads.iter().all(|list| (2..=5).contains(&list.len())));
        assert!(scenario.before.len() <= 2 && scenario.after.is_empty());
        assert!(!may_stick(&Queue::default(), &scenario), "{scenario:?}");
        if !seen.contains(&scenario) {
            seen.push(scenario);
        }
    }
    assert!(seen.len() > 150, "only {} of 200 seeds differ", seen.len());
}

#[test]
fn a_subject_with_an_ending_gets_scenarios_that_stick() {
    let stick = (0..100)
        .filter(|&seed| may_stick(&Queue::default(), &Scenario::generate::<Ended>(&Shape::usual(), seed)))
        .count();
    assert!((10..=99).contains(&stick), "{stick} of 100");
}

#[test]
fn seeds_mean_the_same_for_ever() {
    let mut random = Random::new(7);
    // The first outputs of SplitMix64 from the seed 7.
    assert_eq!([random.bits(), random.bits()], [0x63cb_e1e4_5932_0dd7, 0x044c_3cd7_f43c_661c]);
}

#[test]
fn whether_threads_can_be_left_waiting_is_known() {
    use QueueOp::{Receive, Send, Try};
    let stick = |before: &[QueueOp], threads: &[&[QueueOp]]| {
        let threads = threads.iter().map(|list| list.to_vec()).collect();
        may_stick(&Queue::default(), &Scenario { before: before.to_vec(), threads, after: vec![] })
    };
    assert!(!stick(&[], &[&[Receive], &[Send(1)]]));
    assert!(stick(&[], &[&[Receive, Send(1)], &[Receive, Send(2)]]), "each waits for the other");
    assert!(!stick(&[Send(3)], &[&[Receive, Send(1)], &[Receive, Send(2)]]), "one finds what came before");
    assert!(stick(&[], &[&[Receive], &[Send(1), Try]]), "the try may take what the receive waits for");
    assert!(stick(&[Receive], &[]), "nobody is there to send");
}

/// Two that only go together, and only in an even state.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Dance;

impl Sequential for Dance {
    type Op = bool;
    type Ret = ();

    fn apply(&mut self, _: &bool) -> crate::histories::Outcome<Self> {
        crate::histories::Outcome::Blocks
    }

    fn meet(&mut self, first: &bool, second: &bool) -> Option<((), ())> {
        (*first && !*second).then_some(((), ()))
    }
}

#[test]
fn operations_that_meet_need_not_wait() {
    let stick = |threads: &[&[bool]]| {
        let threads = threads.iter().map(|list| list.to_vec()).collect();
        may_stick(&Dance, &Scenario { before: vec![], threads, after: vec![] })
    };
    assert!(!stick(&[&[true, true], &[false, false]]));
    assert!(stick(&[&[true, true], &[false]]));
    assert!(stick(&[&[true], &[true]]));
}

#[test]
fn shrinking_keeps_the_failure_and_leaves_nothing_over() {
    let fails = |scenario: &Scenario<u8>| {
        // Needs a 1 and, in another thread, two 2s, and something before.
        let ones = |list: &Vec<u8>| list.contains(&1);
        let twos = |list: &Vec<u8>| list.iter().filter(|&&op| op == 2).count() >= 2;
        !scenario.before.is_empty()
            && (0..3).any(|i| (0..3).any(|j| i != j && ones(&scenario.threads[i]) && twos(&scenario.threads[j])))
    };
    let scenario =
        Scenario { before: vec![9, 8], threads: vec![vec![2, 1, 3], vec![1, 2, 3, 2], vec![4, 2, 2]], after: vec![5] };
    assert!(fails(&scenario));
    let small = shrink(scenario, fails);
    assert!(fails(&small));
    assert_eq!(small.len(), 4, "{small:?}");
}
