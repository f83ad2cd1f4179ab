//! Histories: which operations there were, what they returned, and which came before which.

use super::Sequential;

/// How many operations a history may have: the checker keeps a set of them in one word.
pub const MOST_OPERATIONS: usize = 64;

/// An operation that was performed, or at least begun.
#[derive(Clone, Debug)]
pub struct Operation<M: Sequential> {
    /// The thread: zero is the main one.
    pub thread: usize,
    /// What was to be done.
    pub op: M::Op,
    /// When it was begun.
    pub invoked: u64,
    /// When it returned, and what; `None` for a *pending* operation, which may have taken effect or not.
    pub returned: Option<(u64, M::Ret)>,
}

/// Which operations of different threads count as one before the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Those of which one returned before the other was begun: this makes the check one for *linearizability*.
    RealTime,
    /// None, but for those of the main thread alone: this makes the check one for *sequential consistency*, which is
    /// what can be asked where there is no real time, as in the executions of a weak memory model.
    Program,
}

/// The operations of one run, each thread's in the order in which it performed them.
#[derive(Clone, Debug)]
pub struct History<M: Sequential> {
    operations: Vec<Operation<M>>,
    /// For each operation the set of those that came before it.
    earlier: Vec<u64>,
    order: Order,
    stuck: bool,
}

impl<M: Sequential> History<M> {
    /// The history of these operations. Those of one thread are in the order in which it performed them.
    ///
    /// # Panics
    /// When there are more than [`MOST_OPERATIONS`].
    pub fn new(operations: Vec<Operation<M>>, order: Order) -> Self {
        let count = operations.len();
        assert!(count <= MOST_OPERATIONS, "{count} operations are more than the {MOST_OPERATIONS} of a history");
        let comes_before = |i: usize, j: usize| {
            let (one, other) = (&operations[i], &operations[j]);
            if one.thread == other.thread {
                return i < j;
            }
            // Equal times tell nothing, so they do not count as an order.
            let sooner = one.returned.as_ref().is_some_and(|(at, _)| *at < other.invoked);
            sooner && (order == Order::RealTime || one.thread == 0 || other.thread == 0)
        };
        let earlier = (0..count)
            .map(|j| (0..count).filter(|&i| i != j && comes_before(i, j)).fold(0, |set, i| set | 1 << i))
            .collect();
        Self { operations, earlier, order, stuck: false }
    }

    /// Declares that nothing moved any more at the end: the pending operations have not taken effect but wait, and the
    /// model must agree that they have to (Burckhardt et al., "Line-Up", PLDI 2010).
    #[must_use]
    pub fn stuck(mut self) -> Self {
        self.stuck = true;
        self
    }

    /// Whether it was declared [`stuck`](History::stuck).
    pub fn is_stuck(&self) -> bool {
        self.stuck
    }

    /// Which order it was declared to have.
    pub fn order(&self) -> Order {
        self.order
    }

    /// The operations.
    pub fn operations(&self) -> &[Operation<M>] {
        &self.operations
    }

    /// The operations that came before this one, as a set of bits.
    pub(super) fn earlier(&self, operation: usize) -> u64 {
        self.earlier[operation]
    }

    /// Whether this operation may be put in order at all: in a stuck history those that wait have not taken effect.
    pub(super) fn may_have_happened(&self, operation: usize) -> bool {
        !self.stuck || self.operations[operation].returned.is_some()
    }

    /// The operations that returned, as a set of bits.
    pub(super) fn completed(&self) -> u64 {
        let returned = (0..self.operations.len()).filter(|&i| self.operations[i].returned.is_some());
        returned.fold(0, |set, i| set | 1 << i)
    }

    /// Whether operations of two threads ran at the same time.
    pub fn overlapped(&self) -> bool {
        let spans: Vec<_> = self.operations.iter().map(|op| (op.thread, op.invoked, end_of(op))).collect();
        spans
            .iter()
            .enumerate()
            .any(|(i, one)| spans[..i].iter().any(|other| one.0 != other.0 && one.1 < other.2 && other.1 < one.2))
    }

    /// What had happened at this time: operations that returned later are pending, those begun later are not there.
    #[must_use]
    pub(super) fn until(&self, time: u64) -> Self {
        let kept: Vec<usize> = (0..self.operations.len()).filter(|&i| self.operations[i].invoked <= time).collect();
        let compact = |set: u64| kept.iter().enumerate().fold(0, |to, (at, &i)| to | (set >> i & 1) << at);
        let earlier = kept.iter().map(|&i| compact(self.earlier[i])).collect();
        let operations = kept
            .iter()
            .map(|&i| {
                let mut operation = self.operations[i].clone();
                operation.returned = operation.returned.filter(|(at, _)| *at <= time);
                operation
            })
            .collect();
        Self { operations, earlier, order: self.order, stuck: false }
    }
}

fn end_of<M: Sequential>(operation: &Operation<M>) -> u64 {
    operation.returned.as_ref().map_or(u64::MAX, |(at, _)| *at)
}
