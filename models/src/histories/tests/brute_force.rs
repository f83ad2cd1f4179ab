//! The checker against one that tries every order of every subset.

use quickcheck::{Arbitrary, Gen, QuickCheck};

use super::{Queue, QueueOp, Register, RegisterOp};
use crate::histories::{BUDGET, History, Operation, Order, Sequential, check};

const MOST: usize = 6;

/// A history of few operations with arbitrary results, so that some are linearizable and some are not.
#[derive(Clone, Debug)]
struct Small<M: Sequential> {
    operations: Vec<Operation<M>>,
    program_order: bool,
    stuck: bool,
}

trait Guess: Sequential {
    fn guess(g: &mut Gen) -> (Self::Op, Self::Ret);
}

fn below(g: &mut Gen, limit: u8) -> u8 {
    u8::arbitrary(g) % limit
}

impl Guess for Queue {
    fn guess(g: &mut Gen) -> (QueueOp, Option<u8>) {
        let some = (below(g, 4) > 0).then(|| below(g, 2));
        match below(g, 4) {
            0 => (QueueOp::Receive, some.or(Some(0))),
            1 => (QueueOp::Try, some),
            _ => (QueueOp::Send(below(g, 2)), None),
        }
    }
}

impl Guess for Register {
    fn guess(g: &mut Gen) -> (RegisterOp, u8) {
        match below(g, 3) {
            0 => (RegisterOp::Write(below(g, 3)), 0),
            1 => (RegisterOp::Read, below(g, 3)),
            _ => (RegisterOp::WeakCompareAndSet(below(g, 3), below(g, 3)), below(g, 2)),
        }
    }
}

impl<M: Guess> Arbitrary for Small<M>
where
    M::Op: Sync,
    M::Ret: Sync,
{
    fn arbitrary(g: &mut Gen) -> Self {
        let count = usize::from(below(g, MOST as u8 + 1));
        let mut now = [0_u64; 4];
        let mut waits = [false; 4];
        let mut operations = Vec::new();
        for _ in 0..count {
            let thread = usize::from(below(g, 4));
            let (op, result) = M::guess(g);
            let invoked = now[thread] + u64::from(below(g, 4));
            let returned = invoked + u64::from(below(g, 8));
            // Behind an operation that has not returned a thread does nothing more.
            if waits[thread] {
                continue;
            }
            waits[thread] = below(g, 8) == 0;
            now[thread] = returned + 1;
            let returned = (!waits[thread]).then_some((returned, result));
            operations.push(Operation { thread, op, invoked, returned });
        }
        Self { operations, program_order: bool::arbitrary(g), stuck: below(g, 4) == 0 }
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        let whole = self.clone();
        Box::new((0..self.operations.len()).map(move |at| {
            let mut smaller = whole.clone();
            smaller.operations.remove(at);
            smaller
        }))
    }
}

/// Whether some order of the completed and some of the pending operations explains what they returned.
fn by_force<M: Sequential>(state: &M, small: &Small<M>, done: &mut Vec<usize>) -> bool {
    let operations = &small.operations;
    let left: Vec<usize> = (0..operations.len()).filter(|i| !done.contains(i)).collect();
    let complete = left.iter().all(|&i| operations[i].returned.is_none());
    let allowed = |&i: &usize| left.iter().all(|&j| i == j || !came_before(small, j, i));
    if complete
        && !(small.stuck && left.iter().filter(|i| allowed(i)).any(|&i| !state.steps(&operations[i].op).is_empty()))
    {
        return true;
    }
    let may_go = |&&i: &&usize| allowed(&i) && !(small.stuck && operations[i].returned.is_none());
    left.iter().filter(may_go).any(|&i| {
        done.push(i);
        let explained = state.steps(&operations[i].op).into_iter().any(|(after, result)| {
            let fits = operations[i].returned.as_ref().is_none_or(|(_, seen)| *seen == result);
            fits && by_force(&after, small, done)
        });
        done.pop();
        explained
    })
}

fn came_before<M: Sequential>(small: &Small<M>, i: usize, j: usize) -> bool {
    let (one, other) = (&small.operations[i], &small.operations[j]);
    if one.thread == other.thread {
        return i < j;
    }
    let related = !small.program_order || one.thread == 0 || other.thread == 0;
    related && matches!(&one.returned, Some((at, _)) if *at < other.invoked)
}

fn agrees<M: Guess + Default>(small: Small<M>) -> bool {
    let order = if small.program_order { Order::Program } else { Order::RealTime };
    let history = History::new(small.operations.clone(), order);
    let history = if small.stuck { history.stuck() } else { history };
    let expected = by_force(&M::default(), &small, &mut Vec::new());
    let verdict = check(M::default(), &history, BUDGET);
    if expected { verdict.is_linearizable() } else { verdict.is_violation() }
}

#[test]
fn queues_are_judged_as_by_force() {
    QuickCheck::new().tests(3_000).quickcheck(agrees::<Queue> as fn(Small<Queue>) -> bool);
}

#[test]
fn registers_are_judged_as_by_force() {
    QuickCheck::new().tests(3_000).quickcheck(agrees::<Register> as fn(Small<Register>) -> bool);
}

#[test]
fn both_verdicts_occur() {
    let mut g = Gen::new(10);
    let judged: Vec<bool> = (0..500)
        .map(|_| Small::<Queue>::arbitrary(&mut g))
        .filter(|small| small.operations.len() > 3)
        .map(|small| by_force(&Queue::default(), &small, &mut Vec::new()))
        .collect();
    let linearizable = judged.iter().filter(|&&judged| judged).count();
    assert!(linearizable > 10 && judged.len() - linearizable > 10, "{linearizable} of {}", judged.len());
}
