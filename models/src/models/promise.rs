//! Promises: keeping and breaking against every way of reading; functions, all of several, the first of several.
//!
//! Values sit in an instrumented cell, and so does the outcome inside a promise: one that is read before it is there,
//! or kept twice, is reported. A reader that is left behind is a deadlock.

use std::future::{Future, IntoFuture};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use reweave_core::event::Stopped;
use reweave_core::promise::{Eventual, Failure, Promise, join_all, pair, race};
use reweave_core::sync::{Unseen, thread};

use super::wakers;
use crate::{Model, Run, Seeded, cover};

/// The models of promises.
pub const MODELS: &[Model] = &[
    Model {
        name: "keep-wait",
        property: "a blocked reader is woken, and sees the value that was kept",
        runs: &[Run::loom_bounded(3), Run::shuttle_pct(3, 5_000)],
        covers: &["kept first", "waited"],
        seeded: &[
            Seeded { bug: "promise/publish-before-value", run: Run::loom_bounded(3), expect: "Causality violation" },
            Seeded { bug: "promise/keep-silently", run: Run::loom_bounded(3), expect: "deadlock" },
            Seeded { bug: "promise/keep-silently", run: Run::shuttle_pct(3, 5_000), expect: "deadlock" },
        ],
        body: keep_wait,
    },
    Model {
        name: "break-wait",
        property: "a promise that is dropped wakes its readers, who learn that it is broken",
        runs: &[Run::loom_bounded(2), Run::loom_bounded(3).deep(), Run::shuttle_pct(3, 5_000)],
        covers: &["broken"],
        seeded: &[
            Seeded { bug: "promise/break-silently", run: Run::loom_bounded(2), expect: "deadlock" },
            Seeded { bug: "promise/break-silently", run: Run::shuttle_pct(3, 5_000), expect: "deadlock" },
        ],
        body: break_wait,
    },
    Model {
        name: "keep-deadline",
        property: "a wait that a deadline ends leaves the promise open, and the next wait is woken",
        runs: &[Run::loom_bounded(3), Run::shuttle_pct(3, 5_000)],
        covers: &["in time", "timed out"],
        seeded: &[
            Seeded { bug: "promise/keep-silently", run: Run::loom_bounded(3), expect: "deadlock" },
            Seeded { bug: "promise/keep-silently", run: Run::shuttle_pct(3, 5_000), expect: "deadlock" },
        ],
        body: keep_deadline,
    },
    Model {
        name: "keep-poll",
        property: "a polled future is ready, or its waker is woken",
        runs: &[Run::loom(), Run::shuttle_pct(3, 5_000)],
        covers: &["ready", "woken"],
        seeded: &[
            Seeded { bug: "promise/keep-silently", run: Run::loom(), expect: "neither ready nor woken" },
            Seeded { bug: "promise/keep-silently", run: Run::shuttle_pct(3, 5_000), expect: "neither ready nor woken" },
        ],
        body: keep_poll,
    },
    Model {
        name: "keep-call",
        property: "a function that is added while the promise is kept runs once, with the value",
        runs: &[Run::loom(), Run::shuttle_dfs()],
        covers: &["ran here", "ran there"],
        seeded: &[
            Seeded { bug: "promise/list-though-done", run: Run::loom(), expect: "ran once" },
            Seeded { bug: "promise/list-though-done", run: Run::shuttle_dfs(), expect: "ran once" },
            Seeded { bug: "promise/publish-before-value", run: Run::loom(), expect: "Causality violation" },
        ],
        body: keep_call,
    },
    Model {
        name: "race",
        property: "of two that are kept at the same time one is first, and stays it",
        runs: &[Run::loom(), Run::shuttle_pct(3, 5_000)],
        covers: &["here first", "there first"],
        seeded: &[
            Seeded { bug: "promise/race-takes-two", run: Run::loom(), expect: "Causality violation" },
            Seeded { bug: "promise/race-takes-two", run: Run::shuttle_pct(3, 5_000), expect: "another was first" },
        ],
        body: race_of_two,
    },
    Model {
        name: "join-all",
        property: "all values of two that are kept at the same time are there, in order, when the last one is",
        runs: &[Run::loom(), Run::shuttle_pct(3, 5_000)],
        covers: &["done here", "done there"],
        seeded: &[
            Seeded { bug: "promise/join-by-arrival", run: Run::loom(), expect: "are there, in order" },
            Seeded { bug: "promise/join-by-arrival", run: Run::shuttle_pct(3, 5_000), expect: "are there, in order" },
        ],
        body: join_of_two,
    },
    Model {
        name: "join-all-of-failures",
        property: "of two failures at the same time one fails the join, and stays its error",
        runs: &[Run::loom(), Run::shuttle_pct(3, 5_000)],
        covers: &["here first", "there first"],
        seeded: &[
            Seeded { bug: "promise/race-takes-two", run: Run::loom(), expect: "Causality violation" },
            Seeded { bug: "promise/race-takes-two", run: Run::shuttle_pct(3, 5_000), expect: "another was first" },
        ],
        body: join_of_failures,
    },
];

fn fulfil_there(promise: Promise<u32, u32>, value: u32) -> thread::JoinHandle<()> {
    thread::spawn(move || promise.fulfil(value))
}

fn keep_wait() {
    let (promise, eventual) = pair();
    let there = fulfil_there(promise, 7);
    cover(if eventual.is_done() { "kept first" } else { "waited" });
    assert_eq!(eventual.wait(), Ok(&7));
    there.join().unwrap();
}

fn break_wait() {
    let (promise, eventual) = pair::<u32, u32>();
    let other = thread::spawn({
        let eventual = eventual.clone();
        move || assert_eq!(eventual.wait(), Err(Failure::Broken))
    });
    let there = thread::spawn(move || drop(promise));
    assert_eq!(eventual.wait(), Err(Failure::Broken));
    cover("broken");
    there.join().unwrap();
    other.join().unwrap();
}

fn keep_deadline() {
    let (promise, eventual) = pair();
    let there = fulfil_there(promise, 7);
    match eventual.wait_deadline(Instant::now()) {
        Ok(value) => {
            assert_eq!(*value, 7);
            cover("in time");
        }
        Err(failure) => {
            assert_eq!(failure, Failure::Stopped(Stopped::TimedOut));
            cover("timed out");
            assert_eq!(eventual.wait(), Ok(&7));
        }
    }
    there.join().unwrap();
}

fn keep_poll() {
    let (promise, eventual) = pair();
    let there = fulfil_there(promise, 7);
    let (wakes, waker) = wakers::counting();
    let mut reading = pin!((&eventual).into_future());
    let ready = reading.as_mut().poll(&mut Context::from_waker(&waker)).is_ready();
    there.join().unwrap();
    if ready {
        cover("ready");
    } else {
        assert_eq!(wakes.count(), 1, "the future is neither ready nor woken");
        cover("woken");
        assert_eq!(reading.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(Ok(&7)));
    }
}

fn keep_call() {
    let (promise, eventual) = pair();
    let there = fulfil_there(promise, 7);
    let calls = Unseen::new(Vec::new());
    eventual.on_done({
        let calls = calls.clone();
        move |value| {
            let value = *value.unwrap();
            calls.with(|calls| calls.push(value));
        }
    });
    cover(if calls.with(|calls| calls.is_empty()) { "ran there" } else { "ran here" });
    there.join().unwrap();
    assert_eq!(calls.with(|calls| calls.clone()), [7], "the function ran once");
}

type Pair = (Promise<u32, u32>, Eventual<u32, u32>);

fn two() -> [Pair; 2] {
    [pair(), pair()]
}

fn race_of_two() {
    let [(here, mine), (there, other)] = two();
    let first = race([mine, other]);
    let there = fulfil_there(there, 2);
    here.fulfil(1);
    let seen = first.try_get().and_then(Result::ok).copied();
    there.join().unwrap();
    let at_last = first.try_get().and_then(Result::ok).copied();
    assert!(seen.is_none_or(|seen| Some(seen) == at_last), "another was first before: {seen:?}, then {at_last:?}");
    cover(if at_last == Some(1) { "here first" } else { "there first" });
    assert!(matches!(at_last, Some(1 | 2)), "one of them is first");
}

fn join_of_two() {
    let [(here, mine), (there, other)] = two();
    let all = join_all([mine, other]);
    let there = fulfil_there(there, 2);
    here.fulfil(1);
    cover(if all.is_done() { "done here" } else { "done there" });
    there.join().unwrap();
    assert_eq!(all.try_get(), Some(Ok(&vec![1, 2])), "all values are there, in order");
}

fn join_of_failures() {
    let [(here, mine), (there, other)] = two();
    let all = join_all([mine, other]);
    let there = thread::spawn(move || there.fail(2));
    here.fail(1);
    let seen = all.try_get();
    let seen = seen.map(|outcome| outcome.cloned().map_err(Failure::cloned));
    there.join().unwrap();
    let at_last = all.try_get().map(|outcome| outcome.cloned().map_err(Failure::cloned));
    assert!(seen.is_none() || seen == at_last, "another was first before: {seen:?}, then {at_last:?}");
    match at_last {
        Some(Err(Failure::Error(1))) => cover("here first"),
        Some(Err(Failure::Error(2))) => cover("there first"),
        other => panic!("the join ended with {other:?}"),
    }
}
