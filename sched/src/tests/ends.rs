//! How a pool ends: finished, cancelled, in time or not, waited for or not.

use std::future::pending;
use std::time::Duration;

use reweave_core::cancel::Token;
use reweave_core::channel;
use reweave_core::event::{Limits, Stopped};
use reweave_core::promise;
use reweave_core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use reweave_core::sync::{Arc, thread};
use reweave_core::time::{self, Clock, VirtualClock};

use crate::task::State;
use crate::{Failed, Handle, Left, Pool, Shutdown, ShutdownError, Task, scope, spawn, spawn_async};

fn soon() -> Limits {
    Limits::until(Clock::real().after(Duration::from_millis(5)).unwrap())
}

fn until(condition: impl Fn() -> bool) {
    while !condition() {
        thread::yield_now();
    }
}

/// What comes now is refused.
fn refused(handle: &Handle) {
    let Err(Failed::Cancelled(cancelled)) = handle.spawn(|| ()).join() else { panic!("the pool has shut down") };
    assert_eq!(cancelled.reason.as_str(), "its pool has shut down");
    let Err(Failed::Cancelled(_)) = handle.spawn_async(async {}).join() else { panic!("the pool has shut down") };
}

#[test]
fn what_is_there_is_finished_with_all_that_it_starts() {
    let pool = Pool::new(2).unwrap();
    let ended = Arc::new(AtomicUsize::new(0));
    for _ in 0..20 {
        let ended = ended.clone();
        pool.spawn(move || {
            scope(|s| {
                for _ in 0..3 {
                    s.spawn(|| {
                        ended.fetch_add(1, Ordering::Relaxed);
                    });
                }
            });
            spawn_async(async move { spawn(move || ended.fetch_add(1, Ordering::Relaxed)).await }).detach();
        })
        .detach();
    }
    pool.shutdown(Shutdown::Finish).unwrap();
    assert_eq!(ended.load(Ordering::Relaxed), 80);
    refused(&pool.handle());
    // Once more is as good.
    pool.shutdown(Shutdown::Finish).unwrap();
    pool.shutdown(Shutdown::Cancel("all the same".into())).unwrap();
}

#[test]
fn while_it_ends_nothing_new_comes_in_and_what_is_there_is_woken_from_outside() {
    let pool = Pool::new(1).unwrap();
    let (sender, receiver) = channel::bounded::<u32>(1);
    let task = pool.spawn_async(async move {
        let first = receiver.recv_async().await.unwrap();
        // What is there may start more.
        let more = spawn_async(async move { receiver.recv_async().await.unwrap() });
        first + more.await.unwrap()
    });
    until(|| task.state() == State::Suspended);
    let error = pool.shutdown_with(Shutdown::Finish, soon()).unwrap_err();
    let left = Left { running: 0, waiting: 0, suspended: 1 };
    assert_eq!(error, ShutdownError::Unfinished { left, stopped: Stopped::TimedOut });
    assert_eq!(
        error.to_string(),
        "the pool has shut down and not ended: timed out, with 0 jobs running, 0 in queues and 1 suspended; wait again, or \
         cancel them"
    );
    refused(&pool.handle());
    sender.send(3).unwrap();
    sender.send(4).unwrap();
    pool.shutdown(Shutdown::Finish).unwrap();
    assert_eq!(task.join().unwrap(), 7);
}

#[test]
fn what_runs_and_what_waits_is_told_when_the_deadline_passes() {
    let pool = Pool::builder().threads(2).spare_threads(0).build().unwrap();
    let (go, gone) = promise::pair::<(), ()>();
    let begun = Arc::new(AtomicUsize::new(0));
    let blocking = pool.spawn({
        let begun = begun.clone();
        move || {
            begun.fetch_add(1, Ordering::Relaxed);
            gone.wait().unwrap();
        }
    });
    let stop = Arc::new(AtomicBool::new(false));
    let spinning = pool.spawn({
        let (begun, stop) = (begun.clone(), stop.clone());
        move || {
            begun.fetch_add(1, Ordering::Relaxed);
            while !stop.load(Ordering::Relaxed) {
                thread::yield_now();
            }
        }
    });
    until(|| begun.load(Ordering::Relaxed) == 2 && pool.stats().blocked == 1);
    let waiting = [(); 3].map(|()| pool.spawn(|| ()));
    let error = pool.shutdown_with(Shutdown::Finish, soon()).unwrap_err();
    let left = Left { running: 2, waiting: 3, suspended: 0 };
    assert_eq!(error, ShutdownError::Unfinished { left, stopped: Stopped::TimedOut });
    go.fulfil(());
    stop.store(true, Ordering::Relaxed);
    pool.shutdown(Shutdown::Finish).unwrap();
    assert!(blocking.is_ended() && spinning.is_ended() && waiting.iter().all(Task::is_ended));
}

#[test]
fn what_is_cancelled_ends_and_what_has_not_begun_never_does() {
    let pool = Pool::builder().threads(1).spare_threads(0).build().unwrap();
    let (sender, receiver) = channel::bounded::<()>(1);
    let waits = pool.spawn(move || receiver.recv().unwrap_err().to_string());
    until(|| pool.stats().blocked == 1);
    let never = [(); 2].map(|()| pool.spawn(|| unreachable!("it is cancelled")));
    pool.shutdown(Shutdown::Cancel("the user has left".into())).unwrap();
    assert!(waits.join().unwrap().contains("the user has left"));
    drop(sender);
    for task in never {
        let Err(Failed::Cancelled(cancelled)) = task.join().map(|(): ()| ()) else { panic!("it was cancelled") };
        assert_eq!(cancelled.reason.as_str(), "the user has left");
    }
}

#[test]
fn a_pool_that_does_not_finish_in_time_can_be_cancelled() {
    let pool = Pool::new(2).unwrap();
    let slow = pool.spawn(|| time::sleep(Duration::from_secs(3600)));
    let (_sender, receiver) = channel::bounded::<()>(1);
    let suspended = pool.spawn_async(async move { receiver.recv_async().await.is_err() });
    until(|| suspended.state() == State::Suspended && slow.state() == State::Running);
    assert!(matches!(pool.shutdown_with(Shutdown::Finish, soon()), Err(ShutdownError::Unfinished { .. })));
    pool.shutdown(Shutdown::Cancel("it takes too long".into())).unwrap();
    assert!(slow.is_ended() && suspended.is_ended());
}

#[test]
fn the_wait_for_the_end_is_one_like_others() {
    let pool = Arc::new(Pool::new(1).unwrap());
    let (go, gone) = promise::pair::<(), ()>();
    let task = pool.spawn(move || {
        gone.wait().unwrap();
    });
    // Ended by a token.
    let token = Token::new();
    token.cancel("no patience");
    let error = token.run(|| pool.shutdown(Shutdown::Finish)).unwrap_err();
    let ShutdownError::Unfinished { stopped: Stopped::Cancelled(cancelled), .. } = error else { panic!("{error}") };
    assert_eq!(cancelled.reason.as_str(), "no patience");
    // By the caller's clock, an hour later by that.
    let clock = VirtualClock::new();
    let deadline = clock.now() + Duration::from_secs(3600);
    let waiting = thread::spawn({
        let (pool, clock) = (pool.clone(), clock.clone());
        move || clock.run(|| pool.shutdown_with(Shutdown::Finish, Limits::until(deadline)))
    });
    until(|| clock.timers() == 1);
    clock.advance_to(deadline);
    let error = waiting.join().unwrap().unwrap_err();
    assert!(matches!(error, ShutdownError::Unfinished { stopped: Stopped::TimedOut, .. }), "{error}");
    // By a job of another pool, which is made up for meanwhile.
    let other = Pool::builder().threads(1).build().unwrap();
    let waiting = other.spawn({
        let pool = pool.clone();
        move || pool.shutdown(Shutdown::Finish)
    });
    until(|| other.stats().blocked == 1);
    assert_eq!(other.spawn(|| 5).join().unwrap(), 5);
    go.fulfil(());
    waiting.join().unwrap().unwrap();
    task.join().unwrap();
}

#[test]
fn a_job_cannot_wait_for_its_own_pool() {
    let pool = Arc::new(Pool::new(1).unwrap());
    let inside = pool.clone();
    let task = pool.spawn(move || {
        let error = inside.shutdown(Shutdown::Finish).unwrap_err();
        // What comes from inside comes in.
        (error.to_string(), spawn(|| 3).join().unwrap())
    });
    let told = "a job cannot wait for the end of its own pool; the pool has shut down, and ends when all its jobs have";
    assert_eq!(task.join().unwrap(), (told.to_owned(), 3));
    refused(&pool.handle());
    pool.shutdown(Shutdown::Finish).unwrap();
}

#[test]
fn whoever_installs_something_in_a_pool_that_has_shut_down_runs_it() {
    let pool = Pool::new(1).unwrap();
    pool.shutdown(Shutdown::Finish).unwrap();
    let here = thread::current().id();
    assert_eq!(pool.install(|| thread::current().id()), here);
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| pool.install(|| panic!("here"))));
    assert!(panicked.is_err());
}

#[test]
fn a_pool_that_is_let_go_ends_when_all_is_done() {
    let pool = Pool::new(2).unwrap();
    let handle = pool.handle();
    let (go, gone) = promise::pair::<u32, ()>();
    let (sender, receiver) = channel::bounded::<u32>(1);
    let closure = pool.spawn(move || *gone.wait().unwrap());
    let future = pool.spawn_async(async move { receiver.recv_async().await.unwrap() });
    until(|| future.state() == State::Suspended);
    let shared = pool.shared().clone();
    // Does not wait.
    pool.detach();
    refused(&handle);
    go.fulfil(1);
    assert_eq!(closure.join().unwrap(), 1);
    assert!(!shared.is_over(), "a future is there");
    sender.send(2).unwrap();
    assert_eq!(future.join().unwrap(), 2);
    until(|| shared.is_over());
}

/// Tells when it is dropped.
struct Tell(Arc<AtomicBool>);

impl Drop for Tell {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_future_that_nobody_wakes_is_waited_for_until_it_is_cancelled() {
    let dropped = Arc::new(AtomicBool::new(false));
    let suspend = |pool: &Pool| {
        dropped.store(false, Ordering::Relaxed);
        let tell = Tell(dropped.clone());
        let task = pool.spawn_async(async move {
            let _tell = tell;
            pending::<()>().await
        });
        until(|| task.state() == State::Suspended);
        task.detach();
        assert_eq!(pool.stats().suspended, 1);
    };
    let pool = Pool::new(1).unwrap();
    suspend(&pool);
    assert!(matches!(pool.shutdown_with(Shutdown::Finish, soon()), Err(ShutdownError::Unfinished { .. })));
    assert!(!dropped.load(Ordering::Relaxed));
    pool.shutdown(Shutdown::Cancel("nobody wakes it".into())).unwrap();
    assert!(dropped.load(Ordering::Relaxed));
    // Dropped, a pool does not wait for it; by one of its own tasks, either.
    let pool = Pool::new(1).unwrap();
    suspend(&pool);
    drop(pool);
    assert!(dropped.load(Ordering::Relaxed));
    let pool = Pool::new(1).unwrap();
    suspend(&pool);
    pool.handle().spawn(move || drop(pool)).join().unwrap();
    until(|| dropped.load(Ordering::Relaxed));
}

#[test]
fn what_is_started_by_what_is_cancelled_never_begins() {
    let pool = Arc::new(Pool::new(1).unwrap());
    let (go, gone) = promise::pair::<(), ()>();
    let outer = pool.spawn(move || {
        // Until the pool is cancelled.
        assert!(gone.wait().is_err());
        let above = Token::new();
        let inner = spawn(|| unreachable!("it is cancelled"));
        let under = above.run(|| spawn(|| unreachable!("it is cancelled")));
        let future = spawn_async(async { unreachable!("it is cancelled") });
        vec![inner, under, future]
    });
    until(|| pool.stats().blocked == 1);
    pool.shutdown(Shutdown::Cancel("enough".into())).unwrap();
    for task in outer.join().unwrap() {
        let Err(Failed::Cancelled(cancelled)) = task.join().map(|(): ()| ()) else { panic!("it was cancelled") };
        assert_eq!(cancelled.reason.as_str(), "enough");
    }
    drop(go);
    // Once more changes nothing.
    pool.cancel_all("again");
    let late = pool.spawn(|| ()).join().unwrap_err();
    assert_eq!(late.to_string(), "the task was cancelled: enough");
}

#[test]
fn many_end_one_pool_while_others_bring_work() {
    for _ in 0..20 {
        let pool = Arc::new(Pool::new(2).unwrap());
        let (ran, late) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let bringing: Vec<_> = (0..3)
            .map(|_| {
                let (pool, ran, late) = (pool.clone(), ran.clone(), late.clone());
                thread::spawn(move || {
                    for _ in 0..100 {
                        let task = pool.spawn_async(async { spawn(|| 7).await.unwrap() });
                        match task.join() {
                            Ok(7) => ran.fetch_add(1, Ordering::Relaxed),
                            Err(Failed::Cancelled(_)) => late.fetch_add(1, Ordering::Relaxed),
                            other => panic!("{other:?}"),
                        };
                    }
                })
            })
            .collect();
        let ending: Vec<_> = (0..2)
            .map(|_| {
                let pool = pool.clone();
                thread::spawn(move || pool.shutdown(Shutdown::Finish).unwrap())
            })
            .collect();
        ending.into_iter().chain(bringing).for_each(|thread| thread.join().unwrap());
        assert_eq!(ran.load(Ordering::Relaxed) + late.load(Ordering::Relaxed), 300);
        assert_eq!(pool.stats().suspended, 0);
    }
}
