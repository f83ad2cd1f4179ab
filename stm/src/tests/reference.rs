//! Sequential behaviour against a reference: whatever the program, the engine does what plain variables would.

use quickcheck::{Arbitrary, Gen, QuickCheck};

use crate::{Engine, Stop, TVar, Tx, retry};

const VARS: u8 = 4;

#[derive(Clone, Debug)]
enum Op {
    Add(u8, i8),
    Copy(u8, u8),
    OrElse(Vec<Op>, bool, Vec<Op>),
}

#[derive(Clone, Debug)]
struct Transaction {
    ops: Vec<Op>,
    aborts: bool,
}

impl Arbitrary for Op {
    fn arbitrary(g: &mut Gen) -> Self {
        let var = |g: &mut Gen| u8::arbitrary(g) % VARS;
        let branch = |g: &mut Gen| {
            let mut smaller = Gen::new(g.size() / 5);
            if smaller.size() == 0 { Vec::new() } else { Vec::arbitrary(&mut smaller) }
        };
        match u8::arbitrary(g) % 4 {
            0 => Op::OrElse(branch(g), bool::arbitrary(g), branch(g)),
            1 => Op::Copy(var(g), var(g)),
            _ => Op::Add(var(g), i8::arbitrary(g)),
        }
    }
}

impl Arbitrary for Transaction {
    fn arbitrary(g: &mut Gen) -> Self {
        Self { ops: Vec::arbitrary(g), aborts: u8::arbitrary(g) % 4 == 0 }
    }
}

/// The reference: plain variables, copied before whatever may be undone.
fn run_plain(ops: &[Op], state: &mut [i64]) {
    for op in ops {
        match op {
            Op::Add(var, amount) => state[usize::from(*var)] += i64::from(*amount),
            Op::Copy(from, to) => state[usize::from(*to)] = state[usize::from(*from)],
            Op::OrElse(first, retries, second) => {
                let mut branch = state.to_vec();
                run_plain(if *retries { second } else { first }, &mut branch);
                state.copy_from_slice(&branch);
            }
        }
    }
}

/// The engine, with numbers in place at even positions and boxed at odd ones.
struct Shared(Vec<(TVar<i64>, TVar<Box<i64>>)>);

impl Shared {
    fn get(&self, tx: &mut Tx<'_>, var: u8) -> Result<i64, Stop<()>> {
        let (plain, boxed) = &self.0[usize::from(var)];
        Ok(if var.is_multiple_of(2) { plain.read(tx)? } else { boxed.with(tx, |value| **value)? })
    }

    fn set(&self, tx: &mut Tx<'_>, var: u8, value: i64) -> Result<(), Stop<()>> {
        let (plain, boxed) = &self.0[usize::from(var)];
        if var.is_multiple_of(2) {
            plain.write(tx, value)?
        } else {
            boxed.write(tx, Box::new(value))?
        }
        Ok(())
    }

    fn run(&self, tx: &mut Tx<'_>, ops: &[Op]) -> Result<(), Stop<()>> {
        for op in ops {
            match op {
                Op::Add(var, amount) => {
                    let value = self.get(tx, *var)?;
                    self.set(tx, *var, value + i64::from(*amount))?;
                }
                Op::Copy(from, to) => {
                    let value = self.get(tx, *from)?;
                    self.set(tx, *to, value)?;
                }
                Op::OrElse(first, retries, second) => tx.or_else(
                    |tx| {
                        self.run(tx, first)?;
                        if *retries { Ok(retry()?) } else { Ok(()) }
                    },
                    |tx| self.run(tx, second),
                )?,
            }
        }
        Ok(())
    }
}

fn agrees(program: Vec<Transaction>) -> bool {
    let engine = Engine::new();
    let shared = Shared((0..VARS).map(|_| (TVar::new_in(&engine, 0), TVar::new_in(&engine, Box::new(0)))).collect());
    let mut plain = vec![0; usize::from(VARS)];
    program.iter().all(|transaction| {
        let outcome = engine.try_atomically(|tx| {
            shared.run(tx, &transaction.ops)?;
            if transaction.aborts { Err(Stop::Abort(())) } else { Ok(()) }
        });
        if outcome.is_ok() {
            run_plain(&transaction.ops, &mut plain);
        }
        let loaded = |var: usize| if var.is_multiple_of(2) { shared.0[var].0.load() } else { *shared.0[var].1.load() };
        let seen = engine.snapshot(|s| {
            let read =
                |var: usize| if var.is_multiple_of(2) { s.read(&shared.0[var].0) } else { *s.read(&shared.0[var].1) };
            (0..plain.len()).map(read).collect::<Vec<_>>()
        });
        seen == plain && (0..plain.len()).map(loaded).eq(plain.iter().copied())
    })
}

#[test]
fn transactions_do_what_plain_variables_would() {
    QuickCheck::new().tests(500).rng(Gen::new(24)).quickcheck(agrees as fn(Vec<Transaction>) -> bool);
}
