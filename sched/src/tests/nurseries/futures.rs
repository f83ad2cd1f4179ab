//! Nurseries whose body is a future: they suspend until all have ended, and block if they are dropped before.

use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::Duration;

use reweave_core::cancel::{self, Token};
use reweave_core::channel;
use reweave_core::promise;
use reweave_core::sync::{Arc, thread};
use reweave_core::time::{self, VirtualClock};

use super::{Bomb, Count};
use crate::nursery::{Failure, Options};
use crate::task::State;
use crate::{Failed, Nursery, NurseryError, Pool, nursery_async, spawn_async};

fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut TaskContext::from_waker(Waker::noop()))
}

#[test]
fn it_suspends_until_all_have_ended_in_any_executor() {
    let (go, gone) = promise::pair::<(), ()>();
    let mut future = pin!(nursery_async(|n: Nursery<()>| async move {
        let siblings = n.clone();
        n.spawn_async(async move {
            siblings
                .spawn(move || {
                    drop(gone.wait());
                    Ok(())
                })
                .unwrap();
            Ok(())
        })
        .unwrap();
        Ok(7)
    }));
    for _ in 0..5 {
        assert!(poll(future.as_mut()).is_pending());
        thread::yield_now();
    }
    go.fulfil(());
    loop {
        if let Poll::Ready(value) = poll(future.as_mut()) {
            return assert_eq!(value.unwrap(), 7);
        }
        thread::yield_now();
    }
}

#[test]
fn it_does_not_begin_before_it_is_polled() {
    let begun = Count::default();
    let count = begun.clone();
    let future = nursery_async(move |_: Nursery<()>| {
        count.add();
        async { Ok(()) }
    });
    drop(future);
    assert_eq!(begun.get(), 0);
}

#[test]
fn the_first_failure_cancels_the_body_and_the_others() {
    let pool = Pool::new(2).unwrap();
    let task = pool.spawn_async(nursery_async(|n: Nursery<String>| async move {
        let (_sender, receiver) = channel::bounded::<()>(1);
        n.spawn_async(async { Err("the first".to_owned()) }).unwrap();
        receiver.recv_async().await.map_err(|error| error.to_string())
    }));
    let error = task.join().unwrap().unwrap_err();
    assert_eq!(error.to_string(), "the first (and 1 more failed after that)");
    let Failure::Failed(body) = &error.suppressed[0] else { panic!("{error:?}") };
    assert!(body.contains("another of the same nursery has failed"), "{body}");
}

#[test]
fn a_deaf_body_is_dropped_when_it_is_cancelled() {
    let held = Arc::new(());
    let kept = held.clone();
    let task = spawn_async(nursery_async(|n: Nursery<&str>| async move {
        let _kept = kept;
        n.spawn(|| Err("a child")).unwrap();
        pending::<Result<(), _>>().await
    }));
    let error = task.join().unwrap().unwrap_err();
    assert!(matches!(error.cause, Failure::Failed("a child")) && error.suppressed.is_empty());
    assert_eq!(Arc::strong_count(&held), 1);
}

#[test]
fn a_body_that_panics_as_it_is_dropped_is_a_later_failure() {
    let task = spawn_async(nursery_async(|n: Nursery<&str>| async move {
        let _bomb = Bomb;
        n.spawn(|| Err("a child")).unwrap();
        pending::<Result<(), _>>().await
    }));
    let error = task.join().unwrap().unwrap_err();
    assert_eq!((error.panics(), error.suppressed[0].panic_message()), (1, Some("a destructor")));
}

#[test]
fn the_bodys_panic_goes_on_when_all_have_ended() {
    let ended = Count::default();
    let count = ended.clone();
    let (begun, has_begun) = promise::pair::<(), ()>();
    let task = spawn_async(nursery_async(move |n: Nursery<()>| async move {
        n.spawn(move || {
            begun.fulfil(());
            drop(time::sleep(Duration::MAX));
            count.added()
        })
        .unwrap();
        has_begun.await.unwrap();
        if ended_or(true) {
            panic!("the body");
        }
        Ok(())
    }));
    assert_eq!(task.join().unwrap_err().panic_message(), Some("the body"));
    assert_eq!(ended.get(), 1);
}

/// Keeps the compiler from seeing that what follows a panic is not reached.
fn ended_or(value: bool) -> bool {
    std::hint::black_box(value)
}

#[test]
fn dropped_early_it_ends_its_children_before_it_goes() {
    let pool = Pool::builder().threads(1).spare_threads(0).build().unwrap();
    let [ended, never] = [(); 2].map(|()| Count::default());
    let (began, begun) = channel::bounded(1);
    {
        let [ended, never] = [ended.clone(), never.clone()];
        // The pool of the children is that of the worker which polls first.
        let mut future = Box::pin(nursery_async(|n: Nursery<()>| async move {
            let never_either = never.clone();
            n.spawn(move || never.added()).unwrap();
            n.spawn_async(async move { never_either.added() }).unwrap();
            // The newest, which the one worker takes first.
            n.spawn(move || {
                began.send(()).unwrap();
                while cancel::check().is_ok() {
                    thread::yield_now();
                }
                thread::nap(Duration::from_millis(5));
                ended.added()
            })
            .unwrap();
            pending().await
        }));
        let polled: Poll<Result<(), NurseryError<()>>> = pool.install(|| poll(future.as_mut()));
        assert!(polled.is_pending());
        begun.recv().unwrap();
        drop(future);
    }
    assert_eq!(ended.get(), 1, "it was waited for");
    assert_eq!(never.get(), 0, "they had not begun");
    assert_eq!((Arc::strong_count(&ended.0), Arc::strong_count(&never.0)), (1, 1), "all have ended");
}

#[test]
fn a_worker_that_drops_it_runs_nobody_who_has_not_begun() {
    let pool = Pool::builder().threads(1).spare_threads(0).build().unwrap();
    let ran = Count::default();
    let count = ran.clone();
    pool.install(move || {
        let mut future = Box::pin(nursery_async(|n: Nursery<()>| async move {
            let future = count.clone();
            n.spawn(move || count.added()).unwrap();
            n.spawn_async(async move { future.added() }).unwrap();
            pending::<Result<(), ()>>().await
        }));
        assert!(poll(future.as_mut()).is_pending());
        // There is no other worker: were they not taken out of the queue here, this would wait for ever.
        drop(future);
    });
    assert_eq!((ran.get(), Arc::strong_count(&ran.0)), (0, 1));
}

#[test]
fn a_task_that_is_cancelled_ends_after_its_nursery() {
    let pool = Pool::new(2).unwrap();
    let ended = Count::default();
    let count = ended.clone();
    let (began, begun) = channel::bounded(1);
    let task = pool.spawn_async(nursery_async(|n: Nursery<()>| async move {
        n.spawn(move || {
            began.send(()).unwrap();
            drop(time::sleep(Duration::MAX));
            thread::nap(Duration::from_millis(5));
            count.added()
        })
        .unwrap();
        pending::<Result<(), ()>>().await
    }));
    begun.recv().unwrap();
    task.cancel("enough");
    match task.join() {
        Err(Failed::Cancelled(cancelled)) => assert_eq!(cancelled.reason.as_str(), "enough"),
        // Or all had ended by the time that it would have suspended again.
        Ok(Err(error)) => assert!(matches!(error.cause, Failure::Cancelled(_))),
        other => panic!("{other:?}"),
    }
    assert_eq!(ended.get(), 1);
}

/// A task that waits in a nursery for a child that waits for ever.
fn waits_for_ever(pool: &Pool, body_returns: bool) -> crate::Task<Result<(), crate::NurseryError<()>>> {
    pool.spawn_async(nursery_async(move |n: Nursery<()>| async move {
        n.spawn_async(std::future::pending::<Result<(), ()>>()).unwrap();
        if body_returns { Ok(()) } else { std::future::pending().await }
    }))
}

#[test]
fn a_pool_ends_in_which_nurseries_are_suspended() {
    for body_returns in [false, true] {
        let pool = Pool::new(1).unwrap();
        let tasks: Vec<_> = (0..20).map(|_| waits_for_ever(&pool, body_returns)).collect();
        while pool.stats().suspended < 40 {
            thread::yield_now();
        }
        drop(pool);
        assert!(tasks.iter().all(crate::Task::is_ended));
    }
}

#[test]
fn nurseries_that_are_cancelled_together_do_not_block_the_only_worker() {
    for body_returns in [false, true] {
        let pool = Pool::builder().threads(1).spare_threads(0).build().unwrap();
        let tasks: Vec<_> = (0..20).map(|_| waits_for_ever(&pool, body_returns)).collect();
        while pool.stats().suspended < 40 {
            thread::yield_now();
        }
        pool.cancel_all("all of you");
        for task in tasks {
            let error = task.join().expect("it has gone on to its end").unwrap_err();
            assert!(format!("{error:?}").contains("all of you"), "{error:?}");
        }
        // And one by itself.
        let task = waits_for_ever(&pool, body_returns);
        task.cancel("only you");
        assert!(task.join().map_or(true, |result| result.is_err()));
    }
}

#[test]
fn children_count_as_one_with_the_task_that_waits_for_them() {
    let policy = crate::Policy::new().max_running(1);
    let pool = Pool::builder().threads(2).policy(policy).build().unwrap();
    let blocking = pool.spawn(|| {
        crate::nursery(|n: &Nursery<()>| {
            n.spawn(|| Ok(())).unwrap();
            n.spawn_async(async { Ok(()) }).unwrap();
            Ok(7)
        })
    });
    assert_eq!(blocking.join().unwrap().unwrap(), 7);
    let suspending = pool.spawn_async(nursery_async(|n: Nursery<()>| async move {
        n.spawn(|| Ok(())).unwrap();
        Ok(7)
    }));
    assert_eq!(suspending.join().unwrap().unwrap(), 7);
    // From outside, each is a task by itself.
    let outside = pool.install(|| crate::nursery(|n: &Nursery<()>| n.spawn(|| Ok(())).map_err(|_| ())));
    outside.unwrap();
}

#[test]
fn a_child_whose_pool_has_ended_is_a_failure() {
    let pool = Pool::new(1).unwrap();
    let (sender, receiver) = channel::bounded::<()>(1);
    let mut future = Box::pin(nursery_async(|n: Nursery<()>| async move {
        n.spawn_async(async move {
            drop(receiver.recv_async().await);
            Ok(())
        })
        .unwrap();
        Ok(())
    }));
    assert!(pool.install(|| poll(future.as_mut())).is_pending());
    drop(pool);
    assert!(sender.send(()).is_err(), "nobody is there to go on with it");
    let Poll::Ready(result) = poll(future.as_mut()) else { panic!("the child has not ended") };
    assert!(matches!(result.unwrap_err().cause, Failure::Abandoned));
}

#[test]
fn a_forgotten_one_lets_its_children_go_on() {
    let pool = Pool::new(1).unwrap();
    let (sender, receiver) = channel::bounded(1);
    pool.install(|| {
        let mut future = Box::pin(nursery_async(|n: Nursery<()>| async move {
            n.spawn(move || {
                sender.send(7).unwrap();
                Ok(())
            })
            .unwrap();
            pending::<Result<(), ()>>().await
        }));
        assert!(poll(future.as_mut()).is_pending());
        std::mem::forget(future);
    });
    assert_eq!(receiver.recv().unwrap(), 7);
}

#[test]
fn at_the_deadline_it_is_cut_off_by_the_current_clock() {
    let clock = VirtualClock::new();
    clock.run(|| {
        let options = Options::new().timeout(Duration::from_secs(5));
        let task = spawn_async(options.nursery_async(|n: Nursery<()>| async move {
            n.spawn_async(pending()).unwrap();
            pending::<Result<(), _>>().await
        }));
        while task.state() != State::Suspended {
            thread::yield_now();
        }
        clock.advance(Duration::from_secs(5));
        assert!(task.join().unwrap().unwrap_err().timed_out());
    });
}

#[test]
fn the_token_above_cancels_it_as_from_outside() {
    let outer = Token::new();
    let task = outer.run(|| {
        spawn_async(async {
            // Shielded from the task's own end, to see what comes out.
            let inner = nursery_async(|n: Nursery<()>| async move {
                n.spawn_async(pending()).unwrap();
                Ok(())
            });
            let mut inner = pin!(inner);
            poll_fn(|cx| inner.as_mut().poll(cx)).await
        })
    });
    while task.state() != State::Suspended {
        thread::yield_now();
    }
    outer.cancel("all of it");
    match task.join() {
        Ok(Err(error)) => assert!(matches!(error.cause, Failure::Cancelled(_)), "{error:?}"),
        Err(Failed::Cancelled(cancelled)) => assert_eq!(cancelled.reason.as_str(), "all of it"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_body_whose_closure_panics_leaves_nothing_behind() {
    let mut future = pin!(nursery_async(|n: Nursery<()>| {
        n.spawn_async(pending()).unwrap();
        if ended_or(true) {
            panic!("before there was a future");
        }
        async { Ok(()) }
    }));
    let panic = catch_unwind(AssertUnwindSafe(|| {
        while poll(future.as_mut()).is_pending() {
            thread::yield_now();
        }
    }));
    assert_eq!(*panic.unwrap_err().downcast::<&str>().unwrap(), "before there was a future");
}
