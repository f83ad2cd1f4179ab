//! Known histories: the examples of Herlihy and Wing, and what each feature of the checker is for.

use super::QueueOp::{Receive, Send, Try};
use super::RegisterOp::{Read, WeakCompareAndSet, Write};
use super::{Queue, Register, op, pending, real_time};
use crate::histories::{BUDGET, History, Operation, Order, Outcome, Sequential, Verdict, check};

fn queue(operations: Vec<Operation<Queue>>) -> bool {
    decided(check(Queue::default(), &real_time(operations), BUDGET))
}

fn register(operations: Vec<Operation<Register>>) -> bool {
    decided(check(Register::default(), &real_time(operations), BUDGET))
}

fn decided<M: Sequential>(verdict: Verdict<M>) -> bool {
    match verdict {
        Verdict::Linearizable(_) => true,
        Verdict::Violation(_) => false,
        Verdict::Undecided { configurations } => panic!("undecided after {configurations}"),
    }
}

#[test]
fn overlapping_sends_may_be_received_in_either_order() {
    // Herlihy and Wing (TOPLAS 1990), figure 1: H1 is acceptable.
    for (first, second) in [(1, 2), (2, 1)] {
        assert!(queue(vec![
            op(1, 0, 10, Send(1), None),
            op(2, 1, 9, Send(2), None),
            op(1, 11, 12, Receive, Some(first)),
            op(2, 13, 14, Receive, Some(second)),
        ]));
    }
}

#[test]
fn sends_one_after_the_other_are_received_in_their_order() {
    // The same paper, H2: the second sent comes out first.
    let history = |first, second| {
        vec![
            op(1, 0, 1, Send(1), None),
            op(2, 2, 3, Send(2), None),
            op(1, 4, 5, Receive, Some(first)),
            op(2, 6, 7, Receive, Some(second)),
        ]
    };
    assert!(queue(history(1, 2)));
    assert!(!queue(history(2, 1)));
}

#[test]
fn a_value_is_not_received_twice_nor_before_it_is_sent() {
    assert!(!queue(vec![op(1, 0, 1, Send(1), None), op(2, 2, 9, Receive, Some(1)), op(3, 3, 8, Receive, Some(1)),]));
    assert!(!queue(vec![op(2, 0, 1, Receive, Some(1)), op(1, 2, 3, Send(1), None)]));
    assert!(queue(vec![op(2, 0, 3, Receive, Some(1)), op(1, 2, 4, Send(1), None)]));
}

#[test]
fn a_read_does_not_return_what_was_overwritten() {
    // The same paper, section 1: reads that overlap a write return either value, but not the old one after the new one.
    assert!(register(vec![op(1, 0, 9, Write(1), 0), op(2, 1, 2, Read, 0), op(2, 3, 4, Read, 1)]));
    assert!(!register(vec![op(1, 0, 9, Write(1), 0), op(2, 1, 2, Read, 1), op(3, 3, 4, Read, 0)]));
    assert!(!register(vec![op(1, 0, 1, Write(1), 0), op(2, 2, 3, Read, 0)]));
}

#[test]
fn program_order_lets_another_thread_lag_behind() {
    let stale = || vec![op(1, 0, 1, Write(1), 0), op(2, 2, 3, Read, 0)];
    assert!(decided(check(Register(0), &History::new(stale(), Order::Program), BUDGET)));
    // But not the same thread, nor one that the main thread came before.
    let own = vec![op(1, 0, 1, Write(1), 0), op(1, 2, 3, Read, 0)];
    assert!(!decided(check(Register(0), &History::new(own, Order::Program), BUDGET)));
    let main = vec![op(0, 0, 1, Write(1), 0), op(2, 2, 3, Read, 0)];
    assert!(!decided(check(Register(0), &History::new(main, Order::Program), BUDGET)));
    // Two threads must lag in one order: independent reads of independent writes.
    let iriw = vec![
        op(1, 0, 1, Write(1), 0),
        op(2, 0, 1, Write(2), 0),
        op(3, 2, 3, Read, 1),
        op(3, 4, 5, Read, 2),
        op(4, 2, 3, Read, 2),
        op(4, 4, 5, Read, 1),
    ];
    assert!(!decided(check(Register(0), &History::new(iriw, Order::Program), BUDGET)));
}

#[test]
fn equal_times_are_no_order() {
    assert!(register(vec![op(1, 0, 5, Write(1), 0), op(2, 5, 6, Read, 0)]));
    assert!(!register(vec![op(1, 0, 4, Write(1), 0), op(2, 5, 6, Read, 0)]));
}

#[test]
fn a_pending_operation_may_have_taken_effect_or_not() {
    for seen in [0, 1] {
        assert!(register(vec![pending(1, 0, Write(1)), op(2, 1, 2, Read, seen)]));
    }
    // But it does not take its effect back, and does not take effect before it has begun.
    assert!(!register(vec![pending(1, 0, Write(1)), op(2, 1, 2, Read, 1), op(2, 3, 4, Read, 0)]));
    assert!(!register(vec![op(2, 1, 2, Read, 1), pending(1, 3, Write(1))]));
}

#[test]
fn what_is_stuck_must_have_had_to_wait() {
    let waits_beside = |sent: bool| {
        let mut operations = vec![pending(1, 0, Receive)];
        operations.extend(sent.then(|| op(2, 1, 2, Send(1), None)));
        real_time(operations).stuck()
    };
    assert!(decided(check(Queue::default(), &waits_beside(false), BUDGET)));
    assert!(!decided(check(Queue::default(), &waits_beside(true), BUDGET)), "the receive could have returned");
    // Of two receives and one value one could have returned; of two and none neither.
    let two = |sent: bool| {
        let mut operations = vec![pending(1, 0, Receive), pending(2, 0, Receive)];
        operations.extend(sent.then(|| op(3, 1, 2, Send(1), None)));
        real_time(operations).stuck()
    };
    assert!(!decided(check(Queue::default(), &two(true), BUDGET)));
    assert!(decided(check(Queue::default(), &two(false), BUDGET)));
}

#[test]
fn an_operation_may_fail_for_no_reason_if_the_model_says_so() {
    for result in [0, 1] {
        let seen = if result == 1 { 7 } else { 0 };
        assert!(register(vec![op(1, 0, 1, WeakCompareAndSet(0, 7), result), op(1, 2, 3, Read, seen)]));
        assert!(!register(vec![op(1, 0, 1, WeakCompareAndSet(0, 7), result), op(1, 2, 3, Read, 7 - seen)]));
    }
    assert!(!register(vec![op(1, 0, 1, WeakCompareAndSet(5, 7), 1)]), "it does not succeed for no reason");
    assert!(queue(vec![op(1, 0, 1, Try, None), op(1, 2, 3, Send(1), None), op(1, 4, 5, Try, Some(1))]));
}

/// A channel without a buffer: a send and a receive only happen together.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Rendezvous;

impl Sequential for Rendezvous {
    type Op = super::QueueOp;
    type Ret = Option<u8>;

    fn apply(&mut self, _: &Self::Op) -> Outcome<Self> {
        Outcome::Blocks
    }

    fn meet(&mut self, first: &Self::Op, second: &Self::Op) -> Option<(Self::Ret, Self::Ret)> {
        match (first, second) {
            (Send(value), Receive) => Some((None, Some(*value))),
            _ => None,
        }
    }
}

#[test]
fn operations_that_meet_happen_together() {
    let history = |from, to| real_time(vec![op(1, 0, to, Send(1), None), op(2, from, 9, Receive, Some(1))]);
    assert!(decided(check(Rendezvous, &history(1, 2), BUDGET)));
    assert!(!decided(check(Rendezvous, &history(3, 2), BUDGET)), "the send returned before the receive began");
    // The indices of both are in the order that is found; the one that waits alone is stuck for a reason.
    let Verdict::Linearizable(order) = check(Rendezvous, &history(1, 2), BUDGET) else { unreachable!() };
    assert_eq!(order, [0, 1]);
    assert!(decided(check(Rendezvous, &real_time(vec![pending(1, 0, Send(1))]).stuck(), BUDGET)));
    let both = vec![pending(1, 0, Send(1)), pending(2, 0, Receive)];
    assert!(!decided(check(Rendezvous, &real_time(both).stuck(), BUDGET)), "the two could have met");
}

#[test]
fn a_search_without_end_is_undecided() {
    // Writes of different values beside each other, and a read of what nobody wrote: all sets of writes are tried.
    let mut operations: Vec<_> = (1..=16).map(|i| op(i, 0, 100, Write(i as u8), 0)).collect();
    operations.push(op(17, 0, 100, Read, 99));
    let history = real_time(operations);
    match check(Register(0), &history, 1_000) {
        Verdict::Undecided { configurations } => assert!(configurations > 1_000),
        other => panic!("{other:?}"),
    }
    // Memoisation decides it with a larger budget: 2^16 sets times 16 last writes, of 17! orders.
    assert!(check(Register(0), &history, 2_000_000).is_violation());
}

#[test]
fn a_violation_tells_how_far_an_order_was_found() {
    let history =
        real_time(vec![op(1, 0, 1, Write(1), 0), op(2, 2, 3, Read, 1), op(2, 4, 5, Read, 0), op(1, 6, 7, Read, 1)]);
    let Verdict::Violation(violation) = check(Register(0), &history, BUDGET) else { panic!("not found") };
    assert_eq!(violation.prefix, [0, 1]);
    assert_eq!(violation.state, Register(1));
    assert_eq!(violation.next, [(2, vec![1])]);
}
