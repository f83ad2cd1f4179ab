//! What stands for arc-swap under the checkers: the contract of `arc_cell.rs`, on the facade's own atomics.
//!
//! A pointer to a boxed `Arc`, acquired by loads and replaced by acquire-release read-modify-writes: nothing stronger
//! than the contract promises, so that an order that the code above forgot is missed here too. Boxes are kept until the
//! cell is dropped, which makes loads safe without arc-swap's debts; so *how long a value lives* is not modelled, and
//! no address is used twice.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use super::Arc;
use super::atomic::{AtomicPtr, Ordering};
use super::unseen::Unseen;

/// A place that holds one `Arc`, loaded and replaced by any number of threads.
pub struct ArcCell<T> {
    current: AtomicPtr<Arc<T>>,
    /// Every box that ever was in `current`.
    kept: Unseen<Kept<T>>,
}

struct Kept<T>(Vec<*mut Arc<T>>);

// SAFETY: an `ArcCell` owns its `Arc`s through `kept` and gives out shared access, as arc-swap does under these bounds.
unsafe impl<T: Send + Sync> Send for Kept<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for Kept<T> {}

impl<T> Drop for Kept<T> {
    fn drop(&mut self) {
        for boxed in self.0.drain(..) {
            // SAFETY: made by `Box::into_raw` in `keep`; the cell is gone, and with it every guard.
            drop(unsafe { Box::from_raw(boxed) });
        }
    }
}

/// Protected access to the `Arc` that was in an [`ArcCell`] when it was loaded.
pub struct ArcGuard<'a, T>(*mut Arc<T>, PhantomData<&'a ArcCell<T>>);

impl<T> ArcCell<T> {
    /// A cell that holds `value`.
    pub fn new(value: Arc<T>) -> Self {
        let kept = Unseen::new(Kept(Vec::new()));
        let first = keep(&kept, value);
        Self { current: AtomicPtr::new(first), kept }
    }

    /// What the cell holds.
    pub fn load(&self) -> ArcGuard<'_, T> {
        ArcGuard(self.current.load(Ordering::Acquire), PhantomData)
    }

    /// What the cell holds, as an `Arc` of the caller's own.
    pub fn load_full(&self) -> Arc<T> {
        Arc::clone(&self.load())
    }

    /// Puts `new` in and returns what was there.
    pub fn swap(&self, new: Arc<T>) -> Arc<T> {
        let before = self.current.swap(keep(&self.kept, new), Ordering::AcqRel);
        Arc::clone(&ArcGuard(before, PhantomData::<&Self>))
    }

    /// Puts `new` in if the cell holds this very `current`, and returns what was there.
    ///
    /// # Errors
    /// What the cell holds instead.
    pub fn compare_exchange(&self, current: &Arc<T>, new: Arc<T>) -> Result<Arc<T>, ArcGuard<'_, T>> {
        // Like arc-swap: a load that sees another `Arc` decides.
        let mut seen = self.load();
        let mut new = Some(new);
        let mut boxed = None;
        while Arc::ptr_eq(&seen, current) {
            let boxed = *boxed.get_or_insert_with(|| keep(&self.kept, new.take().expect("boxed once")));
            match self.current.compare_exchange(seen.0, boxed, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Ok(Arc::clone(&seen)),
                Err(now) => seen = ArcGuard(now, PhantomData),
            }
        }
        // What was boxed but never put in is given up at once, as the contract says.
        if let Some(boxed) = boxed {
            self.kept.with(|kept| kept.0.retain(|it| *it != boxed));
            // SAFETY: made by `keep`, taken off its list just now, and never published.
            drop(unsafe { Box::from_raw(boxed) });
        }
        Err(seen)
    }
}

fn keep<T>(kept: &Unseen<Kept<T>>, arc: Arc<T>) -> *mut Arc<T> {
    let boxed = Box::into_raw(Box::new(arc));
    kept.with(|kept| kept.0.push(boxed));
    boxed
}

impl<T> Deref for ArcGuard<'_, T> {
    type Target = Arc<T>;

    fn deref(&self) -> &Arc<T> {
        // SAFETY: boxes live as long as the cell, which the guard borrows; nobody writes to them.
        unsafe { &*self.0 }
    }
}

// Nothing to give back. It is there because arc-swap's guard has one: what compiles here compiles there.
impl<T> Drop for ArcGuard<'_, T> {
    fn drop(&mut self) {}
}

impl<T> fmt::Debug for ArcCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ArcCell")
    }
}

impl<T> fmt::Debug for ArcGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ArcGuard")
    }
}
