//! One lock around everything: `std::sync::Mutex`.
//!
//! The simplest program that is right, and hard to beat while one thread is at work.
#![allow(clippy::disallowed_types, clippy::disallowed_methods)] // The system under test is the standard library's.

use std::sync::{Mutex, PoisonError};

use super::place::Place;
use crate::workload::bank::Bank;

/// A bank that does one thing at a time.
pub struct Accounts<P: Place>(Mutex<Vec<P::Cell<i64>>>);

impl<P: Place> Bank for Accounts<P> {
    fn open(accounts: usize, balance: i64) -> Self {
        Self(Mutex::new((0..accounts).map(|_| balance.into()).collect()))
    }

    #[inline]
    fn transfer(&self, from: usize, to: usize, amount: i64) -> bool {
        let mut accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if *accounts[from] < amount {
            return false;
        }
        *accounts[from] -= amount;
        *accounts[to] += amount;
        true
    }

    #[inline]
    fn audit(&self) -> i64 {
        let accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        accounts.iter().map(|account| **account).sum()
    }
}
