//! What the models of a scheduler share that run on a [`Kernel`]: threads that are workers for a while, and slates.

use reweave_core::sync::{Arc, UnsafeCell, thread};
use reweave_sched::kernel::{Desk, Kernel};

/// What a job marks, and whoever learns of its end reads.
///
/// The marks stand in an instrumented cell. It outlives everything in the model: so a job that does what it must not is
/// reported, and nothing worse.
#[derive(Clone)]
pub(super) struct Slate(Arc<Watched>);

struct Watched(UnsafeCell<u32>);

// SAFETY: the models check that its accesses are ordered; the checkers report where they are not.
unsafe impl Send for Watched {}
// SAFETY: as above.
unsafe impl Sync for Watched {}

impl Slate {
    pub(super) fn new() -> Self {
        Self(Arc::new(Watched(UnsafeCell::new(0))))
    }

    pub(super) fn mark(&self) {
        // SAFETY: reported if not.
        self.0.0.with_mut(|marks| unsafe { *marks += 1 });
    }

    /// How many marks there are.
    pub(super) fn marks(&self) -> u32 {
        // SAFETY: reported if not.
        self.0.0.with(|marks| unsafe { *marks })
    }
}

/// A thread that is this worker while it runs `body`.
pub(super) fn at_work(
    kernel: &Arc<Kernel>,
    index: usize,
    body: impl FnOnce(&Desk<'_>) + Send + 'static,
) -> thread::JoinHandle<()> {
    let kernel = kernel.clone();
    thread::spawn(move || kernel.work(index, body))
}

/// A thread that is this worker and looks for a job so often.
pub(super) fn worker(kernel: &Arc<Kernel>, index: usize, looks: usize) -> thread::JoinHandle<()> {
    at_work(kernel, index, move |desk| look(desk, looks))
}

/// Looks for a job so often, and does it if there is one.
pub(super) fn look(desk: &Desk<'_>, looks: usize) {
    for _ in 0..looks {
        desk.work_once();
    }
}

/// Does what there is to do.
pub(super) fn work_off(desk: &Desk<'_>) {
    while desk.work_once() {}
}
