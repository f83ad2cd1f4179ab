//! Promises on one and on several real threads. What interleavings can do to them is in `models/`.

use std::future::IntoFuture;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use quickcheck::{TestResult, quickcheck};

use super::{Eventual, Failure, Promise, join_all, pair, race};
use crate::cancel::Token;
use crate::event::Stopped;
use crate::select;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::{Arc, Mutex, thread};

type Text = &'static str;

#[test]
fn a_value_is_read_by_all_and_stays() {
    let (promise, first) = pair::<String, ()>();
    let second = first.clone();
    assert!(!first.is_done() && first.try_get().is_none() && first.same(&second));
    assert_eq!(format!("{promise:?} {first:?}"), "Promise Eventual(open)");
    promise.fulfil("kept".into());
    assert_eq!(format!("{first:?}"), "Eventual(fulfilled)");
    assert_eq!((first.wait().unwrap().as_str(), second.wait().unwrap().as_str()), ("kept", "kept"));
    assert!(std::ptr::eq(first.wait().unwrap(), second.wait().unwrap()), "by reference: nothing is cloned");
}

#[test]
fn an_error_and_a_broken_promise_say_so() {
    let (failing, failed) = pair::<(), Text>();
    failing.fail("no");
    assert_eq!(failed.wait(), Err(Failure::Error(&"no")));
    assert_eq!(failed.wait().unwrap_err().to_string(), "the promise was kept with an error: no");
    let (breaking, broken) = pair::<(), Text>();
    drop(breaking);
    assert_eq!(broken.wait(), Err(Failure::Broken));
    assert!(broken.wait().unwrap_err().to_string().contains("was broken"));
    assert_eq!(format!("{failed:?} {broken:?}"), "Eventual(failed) Eventual(broken)");
    let (promise, kept) = pair::<u8, Text>();
    promise.keep_with("x".parse().map_err(|_| "not a number"));
    assert_eq!(kept.wait(), Err(Failure::Error(&"not a number")));
}

#[test]
fn a_panic_breaks_the_promise_of_whoever_held_it() {
    let (promise, eventual) = pair::<(), ()>();
    let holder = thread::spawn(move || {
        let _promise = promise;
        panic!("the holder of a promise that panics");
    });
    assert_eq!(eventual.wait(), Err(Failure::Broken));
    assert!(holder.join().is_err());
}

#[test]
fn blocked_readers_are_woken() {
    let (promise, eventual) = pair::<u32, ()>();
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let eventual = eventual.clone();
            thread::spawn(move || *eventual.wait().unwrap())
        })
        .collect();
    while eventual.0.waiters.len() < 3 {
        thread::yield_now();
    }
    promise.fulfil(5);
    assert!(readers.into_iter().all(|reader| reader.join().unwrap() == 5));
    assert!(eventual.0.waiters.is_empty());
}

#[test]
fn a_stopped_wait_leaves_the_promise_open() {
    let (promise, eventual) = pair::<u32, Text>();
    let timed_out = Err(Failure::Stopped(Stopped::TimedOut));
    assert_eq!(eventual.wait_timeout(Duration::from_millis(1)), timed_out);
    assert_eq!(eventual.wait_deadline(Instant::now()), timed_out);
    let token = Token::new();
    token.cancel("enough");
    let stopped = token.run(|| eventual.wait()).unwrap_err();
    assert!(stopped.to_string().contains("enough") && stopped.to_string().contains("still open"), "{stopped}");
    assert!(eventual.0.waiters.is_empty(), "no wait has left anything behind");
    promise.fulfil(1);
    assert_eq!(token.run(|| eventual.wait()), Ok(&1), "what is there needs no wait");
}

#[test]
fn a_select_chooses_among_promises() {
    let (promise, eventual) = pair::<u32, ()>();
    let (_other, never) = pair::<u32, ()>();
    let nothing = select! { _ = eventual.event() => false, default => true };
    assert!(nothing);
    promise.fulfil(3);
    let chosen = select! { _ = never.event() => 0, value = eventual.event() => *value.unwrap() };
    assert_eq!(chosen.unwrap(), 3);
}

#[test]
fn futures_yield_a_reference_or_a_clone() {
    let (promise, eventual) = pair::<String, ()>();
    let mut cx = Context::from_waker(Waker::noop());
    {
        let mut reading = pin!((&eventual).into_future());
        let mut owned = pin!(eventual.clone().into_future());
        assert!(reading.as_mut().poll(&mut cx).is_pending() && owned.as_mut().poll(&mut cx).is_pending());
        promise.fulfil("kept".into());
        assert!(matches!(reading.as_mut().poll(&mut cx), Poll::Ready(Ok(text)) if text == "kept"));
        assert_eq!(owned.as_mut().poll(&mut cx), Poll::Ready(Ok("kept".to_owned())));
    }
    let (_open, eventual) = pair::<u8, ()>();
    {
        let mut dropped = pin!(eventual.clone().into_future());
        assert!(dropped.as_mut().poll(&mut cx).is_pending());
    }
    assert!(eventual.0.waiters.is_empty(), "a dropped future leaves nothing behind");
}

#[test]
fn functions_run_once_before_or_after() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (promise, eventual) = pair::<u32, ()>();
    let note = |name: Text| {
        let seen = seen.clone();
        move |value: Result<&u32, Failure<&()>>| seen.lock().push((name, value.copied().unwrap()))
    };
    eventual.on_done(note("first"));
    eventual.on_done(|_| panic!("a function of the user's that panics"));
    eventual.on_done(note("second"));
    assert!(seen.lock().is_empty());
    promise.fulfil(1);
    eventual.on_done(note("late"));
    assert_eq!(*seen.lock(), [("first", 1), ("second", 1), ("late", 1)]);
    drop(eventual);
    assert_eq!(Arc::strong_count(&seen), 1, "functions that have run are gone");
}

#[test]
fn a_promise_that_is_broken_lets_go_of_its_functions() {
    let held = Arc::new(());
    let (promise, eventual) = pair::<u32, ()>();
    eventual.on_done({
        let held = held.clone();
        move |outcome| assert!(outcome == Err(Failure::Broken) && Arc::strong_count(&held) == 2)
    });
    drop(eventual);
    drop(promise);
    assert_eq!(Arc::strong_count(&held), 1);
}

#[test]
fn long_chains_need_no_stack() {
    const LENGTH: usize = 100_000;
    let (promise, first) = pair::<usize, ()>();
    let last = (0..LENGTH).fold(first.clone(), |eventual, _| eventual.map(|n| n + 1));
    promise.fulfil(0);
    assert_eq!(last.wait(), Ok(&LENGTH));
    let (promise, first) = pair::<usize, ()>();
    let last = (0..LENGTH).fold(first, |eventual, _| eventual.then(|n| Eventual::ready(n + 1)));
    drop(promise);
    assert_eq!(last.wait(), Err(Failure::Broken));
}

#[test]
fn a_panic_in_a_function_breaks_what_it_was_to_make() {
    let (promise, n) = pair::<u32, Text>();
    let mapped = n.map(|_| -> u32 { panic!("a function of the user's that panics") });
    let chained = n.then(|_| -> Eventual<u32, Text> { panic!("another one") });
    promise.fulfil(1);
    assert_eq!((mapped.wait(), chained.wait()), (Err(Failure::Broken), Err(Failure::Broken)));
    assert_eq!(n.wait(), Ok(&1));
}

/// A value that cannot be cloned without a panic.
struct Brittle;

impl Clone for Brittle {
    fn clone(&self) -> Self {
        panic!("a clone of the user's that panics")
    }
}

#[test]
fn a_panic_in_a_clone_breaks_and_leaves_nobody_waiting() {
    let (promise, eventual) = pair::<Brittle, ()>();
    let (all, first) = (join_all([eventual.clone()]), race([eventual.clone()]));
    promise.fulfil(Brittle);
    assert!(matches!(all.wait(), Err(Failure::Broken)) && matches!(first.wait(), Err(Failure::Broken)));
    let owned = catch_unwind(AssertUnwindSafe(|| {
        let _ = pin!(eventual.into_future()).as_mut().poll(&mut Context::from_waker(Waker::noop()));
    }));
    assert!(owned.is_err(), "the one who asks for the clone gets the panic");
}

#[test]
fn of_nothing_all_are_there_and_none_is_first() {
    assert_eq!(join_all(Vec::<Eventual<u8, ()>>::new()).wait(), Ok(&vec![]));
    assert_eq!(race(Vec::<Eventual<u8, ()>>::new()).wait(), Err(Failure::Broken));
}

/// How a promise is to end: with a value, an error, or broken.
fn keep(promise: Promise<u8, u8>, how: u8) {
    match how % 4 {
        0 => promise.fail(how),
        1 => drop(promise),
        _ => promise.fulfil(how),
    }
}

fn expected(how: u8) -> Result<u8, Failure<u8>> {
    match how % 4 {
        0 => Err(Failure::Error(how)),
        1 => Err(Failure::Broken),
        _ => Ok(how),
    }
}

fn read<T: Clone>(eventual: &Eventual<T, u8>) -> Option<Result<T, Failure<u8>>> {
    eventual.try_get().map(|outcome| outcome.cloned().map_err(Failure::cloned))
}

quickcheck! {
    /// Mapping before and after keeping is the same, is the function on values, and passes failures through.
    fn map_and_then_are_functions_of_the_value(how: u8, by: u8) -> bool {
        let (promise, eventual) = pair();
        let add = move |n: &u8| n.wrapping_add(by);
        let some = move |n: &u8| if n.is_multiple_of(2) { Eventual::ready(n / 2) } else {
            let (promise, odd) = pair();
            promise.fail(*n);
            odd
        };
        let early = (eventual.map(add), eventual.then(some), eventual.map(add).map(add));
        keep(promise, how);
        let late = (eventual.map(add), eventual.then(some), eventual.map(move |n| add(&add(n))));
        let value = expected(how);
        let half = |n: u8| if n.is_multiple_of(2) { Ok(n / 2) } else { Err(Failure::Error(n)) };
        let halves = value.clone().and_then(half);
        read(&early.0) == Some(value.clone().map(|n| add(&n))) && read(&early.0) == read(&late.0)
            && read(&early.1) == Some(halves) && read(&early.1) == read(&late.1)
            && read(&early.2) == read(&late.2)
    }

    /// All, and the first, of promises that are kept in some order.
    fn join_all_and_race_follow_the_order_of_keeping(ends: Vec<(u8, u8)>, done_before: u8) -> TestResult {
        if ends.is_empty() {
            return TestResult::discard();
        }
        // Each promise's end, and a key that tells in which order they are kept.
        let (promises, eventuals): (Vec<_>, Vec<_>) = ends.iter().map(|_| pair::<u8, u8>()).unzip();
        let mut order: Vec<_> = promises.into_iter().zip(&ends).enumerate().collect();
        order.sort_by_key(|(_, (_, (_, key)))| *key);
        let before = usize::from(done_before) % 2;
        let ended: Vec<_> = order.iter().map(|(_, (_, (how, _)))| expected(*how)).collect();
        let index_of_first = order[0].0;
        let mut order = order.into_iter().map(|(_, (promise, (how, _)))| move || keep(promise, *how));
        order.by_ref().take(before).for_each(|keep| keep());
        let (all, first) = (join_all(eventuals.clone()), race(eventuals.clone()));
        if before == 0 && (all.is_done() || first.is_done()) {
            return TestResult::error("done before any of them");
        }
        order.for_each(|keep| keep());
        let failure = ended.iter().find_map(|end| end.clone().err());
        let values = failure.map_or_else(|| Ok(ends.iter().map(|(how, _)| *how).collect()), Err);
        let first_end = expected(ends[index_of_first].0);
        TestResult::from_bool(read(&all) == Some(values) && read(&first) == Some(first_end))
    }
}

/// Threads keep, read, map, join and race the same promises for a while.
#[test]
fn many_promises_on_real_threads() {
    let sum = Arc::new(AtomicUsize::new(0));
    for round in 0..300_usize {
        let (promises, eventuals): (Vec<_>, Vec<_>) = (0..4).map(|_| pair::<usize, ()>()).unzip();
        let keepers: Vec<_> = promises
            .into_iter()
            .enumerate()
            .map(|(n, promise)| thread::spawn(move || promise.fulfil(round + n)))
            .collect();
        for eventual in &eventuals {
            let sum = sum.clone();
            eventual.on_done(move |n| {
                sum.fetch_add(*n.unwrap(), Ordering::Relaxed);
            });
        }
        let (all, first) = (join_all(eventuals.clone()), race(eventuals.clone()));
        let total = all.map(|values| values.iter().sum::<usize>());
        assert_eq!(total.wait(), Ok(&(4 * round + 6)));
        assert!((round..round + 4).contains(first.wait().unwrap()));
        keepers.into_iter().for_each(|keeper| keeper.join().unwrap());
    }
    assert_eq!(sum.load(Ordering::Relaxed), (0..300).map(|round| 4 * round + 6).sum(), "each function ran once");
}
