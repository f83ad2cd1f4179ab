//! What has expired and waits for a safe place to be destroyed.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::sync::MODELLED;

/// An object that is no longer reachable, and how to destroy it.
#[derive(Debug)]
pub struct Garbage {
    object: *mut (),
    destroy: unsafe fn(*mut ()),
}

// SAFETY: `Garbage::new` demands that the object may be destroyed by any thread.
unsafe impl Send for Garbage {}

impl Garbage {
    /// Garbage that `destroy(object)` will destroy.
    ///
    /// # Safety
    /// Calling `destroy(object)` once, from any thread, must be sound when nobody can reach the object any more.
    pub unsafe fn new(object: *mut (), destroy: unsafe fn(*mut ())) -> Self {
        Self { object, destroy }
    }

    /// Destroys the object; a panic of its destructor is contained (the panic hook has reported it by then), except under the
    /// model checkers, which report what they find by panicking.
    fn destroy(self) {
        if MODELLED {
            // SAFETY: as below.
            return unsafe { (self.destroy)(self.object) };
        }
        contain(|| {
            // SAFETY: promised to `Garbage::new`; `self` is consumed, so this happens once.
            unsafe { (self.destroy)(self.object) }
        });
    }
}

/// Runs user code whose panic must not reach us. What the panic carried is leaked: dropping it could panic again.
pub(crate) fn contain(user_code: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(user_code)) {
        std::mem::forget(payload);
    }
}

/// As [`contain`], except under the model checkers, which report what they find by panicking.
pub(crate) fn contain_unless_modelled(user_code: impl FnOnce()) {
    if MODELLED {
        user_code();
    } else {
        contain(user_code);
    }
}

/// The expired objects of one thread, and whether they are being destroyed right now.
struct Expired {
    list: RefCell<Vec<Garbage>>,
    reaping: Cell<bool>,
}

impl Drop for Expired {
    fn drop(&mut self) {
        for garbage in self.list.take() {
            garbage.destroy();
        }
    }
}

crate::sync::thread_local! {
    static EXPIRED: Expired = const { Expired { list: RefCell::new(Vec::new()), reaping: Cell::new(false) } };
}

crate::sync::thread_local! {
    /// Whether the list may have something in it. Without a destructor, so that to look at it is a single load.
    static ANY: Cell<bool> = const { Cell::new(false) };
}

/// Puts an object that nobody else can reach on the list of this thread, for the next [`reap`]. Destroys it at once if the
/// thread is past the end of its thread-locals.
pub fn expire(garbage: Garbage) {
    let mut garbage = Some(garbage);
    let _ = EXPIRED.try_with(|expired| {
        expired.list.borrow_mut().push(garbage.take().expect("filled above"));
        let _ = ANY.try_with(|any| any.set(true));
    });
    if let Some(garbage) = garbage {
        garbage.destroy();
    }
}

/// Destroys what has expired on this thread. To be called where user code may run: no lock held, no transaction open.
///
/// What those destructors cause to expire is destroyed too; a nested call (from such a destructor) returns at once.
#[inline]
pub fn reap() {
    if ANY.try_with(Cell::get).unwrap_or(true) {
        let _ = EXPIRED.try_with(reap_slowly);
    }
}

#[cold]
fn reap_slowly(expired: &Expired) {
    if expired.reaping.replace(true) {
        return;
    }
    loop {
        let batch = expired.list.take();
        if batch.is_empty() {
            break;
        }
        for garbage in batch {
            garbage.destroy();
        }
    }
    let _ = ANY.try_with(|any| any.set(false));
    expired.reaping.set(false);
}

/// Makes the thread's list, so that it outlasts those thread-locals that are first used later.
pub fn make_list() {
    let _ = EXPIRED.try_with(|_| {});
}
