//! Supervisors: a child's failure is its own, and all end before it is left.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use reweave_core::cancel::{self, Token};
use reweave_core::channel;
use reweave_core::promise;
use reweave_core::sync::atomic::{AtomicUsize, Ordering};
use reweave_core::sync::{Arc, thread};
use reweave_core::time::{self, VirtualClock};

use crate::nursery::{Failure, Options, Refused};
use crate::{Failed, Pool, Supervisor, supervisor, supervisor_async};

#[test]
fn a_failure_stays_with_its_child_and_the_others_go_on() {
    for threads in [1, 3] {
        let pool = Pool::new(threads).unwrap();
        let tasks = pool.install(|| {
            supervisor(|s| {
                let (sender, receiver) = channel::bounded::<u32>(1);
                let failing = s.spawn(|| Err::<u32, _>("its own"))?;
                let panicking = s.spawn(|| panic!("its own, too"))?;
                let waiting = s.spawn_async(async move { receiver.recv_async().await.map_err(|_| "stopped") })?;
                sender.send(7).unwrap();
                Ok::<_, Refused>((failing, panicking, waiting))
            })
        });
        let (mut failing, mut panicking, mut waiting) = tasks.unwrap();
        assert_eq!(failing.take().unwrap().unwrap(), Err("its own"));
        let panicked: Result<(), _> = panicking.take().unwrap();
        assert_eq!(panicked.unwrap_err().panic_message(), Some("its own, too"));
        assert_eq!(waiting.take().unwrap().unwrap(), Ok(7));
    }
}

#[test]
fn all_have_ended_when_it_is_left() {
    let pool = Pool::new(3).unwrap();
    for _ in 0..100 {
        let tasks = pool.install(|| {
            supervisor(|s| {
                let tasks = (0..8).map(|n| {
                    let siblings = s.clone();
                    s.spawn(move || siblings.spawn(move || n))
                });
                tasks.collect::<Result<Vec<_>, _>>()
            })
        });
        for (n, mut outer) in tasks.unwrap().into_iter().enumerate() {
            let mut inner = outer.take().expect("it has ended").unwrap().unwrap();
            assert_eq!(inner.take().expect("it has ended, too").unwrap(), n);
        }
    }
}

#[test]
fn one_child_can_be_cancelled_alone() {
    let value = supervisor(|s| {
        let [(begin, begun), (go, gone)] = [(); 2].map(|()| promise::pair::<(), ()>());
        let stopped = s.spawn(move || {
            begin.fulfil(());
            time::sleep(Duration::MAX).is_err()
        })?;
        let waits = s.spawn(move || gone.wait().is_ok())?;
        begun.wait().unwrap();
        stopped.cancel("this one");
        assert!(stopped.join().unwrap());
        go.fulfil(());
        Ok::<_, Refused>(waits.join().unwrap())
    });
    assert!(value.unwrap());
}

#[test]
fn the_bodys_failure_cancels_the_children_and_comes_out() {
    for panics in [false, true] {
        let ended = Arc::new(AtomicUsize::new(0));
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            supervisor(|s| -> Result<(), &str> {
                let (count, (begun, has_begun)) = (ended.clone(), promise::pair::<(), ()>());
                s.spawn(move || {
                    begun.fulfil(());
                    while cancel::check().is_ok() {
                        thread::yield_now();
                    }
                    count.fetch_add(1, Ordering::Relaxed);
                })
                .unwrap()
                .detach();
                has_begun.wait().unwrap();
                if panics { panic!("the body") } else { Err("the body") }
            })
        }));
        match outcome {
            Ok(result) => assert!(!panics && matches!(result.unwrap_err().cause, Failure::Failed("the body"))),
            Err(panic) => assert!(panics && *panic.downcast::<&str>().unwrap() == "the body"),
        }
        assert_eq!(ended.load(Ordering::Relaxed), 1);
    }
}

#[test]
fn cancellation_and_deadline_come_out_and_children_tell_for_themselves() {
    let clock = VirtualClock::new();
    clock.run(|| {
        let outer = Token::new();
        let kept = Arc::new(reweave_core::sync::Mutex::new(None));
        for by_deadline in [false, true] {
            let error = outer.child().run(|| {
                Options::new().timeout(Duration::from_secs(9)).supervisor(|s| -> Result<(), Refused> {
                    *kept.lock() = Some(s.spawn_async(std::future::pending::<()>())?);
                    let later = if by_deadline {
                        clock.advance(Duration::from_secs(9));
                        s.spawn(|| ()).map(|_| ())
                    } else {
                        assert!(s.cancel("enough"));
                        s.spawn(|| ()).map(|_| ())
                    };
                    assert!(matches!(later, Err(Refused::Cancelled(_))));
                    Ok(())
                })
            });
            assert_eq!(error.unwrap_err().timed_out(), by_deadline);
            let child = kept.lock().take().unwrap();
            assert!(matches!(child.join(), Err(Failed::Cancelled(_))));
        }
    });
}

#[test]
fn a_child_that_has_not_begun_when_it_is_cancelled_never_does() {
    let pool = Pool::builder().threads(1).spare_threads(0).build().unwrap();
    let ran = Arc::new(AtomicUsize::new(0));
    let mut tasks = Vec::new();
    let error = pool.install(|| {
        supervisor(|s| {
            let [closure, future] = [ran.clone(), ran.clone()];
            tasks.push(s.spawn(move || closure.fetch_add(1, Ordering::Relaxed))?);
            tasks.push(s.spawn_async(async move { future.fetch_add(1, Ordering::Relaxed) })?);
            s.cancel("enough");
            Ok::<_, Refused>(())
        })
    });
    assert!(matches!(error.unwrap_err().cause, Failure::Cancelled(_)));
    for mut task in tasks {
        assert!(matches!(task.take(), Some(Err(Failed::Cancelled(_)))));
    }
    assert_eq!((ran.load(Ordering::Relaxed), Arc::strong_count(&ran)), (0, 1));
}

#[test]
fn a_late_spawn_is_refused() {
    let late = supervisor(|s: &Supervisor| Ok::<_, ()>(s.clone())).unwrap();
    assert!(matches!(late.spawn(|| ()), Err(Refused::Ended)));
    assert!(matches!(late.spawn_async(async {}), Err(Refused::Ended)));
}

#[test]
fn a_supervisor_may_be_a_future_and_its_child_a_supervisor() {
    let pool = Pool::new(2).unwrap();
    let task = pool.spawn_async(supervisor_async(|s| async move {
        let inner = s.spawn_async(supervisor_async(|s| async move {
            let broken = s.spawn_async(async { Err::<(), _>("deep down") }).unwrap();
            Ok::<_, ()>(broken.await.unwrap())
        }));
        let result = inner?.await.unwrap().unwrap();
        Ok::<_, Refused>(result)
    }));
    assert_eq!(task.join().unwrap().unwrap(), Err("deep down"));
}
