//! Cancellation: whoever cancels a token against all that can be done with it at the same time.
//!
//! A lost wake-up shows as a deadlock, a child that stays in its parent's list as a leak, which loom looks for.

use std::time::Duration;

use reweave_core::cancel::{How, Token};
use reweave_core::event::{Stopped, wait};
use reweave_core::sync::atomic::{AtomicUsize, Ordering};
use reweave_core::sync::{Arc, UnsafeCell, thread};
use reweave_core::time::VirtualClock;

use crate::{Model, Run, Seeded, cover};

/// The models of cancellation.
pub const MODELS: &[Model] = &[
    Model {
        name: "cancel-cancel",
        property: "of two who cancel one is the first, its reason is kept, and what it wrote before is visible",
        runs: &[Run::loom(), Run::shuttle_pct(3, 3_000)],
        covers: &["one", "other"],
        seeded: &[Seeded {
            bug: "cancel/second-reason-overwrites",
            run: Run::loom(),
            expect: "the reason is that of the first",
        }],
        body: cancel_cancel,
    },
    Model {
        name: "parent-child",
        property: "a child that is cancelled beside its parent keeps the first reason, the parent its own",
        runs: &[Run::loom(), Run::shuttle_pct(3, 3_000)],
        covers: &["child first", "parent first"],
        seeded: &[Seeded {
            bug: "cancel/second-reason-overwrites",
            run: Run::loom(),
            expect: "the child's reason is the first",
        }],
        body: cancel_parent_and_child,
    },
    Model {
        name: "callback-added",
        property: "a callback that is added while the token is cancelled runs exactly once",
        runs: &[Run::loom(), Run::shuttle_pct(3, 3_000)],
        covers: &["run by the canceller", "run by who added it"],
        seeded: &[
            Seeded { bug: "cancel/callback-looks-before-lock", run: Run::loom(), expect: "the callback was lost" },
            Seeded { bug: "cancel/callback-twice", run: Run::loom(), expect: "a callback runs once" },
            Seeded {
                bug: "cancel/callback-looks-before-lock",
                run: Run::shuttle_pct(3, 3_000),
                expect: "the callback was lost",
            },
        ],
        body: add_callback,
    },
    Model {
        name: "callback-removed",
        property: "a callback that is removed while the token is cancelled runs or is removed, never both",
        runs: &[Run::loom(), Run::shuttle_random(2_000)],
        covers: &["ran", "removed"],
        seeded: &[Seeded { bug: "cancel/remove-claims-all", run: Run::loom(), expect: "ran or was removed" }],
        body: remove_callback,
    },
    Model {
        name: "child-made",
        property: "a child that is made while its parent is cancelled is cancelled too",
        runs: &[Run::loom(), Run::shuttle_pct(3, 3_000)],
        covers: &["born cancelled", "told"],
        seeded: &[Seeded { bug: "cancel/child-looks-before-lock", run: Run::loom(), expect: "the child was not told" }],
        body: make_child,
    },
    Model {
        name: "child-dropped",
        property: "a child that is dropped while its parent is cancelled, or after, leaves nothing behind",
        runs: &[Run::loom(), Run::shuttle_pct(3, 3_000)],
        covers: &["its callback ran", "its callback was dropped"],
        seeded: &[Seeded { bug: "cancel/released-child-stays", run: Run::loom(), expect: "leaked" }],
        body: drop_child,
    },
    Model {
        name: "middle-dropped",
        property: "a token whose own handles are gone still passes a cancellation on to its children",
        runs: &[Run::loom(), Run::shuttle_pct(3, 3_000)],
        covers: &["dropped after", "dropped before"],
        seeded: &[Seeded {
            bug: "cancel/children-do-not-count",
            run: Run::loom(),
            expect: "the grandchild was not told",
        }],
        body: drop_middle,
    },
    Model {
        name: "blocked-wait",
        property: "a thread that waits below a token is woken when a token above it is cancelled",
        runs: &[Run::loom_bounded(2), Run::loom_bounded(4).deep(), Run::shuttle_pct(3, 3_000)],
        covers: &["cancelled first", "waited"],
        seeded: &[
            Seeded { bug: "cancel/wake-before-flag", run: Run::loom_bounded(2), expect: "deadlock" },
            Seeded { bug: "cancel/wake-before-flag", run: Run::shuttle_pct(3, 3_000), expect: "deadlock" },
        ],
        body: blocked_wait,
    },
    Model {
        name: "deadline-cancel",
        property: "a token that is cancelled while its deadline passes has one reason, and leaves no timer",
        runs: &[Run::loom_bounded(2), Run::loom_bounded(3).deep(), Run::shuttle_pct(3, 3_000)],
        covers: &["deadline", "explicit"],
        seeded: &[Seeded {
            bug: "cancel/second-reason-overwrites",
            run: Run::loom_bounded(2),
            expect: "the deadline and the caller both won",
        }],
        body: deadline_beside_cancel,
    },
    Model {
        name: "deadline-made",
        property: "a deadline that passes while its token is made or dropped cancels it, and leaves no timer",
        runs: &[Run::loom_bounded(2), Run::loom_bounded(3).deep(), Run::shuttle_pct(3, 3_000)],
        covers: &["passed before", "passed after"],
        seeded: &[Seeded { bug: "time/looks-before-lock", run: Run::loom_bounded(2), expect: "the deadline was lost" }],
        body: make_deadline,
    },
    Model {
        name: "crowd",
        property: "in a tree that changes while it is cancelled all are told, and every callback runs or is removed",
        runs: &[Run::shuttle_pct(3, 2_000), Run::shuttle_random(2_000)],
        covers: &["ran", "removed"],
        seeded: &[Seeded {
            bug: "cancel/child-looks-before-lock",
            run: Run::shuttle_random(2_000),
            expect: "was not told",
        }],
        body: crowd,
    },
];

/// Data that the canceller writes before it cancels.
struct Data(UnsafeCell<u32>);

// SAFETY: written before the token of the model is cancelled, by one thread, and read after that is seen.
unsafe impl Send for Data {}
// SAFETY: as above.
unsafe impl Sync for Data {}

impl Data {
    fn read(&self) -> u32 {
        // SAFETY: the caller has seen the cancellation that the writer made afterwards.
        self.0.with(|data| unsafe { *data })
    }
}

fn cancel_elsewhere(token: &Token, reason: &'static str) -> thread::JoinHandle<bool> {
    let token = token.clone();
    thread::spawn(move || token.cancel(reason))
}

fn cancel_cancel() {
    let (token, data) = (Token::new(), Arc::new(Data(UnsafeCell::new(0))));
    let other = thread::spawn({
        let (token, data) = (token.clone(), data.clone());
        move || {
            // SAFETY: nobody reads before the cancellation with the reason "other".
            data.0.with_mut(|data| unsafe { *data = 1 });
            token.cancel("other")
        }
    });
    let one = token.cancel("one");
    if token.is_cancelled() && token.reason().unwrap().reason.as_str() == "other" {
        assert_eq!(data.read(), 1, "what came before the cancellation is visible");
    }
    let other = other.join().unwrap();
    let reason = token.reason().unwrap().reason;
    let won = [reason.as_str() == "one", reason.as_str() == "other"];
    assert_eq!([one, other], won, "the reason is that of the first");
    cover(if one { "one" } else { "other" });
}

fn cancel_parent_and_child() {
    let parent = Token::new();
    let child = parent.child();
    let from_above = cancel_elsewhere(&parent, "parent");
    let first = child.cancel("child");
    assert!(from_above.join().unwrap());
    let seen = child.reason().unwrap();
    assert_eq!(seen.reason.as_str(), if first { "child" } else { "parent" }, "the child's reason is the first");
    assert_eq!(seen.source.inherited, !first);
    assert_eq!(parent.reason().unwrap().reason.as_str(), "parent");
    cover(if first { "child first" } else { "parent first" });
}

/// Where a callback notes that it ran, and in whose thread.
fn noting(runs: &Arc<AtomicUsize>) -> impl FnOnce(&reweave_core::cancel::Cancelled) + Send + use<> {
    let runs = runs.clone();
    move |_| {
        runs.fetch_add(1, Ordering::Relaxed);
    }
}

fn add_callback() {
    let (token, runs) = (Token::new(), Arc::new(AtomicUsize::new(0)));
    let canceller = cancel_elsewhere(&token, "now");
    let callback = token.on_cancel(noting(&runs));
    let at_once = runs.load(Ordering::Relaxed) == 1;
    canceller.join().unwrap();
    assert_eq!(runs.load(Ordering::Relaxed), 1, "the callback was lost");
    let late = callback.remove();
    assert!(!late, "it has run");
    cover(if at_once { "run by who added it" } else { "run by the canceller" });
}

fn remove_callback() {
    let (token, runs) = (Token::new(), Arc::new(AtomicUsize::new(0)));
    let callback = token.on_cancel(noting(&runs));
    let canceller = cancel_elsewhere(&token, "now");
    let removed = callback.remove();
    canceller.join().unwrap();
    let ran = runs.load(Ordering::Relaxed);
    assert_eq!(ran + usize::from(removed), 1, "the callback ran or was removed");
    cover(if removed { "removed" } else { "ran" });
}

fn make_child() {
    let parent = Token::new();
    let canceller = cancel_elsewhere(&parent, "now");
    let child = parent.child();
    let born_cancelled = child.is_cancelled();
    canceller.join().unwrap();
    let seen = child.reason().expect("the child was not told");
    assert!(seen.source.inherited && seen.source.id == parent.id());
    cover(if born_cancelled { "born cancelled" } else { "told" });
}

fn drop_child() {
    let (parent, runs) = (Token::new(), Arc::new(AtomicUsize::new(0)));
    let child = parent.child();
    child.on_cancel(noting(&runs)).detach();
    let canceller = cancel_elsewhere(&parent, "now");
    drop(child);
    canceller.join().unwrap();
    cover(if runs.load(Ordering::Relaxed) == 1 { "its callback ran" } else { "its callback was dropped" });
    // A second child, dropped without any race.
    drop(Token::new().child());
}

fn drop_middle() {
    let root = Token::new();
    let middle = root.child();
    let grandchild = middle.child();
    let dropper = thread::spawn(move || {
        let told = middle.is_cancelled();
        drop(middle);
        told
    });
    root.cancel("now");
    assert!(grandchild.is_cancelled(), "the grandchild was not told");
    let after = dropper.join().unwrap();
    cover(if after { "dropped after" } else { "dropped before" });
}

fn blocked_wait() {
    let root = Token::new();
    let child = root.child();
    let canceller = cancel_elsewhere(&root, "now");
    cover(if child.is_cancelled() { "cancelled first" } else { "waited" });
    let never = Token::new();
    match child.run(|| wait(never.cancelled())) {
        Err(Stopped::Cancelled(cancelled)) => assert_eq!(cancelled.reason.as_str(), "now"),
        other => panic!("the wait ended with {other:?}"),
    }
    canceller.join().unwrap();
}

fn deadline_beside_cancel() {
    let clock = VirtualClock::new();
    let token = clock.run(|| Token::with_timeout(Duration::from_nanos(1)));
    let ticker = thread::spawn({
        let clock = clock.clone();
        move || clock.advance(Duration::from_nanos(1))
    });
    let first = token.cancel("explicit");
    ticker.join().unwrap();
    let how = token.reason().unwrap().source.how;
    assert_eq!(how == How::Explicit, first, "the deadline and the caller both won");
    assert_eq!(clock.timers(), 0, "a timer is left");
    cover(if first { "explicit" } else { "deadline" });
}

fn make_deadline() {
    let clock = VirtualClock::new();
    let deadline = clock.now() + Duration::from_nanos(1);
    let ticker = thread::spawn({
        let clock = clock.clone();
        move || clock.advance(Duration::from_nanos(1))
    });
    let token = clock.run(|| Token::with_deadline(deadline));
    cover(if token.is_cancelled() { "passed before" } else { "passed after" });
    drop(token.clone());
    ticker.join().unwrap();
    assert!(token.is_cancelled(), "the deadline was lost");
    drop(token);
    assert_eq!(clock.timers(), 0, "a timer is left");
}

/// Two threads grow and shrink a tree, a third cancels its middle, the main thread its root.
fn crowd() {
    let root = Token::new();
    let middle = root.child();
    let growers: Vec<_> = [root.clone(), middle.clone()]
        .into_iter()
        .map(|above| {
            thread::spawn(move || {
                let mut kept = Vec::new();
                for round in 0..2 {
                    let runs = Arc::new(AtomicUsize::new(0));
                    let child = above.child();
                    let grandchild = child.child();
                    let callback = grandchild.on_cancel(noting(&runs));
                    if round == 0 {
                        drop(child);
                        let removed = callback.remove();
                        cover(if removed { "removed" } else { "ran" });
                        kept.push((grandchild, runs, removed));
                    } else {
                        callback.detach();
                        kept.push((grandchild, runs, false));
                    }
                }
                kept
            })
        })
        .collect();
    let canceller = cancel_elsewhere(&middle, "middle");
    root.cancel("root");
    canceller.join().unwrap();
    for grower in growers {
        for (token, runs, removed) in grower.join().unwrap() {
            assert!(token.is_cancelled(), "a token was not told");
            let ran = runs.load(Ordering::Relaxed);
            assert_eq!(ran + usize::from(removed), 1, "a callback was lost, or ran although it was removed");
        }
    }
}
