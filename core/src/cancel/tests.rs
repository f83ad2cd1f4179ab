use std::time::{Duration, Instant};

use super::{Cancelled, How, Token, check, current, shield};
use crate::event::{Limits, Select, Stopped, Waiting, wait, wait_with};
use crate::select;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::sync::{Arc, Mutex, thread};
use crate::time::{VirtualClock, after, sleep};

/// A log of what callbacks were called with.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn note(&self, name: &str) -> impl FnOnce(&Cancelled) + Send + use<> {
        let (log, name) = (self.clone(), name.to_owned());
        move |cancelled| log.0.lock().push(format!("{name}: {}", cancelled.reason))
    }

    fn read(&self) -> Vec<String> {
        self.0.lock().clone()
    }
}

#[test]
fn the_first_reason_wins() {
    let token = Token::new();
    assert_eq!(token.check(), Ok(()));
    assert!(token.cancel("first"));
    assert!(!token.cancel("second"));
    let cancelled = token.check().unwrap_err();
    assert_eq!(cancelled.reason.as_str(), "first");
    assert_eq!(
        (cancelled.source.id, cancelled.source.how, cancelled.source.inherited),
        (token.id(), How::Explicit, false)
    );
    assert_eq!(cancelled.to_string(), "cancelled: first");
}

#[test]
fn children_follow_their_parent_and_not_the_reverse() {
    let root = Token::named("root");
    let (left, right) = (root.child(), root.named_child("right"));
    let below = right.child();
    assert!(right.cancel("enough of this"));
    assert!(below.is_cancelled() && !left.is_cancelled() && !root.is_cancelled());
    assert!(root.cancel("shutdown"));
    assert_eq!(left.reason().unwrap().reason.as_str(), "shutdown");
    let seen = below.reason().unwrap();
    assert_eq!(seen.reason.as_str(), "enough of this", "the first reason wins in the child too");
    assert_eq!((seen.source.id, seen.source.inherited), (right.id(), true));
    assert_eq!(seen.to_string(), "cancelled: enough of this (token \"right\")");
    let late = root.child();
    assert_eq!(late.reason().unwrap().source.id, root.id(), "a child of a cancelled token is born cancelled");
}

#[test]
fn a_million_children_leave_nothing_behind() {
    let root = Token::new();
    for _ in 0..1_000_000 {
        let child = root.child();
        drop(child.clone());
    }
    assert_eq!(root.node().dependents(), 0);
    let kept: Vec<_> = (0..1_000).map(|_| root.child().child()).collect();
    assert_eq!(root.node().dependents(), 1_000, "a child stays for the sake of what is below it");
    assert!(kept[500].cancel("done"));
    assert_eq!(root.node().dependents(), 999, "and goes with it, cancelled or dropped");
    drop(kept);
    assert_eq!(root.node().dependents(), 0);
}

fn deep(root: &Token, levels: usize) -> Token {
    (0..levels).fold(root.clone(), |token, _| token.child())
}

#[test]
fn deep_trees_need_no_stack() {
    let small_stack = |body: fn()| {
        // The facade starts threads with the default stack of 2 MiB, which 100,000 frames would exceed.
        thread::spawn(body).join().unwrap();
    };
    small_stack(|| {
        let root = Token::new();
        let leaf = deep(&root, 100_000);
        assert!(root.cancel("from the top"));
        assert_eq!(leaf.reason().unwrap().source.id, root.id());
    });
    small_stack(|| {
        let root = Token::new();
        let leaf = deep(&root, 100_000);
        assert_eq!(root.node().dependents(), 1);
        drop(leaf);
        assert_eq!(root.node().dependents(), 0);
    });
    small_stack(|| {
        let leaf = deep(&Token::new(), 100_000);
        assert!(leaf.cancel("the only handle"));
    });
}

#[test]
fn callbacks_run_in_order_parents_first() {
    let log = Log::default();
    let root = Token::new();
    let child = root.child();
    child.on_cancel(log.note("child")).detach();
    let first = root.on_cancel(log.note("first"));
    let removed = root.on_cancel(log.note("removed"));
    let second = root.on_cancel(log.note("second"));
    assert!(removed.remove());
    drop(root.on_cancel(log.note("dropped")));
    root.cancel("now");
    assert_eq!(log.read(), ["first: now", "second: now", "child: now"]);
    assert!(!first.remove());
    drop(second);
    let late = root.on_cancel(log.note("late"));
    assert_eq!(log.read().len(), 4, "a late callback runs at once");
    assert!(!late.remove());
}

#[test]
fn callbacks_find_everybody_told_and_may_use_the_token() {
    let root = Token::new();
    let child = root.child();
    let seen = Arc::new(AtomicBool::new(false));
    let callback = root.on_cancel({
        let (root, child, seen) = (root.clone(), child.clone(), seen.clone());
        move |_| {
            assert!(!root.cancel("again"));
            root.on_cancel(|_| ()).detach();
            seen.store(child.is_cancelled() && root.child().is_cancelled(), Ordering::Relaxed);
        }
    });
    root.cancel("now");
    assert!(seen.load(Ordering::Relaxed));
    drop(callback);
}

#[test]
fn a_panic_of_a_callback_or_of_what_it_captured_is_contained() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            if !thread::panicking() {
                std::panic::resume_unwind(Box::new("dropped"));
            }
        }
    }
    let log = Log::default();
    let token = Token::new();
    token.on_cancel(|_| std::panic::resume_unwind(Box::new("in a callback"))).detach();
    token.on_cancel(log.note("after it")).detach();
    let bomb = Bomb;
    assert!(token.on_cancel(move |_| drop(bomb)).remove());
    let bomb = Bomb;
    token.child().on_cancel(move |_| drop(bomb)).detach();
    assert!(token.cancel("now"));
    assert_eq!(log.read(), ["after it: now"]);
}

#[test]
fn a_detached_callback_goes_with_the_last_handle() {
    let log = Log::default();
    let root = Token::new();
    root.child().on_cancel(log.note("nobody could cancel it any more")).detach();
    let kept = root.child().on_cancel(log.note("kept by its handle"));
    assert_eq!(root.node().dependents(), 1);
    root.cancel("now");
    assert_eq!(log.read(), ["kept by its handle: now"]);
    drop(kept);
}

#[test]
fn the_current_token_and_shields() {
    assert!(current().is_none());
    assert_eq!(check(), Ok(()));
    let (outer, inner) = (Token::new(), Token::new());
    outer.cancel("outside");
    outer.run(|| {
        assert_eq!(current().unwrap().id(), outer.id());
        assert!(check().is_err() && sleep(Duration::MAX).is_err());
        shield(|| {
            assert!(current().is_none());
            sleep(Duration::from_millis(1)).unwrap();
            shield(|| assert_eq!(check(), Ok(())));
            inner.run(|| {
                assert_eq!(check(), Ok(()));
                inner.cancel("inside");
                assert_eq!(check().unwrap_err().reason.as_str(), "inside");
            });
            assert_eq!(check(), Ok(()));
        });
        assert_eq!(check().unwrap_err().reason.as_str(), "outside");
    });
}

#[test]
fn every_way_of_waiting_heeds_the_current_token() {
    let token = Token::new();
    let canceller = thread::spawn({
        let token = token.clone();
        move || {
            sleep(Duration::from_millis(20)).unwrap();
            token.cancel("stop");
        }
    });
    let never = Token::new();
    let is_ours =
        |stopped: Stopped| matches!(stopped, Stopped::Cancelled(cancelled) if cancelled.reason.as_str() == "stop");
    token.run(|| {
        // The first of these blocks until the cancellation, the others find it.
        assert!(is_ours(wait(never.cancelled()).unwrap_err()));
        let far = Instant::now() + Duration::from_secs(3600);
        assert!(is_ours(wait_with(never.cancelled(), Limits::until(far)).unwrap_err()));
        assert!(is_ours(sleep(Duration::MAX).unwrap_err()));
        assert!(is_ours(select! { _ = never.cancelled() => (), _ = after(Duration::MAX) => () }.unwrap_err()));
        let mut select = Select::new();
        select.add(never.cancelled());
        assert!(is_ours(select.wait().unwrap_err()));
        let mut waiting = std::pin::pin!(Waiting::new(never.cancelled()));
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        let polled = std::future::Future::poll(waiting.as_mut(), &mut cx);
        let std::task::Poll::Ready(Err(stopped)) = polled else { panic!("the task was not told") };
        assert!(is_ours(stopped));
        let unstoppable = Limits { deadline: Some(Instant::now()), ..Limits::unstoppable() };
        assert_eq!(wait_with(never.cancelled(), unstoppable).unwrap_err(), Stopped::TimedOut);
    });
    canceller.join().unwrap();
}

#[test]
fn deadlines_cancel_by_the_clock_of_their_making() {
    let clock = VirtualClock::new();
    clock.run(|| {
        let seconds = Duration::from_secs;
        let parent = Token::with_timeout(seconds(10));
        let (early, late) = (parent.child_with_timeout(seconds(5)), parent.child_with_timeout(seconds(50)));
        let plain = parent.child();
        assert_eq!(clock.timers(), 2, "the late child needs none: its parent comes before");
        assert_eq!(late.remaining(), Some(seconds(10)));
        assert_eq!(plain.deadline(), parent.deadline());
        clock.advance(seconds(5) - Duration::from_nanos(1));
        assert!(!early.is_cancelled());
        clock.advance(Duration::from_nanos(1));
        let cancelled = early.reason().unwrap();
        assert!(cancelled.by_own_deadline() && !parent.is_cancelled());
        assert_eq!(cancelled.to_string(), "cancelled: its deadline has passed");
        clock.advance(seconds(100));
        let cancelled = late.reason().unwrap();
        assert_eq!((cancelled.source.id, cancelled.source.how), (parent.id(), How::Deadline));
        assert!(!cancelled.by_own_deadline() && plain.is_cancelled());
        assert_eq!(late.remaining(), Some(Duration::ZERO));
        assert!(Token::with_deadline(clock.now()).is_cancelled(), "a deadline that has passed");
        assert_eq!(Token::with_timeout(Duration::MAX).remaining(), None);
    });
}

#[test]
fn a_deadline_that_is_no_longer_needed_leaves_no_timer() {
    let clock = VirtualClock::new();
    clock.run(|| {
        let dropped = Token::with_timeout(Duration::from_secs(1));
        let cancelled = Token::with_timeout(Duration::from_secs(1));
        let root = Token::new();
        let child = root.child_with_timeout(Duration::from_secs(1));
        assert_eq!(clock.timers(), 3);
        drop(dropped);
        cancelled.cancel("earlier");
        assert_eq!(clock.timers(), 1);
        root.cancel("from above");
        assert_eq!(clock.timers(), 0);
        clock.advance(Duration::from_secs(2));
        assert_eq!(cancelled.reason().unwrap().reason.as_str(), "earlier");
        assert_eq!(child.reason().unwrap().reason.as_str(), "from above");
    });
}

#[test]
fn deadlines_pass_by_the_real_clock() {
    let before = Instant::now();
    let token = Token::with_timeout(Duration::from_millis(10));
    token.on_cancel(|_| std::panic::resume_unwind(Box::new("the timer thread survives"))).detach();
    assert!(token.remaining().unwrap() <= Duration::from_millis(10));
    assert!(wait(token.cancelled()).unwrap().by_own_deadline());
    assert!(before.elapsed() >= Duration::from_millis(10), "never early");
    wait(Token::with_timeout(Duration::from_millis(1)).cancelled()).unwrap();
}

#[test]
fn a_guard_cancels_when_its_scope_ends() {
    let token = Token::new();
    token.cancel_on_drop("not this time").disarm();
    assert!(!token.is_cancelled());
    let outcome = std::panic::catch_unwind({
        let token = token.clone();
        move || {
            let _guard = token.cancel_on_drop("the scope has ended");
            std::panic::resume_unwind(Box::new(()));
        }
    });
    assert!(outcome.is_err());
    assert_eq!(token.reason().unwrap().reason.as_str(), "the scope has ended");
}

#[test]
fn threads_that_add_remove_and_cancel_agree_on_who_ran() {
    for _ in 0..200 {
        let (root, runs, removals) = (Token::new(), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let adders: Vec<_> = (0..3)
            .map(|_| {
                let (root, runs, removals) = (root.clone(), runs.clone(), removals.clone());
                thread::spawn(move || {
                    for index in 0..50 {
                        let (child, runs) = (root.child(), runs.clone());
                        let callback = child.on_cancel(move |_| {
                            runs.fetch_add(1, Ordering::Relaxed);
                        });
                        if index % 2 == 0 {
                            removals.fetch_add(usize::from(callback.remove()), Ordering::Relaxed);
                        } else {
                            child.cancel("itself");
                            assert!(!callback.remove(), "somebody has cancelled it");
                        }
                    }
                })
            })
            .collect();
        root.cancel("all");
        for adder in adders {
            adder.join().unwrap();
        }
        let (runs, removals) = (runs.load(Ordering::Relaxed), removals.load(Ordering::Relaxed));
        assert_eq!(runs + removals, 3 * 50, "each callback ran or was removed");
        assert_eq!(root.node().dependents(), 0);
    }
}
