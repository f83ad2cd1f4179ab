//! Older versions of a variable, kept for the snapshots that may need them.
//!
//! A variable's current value is in the variable. When a commit replaces a version that an open snapshot may be reading
//! (`old.tick < last_snapshot`, see `clock`), it first moves that version, a *pre-image*, to the head of the variable's chain:
//!
//! ```text
//!   variable: orec (tick 9) ──► [since 6, until 9] ──► [since 2, until 4] ──► ·
//! ```
//!
//! A pre-image serves the snapshots at instants `s` with `since < s <= until`. Ends fall along the chain, so what nobody
//! needs any more is a suffix: it begins at the first pre-image that ends below every instant in use. The next push cuts it
//! off.
//!
//! Only a committer that holds the variable's lock writes the chain; snapshots walk it without one. What is cut off is
//! retired through the reclamation domain, so a walk never meets freed memory.

use std::ptr;

use reweave_core::reclaim::{Garbage, Guard, expire};
use reweave_core::seeded;
use reweave_core::sync::ExclusiveLoad;
use reweave_core::sync::atomic::{AtomicPtr, Ordering};

use crate::word::{Destroy, Word};

/// A version that is no longer current.
struct PreImage {
    word: Word,
    destroy: Option<Destroy>,
    /// The tick that it was committed with: instants above it see it.
    since: u64,
    /// The tick of the commit that replaced it: instants above it do not.
    until: u64,
    older: AtomicPtr<PreImage>,
}

/// The chain of a variable's pre-images, newest first.
pub(crate) struct History(AtomicPtr<PreImage>);

impl History {
    pub(crate) fn new() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    /// Moves a version that was current from `since` to `until` into the chain, which owns it from now on, and cuts off what
    /// no snapshot at `oldest()` or later can need. Where there is nothing to cut, `oldest` is not asked.
    ///
    /// # Safety
    /// The caller holds the variable's lock, has `guard`'s thread pinned, and `oldest` gives a bound from
    /// [`Registry::oldest_instant`](crate::participant::Registry::oldest_instant).
    pub(crate) unsafe fn push(
        &self,
        word: Word,
        destroy: Option<Destroy>,
        (since, until): (u64, u64),
        oldest: impl FnOnce() -> u64,
        guard: &Guard,
    ) {
        let head = self.0.load_exclusive();
        let node = Box::into_raw(Box::new(PreImage { word, destroy, since, until, older: AtomicPtr::new(head) }));
        // Release publishes the node's content to a snapshot that loads the head.
        self.0.store(node, Ordering::Release);
        if !head.is_null() {
            // SAFETY: nodes of the chain stay allocated while their variable's lock is held: only its holder cuts.
            unsafe { cut(&(*node).older, oldest(), guard) };
        }
    }

    /// The version that is current at `instant`, which must be announced, or have been before the variable was last read.
    ///
    /// # Panics
    /// When the chain lacks it, which would be a violation of the invariant above.
    pub(crate) fn at(&self, instant: u64) -> Word {
        let mut node = self.0.load(Ordering::Acquire);
        loop {
            // SAFETY: the caller is pinned, and what is cut off the chain is retired, not freed.
            let Some(pre_image) = (unsafe { node.as_ref() }) else {
                panic!("the version that a snapshot at instant {instant} needs was pruned");
            };
            if pre_image.since < instant {
                return pre_image.word;
            }
            node = pre_image.older.load(Ordering::Acquire);
        }
    }

    /// How many pre-images there are. For tests and statistics; the caller must be pinned.
    pub(crate) fn len(&self) -> usize {
        let mut node = self.0.load(Ordering::Acquire);
        let mut len = 0;
        // SAFETY: as in `at`.
        while let Some(pre_image) = unsafe { node.as_ref() } {
            len += 1;
            node = pre_image.older.load(Ordering::Acquire);
        }
        len
    }

    /// Destroys the whole chain.
    ///
    /// # Safety
    /// Nobody else can reach the variable any more.
    pub(crate) unsafe fn destroy(&self) {
        // SAFETY: by the caller.
        unsafe { destroy_chain(self.0.load_exclusive().cast()) };
    }
}

/// Cuts a chain before the first pre-image that no instant from `oldest` on needs, and retires the rest.
///
/// # Safety
/// As for [`History::push`].
unsafe fn cut(mut link: &AtomicPtr<PreImage>, oldest: u64, guard: &Guard) {
    let oldest = if seeded("stm/prune-too-much") { u64::MAX } else { oldest };
    loop {
        let node = link.load_exclusive();
        // SAFETY: the caller holds the lock under which alone nodes are cut off.
        let Some(pre_image) = (unsafe { node.as_ref() }) else { return };
        if pre_image.until < oldest {
            link.store(ptr::null_mut(), Ordering::Relaxed);
            // SAFETY: the suffix was just unlinked under the variable's lock, by its one writer.
            unsafe { guard.retire(Garbage::new(node.cast(), destroy_chain)) };
            return;
        }
        link = &pre_image.older;
    }
}

/// Destroys a pre-image and everything older.
///
/// # Safety
/// `node` is null or came from [`History::push`]; nobody can reach it any more.
unsafe fn destroy_chain(node: *mut ()) {
    let mut node = node.cast::<PreImage>();
    while !node.is_null() {
        // SAFETY: made by `Box::into_raw` in `push` and reachable by nobody else.
        let pre_image = unsafe { Box::from_raw(node) };
        if let Some(destroy) = pre_image.destroy {
            // SAFETY: the chain owns the word, whose type is Send. It is user code to destroy, so it goes on its own.
            expire(unsafe { Garbage::new(pre_image.word, destroy) });
        }
        node = pre_image.older.load_exclusive();
    }
}
