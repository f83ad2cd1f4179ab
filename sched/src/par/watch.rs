//! What watches over an operation: whether it is to stop, how many may take part, and who is told how far it is.
//!
//! `()` watches over nothing and compiles to nothing.

use reweave_core::cancel::{Cancelled, Token};
use reweave_core::lock::Lock;
use reweave_core::seeded;
use reweave_core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Asked and told by those who work through the parts of an operation.
pub(super) trait Watch: Sync {
    /// The right to work on a part, held until its last item is done. Dropping it gives it back.
    type Slot<'a>: Send
    where
        Self: 'a;

    /// The slot of the part that is there from the beginning.
    fn first(&self) -> Self::Slot<'_>;

    /// A slot for another part, if one is free.
    fn another(&self) -> Option<Self::Slot<'_>>;

    /// Whether items that have not been begun are to be left out.
    fn is_stopped(&self) -> bool;

    /// So many more items are done.
    fn advanced(&self, items: usize);
}

impl Watch for () {
    type Slot<'a> = ();

    #[inline]
    fn first(&self) {}

    #[inline]
    fn another(&self) -> Option<()> {
        Some(())
    }

    #[inline]
    fn is_stopped(&self) -> bool {
        false
    }

    #[inline]
    fn advanced(&self, _: usize) {}
}

/// Watches over one operation with options.
pub(super) struct Guard<'a> {
    /// Stops it.
    token: Option<Token>,
    /// It has been stopped before all items were done.
    stopped: AtomicBool,
    slots: Slots,
    progress: Option<Progress<'a>>,
}

impl<'a> Guard<'a> {
    pub(super) fn new(token: Option<Token>, most: usize, progress: Option<Progress<'a>>) -> Self {
        Self { token, stopped: AtomicBool::new(false), slots: Slots::new(most), progress }
    }

    /// Why it was stopped before all items were done, if it was.
    pub(super) fn stopped(&self) -> Option<Cancelled> {
        // Relaxed: whoever stored it has ended, and was joined.
        if !self.stopped.load(Ordering::Relaxed) {
            return None;
        }
        self.token.as_ref()?.reason()
    }

    /// All items are done, and everybody who did some was joined: the last call of the callback.
    pub(super) fn completed(&self) {
        if let Some(progress) = &self.progress {
            progress.tell(progress.done.load(Ordering::Relaxed), 1);
        }
    }
}

impl Watch for Guard<'_> {
    type Slot<'a>
        = Slot<'a>
    where
        Self: 'a;

    fn first(&self) -> Slot<'_> {
        self.slots.take().expect("at least one part is allowed, and this is the first")
    }

    fn another(&self) -> Option<Slot<'_>> {
        self.slots.take()
    }

    fn is_stopped(&self) -> bool {
        let cancelled = self.token.as_ref().is_some_and(Token::is_cancelled) && !seeded("par/heed-nothing");
        if cancelled {
            self.stopped.store(true, Ordering::Relaxed);
        }
        cancelled
    }

    fn advanced(&self, items: usize) {
        if let Some(progress) = &self.progress
            && items > 0
        {
            progress.advance(items);
        }
    }
}

/// How many more parts there may be.
pub(super) struct Slots(AtomicUsize);

impl Slots {
    pub(super) fn new(most: usize) -> Self {
        Self(AtomicUsize::new(most.max(1)))
    }

    pub(super) fn take(&self) -> Option<Slot<'_>> {
        let mut free = self.0.load(Ordering::Relaxed);
        while free > 0 {
            // Acquire pairs with the release of the drop: whoever has the slot comes after who had it.
            match self.0.compare_exchange(free, free - 1, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return Some(Slot(self)),
                Err(now) => free = now,
            }
        }
        seeded("par/overshoot").then(|| Slot(self))
    }
}

/// One of [`Slots`].
pub(super) struct Slot<'a>(&'a Slots);

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, Ordering::Release);
    }
}

/// Who is told how many items are done.
///
/// After each step somebody tells, who holds the lock meanwhile. Whoever comes to another step while it is held leaves that to the holder, who
/// looks again when he has let go. What both do last is a read-modify-write of the count: so the holder sees the step, or whoever came to it
/// sees the lock free.
pub(super) struct Progress<'a> {
    callback: &'a (dyn Fn(usize) + Sync),
    /// After how many more items.
    step: usize,
    done: AtomicUsize,
    /// The number that was told last. Held while the callback runs.
    told: Lock<usize>,
}

impl<'a> Progress<'a> {
    pub(super) fn new(callback: &'a (dyn Fn(usize) + Sync), step: usize) -> Self {
        Self { callback, step: step.max(1), done: AtomicUsize::new(0), told: Lock::new(0) }
    }

    fn advance(&self, items: usize) {
        let before = self.done.fetch_add(items, Ordering::AcqRel);
        let done = before + items;
        if before / self.step != done / self.step {
            self.tell(done, self.step);
        }
    }

    /// Tells, if there is a multiple of `step` that has been reached and not told, and nobody else is telling.
    fn tell(&self, mut done: usize, step: usize) {
        while let Some(mut told) = self.told.try_lock() {
            if done / step > *told / step {
                if !seeded("par/tell-again") {
                    *told = done;
                }
                (self.callback)(done);
            }
            let last = *told;
            drop(told);
            // Read by a read-modify-write, behind the unlocking: opposite that of `advance`, and its look at the lock.
            done = self.done.fetch_add(0, Ordering::AcqRel);
            if done / step == last / step || seeded("par/leave-untold") || seeded("par/tell-again") {
                return;
            }
        }
    }
}

#[cfg(all(test, not(any(reweave_loom, reweave_shuttle))))]
mod tests {
    use reweave_core::sync::Mutex;

    use super::*;

    #[test]
    fn each_step_is_told_whatever_parts_count_at_once() {
        let told = Mutex::new(Vec::new());
        let tell = |done| told.lock().push(done);
        let progress = Progress::new(&tell, 5);
        // Past 5 by two, to 11, over two steps at once, to just before one, and to it.
        [7, 4, 14, 4, 1].into_iter().for_each(|items| progress.advance(items));
        assert_eq!(*told.lock(), [7, 11, 25, 30]);
    }
}
