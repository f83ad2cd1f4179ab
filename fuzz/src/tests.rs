//! The targets without a fuzzer: pseudo-random programs, and proof that a difference would be noticed.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::census::Census;
use crate::plain::{Outcome, Plain};
use crate::program::{Op, Program, Step};
use crate::shared::Shared;
use crate::{Tally, agree, run};

/// How many programs the smoke test runs.
const PROGRAMS: usize = 4_000;

#[test]
fn transactions_do_what_plain_variables_would() {
    let mut rng = fastrand::Rng::with_seed(1);
    let mut all = Tally::default();
    for _ in 0..PROGRAMS {
        let data: Vec<u8> = (0..rng.usize(..400)).map(|_| rng.u8(..)).collect();
        let one = catch_unwind(|| run(&data)).unwrap_or_else(|_| panic!("the program: {:?}", Program::read(&data)));
        all.committed += one.committed;
        all.wide += one.wide;
        all.undone += one.undone;
        all.aborted += one.aborted;
        all.waiting += one.waiting;
        all.stuck += one.stuck;
        all.panicked += one.panicked;
        all.others += one.others;
    }
    let Tally { committed, wide, undone, aborted, waiting, stuck, panicked, others } = all;
    let each = [committed, wide, undone, aborted, waiting, stuck, panicked, others];
    assert!(each.iter().all(|&times| times > 100), "some of it hardly ever happened: {all:?}");
}

#[test]
fn every_beginning_of_a_program_is_one() {
    let data: Vec<u8> = (0..=255).map(|byte: u8| byte.wrapping_mul(181)).collect();
    for length in 0..data.len() {
        run(&data[..length]);
    }
}

#[test]
fn programs_are_read_as_documented() {
    let program = Program::read(&[0, 25, 3, 2 + 16, 13, 4, 1, 23, 28, 0, 8, 5, 0, 0]);
    let ops = vec![Op::Write(4, 0x0101_0101_0101_0101), Op::OrElse(vec![Op::Retry], vec![Op::Read(5)])];
    let transaction = Step::Transaction { ops, explicit: true, once: false };
    assert_eq!(program.steps, [Step::Store(1, 0x0303_0303_0303_0303), transaction]);
}

#[test]
fn a_difference_is_noticed() {
    let census = Census::default();
    let (mut plain, shared) = (Plain::new(), Shared::new(&census));
    agree(&plain, &shared);
    let ops = [Op::Read(2), Op::Write(3, 7)];
    let expected = plain.transaction(&ops);
    shared.transaction(&ops, &expected, false, false);
    agree(&plain, &shared);

    let quietly = |check: &dyn Fn()| {
        let standard = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| ()));
        let result = catch_unwind(AssertUnwindSafe(check));
        std::panic::set_hook(standard);
        result.is_err()
    };
    let mut sees_other = expected.clone();
    sees_other.seen = vec![1];
    assert!(quietly(&|| shared.transaction(&ops, &sees_other, false, true)), "another value seen");
    let mut ends_otherwise = expected.clone();
    ends_otherwise.outcome = Outcome::Abort(1);
    assert!(quietly(&|| shared.transaction(&ops, &ends_otherwise, true, false)), "another outcome");
    shared.store(9, 1);
    assert!(quietly(&|| agree(&plain, &shared)), "another state");
    assert!(census.alive() > 0, "values are counted");
}
