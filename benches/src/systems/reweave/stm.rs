//! This project's transactional memory.
//!
//! Each instance has an engine of its own, so that two of them share no clock and their statistics are their own.

use std::fmt;
use std::marker::PhantomData;

use reweave_stm::{Engine, TVar};

use crate::systems::place::Place;
use crate::workload::bank::Bank;

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
