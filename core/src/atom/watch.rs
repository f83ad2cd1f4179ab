//! A watch: its function, who is in it, and its removal.
//!
//! The function is owned by its slot when nobody calls it, and by the delivering thread during a call. Calls come from
//! one thread at a time (the one that delivers), removal from any:
//!
//! | at removal | the function is dropped by | [`WatchHandle::remove`] returns |
//! |---|---|---|
//! | not being called | the remover | at once |
//! | being called by another thread | that thread, after the call | after that |
//! | being called by the removing thread itself | this thread, after the call | at once |

use crate::event::{self, Limits};
use crate::reclaim::contain_unless_modelled as contained;
use crate::seeded;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::thread::{self, Thread};
use crate::sync::{Arc, Mutex};
use crate::trigger::Trigger;

/// The function of a watch.
pub(super) type Function<T> = Box<dyn FnMut(&Arc<T>, &Arc<T>) + Send>;

/// A watch, shared by its atom and its handle.
pub(super) struct Watch<T> {
    /// Set once, under the lock of the slot; read by whoever tidies the atom's list, which may be late.
    removed: AtomicBool,
    slot: Mutex<Slot<T>>,
}

struct Slot<T> {
    /// Empty during a call and after the removal.
    function: Option<Function<T>>,
    /// The version that the watch starts from, until the change that replaced it is delivered.
    start: Option<Arc<T>>,
    /// Who is calling.
    caller: Option<Thread>,
    /// Whom to tell when the call is over and the function dropped.
    remover: Option<Arc<Trigger>>,
}

impl<T> Watch<T> {
    pub(super) fn new(function: Function<T>, start: Arc<T>) -> Self {
        let slot = Slot { function: Some(function), start: Some(start), caller: None, remover: None };
        Self { removed: AtomicBool::new(false), slot: Mutex::new(slot) }
    }

    /// Calls the function with a change, unless the change came before its start or it has been removed.
    pub(super) fn call(&self, old: &Arc<T>, new: &Arc<T>) {
        let Some(mut function) = self.begin(old) else { return };
        contained(|| function(old, new));
        let remover = {
            let mut slot = self.slot.lock();
            slot.caller = None;
            if !self.is_removed() {
                slot.function = Some(function);
                return;
            }
            slot.remover.take()
        };
        contained(|| drop(function));
        if let Some(remover) = remover {
            remover.signal(0);
        }
    }

    fn begin(&self, old: &Arc<T>) -> Option<Function<T>> {
        let mut slot = self.slot.lock();
        if slot.start.as_ref().is_some_and(|start| !Arc::ptr_eq(start, old)) {
            return None;
        }
        // Not the last reference: `old` is another.
        slot.start = None;
        let function = slot.function.take()?;
        slot.caller = Some(thread::current());
        Some(function)
    }

    /// Whether it has been removed; for tidying up, the slot itself knows best.
    pub(super) fn is_removed(&self) -> bool {
        // Relaxed: under the lock of the slot it is exact, and elsewhere nothing depends on it.
        self.removed.load(Ordering::Relaxed)
    }

    /// Lets go of the function, after the atom is gone.
    pub(super) fn close(&self) {
        let (function, start) = {
            let mut slot = self.slot.lock();
            (slot.function.take(), slot.start.take())
        };
        contained(|| drop(function));
        contained(|| drop(start));
    }

    fn remove(&self) {
        let (function, start, done) = {
            let mut slot = self.slot.lock();
            self.removed.store(true, Ordering::Relaxed);
            let elsewhere = slot
                .caller
                .as_ref()
                .is_some_and(|caller| caller.id() != thread::current().id() || seeded("atom/wait-for-oneself"));
            if elsewhere && !seeded("atom/remove-without-waiting") {
                slot.remover = Some(Arc::new(Trigger::new()));
            }
            (slot.function.take(), slot.start.take(), slot.remover.clone())
        };
        drop(function);
        drop(start);
        if let Some(done) = done {
            event::wait_signal(&done, "a watcher's last call", Limits::unstoppable()).expect("nothing stops this wait");
        }
    }
}

/// The end of a watch in one's hand; see [`Atom::watch`](super::Atom::watch).
///
/// Dropping it does nothing: the watch stays for as long as the atom lives.
#[must_use = "without it the watch cannot be removed; say `drop` to let the watch stay"]
pub struct WatchHandle(Box<dyn FnOnce() + Send + Sync>);

impl WatchHandle {
    pub(super) fn new<T: Send + Sync + 'static>(watch: Arc<Watch<T>>) -> Self {
        Self(Box::new(move || watch.remove()))
    }

    /// Ends the watch.
    ///
    /// When it returns, the watch is not being called, will not be called again, and its function has been dropped. To
    /// that end it waits for a call that another thread is in. Called from inside the watch itself it cannot wait for
    /// that: the call under way goes on, is the last one, and the function is dropped after it.
    ///
    /// Changes that were made before the removal but not delivered yet are not delivered any more. After the atom is
    /// gone it does nothing.
    ///
    /// Do not call it while holding what the watch may wait for, nor from inside a watch of another atom if a watch of
    /// this atom may in turn be removing that one: each would wait for the other.
    pub fn remove(self) {
        (self.0)();
    }
}

impl std::fmt::Debug for WatchHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WatchHandle")
    }
}
