//! This project's transactional memory.
//!
//! Each instance has an engine of its own, so that two of them share no clock and their statistics are their own.

use std::fmt;
use std::marker::PhantomData;

use reweave_stm::{Engine, Interrupt, TVar, Tx};

use crate::systems::place::Place;
use crate::workload::bank::Bank;
use crate::workload::stm::memory;

/// A bank with a transactional variable for each account. Transfers are transactions; audits are snapshots, which never
/// abort and stop nobody.
pub struct Accounts<P> {
    engine: Engine,
    accounts: Vec<TVar<i64>>,
    place: PhantomData<P>,
}

impl<P> fmt::Debug for Accounts<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accounts").field("accounts", &self.accounts.len()).finish_non_exhaustive()
    }
}

impl<P: Place> Bank for Accounts<P> {
    fn open(accounts: usize, balance: i64) -> Self {
        let engine = Engine::new();
        let variable = if P::PADDED { TVar::new_padded_in } else { TVar::new_in };
        let accounts = (0..accounts).map(|_| variable(&engine, balance)).collect();
        Self { engine, accounts, place: PhantomData }
    }

    #[inline]
    fn transfer(&self, from: usize, to: usize, amount: i64) -> bool {
        let (from, to) = (&self.accounts[from], &self.accounts[to]);
        self.engine.atomically(|tx| {
            let balance = from.read(tx)?;
            if balance < amount {
                return Ok(false);
            }
            let other = to.read(tx)?;
            from.write(tx, balance - amount)?;
            to.write(tx, other + amount)?;
            Ok(true)
        })
    }

    #[inline]
    fn audit(&self) -> i64 {
        self.engine.snapshot(|now| self.accounts.iter().map(|account| now.read(account)).sum())
    }

    fn aborts(&self) -> Vec<(&'static str, u64)> {
        self.engine.stats().aborts.iter().collect()
    }
}

/// An engine whose variables are placed as `P` says.
pub struct Memory<P>(Engine, PhantomData<P>);

impl<P> fmt::Debug for Memory<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Memory").field(&self.0).finish()
    }
}

impl memory::View for Tx<'_> {
    type Cell = TVar<u64>;
    type Stop = Interrupt;

    #[inline(always)]
    fn read(&mut self, cell: &TVar<u64>) -> Result<u64, Interrupt> {
        cell.read(self)
    }

    fn torn(&self) -> Interrupt {
        torn()
    }
}

impl memory::Transaction for Tx<'_> {
    #[inline(always)]
    fn write(&mut self, cell: &TVar<u64>, value: u64) -> Result<(), Interrupt> {
        cell.write(self, value)
    }
}

/// A snapshot of the engine, lent to a block.
#[derive(Debug)]
pub struct Snapshot<'s>(&'s reweave_stm::Snapshot<'s>);

impl memory::View for Snapshot<'_> {
    type Cell = TVar<u64>;
    type Stop = Interrupt;

    #[inline(always)]
    fn read(&mut self, cell: &TVar<u64>) -> Result<u64, Interrupt> {
        Ok(self.0.read(cell))
    }

    fn torn(&self) -> Interrupt {
        torn()
    }
}

fn torn() -> ! {
    panic!("a transaction saw what never was: the engine promises opacity")
}

impl<P: Place> memory::Memory for Memory<P> {
    type Cell = TVar<u64>;
    type Stop = Interrupt;
    type Tx<'t> = Tx<'t>;
    type Look<'l> = Tx<'l>;
    type Snapshot<'s> = Snapshot<'s>;

    fn new() -> Self {
        Self(Engine::new(), PhantomData)
    }

    fn cell(&self, value: u64) -> TVar<u64> {
        if P::PADDED { TVar::new_padded_in(&self.0, value) } else { TVar::new_in(&self.0, value) }
    }

    #[inline]
    fn atomically<R>(&self, body: impl Fn(&mut Tx<'_>) -> Result<R, Interrupt>) -> R {
        self.0.atomically(body)
    }

    #[inline]
    fn look<R>(&self, body: impl Fn(&mut Tx<'_>) -> Result<R, Interrupt>) -> R {
        self.0.atomically(body)
    }

    #[inline]
    fn snapshot<R>(&self, body: impl Fn(&mut Snapshot<'_>) -> Result<R, Interrupt>) -> R {
        match self.0.snapshot(|now| body(&mut Snapshot(now))) {
            Ok(result) => result,
            Err(_) => unreachable!("a snapshot is never interrupted"),
        }
    }

    fn aborts(&self) -> Vec<(&'static str, u64)> {
        self.0.stats().aborts.iter().collect()
    }
}
