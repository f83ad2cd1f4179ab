//! The semaphore.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use reweave_core::lock::{Permit, Semaphore};
use reweave_core::sync::atomic::{AtomicBool, Ordering};
use reweave_core::sync::{Arc, UnsafeCell, thread};

use crate::{Model, Run, Seeded, cover};

/// The semaphore's models.
pub const MODELS: &[Model] = &[
    Model {
        name: "release-beside-acquire",
        property: "with one permit one at a time goes, sees what the one before did, and wakes whoever waits",
        runs: &[Run::loom(), Run::shuttle_pct(3, 5_000)],
        covers: &["waited"],
        seeded: &[
            Seeded { bug: "semaphore/relaxed-release", run: Run::loom(), expect: "Causality violation" },
            Seeded { bug: "semaphore/release-silently", run: Run::loom(), expect: "deadlock" },
            Seeded { bug: "semaphore/sit-without-looking", run: Run::loom(), expect: "deadlock" },
            Seeded { bug: "semaphore/release-silently", run: Run::shuttle_pct(3, 5_000), expect: "deadlock" },
        ],
        body: release_beside_acquire,
    },
    Model {
        name: "stopped-request",
        property: "a large request that gives up lets the small one behind it go",
        runs: &[Run::loom_bounded(2), Run::shuttle_pct(3, 5_000)],
        covers: &["waited"],
        seeded: &[
            Seeded { bug: "semaphore/leave-silently", run: Run::loom_bounded(2), expect: "deadlock" },
            Seeded { bug: "semaphore/leave-silently", run: Run::shuttle_pct(3, 5_000), expect: "deadlock" },
        ],
        body: stopped_request,
    },
    Model {
        name: "no-overtaking",
        property: "a large request that waits is not overtaken by a small one",
        runs: &[Run::loom_bounded(3), Run::shuttle_pct(3, 5_000)],
        covers: &["the small one came before the permits", "the small one came after the permits"],
        seeded: &[Seeded { bug: "semaphore/overtake", run: Run::loom_bounded(3), expect: "overtook" }],
        body: no_overtaking,
    },
];

/// One permit, and what it guards.
struct Guarded {
    semaphore: Semaphore,
    value: UnsafeCell<u32>,
}

// SAFETY: the value is accessed by whoever holds the one permit.
unsafe impl Send for Guarded {}
// SAFETY: as above.
unsafe impl Sync for Guarded {}

impl Guarded {
    fn increment(&self) {
        let _permit = match self.semaphore.try_acquire(1) {
            Some(permit) => permit,
            None => {
                cover("waited");
                self.semaphore.take(1)
            }
        };
        // SAFETY: we hold the permit.
        self.value.with_mut(|value| unsafe { *value += 1 });
    }
}

fn release_beside_acquire() {
    let guarded = Arc::new(Guarded { semaphore: Semaphore::new(1), value: UnsafeCell::new(0) });
    let other = thread::spawn({
        let guarded = guarded.clone();
        move || guarded.increment()
    });
    guarded.increment();
    other.join().unwrap();
    assert_eq!(guarded.semaphore.available(), 1, "permits are conserved");
    // SAFETY: everybody else has ended.
    assert_eq!(guarded.value.with(|value| unsafe { *value }), 2, "an increment was lost");
}

fn stopped_request() {
    let semaphore = Arc::new(Semaphore::new(2));
    let held = semaphore.take(1);
    let large = thread::spawn({
        let semaphore = semaphore.clone();
        move || assert!(semaphore.acquire_deadline(2, Instant::now()).is_err(), "a permit was made from nothing")
    });
    let small = thread::spawn({
        let semaphore = semaphore.clone();
        move || {
            if semaphore.try_acquire(1).is_none() {
                cover("waited");
                drop(semaphore.take(1));
            }
        }
    });
    // The small request does not need the permit that is held here.
    small.join().unwrap();
    large.join().unwrap();
    drop(held);
    assert_eq!(semaphore.available(), 2, "permits are conserved");
}

fn no_overtaking() {
    let semaphore = Arc::new(Semaphore::new(2));
    let large_went = Arc::new(AtomicBool::new(false));
    let held = semaphore.take(1);
    let mut large = pin!(semaphore.take_async(2));
    let mut poll = || large.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(poll().is_pending(), "one of two permits is held");
    let small = thread::spawn({
        let (semaphore, large_went) = (semaphore.clone(), large_went.clone());
        move || {
            let at_once = semaphore.available() == 1;
            cover(if at_once {
                "the small one came before the permits"
            } else {
                "the small one came after the permits"
            });
            let _permit = semaphore.take(1);
            assert!(large_went.load(Ordering::Relaxed), "the small request overtook the large one");
        }
    });
    drop(held);
    let permit: Permit<'_> = match poll() {
        Poll::Ready(permit) => permit,
        Poll::Pending => panic!("the small request overtook the large one, which is first in line"),
    };
    large_went.store(true, Ordering::Relaxed);
    drop(permit);
    small.join().unwrap();
}
