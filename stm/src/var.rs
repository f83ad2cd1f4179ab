//! The shared cell behind a `TVar`: what transactions on all threads look at.
//!
//! A variable is reached through handles, which it counts, and through the logs of transactions, which it does not: the last
//! handle *retires* the variable (`limbo`) instead of freeing it, and it stays while a transaction is open that may have it in
//! its log. So a variable may be dropped while any number of transactions have it in theirs.

use std::ptr::NonNull;

use reweave_core::reclaim::{Garbage, expire};
use reweave_core::sync::atomic::{AtomicPtr, AtomicU32, Ordering, fence};
use reweave_core::sync::{ExclusiveLoad, UnsafeCell};

use crate::chunk;
use crate::history::History;
use crate::orec::{AtomicOrec, Orec};
use crate::word::{Destroy, Word};

/// The part of a variable that every access needs.
#[repr(C)]
pub(crate) struct Var {
    /// Version and lock: see [`Orec`].
    pub(crate) orec: AtomicOrec,
    /// The current value. Written under the lock only.
    pub(crate) word: AtomicPtr<()>,
}

/// The rest of it.
pub(crate) struct Cold {
    /// What snapshots may need of the past. Written under the lock only.
    pub(crate) history: History,
    handles: AtomicU32,
    /// Whether the variable is on the list of those with a history (`tidy`), or was when its last handle went. Read and written
    /// under the lock only.
    is_listed: UnsafeCell<bool>,
}

impl Var {
    pub(crate) fn new(word: Word) -> Self {
        Self { orec: AtomicOrec::new(Orec::NEW), word: AtomicPtr::new(word) }
    }
}

/// Where a variable is. Handles and logs hold it; it says nothing about whether the variable is still there.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct VarPtr(NonNull<Var>);

impl VarPtr {
    /// Where no variable is.
    pub(crate) const NOWHERE: VarPtr = VarPtr(NonNull::dangling());

    /// Allocates a variable with one handle. It is freed by retiring it.
    pub(crate) fn allocate(word: Word, padded: bool) -> Self {
        let shape = if padded { &chunk::PADDED } else { &chunk::PACKED };
        Self(chunk::carve(shape, Var::new(word), Cold::new()))
    }

    /// The part that every access needs.
    ///
    /// # Safety
    /// The variable must exist for as long as the reference is used: by a handle to it, or because the thread has had a
    /// transaction open since a time when there was one.
    #[inline]
    pub(crate) unsafe fn hot<'a>(self) -> &'a Var {
        // SAFETY: by the caller.
        unsafe { self.0.as_ref() }
    }

    /// The rest of the variable.
    ///
    /// # Safety
    /// As for [`hot`](VarPtr::hot).
    pub(crate) unsafe fn cold<'a>(self) -> &'a Cold {
        // SAFETY: by the caller; variables exist in chunks only.
        unsafe { chunk::cold_part(self.0).as_ref() }
    }

    /// The variable's address, by which waiters and write sets know it.
    #[inline]
    pub(crate) fn addr(self) -> usize {
        self.0.addr().get()
    }

    /// Frees the variable; its values, which are user code to destroy, expire on their own.
    ///
    /// # Safety
    /// `destroy` is the one of its values' type, and nobody else can reach the variable any more.
    pub(crate) unsafe fn dismantle(self, destroy: Option<Destroy>) {
        // SAFETY: by the caller; values are of Send types (`TVar<T>` demands it).
        unsafe {
            let word = self.hot().word.load_exclusive();
            self.cold().history.destroy();
            chunk::release(self.0);
            if let Some(destroy) = destroy {
                expire(Garbage::new(word, destroy));
            }
        }
    }
}

impl Cold {
    pub(crate) fn new() -> Self {
        Self { history: History::new(), handles: AtomicU32::new(1), is_listed: UnsafeCell::new(false) }
    }

    /// Marks the variable as listed and counts a handle for the list, unless that has been done; says whether it did. A
    /// variable whose last handle is gone is not listed: it is on its way out, with its history.
    ///
    /// # Safety
    /// The caller holds the variable's lock.
    pub(crate) unsafe fn list(&self) -> bool {
        // SAFETY: by the caller nobody else is at it.
        let was_listed = self.is_listed.with_mut(|listed| unsafe { listed.replace(true) });
        !was_listed && self.add_to_handles()
    }

    /// Counts one more handle unless there is none; says whether it did. It need not refuse one, as `add_handle` does: the list has
    /// one, and there is room for as many again.
    fn add_to_handles(&self) -> bool {
        let mut handles = self.handles.load(Ordering::Relaxed);
        while handles > 0 {
            match self.handles.compare_exchange(handles, handles + 1, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => handles = now,
            }
        }
        false
    }

    /// Takes the mark away; the list still has its handle.
    ///
    /// # Safety
    /// The caller holds the variable's lock.
    pub(crate) unsafe fn unlist(&self) {
        // SAFETY: by the caller nobody else is at it.
        self.is_listed.with_mut(|listed| unsafe { listed.write(false) });
    }

    /// Whether the handle of the list is the only one. Then it remains the only one.
    pub(crate) fn is_only_listed(&self) -> bool {
        self.handles.load(Ordering::Relaxed) == 1
    }

    /// Counts one more handle.
    pub(crate) fn add_handle(&self) {
        let before = self.handles.fetch_add(1, Ordering::Relaxed);
        if before > u32::MAX / 2 {
            self.handles.fetch_sub(1, Ordering::Relaxed);
            panic!("more than two thousand million handles to one TVar");
        }
    }

    /// Counts one handle less; whoever is told `true` must retire the variable.
    #[must_use]
    pub(crate) fn remove_handle(&self) -> bool {
        // Release: our use of the handle comes before the retirement. The fence is the retirer's side of it.
        if self.handles.fetch_sub(1, Ordering::Release) != 1 {
            return false;
        }
        fence(Ordering::Acquire);
        true
    }
}
