//! What the tasks of a pool must keep to: order, limits, room, time.

use std::time::Duration;

use quickcheck::{TestResult, quickcheck};
use reweave_core::promise::{self, Promise};
use reweave_core::sync::atomic::{AtomicUsize, Ordering};
use reweave_core::sync::{Arc, Unseen, thread};
use reweave_core::time::{self, VirtualClock};

use crate::task::{Options, State};
use crate::{Class, Fairness, Policy, Pool, Task, spawn};

/// A pool of one worker, which does nothing else until the promise is kept.
fn held(policy: Policy) -> (Pool, Promise<(), ()>, Task<()>) {
    let pool = Pool::builder().threads(1).spare_threads(0).policy(policy).build().unwrap();
    let (promise, eventual) = promise::pair::<(), ()>();
    let (begun, has_begun) = promise::pair::<(), ()>();
    let holding = pool.spawn(move || {
        begun.fulfil(());
        eventual.wait().unwrap();
    });
    has_begun.wait().unwrap();
    (pool, promise, holding)
}

/// The order in which tasks begin that are started in this order, each described by `describe`, by their places.
fn order_of<D>(policy: Policy, tasks: &[D], describe: impl Fn(Options, &D) -> Options) -> Vec<usize> {
    let (pool, promise, _holding) = held(policy);
    let order = Unseen::new(Vec::new());
    let started: Vec<_> = tasks
        .iter()
        .enumerate()
        .map(|(place, task)| {
            let order = order.clone();
            describe(pool.task(), task).spawn(move || order.with(|order| order.push(place)))
        })
        .collect();
    promise.fulfil(());
    // From outside: nobody runs them but the worker.
    started.into_iter().for_each(|task| task.join().unwrap());
    order.with(|order| order.clone())
}

#[test]
fn first_in_first_out() {
    let (pool, promise, _holding) = held(Policy::new().fairness(Fairness::Fifo));
    let order = Unseen::new(Vec::new());
    // Started by the worker itself, which would begin the newest first if nothing were said.
    let starting = pool.spawn({
        let order = order.clone();
        move || {
            let start = |(place, priority)| {
                let order = order.clone();
                Options::new().priority(priority).spawn(move || order.with(|order| order.push(place)))
            };
            [3, 1, 2, 9].into_iter().enumerate().map(start).collect::<Vec<_>>()
        }
    });
    promise.fulfil(());
    starting.join().unwrap().into_iter().for_each(|task| task.join().unwrap());
    assert_eq!(order.with(|order| order.clone()), [0, 1, 2, 3]);
}

#[test]
fn the_urgent_go_first_and_equals_in_order() {
    let policy = Policy::new().fairness(Fairness::Priority { ageing: 100 });
    let order = order_of(policy, &[0, 5, 0, 7, 5, -1], |task, &n| task.priority(n));
    assert_eq!(order, [3, 1, 4, 0, 2, 5]);
}

#[test]
fn a_step_of_priority_is_worth_as_many_places_as_ageing_says() {
    let policy = Policy::new().fairness(Fairness::Priority { ageing: 2 });
    // Each of priority 1 passes two of those that came before.
    let order = order_of(policy, &[0, 0, 0, 0, 1, 1, 1], |task, &n| task.priority(n));
    assert_eq!(order, [0, 1, 4, 2, 5, 3, 6]);
}

#[test]
fn groups_take_turns() {
    let policy = Policy::new().fairness(Fairness::RoundRobin);
    let groups = ["a", "a", "a", "a", "b", "b", "c"];
    let order = order_of(policy, &groups, |task, &group| task.group(group));
    assert_eq!(order, [0, 4, 6, 1, 5, 2, 3]);
}

#[test]
fn children_of_one_parent_are_a_group() {
    let policy = Policy::new().fairness(Fairness::RoundRobin);
    let (pool, promise, _holding) = held(policy);
    let order = Unseen::new(Vec::new());
    let note = |what: &'static str| {
        let order = order.clone();
        move || order.with(|order| order.push(what))
    };
    let children = [note("child 1"), note("child 2"), note("child 3")];
    let parent = pool.spawn(move || children.into_iter().map(spawn).for_each(Task::detach));
    let others = [note("other 1"), note("other 2"), note("other 3")].map(|other| pool.spawn(other));
    promise.fulfil(());
    parent.join().unwrap();
    others.into_iter().for_each(|other| other.join().unwrap());
    drop(pool);
    // The first other shares its group with the parent, which was a round earlier.
    let order = order.with(|order| order.clone());
    assert_eq!(order, ["other 1", "child 1", "other 2", "child 2", "other 3", "child 3"]);
}

quickcheck! {
    /// Nobody is passed by more than the policy says.
    fn nothing_starves(priorities: Vec<i8>, ageing: u8) -> TestResult {
        if priorities.len() > 60 {
            return TestResult::discard();
        }
        let ageing = u32::from(ageing % 8);
        let policy = Policy::new().fairness(Fairness::Priority { ageing });
        let order = order_of(policy, &priorities, |task, &n| task.priority(n.into()));
        for (position, &task) in order.iter().enumerate() {
            for &later in order[..position].iter().filter(|&&other| other > task) {
                let step = i64::from(priorities[later]) - i64::from(priorities[task]);
                if ((later - task) as i64) > step * i64::from(ageing) {
                    return TestResult::error(format!("{task} was passed by {later}: {priorities:?}, {order:?}"));
                }
            }
        }
        TestResult::from_bool(order.len() == priorities.len())
    }
}

/// How many run at the same time, and how many did at most.
#[derive(Default)]
struct Crowd {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Crowd {
    fn visit(&self) {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        time::sleep(Duration::from_millis(2)).unwrap();
        self.now.fetch_sub(1, Ordering::SeqCst);
    }
}

#[test]
fn at_most_as_many_run_as_the_policy_says_and_as_many_do() {
    let pool = Pool::builder().threads(2).policy(Policy::new().max_running(3)).build().unwrap();
    let crowd = Arc::new(Crowd::default());
    let visits: Vec<_> = (0..30)
        .map(|_| {
            let crowd = crowd.clone();
            // They sleep, so that more than two workers may have begun one.
            pool.spawn(move || crowd.visit())
        })
        .collect();
    visits.into_iter().for_each(|visit| visit.join().unwrap());
    assert_eq!(crowd.most.load(Ordering::SeqCst), 3);
}

#[test]
fn a_class_has_a_limit_of_its_own_and_futures_count_while_they_wait() {
    let pool = Pool::new(2).unwrap();
    let calls = pool.class("calls", 2);
    let crowd = Arc::new(Crowd::default());
    let visits: Vec<_> = (0..10)
        .map(|_| {
            let crowd = crowd.clone();
            calls.task().spawn_async(async move {
                let now = crowd.now.fetch_add(1, Ordering::SeqCst) + 1;
                crowd.most.fetch_max(now, Ordering::SeqCst);
                reweave_core::event::Waiting::new(time::after(Duration::from_millis(2))).await.unwrap();
                crowd.now.fetch_sub(1, Ordering::SeqCst);
            })
        })
        .collect();
    // Others are not held up.
    assert_eq!(pool.spawn(|| 1).join().unwrap(), 1);
    visits.into_iter().for_each(|visit| visit.join().unwrap());
    assert_eq!(crowd.most.load(Ordering::SeqCst), 2);
    assert_eq!((calls.running(), calls.waiting()), (0, 0));
    assert_eq!(calls.name().as_str(), "calls");
}

#[test]
fn a_limit_is_changed_while_they_wait() {
    let pool = Pool::new(1).unwrap();
    let calls = pool.class("calls", 1);
    let (promise, eventual) = promise::pair::<(), ()>();
    let first = calls.task().spawn(move || eventual.wait().is_ok());
    let second = calls.task().spawn(move || promise.fulfil(()));
    while calls.running() == 0 {
        thread::yield_now();
    }
    assert_eq!((calls.limit(), calls.waiting()), (1, 1));
    // The first waits for the second, which may not begin: until now.
    calls.set_limit(2);
    assert!(first.join().unwrap());
    second.join().unwrap();
    assert_eq!(pool.class("calls", 7).limit(), 7, "it is the same class");
    assert_eq!(calls.limit(), 7);
}

#[test]
fn who_waits_under_a_limit_runs_what_it_waits_for_in_its_own_place() {
    fn depth(calls: Class, n: u32) -> u32 {
        if n == 0 {
            return 0;
        }
        let below = calls.task().spawn({
            let calls = calls.clone();
            move || depth(calls, n - 1)
        });
        below.join().unwrap() + 1
    }
    let pool = Pool::builder().threads(2).policy(Policy::new().max_running(1)).build().unwrap();
    let calls = pool.class("calls", 1);
    let whole = calls.task().spawn({
        let calls = calls.clone();
        move || depth(calls, 20)
    });
    assert_eq!(whole.join().unwrap(), 20);
    assert_eq!(calls.running(), 0);
}

#[test]
fn a_task_that_is_cancelled_before_its_turn_leaves_no_trace() {
    let (pool, promise, holding) = held(Policy::new().max_running(1));
    for _ in 0..1000 {
        let task = pool.spawn(|| unreachable!("it was cancelled"));
        assert!(task.cancel("not needed"));
        assert!(task.join().map(|(): ()| ()).is_err());
    }
    assert_eq!(pool.stats().waiting, 0);
    promise.fulfil(());
    holding.join().unwrap();
    // The slot is free, and the pool can end.
    pool.spawn(|| ()).join().unwrap();
}

#[test]
fn a_task_that_waits_is_cancelled_by_whatever_is_above_it() {
    use reweave_core::cancel::Token;
    let (pool, promise, holding) = held(Policy::new().max_running(1));
    let above = Token::new();
    let begins = || -> () { unreachable!("it was cancelled") };
    let below = above.run(|| pool.spawn(begins));
    let (asked, all) = (pool.spawn(begins), pool.spawn_async(async move { begins() }));
    above.cancel("above");
    assert_eq!(below.state(), State::Cancelled, "not when its turn comes");
    asked.token().cancel("itself");
    assert_eq!(asked.state(), State::Cancelled);
    assert_eq!(all.state(), State::Pending);
    let later = above.run(|| pool.spawn(begins));
    assert_eq!(later.state(), State::Cancelled);
    pool.cancel_all("all");
    assert_eq!(all.state(), State::Cancelled);
    assert_eq!(pool.stats().waiting, 0);
    promise.fulfil(());
    let _either = holding.join();
    pool.spawn(|| ()).join().unwrap();
}

#[test]
fn halves_and_jobs_are_done_in_the_place_of_the_task_that_waits_for_them() {
    let pool = Pool::builder().threads(3).policy(Policy::new().max_running(1).observed(100)).build().unwrap();
    for _ in 0..200 {
        let task = pool.task().spawn(|| {
            let own = crate::task::current();
            let child = || spawn(crate::task::current).join().unwrap();
            let whose = || assert_eq!(crate::task::current(), own, "wherever it runs");
            let (first, second) = crate::join(
                || {
                    thread::yield_now();
                    whose();
                    child()
                },
                || {
                    whose();
                    child()
                },
            );
            crate::scope(|s| {
                s.spawn(|| {
                    whose();
                    assert_ne!(child(), own);
                });
                thread::yield_now();
            });
            first != second && own != first
        });
        assert!(task.join().unwrap());
    }
    let tasks = pool.tasks();
    let children = tasks.iter().filter(|task| task.parent.is_some()).count();
    assert!(children * 4 >= tasks.len() * 3 - 4, "{children} of {}", tasks.len());
}

#[test]
fn a_pool_ends_that_has_tasks_waiting_for_a_future_that_waits_for_ever() {
    let pool = Pool::builder().threads(1).policy(Policy::new().max_running(1)).build().unwrap();
    let future = pool.spawn_async(std::future::pending::<()>());
    let behind = pool.spawn(|| ());
    while future.state() != State::Suspended {
        thread::yield_now();
    }
    drop(pool);
    assert_eq!((future.state(), behind.state()), (State::Cancelled, State::Cancelled));
}

#[test]
fn who_waits_for_room_is_turned_away_when_the_pool_shuts() {
    let (pool, promise, holding) = held(Policy::new().max_running(1).max_waiting(1));
    let waiting = pool.spawn(|| 1);
    let waits = thread::spawn({
        let handle = pool.handle();
        move || handle.spawn(|| 2).join().unwrap_err().to_string()
    });
    thread::nap(Duration::from_millis(20));
    let end = thread::spawn(move || pool.shutdown(crate::Shutdown::Finish).unwrap());
    assert_eq!(waits.join().unwrap(), "the task was cancelled: its pool has shut down");
    promise.fulfil(());
    holding.join().unwrap();
    assert_eq!(waiting.join().unwrap(), 1);
    end.join().unwrap();
}

#[test]
fn a_long_chain_of_tasks_that_wait_for_each_other_is_cancelled() {
    let pool = Pool::new(1).unwrap();
    let mut last = pool.spawn_async(std::future::pending::<()>());
    for _ in 0..100_000 {
        last = pool.spawn_async(async move { drop(last.await) });
    }
    while last.state() != State::Suspended {
        thread::yield_now();
    }
    drop(pool);
    assert!(last.is_ended());
}

#[test]
fn the_last_one_that_is_cancelled_lets_the_pool_end() {
    let pool = Pool::new(1).unwrap();
    let calls = pool.class("calls", 1);
    let (promise, eventual) = promise::pair::<(), ()>();
    let first = calls.task().spawn_async(async move { eventual.await.is_ok() });
    let second = calls.task().spawn(|| ());
    let end = thread::spawn(move || pool.shutdown(crate::Shutdown::Finish).unwrap());
    thread::nap(Duration::from_millis(20));
    promise.fulfil(());
    assert!(first.join().unwrap());
    // It may have begun, or not.
    second.cancel("not needed");
    end.join().unwrap();
}

#[test]
fn there_is_room_for_so_many_and_the_next_waits() {
    let (pool, promise, holding) = held(Policy::new().max_running(1).max_waiting(2));
    let waiting = [pool.spawn(|| 1), pool.spawn(|| 2)];
    let refused = pool.task().try_spawn(|| 3).unwrap_err();
    assert_eq!(refused.0(), 3, "the closure comes back");
    assert!(refused.to_string().contains("as many tasks wait"));

    let waits = thread::spawn({
        let handle = pool.handle();
        move || handle.spawn(|| 4).join().unwrap()
    });
    thread::nap(Duration::from_millis(20));
    assert_eq!(pool.stats().waiting, 2, "the third waits outside");
    promise.fulfil(());
    holding.join().unwrap();
    assert_eq!(waits.join().unwrap(), 4);
    assert_eq!(waiting.map(|task| task.join().unwrap()), [1, 2]);
}

#[test]
fn the_pools_own_tasks_are_not_held_back() {
    let pool = Pool::builder().threads(1).policy(Policy::new().max_waiting(1)).build().unwrap();
    let sum = pool.spawn(|| (0..10).map(|n| spawn(move || n)).collect::<Vec<_>>());
    let sum: u32 = sum.join().unwrap().into_iter().map(|task| task.join().unwrap()).sum();
    assert_eq!(sum, 45);
}

#[test]
fn a_wait_for_room_that_is_stopped_cancels_the_task() {
    use reweave_core::cancel::Token;
    let (pool, promise, holding) = held(Policy::new().max_running(1).max_waiting(1));
    let waiting = pool.spawn(|| ());
    let token = Token::new();
    token.cancel("enough");
    let late = token.run(|| pool.spawn(|| ()));
    assert_eq!(late.state(), State::Cancelled);
    promise.fulfil(());
    holding.join().unwrap();
    waiting.join().unwrap();
}

#[test]
fn a_task_that_takes_too_long_is_cancelled_as_by_a_deadline() {
    let clock = VirtualClock::new();
    let pool = Pool::new(1).unwrap();
    let options = || pool.task().timeout(Duration::from_secs(5));
    let (begun, has_begun) = promise::pair::<(), ()>();
    let slow = clock.run(|| {
        options().spawn(move || {
            begun.fulfil(());
            time::sleep(Duration::from_secs(60))
        })
    });
    has_begun.wait().unwrap();
    while clock.timers() < 2 {
        thread::yield_now();
    }
    assert!(!slow.is_ended());
    clock.advance(Duration::from_secs(5));
    assert!(slow.join().unwrap().is_err(), "its sleep was stopped");

    let future = clock.run(|| options().spawn_async(std::future::pending::<()>()));
    while clock.timers() < 1 {
        thread::yield_now();
    }
    clock.advance(Duration::from_secs(5));
    let failed = future.join().unwrap_err();
    assert!(failed.is_timeout(), "{failed}");
    assert_eq!(failed.to_string(), "the task was cancelled: it has taken more than 5s");
    assert_eq!(clock.timers(), 0, "alarms go with their tasks");
}

#[test]
fn a_policy_may_give_all_tasks_a_limit_of_time() {
    let policy = Policy::new().timeout(Duration::from_millis(10));
    let pool = Pool::builder().threads(1).policy(policy).build().unwrap();
    let own = pool.task().timeout(Duration::from_secs(3600)).spawn(|| time::sleep(Duration::from_millis(30)));
    assert!(own.join().unwrap().is_ok(), "its own limit counts");
    assert!(pool.spawn(|| time::sleep(Duration::from_secs(3600))).join().unwrap().is_err());
    assert!(!pool.spawn(|| ()).join().is_err_and(|failed| failed.is_timeout()));
}

#[test]
fn a_policy_is_changed_while_the_pool_runs() {
    let (pool, promise, holding) = held(Policy::new().fairness(Fairness::Fifo));
    let order = Unseen::new(Vec::new());
    let tasks: Vec<_> = (0..5)
        .map(|n| {
            let order = order.clone();
            pool.task().priority(n).spawn(move || order.with(|order| order.push(n)))
        })
        .collect();
    pool.configure(|policy| policy.fairness(Fairness::Priority { ageing: 100 }));
    assert_eq!(pool.policy(), Policy::new().fairness(Fairness::Priority { ageing: 100 }));
    promise.fulfil(());
    tasks.into_iter().for_each(|task| task.join().unwrap());
    holding.join().unwrap();
    assert_eq!(order.with(|order| order.clone()), [4, 3, 2, 1, 0]);

    // And back to none.
    pool.configure(|_| Policy::new());
    assert_eq!(pool.spawn(|| 1).join().unwrap(), 1);
}

#[test]
fn what_has_begun_is_not_left_behind_by_what_keeps_coming() {
    let pool = Pool::builder().threads(1).policy(Policy::new().fairness(Fairness::Fifo)).build().unwrap();
    let over = Arc::new(AtomicUsize::new(0));
    fn go_on(over: Arc<AtomicUsize>) {
        if over.load(Ordering::Relaxed) == 0 {
            spawn(move || go_on(over)).detach();
        }
    }
    for _ in 0..3 {
        let over = over.clone();
        pool.spawn(move || go_on(over)).detach();
    }
    // Woken from outside again and again.
    let future = pool.spawn_async(async {
        for _ in 0..20 {
            reweave_core::event::Waiting::new(time::after(Duration::from_millis(1))).await.unwrap();
        }
    });
    future.join().unwrap();
    over.store(1, Ordering::Relaxed);
}
