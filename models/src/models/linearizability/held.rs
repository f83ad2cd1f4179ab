//! What threads hold from one operation to the next: the guards of an object, a place for each thread.

use reweave_core::sync::Unseen;

/// The main thread and at most three others.
pub(super) const THREADS: usize = 4;

/// An object, and of each thread the guard that it holds.
///
/// The object is leaked, as guards that outlive a call cannot borrow from the subject that keeps them: some hundred
/// bytes an execution, in a process that ends with its model.
#[derive(Debug)]
pub(super) struct Held<T: 'static, G> {
    pub(super) object: &'static T,
    guards: [Unseen<Option<G>>; THREADS],
}

impl<T, G> Held<T, G> {
    pub(super) fn new(object: T) -> Self {
        Self { object: Box::leak(Box::new(object)), guards: [(); THREADS].map(|()| Unseen::new(None)) }
    }

    /// Whether the thread, which is the one that asks, holds a guard.
    pub(super) fn holds(&self, thread: usize) -> bool {
        self.guards[thread].with(|guard| guard.is_some())
    }

    /// Keeps a guard for the thread, which holds none.
    pub(super) fn keep(&self, thread: usize, guard: G) {
        let before = self.guards[thread].with(|place| place.replace(guard));
        assert!(before.is_none(), "a thread holds one guard");
    }

    /// Takes the guard of the thread, if it holds one.
    pub(super) fn take(&self, thread: usize) -> Option<G> {
        self.guards[thread].with(Option::take)
    }
}
