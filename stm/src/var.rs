//! The shared cell behind a `TVar`: what transactions on all threads look at.
//!
//! A cell is reached through handles, which it counts, and through the logs of transactions, which it does not: a
//! transaction is pinned for as long as its log lives, and the last handle *retires* the cell instead of freeing it. So
//! a variable may be dropped while any number of transactions have it in their logs.

use crossbeam_utils::CachePadded;
use reweave_core::reclaim::Garbage;
use reweave_core::sync::atomic::{AtomicPtr, AtomicU32, Ordering, fence};

use crate::engine::EngineId;
use crate::history::History;
use crate::orec::{AtomicOrec, Orec};
use crate::word::{self, Destroy, Word};

/// The cell of a variable.
pub(crate) struct Var {
    /// Version and lock: see [`Orec`].
    pub(crate) orec: AtomicOrec,
    /// The current value. Written under the lock only.
    pub(crate) word: AtomicPtr<()>,
    /// What snapshots may need of the past. Written under the lock only.
    pub(crate) history: History,
    /// The engine that the variable belongs to.
    pub(crate) engine: EngineId,
    handles: AtomicU32,
    padded: bool,
}

impl Var {
    /// Allocates a cell with one handle. It is freed by retiring its [`garbage`](Var::garbage).
    pub(crate) fn allocate(engine: EngineId, word: Word, padded: bool) -> *const Var {
        let var = Var {
            orec: AtomicOrec::new(Orec::NEW),
            word: AtomicPtr::new(word),
            history: History::new(),
            engine,
            handles: AtomicU32::new(1),
            padded,
        };
        if padded {
            // The cell is at offset 0 of its padding (repr(C) of a single field).
            Box::into_raw(Box::new(CachePadded::new(var))).cast_const().cast()
        } else {
            Box::into_raw(Box::new(var))
        }
    }

    /// Counts one more handle.
    pub(crate) fn add_handle(&self) {
        let before = self.handles.fetch_add(1, Ordering::Relaxed);
        assert!(before < u32::MAX / 2, "more than two thousand million handles to one TVar");
    }

    /// Counts one handle less; whoever is told `true` must retire the cell.
    #[must_use]
    pub(crate) fn remove_handle(&self) -> bool {
        // Release: our use of the handle comes before the retirement. The fence is the retirer's side of it.
        if self.handles.fetch_sub(1, Ordering::Release) != 1 {
            return false;
        }
        fence(Ordering::Acquire);
        true
    }

    /// The cell of a `TVar<T>` as garbage.
    ///
    /// # Safety
    /// `var` came from [`allocate`](Var::allocate) with a word of `T`, and its last handle is gone.
    pub(crate) unsafe fn garbage<T: Send + 'static>(var: *const Var) -> Garbage {
        unsafe fn destroy<T: 'static>(object: *mut ()) {
            // SAFETY: `object` is the retired cell, which nobody else can reach any more.
            unsafe { free(object.cast(), word::destroyer::<T>()) };
        }
        // SAFETY: `T: Send`, so its values may be dropped by any thread; everything else in a cell is plain memory.
        unsafe { Garbage::new(var.cast_mut().cast(), destroy::<T>) }
    }
}

/// Frees a cell with all it owns.
///
/// # Safety
/// `var` came from [`Var::allocate`], its words are destroyed by `destroy`, and nobody else can reach it.
unsafe fn free(var: *mut Var, destroy: Option<Destroy>) {
    // SAFETY: by the caller, who owns the cell; the block frees it last.
    unsafe {
        let word = (*var).word.load(Ordering::Relaxed);
        (*var).history.destroy();
        if (*var).padded {
            drop(Box::from_raw(var.cast::<CachePadded<Var>>()));
        } else {
            drop(Box::from_raw(var));
        }
        if let Some(destroy) = destroy {
            destroy(word);
        }
    }
}
