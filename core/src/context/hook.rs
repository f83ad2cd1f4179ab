//! The hook for blocking: a scheduler learns that one of its workers is about to wait.

use std::fmt;
use std::ops::Deref;

use super::Context;
use crate::reclaim::contain;
use crate::sync::Arc;

/// What a scheduler wants to know of its workers: when one blocks, and when it goes on.
///
/// Both are called on the worker itself, around each wait that goes to sleep: a pool can put another thread in its place in
/// the meantime. A short spin is not announced. A panic in either is contained and changes nothing else. A hook that itself waits
/// is announced again: it should enter a context without the hook first.
pub trait BlockingHook: Send + Sync {
    /// The current thread is about to block.
    fn block(&self);

    /// The current thread goes on.
    fn unblock(&self);
}

/// A shared [`BlockingHook`], for [`Context::hook`].
#[derive(Clone)]
pub struct Hook(Arc<Box<dyn BlockingHook>>);

impl Hook {
    /// Shares a hook.
    pub fn new(hook: impl BlockingHook + 'static) -> Self {
        Self(Arc::new(Box::new(hook)))
    }
}

impl Deref for Hook {
    type Target = dyn BlockingHook;
    fn deref(&self) -> &Self::Target {
        &**self.0
    }
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hook")
    }
}

/// Announces that the thread blocks; the returned guard, that it goes on.
pub(crate) fn announce(context: &Context) -> Announced<'_> {
    if let Some(hook) = &context.hook {
        contain(|| hook.block());
    }
    Announced(context.hook.as_ref())
}

pub(crate) struct Announced<'a>(Option<&'a Hook>);

impl Drop for Announced<'_> {
    fn drop(&mut self) {
        if let Some(hook) = self.0 {
            contain(|| hook.unblock());
        }
    }
}
