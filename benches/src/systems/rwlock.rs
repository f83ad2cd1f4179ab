//! One lock around everything that readers share: `std::sync::RwLock`.
//!
//! Audits run beside each other, and transfers alone.
#![allow(clippy::disallowed_types, clippy::disallowed_methods)] // The system under test is the standard library's.

use std::sync::{Arc, PoisonError, RwLock};

use super::locked::Gate;
use super::place::Place;
use crate::workload::atoms;
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

/// A number behind an `Arc`, which readers clone under the lock that they share.
#[derive(Debug)]
pub struct Atom(RwLock<Arc<u64>>);

impl atoms::Atom for Atom {
    fn new(value: u64) -> Self {
        Self(RwLock::new(Arc::new(value)))
    }

    #[inline]
    fn load(&self) -> u64 {
        let value = Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner));
        *value
    }

    #[inline]
    fn swap(&self, f: impl Fn(u64) -> u64) {
        let mut value = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *value = Arc::new(f(**value));
    }
}

/// The lock around nothing in particular.
#[derive(Debug, Default)]
pub struct Shared(RwLock<()>);

impl Gate for Shared {
    #[inline]
    fn alone<R>(&self, f: impl FnOnce() -> R) -> R {
        let _inside = self.0.write().unwrap_or_else(PoisonError::into_inner);
        f()
    }

    #[inline]
    fn shared<R>(&self, f: impl FnOnce() -> R) -> R {
        let _inside = self.0.read().unwrap_or_else(PoisonError::into_inner);
        f()
    }
}
