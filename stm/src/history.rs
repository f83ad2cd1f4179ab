//! Older versions of a variable, kept for the snapshots that may need them.
//!
//! A variable's current value is in the variable. When a commit replaces a version that an open snapshot may be reading
//! (`old.tick < last_snapshot`, see `clock`), it first moves that version, a *pre-image*, to the head of the variable's chain:
//!
//! ```text
//!   variable: orec (tick 9) ──► [since 6, until 9] ──► [since 2, until 4] ──► ·
//! ```
//!
//! A pre-image serves the snapshots at instants `s` with `since < s <= until`. Each push also cuts out of the chain every
//! pre-image that serves no snapshot in use, wherever it stands (Lee et al., *Hybrid Garbage Collection for Multi-Version
//! Concurrency Control*, SIGMOD 2016; Böttcher et al., *Scalable Garbage Collection for In-Memory MVCC Systems*, VLDB 2019).
//! So however long one snapshot stays open, a chain holds one pre-image for each snapshot in use, and those that are
//! younger than the committer's last look at the snapshots. What stays behind when
//! commits to the variable end is cut out by the next round that looks after idle variables (`tidy`).
//!
//! Only who holds the variable's lock, a commit or such a round, writes the chain; snapshots walk it without one. A node that is cut out
//! keeps its link, which leads on to the nodes behind it, and is not used again before every walk that may have met it is
//! over (`limbo`). So a walk finds its version whatever is cut out around it: that version itself is not.

use std::ptr::{self, NonNull};

use reweave_core::reclaim::{Garbage, expire};
use reweave_core::sync::atomic::{AtomicPtr, Ordering};
use reweave_core::sync::{ExclusiveLoad, UnsafeCell};

use crate::participant::Participant;
use crate::registry::SnapshotsInUse;
use crate::word::{Destroy, Word};

/// A version that is no longer current. Owns its word.
#[derive(Clone, Copy)]
pub(crate) struct PreImage {
    pub(crate) word: Word,
    pub(crate) destroy: Option<Destroy>,
    /// The tick that it was committed with: instants above it see it.
    pub(crate) since: u64,
    /// The tick of the commit that replaced it: instants above it do not.
    pub(crate) until: u64,
}

/// A place for a pre-image in a chain. In the facade's cell, so that loom sees one that is used again under a walk.
struct Link {
    pre_image: UnsafeCell<PreImage>,
    older: AtomicPtr<Link>,
}

/// A link that is in no chain, or was cut out of one.
pub(crate) struct Node(NonNull<Link>);

// SAFETY: a node owns its link, and the type of the value behind the word in it is Send.
unsafe impl Send for Node {}

impl Node {
    #[cold]
    pub(crate) fn allocate() -> Self {
        let nothing = PreImage { word: ptr::null_mut(), destroy: None, since: 0, until: 0 };
        let link = Link { pre_image: UnsafeCell::new(nothing), older: AtomicPtr::new(ptr::null_mut()) };
        Self(NonNull::from(Box::leak(Box::new(link))))
    }

    /// Gives its memory back.
    ///
    /// # Safety
    /// Nobody can reach it any more.
    pub(crate) unsafe fn free(self) {
        // SAFETY: made by `allocate` and, by the caller, ours alone.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

/// The chain of a variable's pre-images, newest first.
pub(crate) struct History(AtomicPtr<Link>);

impl History {
    pub(crate) fn new() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    /// Moves a version that is being replaced into the chain, which owns it from now on, and cuts out what no snapshot needs.
    ///
    /// Takes time in proportion to the length of the chain.
    ///
    /// # Safety
    /// The caller holds the variable's lock, and is a commit that has stamped itself `pre_image.until`.
    pub(crate) unsafe fn push(&self, pre_image: PreImage, participant: &Participant) {
        let head = self.0.load_exclusive();
        let node = participant.node();
        // SAFETY: a node from the pool is nobody else's.
        let link = unsafe { node.0.as_ref() };
        // SAFETY: as above.
        link.pre_image.with_mut(|place| unsafe { place.write(pre_image) });
        link.older.store(head, Ordering::Relaxed);
        // Release publishes the link's content to a snapshot that loads the head.
        self.0.store(node.0.as_ptr(), Ordering::Release);
        if !head.is_null() {
            participant.with_snapshots_in_use(|in_use| {
                let unlink = |node, pre_image| participant.unlink(node, pre_image);
                // SAFETY: the caller holds the lock.
                unsafe { cut_unneeded(&link.older, in_use, unlink) };
            });
        }
    }

    /// Cuts every pre-image that no snapshot in use needs out of the chain and gives it to `unlink`.
    ///
    /// # Safety
    /// The caller holds the variable's lock.
    pub(crate) unsafe fn prune(&self, in_use: &SnapshotsInUse, unlink: impl FnMut(Node, PreImage)) {
        // SAFETY: by the caller.
        unsafe { cut_unneeded(&self.0, in_use, unlink) };
    }

    /// Whether there is a pre-image that no snapshot in use needs.
    ///
    /// # Safety
    /// As for [`at`](History::at).
    pub(crate) unsafe fn has_unneeded(&self, in_use: &SnapshotsInUse) -> bool {
        let mut link = self.0.load(Ordering::Acquire);
        // SAFETY: as in `at`.
        while let Some(Link { pre_image, older, .. }) = unsafe { link.as_ref() } {
            // SAFETY: as in `at`.
            let PreImage { since, until, .. } = pre_image.with(|pre_image| unsafe { *pre_image });
            if !in_use.need(since, until) {
                return true;
            }
            link = older.load(Ordering::Acquire);
        }
        false
    }

    /// Where the newest pre-image is; 0 if there is none. Under the lock; without it, as of some moment.
    pub(crate) fn head(&self) -> usize {
        self.0.load(Ordering::Relaxed).addr()
    }

    /// The version that is current at `instant`, which must be announced, or have been before the variable was last read.
    ///
    /// # Panics
    /// When the chain lacks it, which would be a violation of the invariant above.
    ///
    /// # Safety
    /// The caller is inside [`Slot::while_walking`](crate::registry::Slot::while_walking) and has a handle to the variable.
    pub(crate) unsafe fn at(&self, instant: u64) -> Word {
        let mut link = self.0.load(Ordering::Acquire);
        loop {
            // SAFETY: links are not used again, nor freed, during a walk that may have met them.
            let Some(Link { pre_image, older, .. }) = (unsafe { link.as_ref() }) else {
                panic!("the version that a snapshot at instant {instant} needs was pruned");
            };
            // SAFETY: written before the link was published, and not again before the walk is over.
            let PreImage { since, word, .. } = pre_image.with(|pre_image| unsafe { *pre_image });
            if since < instant {
                return word;
            }
            link = older.load(Ordering::Acquire);
        }
    }

    /// How many pre-images there are.
    ///
    /// # Safety
    /// As for [`at`](History::at).
    pub(crate) unsafe fn len(&self) -> usize {
        let mut link = self.0.load(Ordering::Acquire);
        let mut len = 0;
        // SAFETY: as in `at`.
        while let Some(Link { older, .. }) = unsafe { link.as_ref() } {
            len += 1;
            link = older.load(Ordering::Acquire);
        }
        len
    }

    /// Destroys the whole chain, the values in it as garbage of their own.
    ///
    /// # Safety
    /// Nobody else can reach the variable any more.
    pub(crate) unsafe fn destroy(&self) {
        let mut link = self.0.load_exclusive();
        while let Some(place) = NonNull::new(link) {
            // SAFETY: nobody else can reach the chain.
            let Link { pre_image, older, .. } = unsafe { place.as_ref() };
            link = older.load_exclusive();
            // SAFETY: as above.
            let PreImage { word, destroy, .. } = pre_image.with(|pre_image| unsafe { *pre_image });
            if let Some(destroy) = destroy {
                // SAFETY: the chain owns the word, whose type is Send. It is user code to destroy, so it goes on its own.
                expire(unsafe { Garbage::new(word, destroy) });
            }
            // SAFETY: as above.
            unsafe { Node(place).free() };
        }
    }
}

/// Cuts the pre-images behind `place` that no snapshot in use needs out of the chain and gives them to `unlink`.
///
/// # Safety
/// The caller holds the lock of the chain's variable.
unsafe fn cut_unneeded(mut place: &AtomicPtr<Link>, in_use: &SnapshotsInUse, mut unlink: impl FnMut(Node, PreImage)) {
    while let Some(link) = NonNull::new(place.load_exclusive()) {
        // SAFETY: links stay in the chain while its variable's lock is held: only its holder cuts.
        let Link { pre_image, older, .. } = unsafe { link.as_ref() };
        // SAFETY: written before the link was published.
        let pre_image = pre_image.with(|pre_image| unsafe { *pre_image });
        if in_use.need(pre_image.since, pre_image.until) {
            place = older;
        } else {
            // Release: what this leads on to was published by an earlier holder of the lock.
            place.store(older.load_exclusive(), Ordering::Release);
            unlink(Node(link), pre_image);
        }
    }
}
