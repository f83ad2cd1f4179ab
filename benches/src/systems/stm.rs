//! The crate `stm` 0.4.
//!
//! A single-version transactional memory: reads and writes go to a log, and a commit locks every variable in the log,
//! compares what was read with what is there, and writes. Audits and snapshots are ordinary transactions, as it knows no
//! others. It is not opaque: a transaction that will not commit may have seen what never was.
//!
//! Its variables are always separate allocations behind an `Arc`, so there is no layout to choose. It keeps no
//! statistics: a body that ran more than once lost each time but the last to a conflict, since no body here asks to be
//! retried.

use std::cell::Cell;
use std::fmt;

use ::stm::{StmError, TVar, Transaction, atomically};
use crossbeam_utils::CachePadded;
use reweave_core::sync::atomic::{AtomicU64, Ordering};

use crate::workload::bank::Bank;
use crate::workload::stm::memory;

/// Where that crate's variables live: nowhere in particular. Counts the attempts that were in vain.
#[derive(Debug, Default)]
pub struct Memory {
    /// Touched after a conflict only.
    conflicts: CachePadded<AtomicU64>,
}

impl Memory {
    /// Runs a transaction, and counts the attempts that were in vain.
    #[inline]
    fn run<T>(&self, body: impl Fn(&mut Transaction) -> Result<T, StmError>) -> T {
        let attempts = Cell::new(0_u64);
        let result = atomically(|tx| {
            attempts.set(attempts.get() + 1);
            body(tx)
        });
        if attempts.get() > 1 {
            self.conflicts.fetch_add(attempts.get() - 1, Ordering::Relaxed);
        }
        result
    }
}

impl memory::View for Transaction {
    type Cell = TVar<u64>;
    type Stop = StmError;

    #[inline]
    fn read(&mut self, cell: &TVar<u64>) -> Result<u64, StmError> {
        cell.read(self)
    }

    /// Waits for a change of what was read, which has happened already.
    fn torn(&self) -> StmError {
        StmError::Retry
    }
}

impl memory::Transaction for Transaction {
    #[inline]
    fn write(&mut self, cell: &TVar<u64>, value: u64) -> Result<(), StmError> {
        cell.write(self, value)
    }
}

impl memory::Memory for Memory {
    type Cell = TVar<u64>;
    type Stop = StmError;
    type Tx<'t> = Transaction;
    type Look<'l> = Transaction;
    type Snapshot<'s> = Transaction;

    fn new() -> Self {
        Self::default()
    }

    fn cell(&self, value: u64) -> TVar<u64> {
        TVar::new(value)
    }

    #[inline]
    fn atomically<R>(&self, body: impl Fn(&mut Transaction) -> Result<R, StmError>) -> R {
        self.run(body)
    }

    #[inline]
    fn look<R>(&self, body: impl Fn(&mut Transaction) -> Result<R, StmError>) -> R {
        self.run(body)
    }

    #[inline]
    fn snapshot<R>(&self, body: impl Fn(&mut Transaction) -> Result<R, StmError>) -> R {
        self.run(body)
    }

    fn aborts(&self) -> Vec<(&'static str, u64)> {
        vec![("conflict", self.conflicts.load(Ordering::Relaxed))]
    }
}

/// A bank with one of that crate's variables for each account.
pub struct Accounts {
    accounts: Vec<TVar<i64>>,
    memory: Memory,
}

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accounts").field("accounts", &self.accounts.len()).finish_non_exhaustive()
    }
}

impl Bank for Accounts {
    fn open(accounts: usize, balance: i64) -> Self {
        Self { accounts: (0..accounts).map(|_| TVar::new(balance)).collect(), memory: Memory::default() }
    }

    #[inline]
    fn transfer(&self, from: usize, to: usize, amount: i64) -> bool {
        let (from, to) = (&self.accounts[from], &self.accounts[to]);
        self.memory.run(|tx| {
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
        self.memory.run(|tx| self.accounts.iter().map(|account| account.read(tx)).sum())
    }

    fn aborts(&self) -> Vec<(&'static str, u64)> {
        memory::Memory::aborts(&self.memory)
    }
}
