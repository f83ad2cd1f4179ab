//! One lock around everything: `std::sync::Mutex`.
//!
//! The simplest program that is right, and hard to beat while one thread is at work. Also the lock itself.
#![allow(clippy::disallowed_types, clippy::disallowed_methods)] // The system under test is the standard library's.

use std::sync::{Arc, Mutex, PoisonError};

use super::locked::Gate;
use super::place::Place;
use crate::workload::bank::Bank;
use crate::workload::{atoms, locks};

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

/// A number behind an `Arc`, which readers clone under the lock.
#[derive(Debug)]
pub struct Atom(Mutex<Arc<u64>>);

impl atoms::Atom for Atom {
    fn new(value: u64) -> Self {
        Self(Mutex::new(Arc::new(value)))
    }

    #[inline]
    fn load(&self) -> u64 {
        let value = Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner));
        *value
    }

    #[inline]
    fn swap(&self, f: impl Fn(u64) -> u64) {
        let mut value = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *value = Arc::new(f(**value));
    }
}

/// A number behind the lock.
#[derive(Debug)]
pub struct Lock(Mutex<u64>);

impl locks::Lock for Lock {
    fn new(value: u64) -> Self {
        Self(Mutex::new(value))
    }

    #[inline]
    fn with<R>(&self, f: impl FnOnce(&mut u64) -> R) -> R {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The lock around nothing in particular.
#[derive(Debug, Default)]
pub struct Alone(Mutex<()>);

impl Gate for Alone {
    #[inline]
    fn alone<R>(&self, f: impl FnOnce() -> R) -> R {
        let _inside = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        f()
    }
}
