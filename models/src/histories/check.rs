//! The checker: is there an order of the operations that the model explains?
//!
//! A history is *linearizable* if its operations can be put in one order such that an operation that returned before
//! another began comes first, and the model, performing them one after the other, returns what was returned. Operations
//! that did not return may be put anywhere behind their beginning, or left out.
//!
//! # The search
//! A *configuration* is the set of operations that have been put in order, and the state they lead to. From it, each
//! operation that nothing outside the set came before is a candidate: the model performs it, and if it returns what was
//! recorded, that is the next configuration. The history is linearizable when a configuration with all completed
//! operations is reached. This is the algorithm of Wing and Gong ("Testing and verifying concurrent objects", JPDC
//! 1993); that a configuration reached twice is searched once is the improvement of Lowe ("Testing for
//! linearizability", 2017). The number of configurations is still exponential in the number of threads at worst, so
//! there is a budget; a search that exceeds it ends as [`Verdict::Undecided`], which nobody may take for success.
//!
//! Two additions: operations that [`meet`](Sequential::meet) are put in order together, and the pending operations of a
//! [stuck](History::stuck) history are left out, and must be unable to go on in the state at the end.
//!
//! The search keeps its stack on the heap: checkers run it on their small coroutines.

use rustc_hash::FxHashSet;

use super::{History, Sequential};

/// How many configurations a check visits before it gives up, unless told otherwise.
pub const BUDGET: usize = 1_000_000;

/// What became of a check.
#[derive(Clone, Debug)]
pub enum Verdict<M: Sequential> {
    /// The operations, by their index, in an order that explains the history.
    Linearizable(Vec<usize>),
    /// No order explains it.
    Violation(Violation<M>),
    /// The budget was spent before an answer was found.
    Undecided {
        /// How many configurations were visited.
        configurations: usize,
    },
}

impl<M: Sequential> Verdict<M> {
    /// Whether an order was found.
    pub fn is_linearizable(&self) -> bool {
        matches!(self, Self::Linearizable(_))
    }

    /// Whether it is certain that there is none.
    pub fn is_violation(&self) -> bool {
        matches!(self, Self::Violation(_))
    }
}

/// How far an order could be found.
#[derive(Clone, Debug)]
pub struct Violation<M: Sequential> {
    /// As many operations, by their index, as could be put in order: the first such order that was found.
    pub prefix: Vec<usize>,
    /// The state that they lead to.
    pub state: M,
    /// The operations that could have come next, each with what the model would have returned: nothing if it blocks.
    pub next: Vec<(usize, Vec<M::Ret>)>,
}

/// A step of the search: operations put in order behind those of another step.
struct Node<M> {
    before: Option<usize>,
    /// One operation, or two that met.
    added: [Option<usize>; 2],
    done: u64,
    state: M,
}

/// Checks a history against the model in its initial state, visiting at most `budget` configurations.
///
/// Time and memory are proportional to the configurations visited; for histories that are linearizable those are often
/// hardly more than the operations.
///
/// # Examples
/// ```
/// use reweave_models::histories::{check, History, Operation, Order, Outcome, Sequential, BUDGET};
///
/// #[derive(Clone, PartialEq, Eq, Hash, Debug)]
/// struct Register(u64);
///
/// #[derive(Clone, Debug)]
/// enum Op { Read, Write(u64) }
///
/// impl Sequential for Register {
///     type Op = Op;
///     type Ret = u64;
///     fn apply(&mut self, op: &Op) -> Outcome<Self> {
///         if let Op::Write(value) = op {
///             self.0 = *value;
///         }
///         Outcome::Returns(self.0)
///     }
/// }
///
/// // Thread 2 reads 0 after the write of 1 has returned.
/// let history = |read| {
///     let write = Operation { thread: 1, op: Op::Write(1), invoked: 0, returned: Some((1, 1)) };
///     let read = Operation { thread: 2, op: Op::Read, invoked: 2, returned: Some((3, read)) };
///     History::new(vec![write, read], Order::RealTime)
/// };
/// assert!(check(Register(0), &history(1), BUDGET).is_linearizable());
/// assert!(check(Register(0), &history(0), BUDGET).is_violation());
/// ```
pub fn check<M: Sequential>(initial: M, history: &History<M>, budget: usize) -> Verdict<M> {
    let completed = history.completed();
    let mut nodes = vec![Node { before: None, added: [None; 2], done: 0, state: initial }];
    let mut known: FxHashSet<(u64, M)> = FxHashSet::default();
    known.insert((0, nodes[0].state.clone()));
    let mut open = vec![0];
    let mut longest = 0;
    while let Some(here) = open.pop() {
        if nodes[here].done.count_ones() > nodes[longest].done.count_ones() {
            longest = here;
        }
        let (done, state) = (nodes[here].done, nodes[here].state.clone());
        if done & completed == completed && (!history.is_stuck() || rests(history, done, &state)) {
            return Verdict::Linearizable(path(&nodes, here));
        }
        if known.len() > budget {
            return Verdict::Undecided { configurations: known.len() };
        }
        for (added, done, state) in successors(history, done, &state) {
            if !added.iter().flatten().all(|&i| history.may_have_happened(i)) {
                continue;
            }
            if known.insert((done, state.clone())) {
                open.push(nodes.len());
                nodes.push(Node { before: Some(here), added, done, state });
            }
        }
    }
    let (done, state) = (nodes[longest].done, nodes[longest].state.clone());
    let results = |i: usize| state.steps(&history.operations()[i].op).into_iter().map(|(_, result)| result).collect();
    let next = candidates(history, done).map(|i| (i, results(i))).collect();
    Verdict::Violation(Violation { prefix: path(&nodes, longest), next, state })
}

/// The operations that may come next: those that nothing but what is done came before.
fn candidates<M: Sequential>(history: &History<M>, done: u64) -> impl Iterator<Item = usize> {
    (0..history.operations().len()).filter(move |&i| done & 1 << i == 0 && history.earlier(i) & !done == 0)
}

/// The configurations one step further.
fn successors<M: Sequential>(history: &History<M>, done: u64, state: &M) -> Vec<([Option<usize>; 2], u64, M)> {
    let operations = history.operations();
    let fits = |i: usize, result: &M::Ret| operations[i].returned.as_ref().is_none_or(|(_, seen)| seen == result);
    let mut found = Vec::new();
    for i in candidates(history, done) {
        for (after, result) in state.steps(&operations[i].op) {
            if fits(i, &result) {
                found.push(([Some(i), None], done | 1 << i, after));
            }
        }
        for j in candidates(history, done).filter(|&j| operations[j].thread != operations[i].thread) {
            let mut after = state.clone();
            if let Some((one, other)) = after.meet(&operations[i].op, &operations[j].op)
                && fits(i, &one)
                && fits(j, &other)
            {
                found.push(([Some(i), Some(j)], done | 1 << i | 1 << j, after));
            }
        }
    }
    found
}

/// Whether none of the operations that are left could go on in this state.
fn rests<M: Sequential>(history: &History<M>, done: u64, state: &M) -> bool {
    successors(history, done, state).is_empty()
}

fn path<M>(nodes: &[Node<M>], end: usize) -> Vec<usize> {
    let mut steps = Vec::new();
    let mut at = Some(end);
    while let Some(node) = at.map(|index| &nodes[index]) {
        steps.push(node.added);
        at = node.before;
    }
    steps.into_iter().rev().flatten().flatten().collect()
}

/// The time of the first return that no order of what had happened until then explains, if the budget lets it be found.
pub(super) fn first_unexplained<M: Sequential>(initial: &M, history: &History<M>, budget: usize) -> Option<u64> {
    let mut times: Vec<u64> =
        history.operations().iter().filter_map(|operation| Some(operation.returned.as_ref()?.0)).collect();
    times.sort_unstable();
    // What an order explains stays explained when the end is left out, so the first is found by halving.
    let at = times.partition_point(|&time| !check(initial.clone(), &history.until(time), budget).is_violation());
    times.get(at).copied()
}
