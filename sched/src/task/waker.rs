//! What refers to a task from outside: its wakers, other references, and the task that a thread runs at the moment.

use std::cell::Cell;
use std::fmt;
use std::ptr::{NonNull, null};
use std::task::{RawWaker, RawWakerVTable, Waker};
use std::time::Duration;

use reweave_core::Reason;
use reweave_core::cancel::{Cancelled, How};
use reweave_core::context::{Context, Mark};
use reweave_core::sync::{Arc, thread_local};

use super::State;
use super::card::{Card, TaskInfo};
use super::head::Head;
use crate::door::Arrival;

thread_local! {
    /// The task that this thread runs, and the mark of its context.
    static CURRENT: Cell<(*const Head, Mark)> = Cell::new((null(), Mark::default()));
}

/// Runs `body`, which runs this task, as the current one. It does not unwind.
pub(super) fn as_current<R>(this: NonNull<Head>, body: impl FnOnce() -> R) -> R {
    let before = CURRENT.with(|current| current.replace((this.as_ptr(), Context::mark())));
    let result = body();
    CURRENT.with(|current| current.set(before));
    result
}

/// Whether this is the waker of the task that this thread polls, and no other context has been entered meanwhile. If so, and the task
/// suspends because of what is awaited here, a cancellation of its token will wake it.
pub(super) fn awaits_directly(waker: &Waker) -> bool {
    let (head, mark) = CURRENT.with(Cell::get);
    if waker.data() != head.cast() || waker.vtable() != &WAKER || mark != Context::mark() {
        return false;
    }
    // SAFETY: the task is being polled, further up on this stack.
    unsafe { &*head }.listen();
    true
}

/// The card of the task that runs here, if it has one: wherever its context goes, also in a half of a join or a job of a scope that another worker
/// has taken.
pub(super) fn current_card() -> Option<Arc<Card>> {
    let (head, mark) = CURRENT.with(Cell::get);
    if mark == Context::mark() {
        // SAFETY: a task that is current is being run, further up on this stack.
        return unsafe { head.as_ref() }.and_then(Head::card).cloned();
    }
    Context::current().local.and_then(|local| local.get::<Arc<Card>>().cloned())
}

/// Whether the task that this thread polls goes on; why not, if it is cancelled.
pub(super) fn cancelled_here() -> Result<(), Cancelled> {
    let (head, _) = CURRENT.with(Cell::get);
    // SAFETY: a task that is current is being polled, further up on this stack.
    match unsafe { head.as_ref() }.and_then(Head::cancelled) {
        Some(cancelled) => Err(cancelled),
        None => Ok(()),
    }
}

/// A reference to a head.
pub(super) struct Reference(NonNull<Head>);

// SAFETY: a head is shared among threads, and referred to from any.
unsafe impl Send for Reference {}
// SAFETY: as above.
unsafe impl Sync for Reference {}

impl Reference {
    pub(super) fn new(head: &Head) -> Self {
        head.retain();
        Self(NonNull::from(head))
    }

    fn head(&self) -> &Head {
        // SAFETY: the reference.
        unsafe { self.0.as_ref() }
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.head().cancelled().is_some()
    }

    /// It has been cancelled: ends it if it has not begun, else wakes it.
    pub(super) fn stop(&self) {
        Head::stop(self.0);
    }

    pub(super) fn state(&self) -> State {
        self.head().state()
    }

    pub(super) fn cancel(&self, reason: Reason) -> bool {
        Head::cancel(self.0, reason)
    }

    /// What is known of it by its card.
    pub(super) fn info(&self, card: &Card) -> TaskInfo {
        card.info(self.head().pool().started(), self.state())
    }

    /// Its time is over.
    pub(super) fn expire(&self, timeout: Duration) {
        self.head().token().cancel_by(format!("it has taken more than {timeout:?}"), How::Deadline);
    }
}

/// As long as it is there, the task in which it was made is not dropped where it suspends although it is cancelled.
pub(crate) struct Lingering(Option<Reference>);

impl Lingering {
    /// In the task that this thread polls, if it polls one.
    pub(crate) fn here() -> Self {
        let (head, _) = CURRENT.with(Cell::get);
        // SAFETY: a task that is current is being run, further up on this stack.
        let head = unsafe { head.as_ref() };
        head.inspect(|head| head.linger());
        Self(head.map(Reference::new))
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.head().linger_no_more();
        }
    }
}

impl Clone for Reference {
    fn clone(&self) -> Self {
        Self::new(self.head())
    }
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reference")
    }
}

impl Drop for Reference {
    fn drop(&mut self) {
        // SAFETY: the reference.
        unsafe { Head::release(self.0) }
    }
}

/// A waker that borrows a reference of the caller's.
pub(super) fn raw_waker(this: NonNull<Head>) -> RawWaker {
    RawWaker::new(this.as_ptr().cast_const().cast(), &WAKER)
}

static WAKER: RawWakerVTable = RawWakerVTable::new(clone_waker, wake, wake_by_ref, drop_waker);

/// # Safety
/// For all of these: `data` is a head, and the waker one of its references.
unsafe fn clone_waker(data: *const ()) -> RawWaker {
    // SAFETY: by the contract.
    let this = unsafe { NonNull::new_unchecked(data.cast_mut().cast::<Head>()) };
    // SAFETY: as above.
    unsafe { this.as_ref() }.retain();
    raw_waker(this)
}

unsafe fn wake(data: *const ()) {
    // SAFETY: by the contract.
    let this = unsafe { NonNull::new_unchecked(data.cast_mut().cast::<Head>()) };
    // SAFETY: as above; the waker's reference becomes the entry's, or is given up.
    unsafe { if this.as_ref().wake() { Head::submit(this, Arrival::Woken) } else { Head::release(this) } }
}

unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: by the contract.
    let this = unsafe { NonNull::new_unchecked(data.cast_mut().cast::<Head>()) };
    // SAFETY: as above.
    unsafe { this.as_ref() }.wake_here();
}

unsafe fn drop_waker(data: *const ()) {
    // SAFETY: by the contract; the waker's reference.
    unsafe { Head::release(NonNull::new_unchecked(data.cast_mut().cast())) }
}
