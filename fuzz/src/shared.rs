//! How programs run on the engine.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use reweave_stm::{Attempt, Engine, Interrupt, Participant, Stop, TVar, TransactionError, Tx, abort, check, retry};

use crate::census::{Census, Counted};
use crate::plain::{Expected, Outcome};
use crate::program::{Op, VARS};

/// An engine with the variables of a program.
#[derive(Debug)]
pub struct Shared {
    vars: Vec<Var>,
    participant: Participant,
    engine: Engine,
    census: Census,
}

/// A variable: kept in place, likewise but on cache lines of its own, or behind a pointer.
#[derive(Debug)]
enum Var {
    Number(TVar<u64>),
    Counted(TVar<Counted>),
}

/// What a panic on purpose carries.
struct OnPurpose;

type Ends<T> = Result<T, Stop<u8>>;

impl Shared {
    /// An engine of its own, with variables that are zero.
    pub fn new(census: &Census) -> Self {
        let engine = Engine::new();
        let vars = (0..VARS).map(|index| Var::new(&engine, census, index, 0)).collect();
        Self { vars, participant: engine.participate(), engine, census: census.clone() }
    }

    /// Sets a variable outside of transactions.
    pub fn store(&self, var: usize, value: u64) {
        match &self.vars[var] {
            Var::Number(var) => var.store(value),
            Var::Counted(var) => var.store(self.census.value(value)),
        }
    }

    /// Drops a variable, and puts a new one in its place.
    pub fn renew(&mut self, var: usize, value: u64) {
        self.vars[var] = Var::new(&self.engine, &self.census, var, value);
    }

    /// All values as of one instant.
    pub fn snapshot(&self) -> [u64; VARS] {
        self.engine.snapshot(|now| {
            std::array::from_fn(|index| match &self.vars[index] {
                Var::Number(var) => now.read(var),
                Var::Counted(var) => now.with(var, Counted::number),
            })
        })
    }

    /// All values, one after the other.
    pub fn loaded(&self) -> [u64; VARS] {
        std::array::from_fn(|index| match &self.vars[index] {
            Var::Number(var) => var.load(),
            Var::Counted(var) => var.load().number(),
        })
    }

    /// How many attempts met a conflict.
    pub fn conflicts(&self) -> u64 {
        self.engine.stats().aborts.total()
    }

    /// Runs a transaction and checks what comes out of it.
    ///
    /// # Panics
    /// When that is not what was expected.
    pub fn transaction(&self, ops: &[Op], expected: &Expected, explicit: bool, once: bool) {
        let seen = RefCell::new(Vec::new());
        let mut runs = 0;
        let mut body = |tx: &mut Tx<'_>| {
            runs += 1;
            self.block(tx, ops, &seen)
        };
        // What would sleep can be asked only whether it would.
        let waits = expected.outcome == Outcome::Retry && expected.read_shared;
        let attempted = waits || (once && expected.outcome == Outcome::Done);
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            if attempted {
                let body = |tx: &mut Tx<'_>| body(tx).map_err(never_aborts);
                let attempt = if explicit { self.participant.attempt(body) } else { self.engine.attempt(body) };
                match attempt {
                    Attempt::Committed(()) => Outcome::Done,
                    Attempt::Retry => Outcome::Retry,
                    Attempt::Conflict(cause) => panic!("a conflict with nobody: {cause}"),
                }
            } else {
                let result =
                    if explicit { self.participant.try_atomically(body) } else { self.engine.try_atomically(body) };
                match result {
                    Ok(()) => Outcome::Done,
                    Err(TransactionError::Aborted(code)) => Outcome::Abort(code),
                    Err(TransactionError::NothingToWaitFor) => Outcome::Retry,
                    Err(TransactionError::Stopped(stopped)) => panic!("stopped with no token to stop it: {stopped}"),
                }
            }
        }));
        let outcome = outcome.unwrap_or_else(|panic| match panic.downcast::<OnPurpose>() {
            Ok(_) => Outcome::Panic,
            Err(other) => resume_unwind(other),
        });
        assert_eq!(outcome, expected.outcome, "how the transaction ends");
        assert_eq!(seen.into_inner(), expected.seen, "what the transaction sees");
        assert_eq!(runs, 1, "how often its body runs");
    }

    fn block(&self, tx: &mut Tx<'_>, ops: &[Op], seen: &RefCell<Vec<u64>>) -> Ends<()> {
        ops.iter().try_for_each(|op| self.op(tx, op, seen))
    }

    fn op(&self, tx: &mut Tx<'_>, op: &Op, seen: &RefCell<Vec<u64>>) -> Ends<()> {
        let see = |value| seen.borrow_mut().push(value);
        match op {
            Op::Read(var) => see(self.read(tx, *var)?),
            Op::Borrow(var) => see(match &self.vars[*var] {
                Var::Number(var) => var.with(tx, |value| *value)?,
                Var::Counted(var) => var.with(tx, Counted::number)?,
            }),
            Op::Write(var, value) => self.write(tx, *var, *value)?,
            Op::Add(var, amount) => match &self.vars[*var] {
                Var::Number(var) => var.modify(tx, |value| value.wrapping_add(*amount))?,
                Var::Counted(var) => {
                    var.modify(tx, |value| value.with_number(value.number().wrapping_add(*amount)))?;
                }
            },
            Op::Replace(var, value) => see(match &self.vars[*var] {
                Var::Number(var) => var.replace(tx, *value)?,
                Var::Counted(var) => var.replace(tx, self.census.value(*value))?.number(),
            }),
            Op::Copy(from, to) => {
                let value = self.read(tx, *from)?;
                self.write(tx, *to, value)?;
            }
            Op::Fill(first, value) => (*first..VARS).try_for_each(|var| self.write(tx, var, *value))?,
            Op::Fresh(value) => {
                // Also written, so that its last handle goes while it is in the write set.
                let fresh = TVar::new_in(&self.engine, self.census.value(*value));
                see(fresh.replace(tx, self.census.value(!*value))?.number());
                see(fresh.read(tx)?.number());
            }
            Op::OrElse(first, second) => {
                tx.or_else(|tx| self.block(tx, first, seen), |tx| self.block(tx, second, seen))?;
            }
            Op::Check(var) => check(self.read(tx, *var)?.is_multiple_of(2))?,
            Op::Retry => retry()?,
            Op::Abort(code) => abort(*code)?,
            // Not `panic!`: a fuzzer takes what passes the panic hook for a find.
            Op::Panic => resume_unwind(Box::new(OnPurpose)),
        }
        Ok(())
    }

    fn read(&self, tx: &mut Tx<'_>, var: usize) -> Ends<u64> {
        Ok(match &self.vars[var] {
            Var::Number(var) => var.read(tx)?,
            Var::Counted(var) => var.read(tx)?.number(),
        })
    }

    fn write(&self, tx: &mut Tx<'_>, var: usize, value: u64) -> Ends<()> {
        match &self.vars[var] {
            Var::Number(var) => var.write(tx, value)?,
            Var::Counted(var) => var.write(tx, self.census.value(value))?,
        }
        Ok(())
    }
}

impl Var {
    /// The variable of this index: all kinds take turns.
    fn new(engine: &Engine, census: &Census, index: usize, value: u64) -> Self {
        match index % 4 {
            0 => Var::Number(TVar::new_in(engine, value)),
            1 => Var::Number(TVar::new_padded_in(engine, value)),
            2 => Var::Counted(TVar::new_in(engine, census.value(value))),
            _ => Var::Counted(TVar::new_padded_in(engine, census.value(value))),
        }
    }
}

fn never_aborts(stop: Stop<u8>) -> Interrupt {
    match stop {
        Stop::Interrupt(interrupt) => interrupt,
        Stop::Abort(code) => panic!("the body aborted with {code}, and was expected not to"),
    }
}
