//! Groups of tasks: what comes of all, of the first that succeeds, of the first that ends; and that nothing is lost when a wait is stopped.

use std::time::Duration;

use quickcheck::quickcheck;
use reweave_core::cancel::Token;
use reweave_core::channel;
use reweave_core::event::{Limits, Stopped};
use reweave_core::promise;
use reweave_core::sync::{Lazy, thread};
use reweave_core::time::Clock;

use crate::task::State;
use crate::{Failed, Pool, Task, join_all, join_any, race};

static POOLS: Lazy<Vec<Pool>> = Lazy::new(|| [1, 3].map(|threads| Pool::new(threads).unwrap()).into());

/// A task that fails, if it is to; else its value is `n`.
fn task(pool: &Pool, n: usize, fails: bool, future: bool) -> Task<usize> {
    let body = move || {
        if n.is_multiple_of(3) {
            thread::yield_now();
        }
        assert!(!fails, "{n} fails");
        n
    };
    if future { pool.spawn_async(async move { body() }) } else { pool.spawn(body) }
}

/// A task for each, its number, whether it fails and whether it is a future.
fn tasks(pool: &Pool, kinds: &[(bool, bool)]) -> Vec<Task<usize>> {
    kinds.iter().enumerate().map(|(n, &(fails, future))| task(pool, n, fails, future)).collect()
}

/// Waits for a group that is made anew each time: from outside, in a worker, in a future.
macro_rules! in_every_way {
    ($pool:expr, $group:expr) => {
        [0, 1, 2].map(|way| {
            let (pool, group) = ($pool, $group);
            match way {
                0 => group.wait(),
                1 => pool.install(|| group.wait()),
                _ => pool.spawn_async(async move { group.await }).join().unwrap(),
            }
        })
    };
}

/// Whether this is the failure of the task of this number.
fn is_failure_of(failed: &Failed, n: usize) -> bool {
    failed.panic_message() == Some(&format!("{n} fails"))
}

/// Whether this came of the task of this number.
fn came_of(outcome: &Result<usize, Failed>, n: usize, fails: bool) -> bool {
    match outcome {
        Ok(value) => !fails && *value == n,
        Err(failed) => fails && is_failure_of(failed, n),
    }
}

quickcheck! {
    fn all_are_yielded_in_their_order(kinds: Vec<(bool, bool)>) -> bool {
        POOLS.get().iter().flat_map(|pool| in_every_way!(pool, join_all(tasks(pool, &kinds)))).all(|outcomes| {
            let outcomes = outcomes.unwrap();
            outcomes.len() == kinds.len()
                && outcomes.iter().zip(&kinds).enumerate().all(|(n, (outcome, kind))| came_of(outcome, n, kind.0))
        })
    }

    fn one_that_succeeds_is_found_and_the_others_are_handed_back(kinds: Vec<(bool, bool)>) -> bool {
        POOLS.get().iter().flat_map(|pool| in_every_way!(pool, join_any(tasks(pool, &kinds)))).all(|first| {
            match first.unwrap() {
                Ok(first) => {
                    let others = join_all(first.others).wait().unwrap();
                    let mut numbers = (0..kinds.len()).filter(|&n| n != first.index);
                    first.outcome == first.index
                        && !kinds[first.index].0
                        && others.len() + 1 == kinds.len()
                        && others.iter().all(|other| {
                            let n = numbers.next().unwrap();
                            came_of(other, n, kinds[n].0)
                        })
                }
                Err(none) => {
                    kinds.iter().all(|kind| kind.0)
                        && none.0.len() == kinds.len()
                        && none.0.iter().enumerate().all(|(n, failed)| is_failure_of(failed, n))
                }
            }
        })
    }

    fn whoever_wins_a_race_has_ended_and_the_others_are_cancelled(kinds: Vec<(bool, bool)>) -> bool {
        POOLS.get().iter().flat_map(|pool| in_every_way!(pool, race(tasks(pool, &kinds)))).all(|first| {
            let Some(first) = first.unwrap() else { return kinds.is_empty() };
            let mut numbers = (0..kinds.len()).filter(|&n| n != first.index);
            came_of(&first.outcome, first.index, kinds[first.index].0)
                && join_all(first.others).wait().unwrap().iter().all(|other| {
                    let n = numbers.next().unwrap();
                    let lost = matches!(other, Err(Failed::Cancelled(lost)) if lost.reason.as_str() == "lost a race");
                    lost || came_of(other, n, kinds[n].0)
                })
                && numbers.next().is_none()
        })
    }
}

#[test]
fn nobody_waits_for_the_slow_ones_of_any_and_of_a_race() {
    let pool = Pool::new(2).unwrap();
    let (go, gone) = promise::pair::<usize, ()>();
    let slow = || {
        let gone = gone.clone();
        pool.spawn(move || *gone.wait().unwrap())
    };
    let first = join_any([slow(), task(&pool, 1, true, false), task(&pool, 2, false, false)]).wait().unwrap().unwrap();
    assert_eq!((first.index, first.outcome), (2, 2));
    assert!(!first.others[0].is_ended(), "it goes on");
    let race = race([slow(), task(&pool, 1, false, true)]).wait().unwrap().unwrap();
    assert_eq!((race.index, race.outcome.unwrap()), (1, 1));
    // It heard of it where it waited, or never began.
    assert!(join_all(race.others).wait().unwrap().pop().unwrap().is_err());
    go.fulfil(7);
    assert_eq!(join_all(first.others).wait().unwrap().remove(0).unwrap(), 7);
}

#[test]
fn a_wait_that_is_stopped_loses_nothing() {
    let pool = Pool::new(2).unwrap();
    let (go, gone) = promise::pair::<usize, ()>();
    let mut quick = task(&pool, 3, false, false);
    quick.wait().unwrap();
    let slow = pool.spawn_async(async move { gone.await.unwrap() });
    let soon = Limits::until(Clock::real().after(Duration::from_millis(5)).unwrap());
    // By a deadline, by a token, and as a future that is cancelled.
    let late = join_all([quick, slow]).wait_with(soon).unwrap_err();
    assert_eq!(late.why, Stopped::TimedOut);
    assert_eq!(late.to_string(), "the wait for 2 tasks was stopped: timed out; they go on");
    let token = Token::new();
    token.cancel("enough");
    let stopped = token.run(|| join_all(late.tasks).wait()).unwrap_err();
    let waiting = pool.spawn_async(async move { join_all(stopped.tasks).await });
    while waiting.state() != State::Suspended {
        thread::yield_now();
    }
    waiting.cancel("no more");
    let stopped = waiting.join().unwrap().unwrap_err();
    assert!(stopped.why.to_string().contains("no more"), "{}", stopped.why);
    // Of a race nobody is cancelled then.
    let [quick, slow] = <[Task<usize>; 2]>::try_from(stopped.tasks).unwrap();
    let stopped = token.run(|| race([slow]).wait()).unwrap_err();
    assert!(!stopped.tasks[0].token().is_cancelled());
    go.fulfil(4);
    let outcomes = join_all(stopped.tasks.into_iter().chain([quick])).wait().unwrap();
    assert_eq!(outcomes.into_iter().map(Result::unwrap).collect::<Vec<_>>(), [4, 3]);
}

#[test]
fn of_no_tasks_it_is_decided_at_once() {
    // Whatever the token says.
    let token = Token::new();
    token.cancel("at once");
    token.run(|| {
        assert!(join_all::<()>([]).wait().unwrap().is_empty());
        let none = join_any::<()>([]).wait().unwrap().unwrap_err();
        assert_eq!(none.to_string(), "there was no task that could succeed");
        assert!(race::<()>([]).wait().unwrap().is_none());
    });
}

#[test]
fn a_worker_runs_what_it_waits_for() {
    let pool = Pool::builder().threads(1).spare_threads(0).build().unwrap();
    let left = pool.spawn(|| {
        let tasks: Vec<_> = (0..100).map(|n| crate::spawn(move || (n, thread::current().id()))).collect();
        let here = thread::current().id();
        let outcomes = join_all(tasks).wait().unwrap();
        assert!(outcomes.into_iter().map(Result::unwrap).eq((0..100).map(|n| (n, here))));
        crate::worker::Worker::current().unwrap().tasks.len()
    });
    assert_eq!(left.join().unwrap(), 0, "no entry is left behind");
}

#[test]
fn a_group_that_is_dropped_lets_its_tasks_go_on() {
    let pool = Pool::new(1).unwrap();
    let (sender, receiver) = channel::bounded(2);
    let sending = (0..2).map(|n| {
        let sender = sender.clone();
        pool.spawn_async(async move { sender.send_async(n).await.unwrap() })
    });
    drop(join_all(sending));
    drop(sender);
    assert_eq!(receiver.iter().sum::<u32>(), 1);
}

#[test]
#[should_panic(expected = "the result of this task has been taken already")]
fn a_result_is_yielded_once() {
    let pool = Pool::new(1).unwrap();
    let mut task = pool.spawn(|| 1);
    task.wait().unwrap();
    task.take().unwrap().unwrap();
    drop(join_all([task]).wait());
}
