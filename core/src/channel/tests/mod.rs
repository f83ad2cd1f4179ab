//! Channels on real threads: behaviour, drops, cancellation, and sequential laws. What interleavings can do is
//! modelled.

mod basics;
mod cancelling;
mod closing;
mod drops;
mod go;
mod laws;
mod tasks;

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use super::{Receiver, Sender, bounded, rendezvous, unbounded};
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::{Arc, thread};

/// Long enough for another thread to have blocked, on any machine that is not on fire.
const A_WHILE: Duration = Duration::from_millis(20);

/// One channel of each flavour, with room for one value where there is a choice.
fn flavours<T>() -> [(Sender<T>, Receiver<T>); 3] {
    [bounded(1), unbounded(), rendezvous()]
}

/// Channels with room for two values at least.
fn buffered<T>() -> [(Sender<T>, Receiver<T>); 2] {
    [bounded(4), unbounded()]
}

/// Lets time pass, by the library's own means.
fn pause(time: Duration) {
    let (_tx, rx) = bounded::<()>(1);
    assert!(rx.recv_timeout(time).unwrap_err().is_timeout());
}

struct Unpark(thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future on this thread, which sleeps until it is woken.
fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        thread::park();
    }
}

/// Polls once, with a waker that does nothing.
fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    std::pin::Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// Counts how often it is dropped.
#[derive(Clone, Default)]
struct Drops(Arc<AtomicUsize>);

impl Drops {
    fn token(&self) -> Dropped {
        Dropped(self.0.clone())
    }

    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

struct Dropped(Arc<AtomicUsize>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}
