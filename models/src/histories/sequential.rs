//! The sequential model of an object: what it does when operations come one at a time.

use std::fmt::Debug;
use std::hash::Hash;

/// A state of the object under test, and how operations change it when they come one at a time.
///
/// The state is cloned for every step that the [checker](super::check) tries, and hashed to recognise what it has tried
/// already: keep it small, and keep out of it what no operation can tell (a bag as a sorted list, not in order of
/// arrival).
///
/// Sources: Herlihy and Wing, "Linearizability" (TOPLAS 1990), for partial operations; Neiger, "Set-linearizability"
/// (PODC 1994), for [`meet`](Sequential::meet).
///
/// # Examples
/// ```
/// use reweave_models::histories::{Outcome, Sequential};
///
/// /// A channel without a bound: a receive from an empty one waits.
/// #[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
/// struct Queue(Vec<u64>);
///
/// #[derive(Clone, Debug)]
/// enum Op {
///     Send(u64),
///     Receive,
/// }
///
/// impl Sequential for Queue {
///     type Op = Op;
///     type Ret = Option<u64>;
///
///     fn apply(&mut self, op: &Op) -> Outcome<Self> {
///         match op {
///             Op::Send(value) => self.0.push(*value),
///             Op::Receive if self.0.is_empty() => return Outcome::Blocks,
///             Op::Receive => return Outcome::Returns(Some(self.0.remove(0))),
///         }
///         Outcome::Returns(None)
///     }
/// }
/// assert_eq!(Queue::default().steps(&Op::Receive), []);
/// assert_eq!(Queue(vec![7]).steps(&Op::Receive), [(Queue(vec![]), Some(7))]);
/// ```
pub trait Sequential: Clone + Eq + Hash + Debug + Send + 'static {
    /// An operation with its arguments.
    type Op: Clone + Debug + Send + Sync + 'static;

    /// What an operation returns.
    type Ret: Clone + PartialEq + Debug + Send + 'static;

    /// Performs an operation, if it can be performed in this state.
    fn apply(&mut self, op: &Self::Op) -> Outcome<Self>;

    /// Performs two operations of different threads in one step, if they can only be performed together: a send and a
    /// receive that meet without a buffer, two parties of an exchange.
    ///
    /// Called with both orders of the two, so only one has to be recognised. Such operations [block](Outcome::Blocks)
    /// alone.
    fn meet(&mut self, first: &Self::Op, second: &Self::Op) -> Option<(Self::Ret, Self::Ret)> {
        let _ = (first, second);
        None
    }

    /// Every way in which an operation can be performed: the state after it, and what it returns. None if it blocks.
    fn steps(&self, op: &Self::Op) -> Vec<(Self, Self::Ret)> {
        let mut after = self.clone();
        match after.apply(op) {
            Outcome::Returns(result) => vec![(after, result)],
            Outcome::Blocks => Vec::new(),
            Outcome::OneOf(steps) => steps,
        }
    }
}

/// How a [`Sequential`] object takes an operation.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome<S: Sequential> {
    /// It has been performed: the state is the one after it.
    Returns(S::Ret),
    /// It cannot be performed now and waits: a receive from an empty channel. The state is as before.
    Blocks,
    /// It may be performed in any of these ways, each a state after it and what it returns; an attempt that may fail
    /// for no reason lists the failure beside the success. What was done to the state itself does not count.
    OneOf(Vec<(S, S::Ret)>),
}
