//! Nurseries: nothing outlives them, and the first failure comes out.

mod cancelling;
mod ending;
mod failing;
mod futures;

use std::time::Duration;

use reweave_core::sync::Arc;
use reweave_core::sync::atomic::{AtomicUsize, Ordering};
use reweave_core::time;

use crate::nursery::Failure;

/// A count that children raise, and those who wait for them read.
#[derive(Clone, Default)]
struct Count(Arc<AtomicUsize>);

impl Count {
    fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Raises it, as the last that a child does.
    fn added<E>(&self) -> Result<(), E> {
        self.add();
        Ok(())
    }

    fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// Panics when it goes.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("a destructor")
    }
}

/// Blocks until the current token is cancelled.
fn until_cancelled() -> String {
    time::sleep(Duration::MAX).unwrap_err().to_string()
}

fn failed<E>(failure: &Failure<E>) -> Option<&E> {
    match failure {
        Failure::Failed(error) => Some(error),
        _ => None,
    }
}
