//! One lock around everything that readers share: `std::sync::RwLock`.
//!
//! Audits run beside each other, and transfers alone.
#![allow(clippy::disallowed_types, clippy::disallowed_methods)] // The system under test is the standard library's.

use std::sync::{PoisonError, RwLock};

use super::place::Place;
use crate::workload::bank::Bank;

/// A bank in which several audits may run at a time, or one transfer.
pub struct Accounts<P: Place>(RwLock<Vec<P::Cell<i64>>>);

impl<P: Place> Bank for Accounts<P> {
    fn open(accounts: usize, balance: i64) -> Self {
        Self(RwLock::new((0..accounts).map(|_| balance.into()).collect()))
    }

    #[inline]
    fn transfer(&self, from: usize, to: usize, amount: i64) -> bool {
        let mut accounts = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if *accounts[from] < amount {
            return false;
        }
        *accounts[from] -= amount;
        *accounts[to] += amount;
        true
    }

    #[inline]
    fn audit(&self) -> i64 {
        let accounts = self.0.read().unwrap_or_else(PoisonError::into_inner);
        accounts.iter().map(|account| **account).sum()
    }
}
