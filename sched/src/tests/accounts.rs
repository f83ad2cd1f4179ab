//! The account that a pool keeps of its tasks, and cancelling by it.

use std::future::pending;
use std::time::Duration;

use reweave_core::cancel::Token;
use reweave_core::promise;
use reweave_core::sync::thread;
use reweave_core::time;

use crate::task::{State, current};
use crate::{Failed, Policy, Pool, scope, spawn};

fn observed(ended: usize) -> Pool {
    Pool::builder().threads(2).policy(Policy::new().observed(ended)).build().unwrap()
}

/// Waits until `is_so`.
fn until(is_so: impl Fn() -> bool) {
    while !is_so() {
        thread::yield_now();
    }
}

#[test]
fn tasks_are_found_by_number_and_by_state() {
    let pool = observed(10);
    let (promise, eventual) = promise::pair::<(), ()>();
    let waits = pool.task().name("waits").priority(3).spawn_async(async move { eventual.await.is_ok() });
    let fails = pool.spawn(|| panic!("as it should"));
    assert!(fails.join().map(|(): ()| ()).is_err());
    let id = waits.id().unwrap();
    until(|| waits.state() == State::Suspended);

    let suspended = pool.tasks_in(State::Suspended);
    assert_eq!(suspended.len(), 1);
    assert_eq!(suspended[0], pool.find_task(id).unwrap());
    assert_eq!(suspended[0], waits.info().unwrap());
    assert_eq!((suspended[0].name.as_ref().unwrap().as_str(), suspended[0].priority), ("waits", 3));
    assert!(suspended[0].started.unwrap() >= suspended[0].created && suspended[0].ended.is_none());
    assert_eq!(pool.tasks_in(State::Failed).len(), 1);
    let stats = pool.stats().tasks;
    assert_eq!((stats.suspended, stats.failed, stats.completed), (1, 1, 0));

    promise.fulfil(());
    assert!(waits.join().unwrap());
    let info = pool.find_task(id).unwrap();
    assert_eq!(info.state, State::Completed);
    assert!(info.ended.unwrap() >= info.started.unwrap());
    assert_eq!(pool.stats().tasks.completed, 1);
    assert_eq!(pool.tasks().iter().map(|task| task.id).collect::<Vec<_>>().len(), 2);
}

#[test]
fn children_know_their_parent() {
    let pool = observed(10);
    let child = pool.spawn(|| {
        let id = current().unwrap();
        let child = spawn(|| (current(), spawn(|| ()).id()));
        (id, child.id().unwrap(), child.join().unwrap())
    });
    let (parent, child, (child_itself, grandchild)) = child.join().unwrap();
    assert_eq!(child_itself, Some(child));
    assert_eq!(current(), None);
    until(|| pool.find_task(grandchild.unwrap()).is_some_and(|task| task.state == State::Completed));
    assert_eq!(pool.find_task(child).unwrap().parent, Some(parent));
    assert_eq!(pool.find_task(grandchild.unwrap()).unwrap().parent, Some(child));
    assert_eq!(pool.find_task(parent).unwrap().parent, None);
}

#[test]
fn only_the_last_that_have_ended_are_kept() {
    let pool = observed(3);
    let last = (0..10).map(|_| pool.spawn(|| ())).map(|task| {
        let id = task.id();
        task.join().unwrap();
        id
    });
    let last: Vec<_> = last.collect();
    let kept: Vec<_> = pool.tasks().iter().map(|task| Some(task.id)).collect();
    assert_eq!(kept, last[7..]);
    assert_eq!(pool.stats().tasks.completed, 10);
    pool.configure(|policy| policy.observed(1));
    assert_eq!(pool.tasks().len(), 1);
}

#[test]
fn without_an_account_there_is_none() {
    let pool = Pool::new(1).unwrap();
    let task = pool.spawn(|| ());
    assert_eq!((task.id(), task.info()), (None, None));
    task.join().unwrap();
    let named = pool.task().name("one").spawn(|| ());
    assert!(named.id().is_some());
    named.join().unwrap();
    assert!(pool.tasks().is_empty());
}

#[test]
fn a_task_is_cancelled_by_its_number() {
    let pool = observed(10);
    let task = pool.spawn_async(pending::<()>());
    let id = task.id().unwrap();
    assert!(pool.cancel_task(id, "by number"));
    assert!(!pool.cancel_task(id, "again"));
    assert_eq!(task.join().unwrap_err().to_string(), "the task was cancelled: by number");
    assert!(!pool.cancel_task(id, "too late"));
    assert_eq!(pool.find_task(id).unwrap().state, State::Cancelled);
}

#[test]
fn a_handle_looks_at_tasks_and_cancels_them_as_the_pool_does() {
    let pool = observed(10);
    let handle = pool.handle();
    let (one, other) = (handle.spawn_async(pending::<()>()), handle.spawn_async(pending::<()>()));
    assert_eq!(handle.tasks().iter().map(|task| Some(task.id)).collect::<Vec<_>>(), [one.id(), other.id()]);
    assert!(handle.cancel_task(one.id().unwrap(), "by number"));
    handle.cancel_all("all of you");
    assert_eq!(one.join().unwrap_err().to_string(), "the task was cancelled: by number");
    assert_eq!(other.join().unwrap_err().to_string(), "the task was cancelled: all of you");
}

#[test]
fn all_tasks_are_cancelled_and_later_ones_are_not() {
    let pool = Pool::new(2).unwrap();
    let above = Token::new();
    let (begun, has_begun) = promise::pair::<(), ()>();
    let closure = pool.spawn(move || {
        begun.fulfil(());
        time::sleep(Duration::from_secs(3600))
    });
    let future = pool.spawn_async(pending::<()>());
    // Below a token that is not the pool's.
    let guest = above.run(|| pool.spawn_async(pending::<()>()));
    let in_scope = pool.spawn(|| {
        scope(|s| s.spawn(|| assert!(time::sleep(Duration::from_secs(3600)).is_err())));
    });
    has_begun.wait().unwrap();
    until(|| future.state() == State::Suspended && guest.state() == State::Suspended);
    // Asks for its token, so that there is one to be told.
    until(|| in_scope.state() == State::Running);

    pool.cancel_all("all of you");
    assert!(closure.join().unwrap().is_err());
    for task in [future, guest] {
        assert_eq!(task.join().unwrap_err().to_string(), "the task was cancelled: all of you");
    }
    in_scope.join().unwrap();
    assert!(!above.is_cancelled());

    let later = pool.spawn(|| time::sleep(Duration::from_millis(1)));
    assert!(later.join().unwrap().is_ok());
    pool.cancel_all("and again");
    assert_eq!(pool.spawn(|| 1).join().unwrap(), 1);
}

#[test]
fn what_has_not_begun_never_does() {
    let pool = Pool::builder().threads(1).spare_threads(0).build().unwrap();
    let (promise, eventual) = promise::pair::<(), ()>();
    let (begun, has_begun) = promise::pair::<(), ()>();
    let holding = pool.spawn(move || {
        begun.fulfil(());
        eventual.wait().is_ok()
    });
    has_begun.wait().unwrap();
    let begins = || -> () { unreachable!("it was cancelled") };
    let (closure, future) = (pool.spawn(begins), pool.spawn_async(async move { begins() }));
    pool.cancel_all("all of you");
    promise.fulfil(());
    let _either = holding.join().unwrap();
    assert!(matches!(closure.join(), Err(Failed::Cancelled(_))));
    assert!(matches!(future.join(), Err(Failed::Cancelled(_))));
}
