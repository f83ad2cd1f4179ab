//! Two-phase locking: a `parking_lot` mutex for each object, taken in the order of their indices.
//!
//! What a careful programmer writes by hand, and the baseline that others are compared with: all locks of an operation
//! are taken before any is released (which makes it serialisable), always in the same order (which rules deadlock out).

use parking_lot::Mutex;

use super::place::{Padded, Place};
use crate::workload::bank::Bank;
use crate::workload::stm::counters;

/// A bank with a lock for each account. A transfer takes two; an audit takes them all, and holds them until it has seen
/// the last account, since it would otherwise miss or double money that is moved past it.
pub struct Accounts<P: Place>(Vec<P::Cell<Mutex<i64>>>);

impl<P: Place> Bank for Accounts<P> {
    fn open(accounts: usize, balance: i64) -> Self {
        Self((0..accounts).map(|_| Mutex::new(balance).into()).collect())
    }

    #[inline]
    fn transfer(&self, from: usize, to: usize, amount: i64) -> bool {
        let (mut source, mut target);
        if from < to {
            source = self.0[from].lock();
            target = self.0[to].lock();
        } else {
            target = self.0[to].lock();
            source = self.0[from].lock();
        }
        if *source < amount {
            return false;
        }
        *source -= amount;
        *target += amount;
        true
    }

    fn audit(&self) -> i64 {
        let mut held = Vec::with_capacity(self.0.len());
        let mut sum = 0;
        for account in &self.0 {
            let account = account.lock();
            sum += *account;
            held.push(account);
        }
        sum
    }
}

/// Counters on cache lines of their own, with a lock each; a sum takes them all.
pub struct Counters(Vec<<Padded as Place>::Cell<Mutex<u64>>>);

impl counters::Counters for Counters {
    fn new(count: usize) -> Self {
        Self((0..count).map(|_| Mutex::new(0).into()).collect())
    }

    #[inline]
    fn add(&self, index: usize) {
        *self.0[index].lock() += 1;
    }

    #[inline]
    fn get(&self, index: usize) -> u64 {
        *self.0[index].lock()
    }

    fn sum(&self) -> u64 {
        let held: Vec<_> = self.0.iter().map(|counter| counter.lock()).collect();
        held.iter().map(|counter| **counter).sum()
    }
}
