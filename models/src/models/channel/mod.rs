//! Channels: transfer, close, waits that end otherwise, and selects, for each flavour.
//!
//! A lost wake-up shows as a deadlock; a value read before it was written, or a slot with two owners, as overlapping
//! accesses to an instrumented cell; a value that is lost or doubled by counting. Deadlines may pass at any moment. A
//! block of an unbounded channel has two slots under the checkers.

mod closing;
mod crowd;
mod leaving;
mod selecting;
mod transfer;

use reweave_core::channel::{Receiver, Sender};
use reweave_core::sync::atomic::{AtomicUsize, Ordering};
use reweave_core::sync::{Arc, UnsafeCell, thread};

use super::linearizability;
use crate::Model;

/// The models of channels, file by file.
pub const MODELS: &[&[Model]] = &[
    transfer::MODELS,
    closing::MODELS,
    leaving::MODELS,
    selecting::MODELS,
    crowd::MODELS,
    linearizability::channel::MODELS,
];

/// A value whose content is watched by loom.
struct Parcel(UnsafeCell<usize>);

// SAFETY: a parcel has one owner; that the channel hands it over, and only once, is what the models check.
unsafe impl Send for Parcel {}

impl Parcel {
    fn new(content: usize) -> Self {
        let parcel = Self(UnsafeCell::new(0));
        // SAFETY: our own. A write of its own, after the cell was made: it has to be published with it.
        parcel.0.with_mut(|inside| unsafe { *inside = content });
        parcel
    }

    fn open(self) -> usize {
        // SAFETY: the owner's; a channel that hands over too early is reported here.
        self.0.with(|inside| unsafe { *inside })
    }
}

/// A value that counts its drops. Relaxed, so that counting orders nothing.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

type Pair<T> = (Sender<T>, Receiver<T>);

/// Runs `body` with its side of a channel on another thread.
fn elsewhere<S: Send + 'static, R: Send + 'static>(
    side: S,
    body: impl FnOnce(S) -> R + Send + 'static,
) -> thread::JoinHandle<R> {
    thread::spawn(move || body(side))
}
