//! Tasks: started, waited for, cancelled, dropped.

use std::error::Error;
use std::future::{Future, IntoFuture, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::Duration;

use reweave_core::cancel::{self, Token};
use reweave_core::channel;
use reweave_core::event::Stopped;
use reweave_core::panic_text;
use reweave_core::promise;
use reweave_core::select;
use reweave_core::sync::atomic::{AtomicUsize, Ordering};
use reweave_core::sync::{Arc, Unseen, thread};
use reweave_core::time;

use crate::pool::Shared;
use crate::task::{Handle, State};
use crate::{Failed, Pool, spawn, spawn_async};

#[test]
fn a_task_gives_its_result_to_whoever_joins() {
    let pool = Pool::new(2).unwrap();
    let tasks: Vec<_> = (0..100).map(|n| pool.spawn(move || n * n)).collect();
    for (n, task) in tasks.into_iter().enumerate() {
        assert_eq!(task.join().unwrap(), n * n);
    }
    // The global one.
    assert_eq!(spawn(|| 1).join().unwrap(), 1);
}

#[test]
fn without_threads_whoever_starts_a_task_runs_it() {
    let handle = Handle::of(Shared::sequential());
    let here = thread::current().id();
    let task = handle.spawn(move || thread::current().id() == here);
    assert!(task.is_ended() && task.join().unwrap());
    assert!(handle.spawn(|| panic!("contained")).join().map(|(): ()| ()).is_err());

    // A future goes on in the thread that wakes it; one that wakes itself, at once.
    let (promise, eventual) = promise::pair::<u32, ()>();
    let inner = handle.clone();
    let task = handle.spawn_async(async move {
        yield_now().await;
        let part = inner.spawn_async(async { 20 });
        eventual.await.unwrap() + part.await.unwrap()
    });
    assert_eq!(task.state(), State::Suspended);
    promise.fulfil(1);
    assert!(task.is_ended());
    assert_eq!(task.join().unwrap(), 21);
}

#[test]
fn a_worker_that_joins_runs_what_nobody_has_begun() {
    let pool = Pool::builder().threads(1).spare_threads(0).build().unwrap();
    let outer = pool.spawn(|| {
        let here = thread::current().id();
        let inner = spawn(move || thread::current().id() == here);
        inner.join().unwrap()
    });
    assert!(outer.join().unwrap());
}

#[test]
fn a_panic_is_the_tasks_result_and_the_worker_goes_on() {
    let pool = Pool::new(1).unwrap();
    let failed = pool.spawn(|| panic!("no {}", 7)).join().map(|(): ()| ()).unwrap_err();
    assert_eq!(failed.to_string(), "the task panicked: no 7");
    let failed = pool.spawn_async(async { panic!("async") }).join().map(|(): ()| ()).unwrap_err();
    assert_eq!(failed.panic_message(), Some("async"));
    assert_eq!(pool.spawn(|| 3).join().unwrap(), 3);
}

/// Gives the others a turn.
async fn yield_now() {
    let mut yielded = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[test]
fn futures_suspend_and_go_on() {
    let pool = Pool::new(2).unwrap();
    let (sender, receiver) = channel::bounded(1);
    let receiving = pool.spawn_async(async move {
        let mut sum = 0;
        while let Ok(value) = receiver.recv_async().await {
            sum += value;
            yield_now().await;
        }
        sum
    });
    let sending = pool.spawn_async(async move {
        for value in 1..=100 {
            sender.send_async(value).await.unwrap();
        }
    });
    sending.join().unwrap();
    assert_eq!(receiving.join().unwrap(), 5050);
}

#[test]
fn tasks_await_tasks() {
    let pool = Pool::new(2).unwrap();
    let sum = pool.spawn_async(async {
        let mut sum = 0;
        for n in 0..1000_u64 {
            sum += spawn_async(async move { n }).await.unwrap();
        }
        sum
    });
    assert_eq!(sum.join().unwrap(), 499_500);
}

#[test]
fn a_task_that_has_not_begun_never_does_once_it_is_cancelled() {
    let pool = Pool::builder().threads(1).spare_threads(0).build().unwrap();
    let (started, go) = (Arc::new(AtomicUsize::new(0)), promise::pair::<(), ()>());
    let begun = started.clone();
    let busy = pool.spawn(move || {
        begun.store(1, Ordering::Release);
        go.1.wait().unwrap();
    });
    while started.load(Ordering::Acquire) == 0 {
        thread::yield_now();
    }
    let held = Arc::new(());
    let [closure, future] = [held.clone(), held.clone()];
    let mut never = [pool.spawn(move || drop(closure)), pool.spawn_async(async move { drop(future) })];
    for task in &mut never {
        assert_eq!(task.state(), State::Pending);
        assert!(task.cancel("not needed"));
        assert_eq!(task.state(), State::Cancelled);
        assert!(!task.cancel("again"));
        let Some(Err(Failed::Cancelled(cancelled))) = task.take() else { panic!("it was cancelled") };
        assert_eq!(cancelled.reason.as_str(), "not needed");
    }
    assert_eq!(Arc::strong_count(&held), 1, "what they held is dropped");
    go.0.fulfil(());
    busy.join().unwrap();
}

#[test]
fn a_running_closure_is_told() {
    let pool = Pool::new(1).unwrap();
    let (sender, receiver) = channel::bounded::<()>(1);
    let waiting = pool.spawn(move || receiver.recv().unwrap_err().to_string());
    while waiting.state() != State::Running {
        thread::yield_now();
    }
    waiting.cancel("enough");
    assert!(waiting.join().unwrap().contains("enough"));
    drop(sender);
}

#[test]
fn a_suspended_future_is_polled_once_more_and_then_dropped() {
    let pool = Pool::new(1).unwrap();
    let (_sender, receiver) = channel::bounded::<()>(1);
    let heard = pool.spawn_async(async move {
        // This one listens to its token, and tells.
        receiver.recv_async().await.unwrap_err().to_string()
    });
    let held = Arc::new(());
    let kept = held.clone();
    let deaf = pool.spawn_async(async move {
        let _kept = kept;
        std::future::pending::<()>().await
    });
    for task in [&heard.token(), &deaf.token()] {
        assert!(!task.is_cancelled());
    }
    while heard.state() != State::Suspended || deaf.state() != State::Suspended {
        thread::yield_now();
    }
    assert!(heard.cancel("the end") && deaf.cancel("the end"));
    assert!(heard.join().unwrap().contains("the end"));
    assert!(matches!(deaf.join(), Err(Failed::Cancelled(_))));
    assert_eq!(Arc::strong_count(&held), 1);
}

#[test]
fn a_task_inherits_the_token_around_its_spawner_and_not_the_spawners_own() {
    let pool = Pool::new(2).unwrap();
    let above = Token::new();
    let outer = above.run(|| {
        pool.spawn(|| {
            let inner = spawn(|| cancel::current().unwrap());
            (cancel::current().unwrap(), inner.join().unwrap())
        })
    });
    let (outer, inner) = outer.join().unwrap();
    assert_ne!(outer.id(), inner.id());
    outer.cancel("the outer");
    assert!(!inner.is_cancelled());
    above.cancel("all");
    assert_eq!(inner.reason().unwrap().reason.as_str(), "all");
}

#[test]
fn the_end_of_a_task_can_be_selected() {
    let pool = Pool::new(2).unwrap();
    let (mut quick, mut slow) = (pool.spawn(|| "quick"), pool.spawn(|| time::sleep(Duration::from_secs(60))));
    let first = select! {
        result = quick.event() => result.unwrap(),
        _ = slow.event() => "slow",
    };
    assert_eq!(first.unwrap(), "quick");
    slow.cancel("too slow");
    drop(slow.join());
}

#[test]
fn a_joiner_that_is_stopped_leaves_the_task_alone() {
    let pool = Pool::new(1).unwrap();
    let (go, gone) = promise::pair::<u32, ()>();
    let mut task = pool.spawn(move || *gone.wait().unwrap());
    let token = Token::new();
    token.cancel("no time");
    assert!(token.run(|| task.wait()).is_err());
    go.fulfil(5);
    assert_eq!(task.join().unwrap(), 5);
}

#[test]
fn a_pool_ends_after_what_was_spawned_in_it() {
    let ended = Arc::new(AtomicUsize::new(0));
    let pool = Pool::new(2).unwrap();
    for _ in 0..50 {
        let ended = ended.clone();
        pool.spawn(move || {
            let again = ended.clone();
            spawn(move || again.fetch_add(1, Ordering::Relaxed)).detach();
            ended.fetch_add(1, Ordering::Relaxed);
        })
        .detach();
    }
    drop(pool);
    assert_eq!(ended.load(Ordering::Relaxed), 100);
}

#[test]
fn what_is_suspended_when_its_pool_is_dropped_is_cancelled() {
    let pool = Pool::new(1).unwrap();
    let (sender, receiver) = channel::bounded::<u32>(1);
    let task = pool.spawn_async(async move { receiver.recv_async().await.unwrap() });
    while task.state() != State::Suspended {
        thread::yield_now();
    }
    drop(pool);
    assert_eq!(task.state(), State::Cancelled);
    assert!(sender.send(1).is_err(), "nobody is there to receive");
    let Err(Failed::Cancelled(cancelled)) = task.join() else { panic!("nobody runs it") };
    assert_eq!(cancelled.reason.as_str(), "its pool has shut down");
}

#[test]
fn a_pool_may_be_dropped_by_one_of_its_own_tasks() {
    let pool = Arc::new(Pool::new(2).unwrap());
    let last = pool.clone();
    let task = pool.spawn(move || {
        thread::yield_now();
        drop(last);
        7
    });
    drop(pool);
    assert_eq!(task.join().unwrap(), 7);
}

#[test]
fn a_handle_is_a_future_of_any_executor() {
    let pool = Pool::new(1).unwrap();
    let mut joining = pin!(pool.spawn(|| 9).into_future());
    let mut cx = TaskContext::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(result) = joining.as_mut().poll(&mut cx) {
            return assert_eq!(result.unwrap(), 9);
        }
        thread::yield_now();
    }
}

#[test]
fn a_task_that_awaits_another_hears_of_its_cancellation() {
    let pool = Pool::new(2).unwrap();
    // By its handle, by its token, by what is above it.
    for way in 0..3 {
        let above = Token::new();
        let slow = Arc::new(Unseen::new(None));
        let kept = slow.clone();
        let outer = above.run(|| {
            pool.spawn_async(async move {
                let inner = Token::new().run(|| spawn_async(std::future::pending::<()>()));
                kept.with(|kept| *kept = Some(inner.token()));
                inner.await.unwrap_err().to_string()
            })
        });
        while outer.state() != State::Suspended {
            thread::yield_now();
        }
        match way {
            0 => assert!(outer.cancel("enough")),
            1 => assert!(outer.token().cancel("enough")),
            _ => assert!(above.cancel("enough")),
        }
        assert_eq!(outer.join().unwrap(), "the wait for the task was stopped: cancelled: enough; the task goes on");
        slow.with(|inner| assert!(inner.take().unwrap().cancel("the end")));
    }
}

#[test]
fn a_task_awaited_by_hand_is_left_as_it_is() {
    let pool = Pool::new(2).unwrap();
    let (go, gone) = promise::pair::<u32, ()>();
    let inner = pool.spawn(move || *gone.wait().unwrap());
    let outer = pool.spawn_async(async move {
        let mut joining = inner.into_future();
        // Once by this task's waker, once by another's, and dropped.
        let pending = poll_fn(|cx| Poll::Ready(Pin::new(&mut joining).poll(cx).is_pending())).await;
        assert!(pending);
        let mut other = TaskContext::from_waker(Waker::noop());
        assert!(Pin::new(&mut joining).poll(&mut other).is_pending());
        drop(joining);
        go.fulfil(3);
    });
    outer.join().unwrap();
}

#[test]
fn a_cancellation_from_above_reaches_a_future_that_never_asked() {
    let pool = Pool::new(1).unwrap();
    let above = Token::new();
    let deaf = above.run(|| pool.spawn_async(std::future::pending::<()>()));
    while deaf.state() != State::Suspended {
        thread::yield_now();
    }
    above.cancel("all");
    assert!(matches!(deaf.join(), Err(Failed::Cancelled(_))));
}

#[test]
fn what_a_task_inherits_does_not_depend_on_what_its_spawner_has_asked() {
    let pool = Pool::new(1).unwrap();
    let above = Token::new();
    let inner = above.run(|| {
        pool.spawn(|| {
            // The spawner's own token exists from now on.
            assert!(cancel::check().is_ok());
            let own = cancel::current().unwrap();
            let inner = spawn(|| cancel::current().unwrap());
            own.cancel("the spawner");
            inner.join().map(|inner| inner.is_cancelled())
        })
    });
    // It is cancelled itself, so its wait may be stopped; but not what it has started.
    match inner.join().unwrap() {
        Ok(cancelled) => assert!(!cancelled),
        Err(failed) => assert!(matches!(failed, Failed::Stopped(_)), "{failed}"),
    }
}

#[test]
fn joining_in_a_loop_leaves_nothing_behind() {
    let pool = Pool::builder().threads(1).spare_threads(0).build().unwrap();
    let left = pool.spawn(|| {
        for n in 0..1_000 {
            assert_eq!(spawn(move || n).join().unwrap(), n);
        }
        crate::worker::Worker::current().unwrap().tasks.len()
    });
    assert_eq!(left.join().unwrap(), 0);
}

#[test]
#[should_panic(expected = "the result of this task has been taken already")]
fn a_result_is_there_once() {
    let pool = Pool::new(1).unwrap();
    let mut task = pool.spawn(|| 1);
    task.wait().unwrap();
    assert_eq!(task.take().unwrap().unwrap(), 1);
    let _again = reweave_core::event::wait(task.event());
}

#[test]
fn who_asks_for_a_result_that_was_taken_is_told_so() {
    const TOLD: Option<&str> = Some("the result of this task has been taken already");
    let pool = Pool::new(2).unwrap();
    let taken = || {
        let mut task = pool.spawn(|| 1);
        task.wait().unwrap();
        assert_eq!(task.take().unwrap().unwrap(), 1);
        task
    };
    let joined = catch_unwind(AssertUnwindSafe(|| taken().join().is_ok())).unwrap_err();
    assert_eq!(panic_text(&*joined), TOLD);
    let timed = catch_unwind(AssertUnwindSafe(|| taken().timeout(Duration::MAX).is_ok())).unwrap_err();
    assert_eq!(panic_text(&*timed), TOLD);
    let task = taken();
    let awaited = pool.spawn_async(async move { task.await.is_ok() }).join().unwrap_err();
    assert_eq!(awaited.panic_message(), TOLD);
}

#[test]
fn an_error_tells_what_has_caused_it() {
    fn cause<E: Error + 'static>(error: &dyn Error) -> &E {
        error.source().expect("it has a cause").downcast_ref().expect("of this type")
    }
    let pool = Pool::new(1).unwrap();
    let task = pool.spawn_async(std::future::pending::<()>());
    task.cancel("not needed");
    assert_eq!(cause::<cancel::Cancelled>(&task.join().unwrap_err()).reason.as_str(), "not needed");
    let (_promise, eventual) = promise::pair::<(), ()>();
    let late = pool.spawn(move || eventual.wait().is_ok()).timeout(Duration::ZERO).unwrap_err();
    assert_eq!(cause::<Stopped>(&late), &Stopped::TimedOut);
    let panicked = pool.spawn(|| -> u32 { panic!("by itself") }).join().unwrap_err();
    assert!(panicked.source().is_none());
}

/// Panics when it is dropped.
struct Loud;

impl Drop for Loud {
    fn drop(&mut self) {
        if !thread::panicking() {
            panic!("dropped");
        }
    }
}

#[test]
fn destructors_that_panic_harm_nobody_else() {
    let pool = Pool::new(1).unwrap();
    let loud = Loud;
    // The body's, the result's, and that of what a panic carries.
    let failed = pool.spawn_async(async move {
        let _loud = &loud;
        Loud
    });
    assert!(failed.join().is_err());
    pool.spawn(|| Loud).detach();
    drop(pool.spawn(|| std::panic::panic_any(Loud)));
    assert_eq!(pool.spawn(|| 4).join().unwrap(), 4);
}

#[test]
fn what_comes_after_a_pool_that_was_dropped_inside_is_cancelled() {
    let pool = Pool::new(1).unwrap();
    let handle = pool.handle();
    handle.spawn(move || drop(pool)).join().unwrap();
    // Until its thread has found that nothing is left to do.
    while handle.spawn(|| 7).join().is_ok() {
        thread::yield_now();
    }
    assert!(matches!(handle.spawn(|| 7).join(), Err(Failed::Cancelled(_))));
}
