//! What a scheduler keeps with the context of a task.

use std::any::Any;
use std::fmt;

use crate::sync::Arc;

/// Something of a scheduler's, of a type that only it knows: it goes wherever the [context](super::Context) of the task goes.
#[derive(Clone)]
pub struct Local(Arc<Box<dyn Any + Send + Sync>>);

impl Local {
    /// Shares it.
    pub fn new(value: impl Any + Send + Sync) -> Self {
        Self(Arc::new(Box::new(value)))
    }

    /// It, if it is of this type.
    pub fn get<T: Any>(&self) -> Option<&T> {
        (**self.0).downcast_ref()
    }
}

impl fmt::Debug for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Local")
    }
}
