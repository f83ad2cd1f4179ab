//! Dumps: exact texts of what is made up, and the truth about pools that hang.

use std::time::Duration;

use reweave_core::promise;
use reweave_core::sync::thread;
use reweave_core::time::VirtualClock;

use crate::pool::{Dump, DumpedClass, DumpedGroup, DumpedWorker};
use crate::task::{State, TaskId, TaskInfo};
use crate::{Policy, Pool, spawn};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A pool that is 10 seconds old, and has two workers.
fn made_up(
    tasks: impl FnOnce(&dyn Fn(u64, Option<u64>, State, u64, Option<u64>) -> TaskInfo) -> Option<Vec<TaskInfo>>,
) -> Dump {
    let clock = VirtualClock::new();
    let origin = clock.now();
    clock.advance(ms(10_000));
    let number = |number| TaskId::from_number(number).unwrap();
    let task = |id, parent: Option<u64>, state, created, started: Option<u64>| TaskInfo {
        id: number(id),
        name: None,
        parent: parent.map(number),
        priority: 0,
        class: None,
        state,
        created: origin + ms(created),
        started: started.map(|started| origin + ms(started)),
        ended: None,
    };
    let worker = |name: &str, has_thread, busy_for, tasks, halves| DumpedWorker {
        name: name.to_owned(),
        has_thread,
        busy_for,
        tasks,
        halves,
    };
    Dump {
        pool: "mill".to_owned(),
        at: clock.now(),
        uptime: ms(10_000),
        threads: 2,
        blocked: 1,
        tasks: tasks(&task),
        workers: vec![
            worker("mill-0", true, Some(ms(2_500)), 3, 1),
            worker("mill-1", true, None, 0, 0),
            worker("mill-2", false, None, 1, 2),
        ],
        groups: Vec::new(),
        injected: 4,
        waiting: 5,
        classes: vec![DumpedClass { name: "calls".into(), limit: 2, running: 2, waiting: 5 }],
    }
}

const QUEUES: &str = "\
queues: 4 injected, 5 waiting for their turn
  class calls: 2 of 2 begun, 5 waiting
workers:
  mill-0: busy for 2.500 s, 3 tasks and 1 half of a join in its deques
  mill-1: idle or blocked, 0 tasks and 0 halves of joins in its deques
  mill-2: without a thread, 1 task and 2 halves of joins in its deques
";

#[test]
fn tasks_stand_below_those_that_have_started_them() {
    let dump = made_up(|task| {
        let named = TaskInfo { name: Some("load".into()), ..task(2, None, State::Suspended, 1_000, Some(1_500)) };
        let urgent =
            TaskInfo { priority: 7, class: Some("calls".into()), ..task(5, Some(2), State::Pending, 9_750, None) };
        Some(vec![
            task(9, Some(3), State::Pending, 9_999, None),
            named,
            task(3, None, State::Running, 2_000, Some(9_000)),
            task(4, Some(2), State::Running, 3_000, Some(3_001)),
            urgent,
            task(6, Some(4), State::Suspended, 4_000, Some(4_000)),
            // Its parent has ended.
            task(8, Some(1), State::Running, 5_000, Some(5_000)),
        ])
    });
    let expected = "\
pool mill: 2 threads, 1 of them blocked, up 10.000 s
tasks: 7
  #2 load: suspended, begun 8.500 s ago, 9.000 s old
    #4: running, begun 6.999 s ago, 7.000 s old
      #6: suspended, begun 6.000 s ago, 6.000 s old
    #5: not begun, for 0.250 s, priority 7, class calls
  #3: running, begun 1.000 s ago, 8.000 s old
    #9: not begun, for 0.001 s
  #8: running, begun 5.000 s ago, 5.000 s old, started by #1, which has ended
";
    assert_eq!(dump.to_string(), format!("{expected}{QUEUES}"));
}

#[test]
fn what_is_not_known_is_said() {
    let head = "pool mill: 2 threads, 1 of them blocked, up 10.000 s\n";
    assert_eq!(made_up(|_| None).to_string(), format!("{head}tasks: no account is kept of them\n{QUEUES}"));
    assert_eq!(made_up(|_| Some(Vec::new())).to_string(), format!("{head}tasks: none\n{QUEUES}"));
}

#[test]
fn scopes_and_nurseries_stand_below_those_that_have_opened_them() {
    let mut dump = made_up(|task| {
        Some(vec![
            task(1, None, State::Running, 1_000, Some(1_000)),
            task(2, Some(1), State::Running, 2_000, Some(2_000)),
        ])
    });
    let group = |what, task: Option<u64>, open_for, not_ended| DumpedGroup {
        what,
        task: task.and_then(TaskId::from_number),
        open_for: ms(open_for),
        not_ended,
    };
    dump.groups = vec![group("scope", Some(1), 3_000, 2), group("nursery", None, 1_500, 1)];
    let expected = "\
pool mill: 2 threads, 1 of them blocked, up 10.000 s
tasks: 2
  #1: running, begun 9.000 s ago, 9.000 s old
    scope: open for 3.000 s, at most 2 not ended
    #2: running, begun 8.000 s ago, 8.000 s old
  nursery: open for 1.500 s, at most 1 not ended
";
    assert_eq!(dump.to_string(), format!("{expected}{QUEUES}"));
}

#[test]
fn what_is_open_is_there_and_what_is_not_is_not() {
    let pool = Pool::builder().threads(2).policy(Policy::new().observed(10)).build().unwrap();
    let handle = pool.handle();
    let outer = pool.spawn(move || {
        let groups = || handle.dump().groups.into_iter().map(|group| (group.what, group.task)).collect::<Vec<_>>();
        let own = crate::task::current();
        let within = crate::scope(|_| crate::nursery(|_: &crate::Nursery<()>| Ok(groups())).unwrap());
        assert_eq!(within, [("scope", own), ("nursery", own)]);
        let after = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            crate::scope(|_| std::panic::resume_unwind(Box::new(())))
        }));
        assert!(after.map(|(): ()| ()).is_err());
        assert_eq!(groups(), []);
    });
    outer.join().unwrap();
}

#[test]
fn a_pool_that_hangs_can_be_looked_at() {
    let policy = Policy::new().observed(10);
    let pool = Pool::builder().threads(1).spare_threads(0).name("stuck").policy(policy).build().unwrap();
    let (promise, eventual) = promise::pair::<(), ()>();
    let outer = pool.task().name("outer").spawn(move || {
        spawn(|| ()).detach();
        eventual.wait().is_ok()
    });
    let class = pool.class("calls", 1);
    while pool.stats().blocked == 0 {
        thread::yield_now();
    }
    let call = class.task().name("call").priority(-1).spawn(|| ());
    let dump = pool.handle().dump();
    let states: Vec<_> = dump.tasks.as_ref().unwrap().iter().map(|task| (task.id.get(), task.state)).collect();
    assert_eq!(states, [(1, State::Running), (2, State::Pending), (3, State::Pending)]);
    assert_eq!((dump.threads, dump.blocked, dump.injected, dump.waiting), (1, 1, 0, 1));
    assert_eq!((dump.workers[0].tasks, dump.workers[0].has_thread, dump.workers[0].busy_for), (1, true, None));
    assert_eq!((dump.classes[0].running, dump.classes[0].waiting), (0, 1));
    // The times aside.
    let text = dump.to_string();
    let shape: Vec<String> = text
        .lines()
        .map(|line| line.split(", begun ").next().unwrap().split(" for ").next().unwrap().to_owned())
        .collect();
    let tasks = ["  #1 outer: running", "    #2: not begun,", "  #3 call: not begun,"];
    assert_eq!(shape[2..5], tasks);
    promise.fulfil(());
    assert!(outer.join().unwrap());
    call.join().unwrap();
    assert_eq!(pool.dump().tasks.unwrap().len(), 0, "what has ended is not there");
}
