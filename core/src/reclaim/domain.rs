//! Domains, the handles of their threads, and guards.

use std::marker::PhantomData;

use crossbeam_epoch::{Collector, LocalHandle};

use super::expired::{Garbage, expire};
use crate::seeded;

#[cfg(any(reweave_loom, reweave_shuttle))]
use crate::sync::Unseen;

/// A reclamation domain: objects retired in it are kept while a guard of it may reach them. Cloning shares it.
#[derive(Clone)]
pub struct Domain(Scheme);

#[derive(Clone)]
enum Scheme {
    Epoch(Collector),
    /// Destroys nothing before the last clone of the domain is gone.
    #[cfg(any(reweave_loom, reweave_shuttle))]
    Deferring(Unseen<Deferred>),
}

impl Domain {
    /// A domain of its own, reclaimed by epochs.
    pub fn new() -> Self {
        Self(Scheme::Epoch(Collector::new()))
    }

    /// A domain that keeps everything until it ends itself: for models in which reclamation is not under test.
    #[cfg(any(reweave_loom, reweave_shuttle))]
    pub fn deferring() -> Self {
        Self(Scheme::Deferring(Unseen::new(Deferred(Vec::new()))))
    }

    /// Registers the calling thread. One handle serves any number of guards.
    pub fn register(&self) -> Handle {
        Handle(match &self.0 {
            Scheme::Epoch(collector) => Registration::Epoch(collector.register()),
            #[cfg(any(reweave_loom, reweave_shuttle))]
            Scheme::Deferring(deferred) => Registration::Deferring(deferred.clone()),
        })
    }
}

impl Default for Domain {
    fn default() -> Self {
        Self::new()
    }
}

/// What a deferring domain has been given; destroyed with its last owner.
#[cfg(any(reweave_loom, reweave_shuttle))]
struct Deferred(Vec<Garbage>);

#[cfg(any(reweave_loom, reweave_shuttle))]
impl Drop for Deferred {
    fn drop(&mut self) {
        for garbage in self.0.drain(..) {
            expire(garbage);
        }
    }
}

/// A registration in a domain, used by one thread at a time.
pub struct Handle(Registration);

// SAFETY: what makes crossbeam's handle stay on its thread is the unsynchronised state that it shares with its guards.
// Ours borrow the handle (`Guard<'_>`), so none is alive when it moves; and it is not Sync.
unsafe impl Send for Handle {}

enum Registration {
    Epoch(LocalHandle),
    #[cfg(any(reweave_loom, reweave_shuttle))]
    Deferring(Unseen<Deferred>),
}

impl Handle {
    /// Pins the thread: what it can reach from now on stays until the guard is dropped. Nests at the cost of a counter.
    #[inline]
    pub fn pin(&self) -> Guard<'_> {
        let pinned = match &self.0 {
            Registration::Epoch(local) => Pinned::Epoch(local.pin()),
            #[cfg(any(reweave_loom, reweave_shuttle))]
            Registration::Deferring(deferred) => Pinned::Deferring(deferred.clone()),
        };
        Guard { pinned, handle: PhantomData }
    }
}

/// A pinned thread.
#[must_use = "protection ends when the guard is dropped"]
pub struct Guard<'h> {
    pinned: Pinned,
    handle: PhantomData<&'h Handle>,
}

enum Pinned {
    Epoch(crossbeam_epoch::Guard),
    #[cfg(any(reweave_loom, reweave_shuttle))]
    Deferring(Unseen<Deferred>),
}

impl Guard<'_> {
    /// Hands over an object that has been unlinked, to be destroyed when nobody can reach it any more.
    ///
    /// # Safety
    /// Nobody who pins from now on may be able to reach the object, and it must be retired only once.
    pub unsafe fn retire(&self, garbage: Garbage) {
        if seeded("reclaim/no-grace") {
            return expire(garbage);
        }
        match &self.pinned {
            // SAFETY: the closure owns what it captures, which may be used by any thread (`Garbage` is Send); that nobody
            // new can reach the object is the caller's promise.
            Pinned::Epoch(guard) => unsafe { guard.defer_unchecked(move || expire(garbage)) },
            #[cfg(any(reweave_loom, reweave_shuttle))]
            Pinned::Deferring(deferred) => deferred.with(|deferred| deferred.0.push(garbage)),
        }
    }

    /// Makes what this thread has retired visible to the other threads and collects what it can. Costs a scan of all
    /// registered threads; meant for moments at which memory should be returned, not for hot paths.
    pub fn flush(&self) {
        match &self.pinned {
            Pinned::Epoch(guard) => guard.flush(),
            #[cfg(any(reweave_loom, reweave_shuttle))]
            Pinned::Deferring(_) => {}
        }
    }
}
