//! What programs mean: plain variables, copied before whatever may be undone.

use crate::program::{Op, VARS};

/// The variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plain {
    /// Their values.
    pub state: [u64; VARS],
}

/// How a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It came to its end.
    Done,
    /// It asked to be run again when something has changed.
    Retry,
    /// It gave up with an error.
    Abort(u8),
    /// It panicked.
    Panic,
}

/// What must come out of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// How it ends.
    pub outcome: Outcome,
    /// The values that it sees on its way, those of undone branches included.
    pub seen: Vec<u64>,
    /// Whether it reads anything that it has not written before: without that there is nothing to wait for.
    pub read_shared: bool,
    /// How many variables it has written in the end.
    pub written: usize,
    /// How many branches were undone.
    pub undone: u64,
}

/// A transaction while it runs.
struct Run<'p> {
    committed: &'p [u64; VARS],
    pending: [Option<u64>; VARS],
    expected: Expected,
}

impl Plain {
    /// Variables that are zero.
    pub fn new() -> Self {
        Self { state: [0; VARS] }
    }

    /// Runs a transaction: its writes take effect if it comes to its end, and not otherwise.
    pub fn transaction(&mut self, ops: &[Op]) -> Expected {
        let expected = Expected { outcome: Outcome::Done, seen: Vec::new(), read_shared: false, written: 0, undone: 0 };
        let mut run = Run { committed: &self.state, pending: [None; VARS], expected };
        run.expected.outcome = run.block(ops);
        run.expected.written = run.pending.iter().flatten().count();
        let Run { pending, expected, .. } = run;
        if expected.outcome == Outcome::Done {
            for (value, pending) in self.state.iter_mut().zip(pending) {
                *value = pending.unwrap_or(*value);
            }
        }
        expected
    }
}

impl Default for Plain {
    fn default() -> Self {
        Self::new()
    }
}

impl Run<'_> {
    fn block(&mut self, ops: &[Op]) -> Outcome {
        for op in ops {
            let outcome = self.op(op);
            if outcome != Outcome::Done {
                return outcome;
            }
        }
        Outcome::Done
    }

    fn op(&mut self, op: &Op) -> Outcome {
        match op {
            Op::Read(var) | Op::Borrow(var) => {
                let value = self.get(*var);
                self.expected.seen.push(value);
            }
            Op::Write(var, value) => self.pending[*var] = Some(*value),
            Op::Add(var, amount) => self.pending[*var] = Some(self.get(*var).wrapping_add(*amount)),
            Op::Replace(var, value) => {
                let before = self.get(*var);
                self.expected.seen.push(before);
                self.pending[*var] = Some(*value);
            }
            Op::Copy(from, to) => self.pending[*to] = Some(self.get(*from)),
            Op::Fill(first, value) => self.pending[*first..].fill(Some(*value)),
            Op::Fresh(value) => {
                // Its first value was committed before the transaction read it, and somebody might hold another handle.
                self.expected.read_shared = true;
                self.expected.seen.extend([*value, !*value]);
            }
            Op::OrElse(first, second) => {
                let before = self.pending;
                let outcome = self.block(first);
                if outcome != Outcome::Retry {
                    return outcome;
                }
                self.pending = before;
                self.expected.undone += 1;
                return self.block(second);
            }
            Op::Check(var) if self.get(*var).is_multiple_of(2) => {}
            Op::Check(_) | Op::Retry => return Outcome::Retry,
            Op::Abort(code) => return Outcome::Abort(*code),
            Op::Panic => return Outcome::Panic,
        }
        Outcome::Done
    }

    fn get(&mut self, var: usize) -> u64 {
        self.expected.read_shared |= self.pending[var].is_none();
        self.pending[var].unwrap_or(self.committed[var])
    }
}
