//! The exclusive lock.

use std::time::Instant;

use reweave_core::cancel::Token;
use reweave_core::lock::{AcquireError, Guard, Lock};
use reweave_core::sync::{Arc, thread};

use crate::{Model, Run, Seeded, cover};

/// The models of the exclusive lock.
pub const MODELS: &[Model] = &[
    Model {
        name: "two-lockers",
        property: "one at a time has the value, sees what the one before wrote, and wakes whoever waits",
        runs: &[Run::loom_bounded(3), Run::loom_bounded(4).deep(), Run::shuttle_pct(3, 5_000)],
        covers: &["contended"],
        seeded: &[
            Seeded { bug: "lock/relaxed-acquire", run: Run::loom_bounded(3), expect: "Causality violation" },
            Seeded { bug: "lock/relaxed-release", run: Run::loom_bounded(3), expect: "Causality violation" },
            Seeded { bug: "lock/release-without-call", run: Run::loom_bounded(3), expect: "deadlock" },
            Seeded { bug: "lock/sit-without-looking", run: Run::loom_bounded(3), expect: "deadlock" },
            Seeded { bug: "lock/release-without-call", run: Run::shuttle_pct(3, 5_000), expect: "deadlock" },
        ],
        body: two_lockers,
    },
    Model {
        name: "overtaken",
        property: "a waiter that was overtaken gets the lock in its turn",
        runs: &[Run::loom_bounded(2), Run::loom_bounded(3).deep(), Run::shuttle_pct(3, 5_000)],
        covers: &["contended", "reserved"],
        seeded: &[Seeded { bug: "lock/relaxed-release", run: Run::loom_bounded(2), expect: "Causality violation" }],
        body: overtaken,
    },
    Model {
        name: "timed-out-waiter",
        property: "a waiter that gave up does not keep the lock from the next",
        runs: &[Run::loom_bounded(2), Run::shuttle_pct(3, 5_000)],
        covers: &["gave up", "got it"],
        seeded: &[
            Seeded { bug: "lock/call-the-decided", run: Run::loom_bounded(2), expect: "deadlock" },
            Seeded { bug: "lock/call-the-decided", run: Run::shuttle_pct(3, 5_000), expect: "deadlock" },
        ],
        body: timed_out_waiter,
    },
    Model {
        name: "cancelled-waiter",
        property: "a waiter that is cancelled while the lock is released has it, or has not and leaves it free",
        runs: &[Run::loom_bounded(3), Run::shuttle_pct(3, 5_000)],
        covers: &["cancelled", "got it"],
        seeded: &[Seeded { bug: "lock/relaxed-release", run: Run::loom_bounded(3), expect: "Causality violation" }],
        body: cancelled_waiter,
    },
];

/// Locks, and marks the situation in which that was not possible at once.
fn lock(lock: &Lock<u32>) -> Guard<'_, u32> {
    match lock.try_lock() {
        Some(guard) => guard,
        None => {
            cover(if lock.is_locked() { "contended" } else { "reserved" });
            lock.lock()
        }
    }
}

fn two_lockers() {
    let shared = Arc::new(Lock::new(0));
    let other = thread::spawn({
        let shared = shared.clone();
        move || *lock(&shared) += 1
    });
    // Before the join, which would order everything.
    *lock(&shared) += 1;
    other.join().unwrap();
    assert_eq!(*shared.lock(), 2, "an increment was lost");
}

fn overtaken() {
    let shared = Arc::new(Lock::new(0));
    let waiter = thread::spawn({
        let shared = shared.clone();
        move || *shared.lock() += 1
    });
    for _ in 0..3 {
        *lock(&shared) += 1;
    }
    waiter.join().unwrap();
    assert_eq!(*shared.lock(), 4, "an increment was lost");
}

fn timed_out_waiter() {
    let shared = Arc::new(Lock::new(0));
    let held = shared.lock();
    let hasty = thread::spawn({
        let shared = shared.clone();
        move || match shared.acquire_deadline(Instant::now()) {
            Ok(mut guard) => {
                cover("got it");
                *guard += 1;
                1
            }
            Err(error) => {
                assert_eq!(error, AcquireError::TimedOut);
                cover("gave up");
                0
            }
        }
    });
    let patient = thread::spawn({
        let shared = shared.clone();
        move || *shared.lock() += 1
    });
    drop(held);
    patient.join().unwrap();
    let acquired = hasty.join().unwrap();
    assert_eq!(*shared.lock(), 1 + acquired, "an increment was lost");
}

fn cancelled_waiter() {
    let (shared, token) = (Arc::new(Lock::new(0)), Token::new());
    let held = shared.lock();
    let waiter = thread::spawn({
        let (shared, token) = (shared.clone(), token.clone());
        move || {
            token.run(|| match shared.acquire() {
                Ok(mut guard) => {
                    cover("got it");
                    *guard += 1;
                    1
                }
                Err(error) => {
                    assert!(matches!(error, AcquireError::Cancelled(_)));
                    cover("cancelled");
                    0
                }
            })
        }
    });
    token.cancel("enough");
    drop(held);
    *shared.lock() += 1;
    let acquired = waiter.join().unwrap();
    assert_eq!(*shared.lock(), 1 + acquired, "an increment was lost");
}
