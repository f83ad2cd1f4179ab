//! The programs, and how bytes are read as one.
//!
//! Every sequence of bytes is a program, and a change of one byte is mostly a small change of the program. After the last
//! byte only what is open is closed. Nesting and length are limited, so that every run is short.

/// How many variables there are: more than the engine searches linearly in a write set.
pub const VARS: usize = 24;
/// How deep alternatives nest.
const DEPTH: usize = 4;
/// How many operations and steps a program has at most.
const LENGTH: usize = 600;

/// A program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// What it does, in order.
    pub steps: Vec<Step>,
}

/// A step: an access from outside, or a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Runs these operations as one transaction.
    Transaction {
        /// The body.
        ops: Vec<Op>,
        /// Through an explicit participation rather than the thread's own.
        explicit: bool,
        /// As a single attempt, where its outcome allows.
        once: bool,
    },
    /// Sets a variable outside of transactions.
    Store(usize, u64),
    /// Drops a variable, and puts a new one in its place.
    Renew(usize, u64),
}

/// An operation of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Reads a variable.
    Read(usize),
    /// Reads a variable without cloning its value.
    Borrow(usize),
    /// Sets a variable.
    Write(usize, u64),
    /// Adds to a variable.
    Add(usize, u64),
    /// Sets a variable and looks at what was there.
    Replace(usize, u64),
    /// Sets one variable to the value of another.
    Copy(usize, usize),
    /// Sets so many variables from the first on.
    Fill(usize, u64),
    /// Makes a variable, writes and reads it, and drops it.
    Fresh(u64),
    /// Runs the first branch; if it retries, the second instead.
    OrElse(Vec<Op>, Vec<Op>),
    /// Retries unless the variable's value is even.
    Check(usize),
    /// Retries.
    Retry,
    /// Ends the transaction with an error.
    Abort(u8),
    /// Panics.
    Panic,
}

impl Program {
    /// The program that these bytes stand for.
    pub fn read(data: &[u8]) -> Self {
        let mut reader = Reader { rest: data.iter(), left: LENGTH };
        let mut steps = Vec::new();
        while let Some(kind) = reader.next() {
            steps.push(match kind % 16 {
                0 => Step::Store(reader.var(), reader.value()),
                1 => Step::Renew(reader.var(), reader.value()),
                _ => Step::Transaction { ops: reader.block(0), explicit: kind & 16 != 0, once: kind & 32 != 0 },
            });
        }
        Self { steps }
    }
}

/// Bytes that are left, and how many things may still be read from them.
struct Reader<'d> {
    rest: std::slice::Iter<'d, u8>,
    left: usize,
}

impl Reader<'_> {
    /// The byte that begins a step or an operation.
    fn next(&mut self) -> Option<u8> {
        self.left = self.left.checked_sub(1)?;
        self.rest.next().copied()
    }

    fn byte(&mut self) -> u8 {
        self.rest.next().copied().unwrap_or(0)
    }

    fn var(&mut self) -> usize {
        usize::from(self.byte()) % VARS
    }

    /// Spread over the whole word.
    fn value(&mut self) -> u64 {
        u64::from(self.byte()) * 0x0101_0101_0101_0101
    }

    /// Operations up to the one that ends the block.
    fn block(&mut self, depth: usize) -> Vec<Op> {
        let mut ops = Vec::new();
        while let Some(kind) = self.next() {
            ops.push(match kind % 32 {
                0..8 => break,
                8..11 => Op::Read(self.var()),
                11..13 => Op::Borrow(self.var()),
                13..16 => Op::Write(self.var(), self.value()),
                16..19 => Op::Add(self.var(), self.value()),
                19 => Op::Replace(self.var(), self.value()),
                20 => Op::Copy(self.var(), self.var()),
                21 => Op::Fill(self.var(), self.value()),
                22 => Op::Fresh(self.value()),
                23..27 if depth < DEPTH => Op::OrElse(self.block(depth + 1), self.block(depth + 1)),
                23..28 => Op::Check(self.var()),
                28 | 29 => Op::Retry,
                30 => Op::Abort(self.byte()),
                _ => Op::Panic,
            });
        }
        ops
    }
}
