//! What all of a nursery share: its children, and what has failed.

use std::any::Any;
use std::panic::resume_unwind;

use reweave_core::seeded;
use reweave_core::sync::{Arc, Mutex};

use super::{Children, Failure, NurseryError, Options};
use crate::job::quietly;

pub(super) type Panic = Box<dyn Any + Send>;

/// The children, and what has failed.
pub(super) struct Group<E> {
    pub(super) children: Arc<Children>,
    failures: Mutex<Failures<E>>,
    keep_panics: bool,
}

struct Failures<E> {
    /// The one that was the first to cancel the token.
    first: Option<Failure<E>>,
    later: Vec<Failure<E>>,
}

impl<E> Group<E> {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            children: Arc::new(Children::new(options)),
            failures: Mutex::new(Failures { first: None, later: Vec::new() }),
            keep_panics: options.keeps_panics(),
        }
    }

    /// What came of a child.
    pub(super) fn heed_child(&self, outcome: Result<Result<(), E>, Panic>) {
        if let Err(panic) = &outcome {
            // The child's task contains it, and has not panicked itself.
            self.children.pool().panicked(&**panic);
        }
        self.heed(outcome);
    }

    /// What came of a child or of the body: its value, or its failure is recorded.
    pub(super) fn heed<T>(&self, outcome: Result<Result<T, E>, Panic>) -> Option<T> {
        match outcome {
            Ok(Ok(value)) => return Some(value),
            Ok(Err(error)) => self.fail(Failure::Failed(error)),
            Err(panic) => self.fail(Failure::Panicked(panic)),
        }
        None
    }

    /// A child was dropped before it had ended. That is a failure, unless the nursery is cancelled anyway.
    pub(super) fn heed_drop(&self, dropped: Result<(), Panic>) {
        match dropped {
            Err(panic) => self.fail(Failure::Panicked(panic)),
            Ok(()) if self.children.token().is_cancelled() => {}
            Ok(()) => self.fail(Failure::Abandoned),
        }
    }

    /// Records a failure. By one who is counted.
    fn fail(&self, failure: Failure<E>) {
        let token = self.children.token();
        // With no lock held: it runs callbacks of others.
        let is_first = seeded("nursery/cancel-nobody") || token.cancel(failure.reason());
        if seeded("nursery/lose-error") {
            // Looks and writes as two steps.
            let is_first = self.failures.lock().first.is_none();
            self.record(failure, is_first);
            return;
        }
        self.record(failure, is_first || seeded("nursery/last-comes-first"));
    }

    fn record(&self, failure: Failure<E>, is_first: bool) {
        let mut failures = self.failures.lock();
        if is_first {
            failures.first = Some(failure);
        } else {
            failures.later.push(failure);
        }
    }

    /// What comes out: the value of the body, or what came first. All have ended.
    ///
    /// # Panics
    /// With the panic that came first, unless panics are kept.
    pub(super) fn verdict<T>(&self, value: Option<T>) -> Result<T, NurseryError<E>> {
        let (first, suppressed) = {
            let mut failures = self.failures.lock();
            (failures.first.take(), std::mem::take(&mut failures.later))
        };
        let cancelled = || self.children.token().reason().map(Failure::Cancelled);
        let Some(cause) = first.or_else(cancelled) else {
            return Ok(value.expect("a body without a value has failed, or was cancelled"));
        };
        // The rest is user code, which may panic as it is dropped.
        quietly(|| drop(value));
        match cause {
            Failure::Panicked(panic) if !self.keep_panics => {
                quietly(|| drop(suppressed));
                resume_unwind(panic)
            }
            cause => Err(NurseryError { cause, suppressed }),
        }
    }
}
