use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use quickcheck::{Arbitrary, Gen, quickcheck};

use super::analysis::{Edges, find};
use super::{Break, Graph, Report};
use crate::cancel::Token;
use crate::context::{Agent, Context};
use crate::event::Enders;
use crate::lock::{AcquireError, Barrier, Lock, RwLock, Semaphore};
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::{Arc, thread};

fn agent(number: u32) -> Agent {
    Agent::from_number(number + 1).unwrap()
}

fn waits(arms: Vec<Vec<Enders>>) -> Vec<Edges> {
    arms.into_iter().enumerate().map(|(index, arms)| Edges { agent: agent(index as u32), arms }).collect()
}

fn one(number: u32) -> Enders {
    Enders::One(agent(number))
}

fn any(numbers: &[u32]) -> Enders {
    Enders::Any(numbers.iter().map(|&number| agent(number)).collect())
}

fn all(numbers: &[u32]) -> Enders {
    Enders::All(numbers.iter().map(|&number| agent(number)).collect())
}

#[test]
fn cycles_knots_and_ways_out() {
    for (arms, deadlocks, behind) in [
        // ABBA; alone; a chain that ends with somebody who runs.
        (vec![vec![one(1)], vec![one(0)]], vec![vec![0, 1]], vec![]),
        (vec![vec![one(0)]], vec![vec![0]], vec![]),
        (vec![vec![one(1)], vec![one(2)]], vec![], vec![]),
        // Behind a cycle; two cycles.
        (vec![vec![one(1)], vec![one(2)], vec![one(1)]], vec![vec![1, 2]], vec![0]),
        (vec![vec![one(1)], vec![one(0)], vec![one(3)], vec![one(2)]], vec![vec![0, 1], vec![2, 3]], vec![]),
        // One of several holders runs: no knot. None does: a knot.
        (vec![vec![any(&[1, 2])], vec![one(0)]], vec![], vec![]),
        (vec![vec![any(&[1, 2])], vec![one(0)], vec![one(0)]], vec![vec![0, 1, 2]], vec![]),
        // One reader of several that cannot go is enough; of the others nothing need be known.
        (vec![vec![all(&[1, 2])], vec![one(0)]], vec![vec![0, 1]], vec![]),
        // A select has a way out if one arm has.
        (vec![vec![one(1), Enders::Unknown], vec![one(0)]], vec![], vec![]),
        (vec![vec![one(1), one(2)], vec![one(0)]], vec![], vec![]),
        // Nobody known is not everybody.
        (vec![vec![any(&[])], vec![all(&[])], vec![]], vec![], vec![]),
        // The first two would go on if the last two did: behind.
        (vec![vec![any(&[1, 2])], vec![one(0)], vec![one(3)], vec![one(2)]], vec![vec![2, 3]], vec![0, 1]),
    ] {
        let found = find(&waits(arms.clone()));
        assert_eq!((found.deadlocks, found.behind), (deadlocks, behind), "{arms:?}");
    }
}

/// A small graph of random waits.
#[derive(Clone, Debug)]
struct Random(Vec<Edges>);

impl Arbitrary for Random {
    fn arbitrary(g: &mut Gen) -> Self {
        const AGENTS: u32 = 7;
        let number = |g: &mut Gen| u32::arbitrary(g) % AGENTS;
        let some = |g: &mut Gen| (0..u32::arbitrary(g) % 3).map(|_| agent(number(g))).collect::<Vec<_>>();
        let count = number(g) as usize;
        let arm = |g: &mut Gen| match u8::arbitrary(g) % 13 {
            0 => Enders::Unknown,
            12 => Enders::Open,
            1..=5 => one(number(g)),
            6..=8 => Enders::All(some(g)),
            _ => Enders::Any(some(g)),
        };
        let arms = (0..count).map(|_| (0..1 + u8::arbitrary(g) % 2).map(|_| arm(g)).collect()).collect();
        Self(waits(arms))
    }
}

/// The definition itself: whether each member of the set waits for members only.
fn is_stuck(waits: &[Edges], set: u32) -> bool {
    let member = |agent: &Agent| set & 1 << (agent.number() - 1) != 0;
    let blocked = |arm: &Enders| match arm {
        Enders::One(agent) => member(agent),
        Enders::All(agents) => agents.iter().any(member),
        Enders::Any(agents) => !agents.is_empty() && agents.iter().all(member),
        Enders::Unknown | Enders::Open => false,
    };
    (0..waits.len()).filter(|wait| set & 1 << wait != 0).all(|wait| waits[wait].arms.iter().all(blocked))
}

quickcheck! {
    /// What is found is the union of all stuck sets, and each deadlock is one by itself that does not fall into parts.
    fn the_analysis_agrees_with_the_definition(random: Random) -> bool {
        let waits = random.0;
        let stuck: Vec<u32> = (0..1 << waits.len()).filter(|&set| is_stuck(&waits, set)).collect();
        let found = find(&waits);
        let bits = |indices: &[usize]| indices.iter().fold(0, |set, index| set | 1 << index);
        let everybody = stuck.iter().fold(0, |union, set| union | set);
        let reported = found.deadlocks.iter().fold(0, |set, deadlock| set | bits(deadlock));
        let behind = bits(&found.behind);
        reported | behind == everybody
            && reported & behind == 0
            && found.deadlocks.iter().all(|deadlock| stuck.contains(&bits(deadlock)))
            // Somebody is stuck: then there is a deadlock to blame.
            && (everybody == 0 || reported != 0)
            // Minimal stuck sets (not empty) are in deadlocks: nobody whose wait is at the root is left "behind".
            && stuck.iter().filter(|&&set| set != 0).all(|&set| set & reported != 0)
    }
}

pub(super) fn until_checked(graph: &Graph, policy: Break, wanted: impl Fn(&Report) -> bool) -> Report {
    for _ in 0..1_000_000 {
        let report = graph.check_and(policy);
        if wanted(&report) {
            return report;
        }
        thread::yield_now();
    }
    panic!("what was waited for did not come: {}", graph.check());
}

/// Runs each body in a thread of its own, in the graph and under the token.
pub(super) fn start<R: Send + 'static>(
    graph: &Graph,
    bodies: Vec<Box<dyn FnOnce() -> R + Send>>,
) -> Vec<thread::JoinHandle<R>> {
    let threads = bodies.into_iter().enumerate().map(|(index, body)| {
        let graph = graph.clone();
        thread::try_spawn(format!("member {index}"), move || {
            let _entered = graph.enter();
            body()
        })
        .unwrap()
    });
    threads.collect()
}

/// Two threads that each hold one lock and acquire the other.
fn abba(graph: &Graph) -> Vec<thread::JoinHandle<Result<u32, AcquireError>>> {
    let shared = Arc::new((Barrier::new(2), [Lock::named("accounts", 1_u32), Lock::named("orders", 2)]));
    let body = |mine: usize| {
        let shared = shared.clone();
        Box::new(move || {
            let held = shared.1[mine].lock();
            shared.0.wait();
            shared.1[1 - mine].acquire().map(|other| *held + *other)
        }) as Box<dyn FnOnce() -> _ + Send>
    };
    start(graph, vec![body(0), body(1)])
}

#[test]
fn a_deadlock_is_described_and_broken() {
    let graph = Graph::new();
    graph.switch_on();
    graph.capture_backtraces(true);
    let threads = abba(&graph);
    let report = until_checked(&graph, Break::Never, |report| !report.deadlocks.is_empty());
    let deadlock = &report.deadlocks[0];
    assert!(deadlock.is_cycle());
    assert!(deadlock.waits.iter().all(|wait| wait.breakable && !wait.limited && wait.backtrace.is_some()));
    let text = report.to_string();
    for part in
        ["cycle of 2 waits", "lock \"accounts\"", "lock \"orders\"", "thread \"member 0\"", "which thread \"member 1\""]
    {
        assert!(text.contains(part), "{part} is missing in:\n{text}");
    }
    let youngest = deadlock.waits.last().unwrap().agent;
    let broken = until_checked(&graph, Break::One, |report| !report.deadlocks.is_empty());
    assert_eq!(broken.deadlocks[0].broken, Some(youngest));
    let outcomes: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Ok(3)).count(), 1);
    let error = outcomes.into_iter().find_map(Result::err).unwrap();
    assert!(matches!(&error, AcquireError::Deadlock(it) if it.broken == Some(youngest)));
    assert!(error.to_string().contains("broken by failing the wait of"), "{error}");
    assert_eq!(graph.check(), Report::default());
}

#[test]
fn a_watch_finds_each_deadlock_once_and_breaks_it() {
    let graph = Graph::new();
    graph.switch_on();
    let found = Arc::new(AtomicUsize::new(0));
    let watch = graph
        .watch(Duration::from_millis(1), Break::One, {
            let found = found.clone();
            move |deadlock| {
                found.fetch_add(deadlock.waits.len(), Ordering::Relaxed);
                std::panic::resume_unwind(Box::new("contained"));
            }
        })
        .unwrap();
    for round in 1..=3 {
        let failed = abba(&graph).into_iter().map(|it| it.join().unwrap()).filter(Result::is_err).count();
        assert_eq!(failed, 1);
        let deadline = Instant::now() + Duration::from_secs(10);
        // The callback runs after the wait was broken.
        while found.load(Ordering::Relaxed) < 2 * round && Instant::now() < deadline {
            thread::yield_now();
        }
        assert_eq!(found.load(Ordering::Relaxed), 2 * round);
    }
    drop(watch);
}

#[test]
fn waits_that_promise_not_to_fail_are_not_broken() {
    let graph = Graph::new();
    graph.switch_on();
    let locks = Arc::new((Barrier::new(2), Lock::new(()), Lock::new(())));
    let theirs = locks.clone();
    let lasting = Box::new(move || {
        let _held = theirs.1.lock();
        theirs.0.wait();
        drop(theirs.2.lock());
        true
    });
    let yielding = Box::new(move || {
        let _held = locks.2.lock();
        locks.0.wait();
        locks.1.acquire().is_ok()
    });
    let threads = start(&graph, vec![lasting as Box<dyn FnOnce() -> bool + Send>, yielding]);
    until_checked(&graph, Break::One, |report| !report.deadlocks.is_empty());
    assert_eq!(threads.into_iter().map(|it| it.join().unwrap()).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn a_reader_and_a_holder_of_permits_make_a_knot() {
    let graph = Graph::new();
    graph.switch_on();
    let shared = Arc::new((Barrier::new(2), RwLock::named("table", ()), Semaphore::named("permits", 2)));
    let theirs = shared.clone();
    let reader = Box::new(move || {
        let _held = shared.1.read();
        shared.0.wait();
        shared.2.acquire(1).is_ok()
    });
    let holder = Box::new(move || {
        let _held = theirs.2.take(2);
        theirs.0.wait();
        theirs.1.acquire_write().is_ok()
    });
    let threads = start(&graph, vec![reader as Box<dyn FnOnce() -> bool + Send>, holder]);
    let report = until_checked(&graph, Break::One, |report| !report.deadlocks.is_empty());
    assert!(!report.deadlocks[0].is_cycle());
    assert!(report.to_string().contains("knot of 2 waits"), "{report}");
    assert_eq!(threads.into_iter().filter_map(|it| it.join().ok()).filter(|ok| *ok).count(), 1);
}

#[test]
fn reading_again_behind_a_writer_is_found() {
    let graph = Graph::new();
    graph.switch_on();
    let table = Arc::new(RwLock::named("table", ()));
    let (theirs, held) = (table.clone(), Arc::new(Barrier::new(2)));
    let behind = held.clone();
    let reader = Box::new(move || {
        let _held = table.read();
        held.wait();
        while table.try_read().is_some() {
            thread::yield_now();
        }
        table.acquire_read().is_ok()
    });
    let writer = Box::new(move || {
        behind.wait();
        drop(theirs.write());
        true
    });
    let threads = start(&graph, vec![reader as Box<dyn FnOnce() -> bool + Send>, writer]);
    until_checked(&graph, Break::One, |report| !report.deadlocks.is_empty());
    assert_eq!(threads.into_iter().map(|it| it.join().unwrap()).collect::<Vec<_>>(), [false, true]);
}

#[test]
fn what_is_not_known_is_named_and_blames_nobody() {
    let graph = Graph::new();
    let shared = Arc::new((Semaphore::new(1), Barrier::named("start", 2)));
    // A permit that roams: as one from before the graph was on, but whatever graphs other tests have switched on.
    let held = shared.0.take(1).roam();
    graph.switch_on();
    let theirs = shared.clone();
    let writer = Box::new(move || theirs.0.acquire_deadline(1, Instant::now() + Duration::from_secs(60)).is_ok());
    let theirs = shared.clone();
    let early = Box::new(move || theirs.1.wait());
    let threads = start(&graph, vec![writer as Box<dyn FnOnce() -> bool + Send>, early]);
    let report = until_checked(&graph, Break::One, |report| report.waiting == 2);
    assert_eq!((report.deadlocks.len(), report.incomplete.len()), (0, 2));
    assert!(report.to_string().contains("barrier \"start\""), "{report}");
    assert!(report.to_string().contains("it has a deadline"), "{report}");
    drop(held);
    shared.1.wait();
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn a_guard_that_roams_has_no_known_owner() {
    let graph = Graph::new();
    graph.switch_on();
    let lock = Arc::new(Lock::named("a", ()));
    let roaming = crate::lock::Guard::roam(lock.lock());
    let token = Token::new();
    let theirs = (lock.clone(), token.clone());
    let waiter = Box::new(move || theirs.1.run(|| theirs.0.acquire().is_ok()));
    let mut threads = start(&graph, vec![waiter as Box<dyn FnOnce() -> bool + Send>]);
    let report = until_checked(&graph, Break::One, |report| report.waiting == 1);
    assert_eq!(report.incomplete.len(), 1);
    drop(roaming);
    assert!(threads.pop().unwrap().join().unwrap());
    token.cancel("the end");
}

#[test]
fn tasks_are_called_by_their_names() {
    let graph = Graph::new();
    graph.switch_on();
    let lock = Lock::named("alone", ());
    let _entered = Context { graph: Some(graph), task: Some("indexer".into()), ..Context::current() }.enter();
    let _held = lock.lock();
    let error = lock.acquire().unwrap_err();
    assert!(error.to_string().contains("task \"indexer\""), "{error}");
    let panic = catch_unwind(AssertUnwindSafe(|| drop(lock.lock()))).unwrap_err();
    assert!(panic.downcast_ref::<String>().unwrap().contains("lock \"alone\" is locked by the same agent"));
}

#[test]
fn switched_off_nothing_is_registered() {
    let graph = Graph::new();
    let lock = Arc::new(Lock::new(()));
    let held = lock.lock();
    let theirs = lock.clone();
    let waiter = Box::new(move || drop(theirs.lock()));
    let threads = start(&graph, vec![waiter as Box<dyn FnOnce() + Send>]);
    for _ in 0..1_000 {
        assert_eq!(graph.waiting(), 0);
        thread::yield_now();
    }
    drop(held);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}
