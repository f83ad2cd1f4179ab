//! Linked tasks tell what came of them, whatever it is; and nobody waits for longer than he wants.

use std::time::{Duration, Instant};

use reweave_core::cancel::{self, Token};
use reweave_core::channel::How;
use reweave_core::event::Stopped;
use reweave_core::promise;
use reweave_core::sync::atomic::{AtomicBool, Ordering};
use reweave_core::sync::{Arc, thread};
use reweave_core::time::{self, VirtualClock};

use crate::task::{TimeoutError, timeout};
use crate::{Failed, Pool, spawn_link};

const LONG: Duration = Duration::from_secs(3600);

#[test]
fn one_outcome_comes_and_then_the_channel_is_closed() {
    let pool = Pool::new(2).unwrap();
    let handle = pool.handle();
    for linked in [pool.spawn_link(|| 7), handle.spawn_link(|| 7), pool.install(|| spawn_link(|| 7))] {
        assert_eq!(linked.recv().unwrap().unwrap(), 7);
        assert_eq!(linked.recv().unwrap_err().closed().unwrap().how(), How::SendersDropped);
    }
    let panicked = pool.spawn_link(|| -> u32 { panic!("on purpose") }).recv().unwrap();
    assert_eq!(panicked.unwrap_err().panic_message(), Some("on purpose"));
    assert_eq!(pool.spawn(|| 1).join().unwrap(), 1, "the pool goes on");
}

#[test]
fn a_linked_task_that_never_begins_says_why() {
    let pool = Pool::builder().threads(1).spare_threads(0).build().unwrap();
    let (go, gone) = promise::pair::<(), ()>();
    let busy = pool.spawn(move || gone.wait().is_ok());
    let above = Token::new();
    let linked = above.run(|| pool.spawn_link(|| 7));
    above.cancel("not needed");
    go.fulfil(());
    let Err(Failed::Cancelled(cancelled)) = linked.recv().unwrap() else { panic!("it ran") };
    assert_eq!(cancelled.reason.as_str(), "not needed");
    busy.join().unwrap();
    let handle = pool.handle();
    drop(pool);
    let Err(Failed::Cancelled(cancelled)) = handle.spawn_link(|| 7).recv().unwrap() else { panic!("it ran") };
    assert_eq!(cancelled.reason.as_str(), "its pool has shut down");
}

#[test]
fn a_linked_task_without_a_reader_goes_on() {
    /// Panics when it is dropped.
    struct Loud;
    impl Drop for Loud {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }
    let pool = Pool::new(1).unwrap();
    let (go, gone) = promise::pair::<(), ()>();
    let ran = Arc::new(AtomicBool::new(false));
    let runs = ran.clone();
    drop(pool.spawn_link(move || {
        gone.wait().unwrap();
        runs.store(true, Ordering::Relaxed);
        Loud
    }));
    go.fulfil(());
    assert_eq!(pool.spawn(|| 1).join().unwrap(), 1, "nobody is harmed by an outcome that cannot be dropped in peace");
    drop(pool);
    assert!(ran.load(Ordering::Relaxed));
}

#[test]
fn within_its_time_a_task_is_waited_for() {
    assert_eq!(timeout(LONG, || 7).unwrap(), 7);
    assert_eq!(timeout(Duration::MAX, || 7).unwrap(), 7);
    let failed = timeout(LONG, || -> u32 { panic!("on purpose") }).unwrap_err();
    assert_eq!(failed.to_string(), "the task panicked: on purpose");
    let pool = Pool::builder().threads(1).build().unwrap();
    // Inside, and of a future.
    assert_eq!(pool.install(|| timeout(LONG, || 7)).unwrap(), 7);
    assert_eq!(pool.spawn_async(async { 7 }).timeout(LONG).unwrap(), 7);
}

#[test]
fn nobody_waits_for_a_task_that_heeds_nothing() {
    let pool = Pool::new(1).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let (stopped, begun) = (stop.clone(), Instant::now());
    let deaf = pool.spawn(move || {
        while !stopped.load(Ordering::Relaxed) {
            thread::yield_now();
        }
        cancel::check().unwrap_err().reason.to_string()
    });
    let late = deaf.timeout(Duration::from_millis(5)).unwrap_err();
    assert!(begun.elapsed() >= Duration::from_millis(5));
    assert_eq!(late.to_string(), "the wait for the task was stopped: timed out; it has been cancelled");
    let TimeoutError::Stopped { why: Stopped::TimedOut, task } = late else { panic!("{late}") };
    assert!(!task.is_ended());
    stop.store(true, Ordering::Relaxed);
    assert_eq!(task.join().unwrap(), "timed out");
}

#[test]
fn the_time_is_that_of_the_current_clock_and_a_wait_that_is_stopped_ends_it_too() {
    let pool = Pool::new(1).unwrap();
    let clock = VirtualClock::new();
    let advancing = thread::spawn({
        let clock = clock.clone();
        move || {
            while clock.timers() == 0 {
                thread::yield_now();
            }
            clock.advance(LONG);
        }
    });
    let never = pool.spawn_async(std::future::pending::<()>());
    let late = clock.run(|| never.timeout(LONG)).unwrap_err();
    assert!(matches!(late, TimeoutError::Stopped { why: Stopped::TimedOut, .. }), "{late}");
    advancing.join().unwrap();

    let token = Token::new();
    token.cancel("no time");
    let sleeper = pool.spawn(|| time::sleep(LONG).unwrap_err().to_string());
    let TimeoutError::Stopped { why, task } = token.run(|| sleeper.timeout(LONG)).unwrap_err() else {
        panic!("it has ended");
    };
    assert!(matches!(why, Stopped::Cancelled(_)), "{why}");
    match task.join() {
        Ok(heard) => assert!(heard.contains("no time"), "{heard}"),
        Err(failed) => assert_eq!(failed.to_string(), "the task was cancelled: no time"),
    }
}
