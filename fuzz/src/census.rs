//! Values that are counted: how many are alive at the moment.

use reweave_core::sync::Arc;
use reweave_core::sync::atomic::{AtomicUsize, Ordering};

/// Counts the values made of it.
#[derive(Clone, Debug, Default)]
pub struct Census(Arc<AtomicUsize>);

impl Census {
    /// How many values are alive; a value destroyed twice makes it wrap.
    pub fn alive(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// A new value.
    pub fn value(&self, number: u64) -> Counted {
        self.0.fetch_add(1, Ordering::Relaxed);
        Counted { number: Box::new(number), census: self.clone() }
    }
}

/// A number on the heap that its census knows of.
#[derive(Debug)]
pub struct Counted {
    number: Box<u64>,
    census: Census,
}

impl Counted {
    /// The number.
    pub fn number(&self) -> u64 {
        *self.number
    }

    /// A value of the same census.
    pub fn with_number(&self, number: u64) -> Self {
        self.census.value(number)
    }
}

impl Clone for Counted {
    fn clone(&self) -> Self {
        self.with_number(self.number())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.census.0.fetch_sub(1, Ordering::Relaxed);
    }
}
