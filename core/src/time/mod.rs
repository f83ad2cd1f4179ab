//! Time: clocks, and how a wait lets a deadline pass.
//!
//! Nothing in the library reads the system's clock or sleeps by itself; a [`Clock`] does, which the
//! [context](crate::context) carries.

use std::time::Instant;

use crate::sync::Arc;
use crate::trigger::Trigger;

/// By whose time deadlines pass.
#[derive(Clone, Debug, Default)]
pub struct Clock(());

impl Clock {
    /// The system's monotonic clock.
    pub fn real() -> Self {
        Self::default()
    }

    /// What time it is.
    pub fn now(&self) -> Instant {
        Instant::now()
    }

    /// Blocks the thread until the trigger is signalled, and returns its token, or until the deadline: `None`.
    pub(crate) fn wait(&self, trigger: &Arc<Trigger>, deadline: Option<Instant>) -> Option<usize> {
        match deadline {
            None => Some(trigger.wait()),
            Some(deadline) => trigger.wait_until(deadline),
        }
    }
}
