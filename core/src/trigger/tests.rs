//! The trigger on real threads. What interleavings can do to it is in `models/`.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::{MAX_TOKEN, Trigger, wait_any};
use crate::sync::{Arc, thread};

#[test]
fn first_signal_wins_and_its_token_is_kept() {
    let trigger = Trigger::new();
    assert_eq!(trigger.signalled(), None);
    assert!(trigger.signal(3));
    assert!(!trigger.signal(4));
    assert_eq!(trigger.signalled(), Some(3));
    assert_eq!(trigger.wait(), 3);
    assert_eq!(trigger.wait(), 3, "the signal stays");
}

#[test]
fn the_largest_token_survives() {
    let trigger = Trigger::new();
    assert!(trigger.signal(MAX_TOKEN));
    assert_eq!(trigger.wait(), MAX_TOKEN);
}

#[test]
fn a_parked_thread_is_woken() {
    let trigger = Arc::new(Trigger::new());
    let waiter = thread::spawn({
        let trigger = trigger.clone();
        move || trigger.wait()
    });
    while format!("{trigger:?}") != "Trigger(waited on)" {
        thread::yield_now();
    }
    assert!(trigger.signal(5));
    assert_eq!(waiter.join().unwrap(), 5);
}

#[test]
fn a_deadline_ends_a_wait_and_leaves_the_trigger_usable() {
    let trigger = Trigger::new();
    assert_eq!(trigger.wait_until(Instant::now()), None);
    assert_eq!(trigger.wait_until(Instant::now() + Duration::from_millis(2)), None);
    assert_eq!(format!("{trigger:?}"), "Trigger(idle)");
    assert!(trigger.signal(1));
    assert_eq!(trigger.wait_until(Instant::now()), Some(1), "a signal beats an expired deadline");
}

#[test]
fn a_future_is_woken_once_and_withdraws_when_dropped() {
    let trigger = Trigger::new();
    let mut cx = Context::from_waker(Waker::noop());
    {
        let mut wait = pin!(trigger.wait_async());
        assert_eq!(wait.as_mut().poll(&mut cx), Poll::Pending);
        assert_eq!(wait.as_mut().poll(&mut cx), Poll::Pending, "polling again replaces the waker");
    }
    assert_eq!(format!("{trigger:?}"), "Trigger(idle)", "the dropped future left nothing behind");
    let mut wait = pin!(trigger.wait_async());
    assert_eq!(wait.as_mut().poll(&mut cx), Poll::Pending);
    trigger.signal(9);
    assert_eq!(wait.as_mut().poll(&mut cx), Poll::Ready(9));
}

#[test]
fn wait_any_reports_one_winner_and_frees_the_losers() {
    let (a, b) = (Arc::new(Trigger::new()), Trigger::new());
    let signaller = thread::spawn({
        let a = a.clone();
        move || a.signal(0)
    });
    assert_eq!(wait_any(&[&b, &a]), 1);
    signaller.join().unwrap();
    assert_eq!(format!("{b:?}"), "Trigger(idle)");
    b.signal(2);
    assert_eq!(wait_any(&[&b, &a]), 0, "the lowest index wins among ready ones");
    assert_eq!(b.wait(), 2, "the token of the trigger itself is untouched");
}

#[test]
fn a_failed_wait_any_leaves_the_others_usable() {
    let (a, b) = (Trigger::new(), Trigger::new());
    let twice = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| wait_any(&[&a, &b, &b])));
    assert!(twice.is_err(), "one of them occurs twice");
    assert_eq!(format!("{a:?} {b:?}"), "Trigger(idle) Trigger(idle)");
}

#[test]
fn a_long_chain_of_forwards_needs_no_stack() {
    let chain: Vec<Arc<Trigger>> = (0..100_000).map(|_| Arc::new(Trigger::new())).collect();
    let forwards: Vec<_> = chain.windows(2).map(|pair| pair[0].forward(&pair[1], 5)).collect();
    assert!(chain[0].signal(1));
    assert_eq!(chain.last().unwrap().signalled(), Some(5));
    drop(forwards);
}

#[test]
#[should_panic(expected = "one waiter at a time")]
fn a_second_waiter_is_refused() {
    let trigger = Trigger::new();
    let mut cx = Context::from_waker(Waker::noop());
    let mut wait = pin!(trigger.wait_async());
    assert!(wait.as_mut().poll(&mut cx).is_pending());
    trigger.wait();
}

#[test]
fn a_panicking_waker_does_not_reach_the_signaller() {
    struct Bomb;
    impl std::task::Wake for Bomb {
        fn wake(self: Arc<Self>) {
            panic!("a waker of the user's that panics");
        }
    }
    let trigger = Trigger::new();
    let waker = Waker::from(Arc::new(Bomb));
    let mut wait = pin!(trigger.wait_async());
    assert!(wait.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    assert!(trigger.signal(1));
    assert_eq!(wait.as_mut().poll(&mut Context::from_waker(&waker)), Poll::Ready(1));
}
