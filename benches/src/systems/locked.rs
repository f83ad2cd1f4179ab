//! Plain cells under one lock, as a transactional memory: what the program without transactions does.
//!
//! The cells are relaxed atomics, whose loads and stores are the processor's plain ones: the only price for safe code is
//! that the compiler keeps every access.

use std::convert::Infallible;
use std::fmt;
use std::marker::PhantomData;

use crossbeam_utils::CachePadded;
use reweave_core::sync::atomic::{AtomicU64, Ordering};

use super::place::Place;
use crate::workload::stm::memory::{Memory, Transaction, View};

/// A lock around nothing in particular.
pub trait Gate: Default + Send + Sync + 'static {
    /// Runs `f` while nobody else is inside.
    fn alone<R>(&self, f: impl FnOnce() -> R) -> R;

    /// Runs `f` while nobody else is inside, or only others who look.
    fn shared<R>(&self, f: impl FnOnce() -> R) -> R {
        self.alone(f)
    }
}

/// Cells, placed as `P` says, under the lock `G`.
pub struct Locked<G, P>(CachePadded<G>, PhantomData<P>);

impl<G, P> fmt::Debug for Locked<G, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Locked").finish_non_exhaustive()
    }
}

/// The inside of the lock.
#[derive(Debug)]
pub struct Inside<P>(PhantomData<P>);

impl<P: Place> View for Inside<P> {
    type Cell = P::Cell<AtomicU64>;
    type Stop = Infallible;

    #[inline]
    fn read(&mut self, cell: &Self::Cell) -> Result<u64, Infallible> {
        Ok(cell.load(Ordering::Relaxed))
    }

    fn torn(&self) -> Infallible {
        panic!("the structure is broken: nobody else was inside the lock")
    }
}

impl<P: Place> Transaction for Inside<P> {
    #[inline]
    fn write(&mut self, cell: &Self::Cell, value: u64) -> Result<(), Infallible> {
        cell.store(value, Ordering::Relaxed);
        Ok(())
    }
}

impl<G: Gate, P: Place> Memory for Locked<G, P> {
    type Cell = P::Cell<AtomicU64>;
    type Stop = Infallible;
    type Tx<'t> = Inside<P>;
    type Look<'l> = Inside<P>;
    type Snapshot<'s> = Inside<P>;

    fn new() -> Self {
        Self(CachePadded::default(), PhantomData)
    }

    fn cell(&self, value: u64) -> Self::Cell {
        AtomicU64::new(value).into()
    }

    #[inline]
    fn atomically<R>(&self, body: impl Fn(&mut Inside<P>) -> Result<R, Infallible>) -> R {
        let Ok(result) = self.0.alone(|| body(&mut Inside(PhantomData)));
        result
    }

    #[inline]
    fn look<R>(&self, body: impl Fn(&mut Inside<P>) -> Result<R, Infallible>) -> R {
        let Ok(result) = self.0.shared(|| body(&mut Inside(PhantomData)));
        result
    }

    #[inline]
    fn snapshot<R>(&self, body: impl Fn(&mut Inside<P>) -> Result<R, Infallible>) -> R {
        self.look(body)
    }
}
