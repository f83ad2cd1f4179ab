//! Tests of the checker, of the scenarios and of the runs on real threads.

mod brute_force;
mod checker;
mod real_threads;
mod scenarios;

use super::{History, Operation, Order, Outcome, Sequential};

/// A queue: a receive from an empty one waits, a try does not.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
struct Queue(Vec<u8>);

#[derive(Clone, Debug, PartialEq)]
enum QueueOp {
    Send(u8),
    Receive,
    Try,
}

impl Sequential for Queue {
    type Op = QueueOp;
    type Ret = Option<u8>;

    fn apply(&mut self, op: &QueueOp) -> Outcome<Self> {
        match op {
            QueueOp::Send(value) => {
                self.0.push(*value);
                Outcome::Returns(None)
            }
            QueueOp::Receive if self.0.is_empty() => Outcome::Blocks,
            QueueOp::Try if self.0.is_empty() => Outcome::Returns(None),
            QueueOp::Receive | QueueOp::Try => Outcome::Returns(Some(self.0.remove(0))),
        }
    }
}

/// A register of a small number.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
struct Register(u8);

#[derive(Clone, Debug, PartialEq)]
enum RegisterOp {
    Read,
    Write(u8),
    /// Writes the second value if the first is there; may fail for no reason.
    WeakCompareAndSet(u8, u8),
}

impl Sequential for Register {
    type Op = RegisterOp;
    type Ret = u8;

    fn apply(&mut self, op: &RegisterOp) -> Outcome<Self> {
        match *op {
            RegisterOp::Read => Outcome::Returns(self.0),
            RegisterOp::Write(value) => {
                self.0 = value;
                Outcome::Returns(0)
            }
            RegisterOp::WeakCompareAndSet(current, new) if self.0 == current => {
                Outcome::OneOf(vec![(Register(new), 1), (self.clone(), 0)])
            }
            RegisterOp::WeakCompareAndSet(..) => Outcome::Returns(0),
        }
    }
}

/// A completed operation.
fn op<M: Sequential>(thread: usize, invoked: u64, returned: u64, op: M::Op, result: M::Ret) -> Operation<M> {
    Operation { thread, op, invoked, returned: Some((returned, result)) }
}

/// An operation that has not returned.
fn pending<M: Sequential>(thread: usize, invoked: u64, op: M::Op) -> Operation<M> {
    Operation { thread, op, invoked, returned: None }
}

fn real_time<M: Sequential>(operations: Vec<Operation<M>>) -> History<M> {
    History::new(operations, Order::RealTime)
}
