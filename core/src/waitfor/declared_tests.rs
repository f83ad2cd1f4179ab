use std::time::Duration;

use quickcheck::quickcheck;

use super::tests::{start, until_checked};
use super::{Break, Graph, Held, ended_by, join};
use crate::cancel::Token;
use crate::channel::{self, Receiver, Sender};
use crate::context::{Agent, Context};
use crate::event::{self, Enders, Event, Limits};
use crate::lock::{AcquireError, Barrier, Latch, Lock};
use crate::sync::{Arc, thread};
use crate::{promise, select};

#[test]
fn a_declaration_is_its_agents_and_for_what_is_unknown_only() {
    let graph = Graph::new();
    graph.switch_on();
    let shared = Arc::new((Latch::named("loaded", 1), Lock::named("table", ())));
    let roaming = crate::lock::Guard::roam(shared.1.lock());
    let (ender, theirs) = (Agent::fresh(), shared.clone());
    let waits = move || {
        let waiter = Agent::current();
        ended_by([ender], || {
            let lifted = ended_by([], || Context::current().declared.is_none());
            theirs.0.wait();
            let declared = Context::current().declared.unwrap();
            lifted && declared.of(Agent::fresh()).is_none() && declared.of(waiter) == Some(Enders::One(ender))
        })
    };
    let theirs = shared.clone();
    let ends = move || {
        ender.run(|| {
            // Declared to be ended by itself, which would be a deadlock if it were meant for locks, or for time.
            let went_on = ended_by([ender], || {
                theirs.1.acquire().is_ok() && crate::time::sleep(Duration::from_millis(20)).is_ok()
            });
            theirs.0.count_down();
            went_on
        })
    };
    let threads = start(&graph, vec![Box::new(waits) as Box<dyn FnOnce() -> bool + Send>, Box::new(ends)]);
    let report = until_checked(&graph, Break::One, |report| {
        assert!(report.deadlocks.is_empty(), "{report}");
        report.waiting == 2
    });
    assert_eq!(report.incomplete.len(), 1, "the lock's owner is not known: {report}");
    assert_eq!(report.incomplete[0].agent, ender);
    drop(roaming);
    while graph.waiting() > 0 {
        assert!(graph.check().deadlocks.is_empty());
        thread::yield_now();
    }
    assert!(threads.into_iter().all(|thread| thread.join().unwrap()));
}

#[test]
fn a_declared_wait_makes_a_cycle_and_is_marked() {
    let graph = Graph::new();
    graph.switch_on();
    let shared = Arc::new((Barrier::named("meeting", 2), Lock::named("key", ()), Latch::new(1)));
    let (other, theirs) = (Agent::fresh(), shared.clone());
    let holder = Box::new(move || {
        let _held = shared.1.lock();
        shared.2.count_down();
        ended_by([other], || shared.0.wait());
        true
    });
    let late = Box::new(move || {
        other.run(|| {
            theirs.2.wait();
            let failed = theirs.1.acquire().is_err();
            theirs.0.wait();
            failed
        })
    });
    let threads = start(&graph, vec![holder as Box<dyn FnOnce() -> bool + Send>, late]);
    let report = until_checked(&graph, Break::One, |report| !report.deadlocks.is_empty());
    assert!(report.deadlocks[0].is_cycle(), "{report}");
    assert!(report.to_string().contains("barrier \"meeting\", which thread \"member 1\""), "{report}");
    assert!(report.to_string().contains("(as was declared)"), "{report}");
    assert_eq!(report.deadlocks[0].broken, Some(other));
    assert!(threads.into_iter().all(|thread| thread.join().unwrap()));
}

#[test]
fn joins_are_seen() {
    let graph = Graph::new();
    graph.switch_on();
    let _entered = graph.enter();
    let lock = Arc::new(Lock::named("held while joining", ()));
    let held = lock.lock();
    let worker = Agent::fresh();
    let working = thread::spawn({
        let (graph, lock) = (graph.clone(), lock.clone());
        move || {
            let _entered = graph.enter();
            worker.run(|| lock.acquire().map(drop))
        }
    });
    let checking = thread::spawn({
        let graph = graph.clone();
        move || until_checked(&graph, Break::One, |report| !report.deadlocks.is_empty())
    });
    let outcome = join("the worker", worker, || working.join().unwrap());
    drop(held);
    let report = checking.join().unwrap();
    assert!(matches!(outcome, Err(AcquireError::Deadlock(_))), "{outcome:?}");
    assert!(report.deadlocks[0].is_cycle());
    assert!(report.to_string().contains("waits for the worker, which agent"), "{report}");
    assert_eq!(graph.waiting(), 0);
}

#[test]
fn a_channel_is_part_of_a_deadlock_once_all_its_handles_are_held() {
    for make in [channel::rendezvous::<u32>, channel::unbounded::<u32>, || channel::bounded(1)] {
        let graph = Graph::new();
        graph.switch_on();
        let (tx, rx) = make();
        tx.set_name("jobs");
        let spare = tx.clone();
        let lock = Arc::new((Lock::named("table", ()), Latch::new(1)));
        let theirs = lock.clone();
        let receiver = Box::new(move || {
            let rx = rx.hold();
            let _held = theirs.0.lock();
            theirs.1.count_down();
            rx.recv().is_ok()
        });
        let sender = Box::new(move || {
            let tx = tx.hold();
            lock.1.wait();
            let failed = lock.0.acquire().is_err();
            tx.send(1).unwrap();
            failed
        });
        let threads = start(&graph, vec![receiver as Box<dyn FnOnce() -> bool + Send>, sender]);
        let report = until_checked(&graph, Break::One, |report| report.waiting == 2);
        assert!(
            report.deadlocks.is_empty() && report.behind.is_empty(),
            "the spare handle could be anywhere: {report}"
        );
        assert!(report.to_string().contains("(2 of its 3 handles are held)"), "{report}");
        drop(spare);
        let report = until_checked(&graph, Break::One, |report| !report.deadlocks.is_empty());
        let text = report.deadlocks[0].to_string();
        assert!(text.contains("receive on channel \"jobs\", which only thread \"member 1\""), "{text}");
        assert!(!report.deadlocks[0].is_cycle(), "the channel makes it a knot: {text}");
        assert!(threads.into_iter().all(|thread| thread.join().unwrap()));
    }
}

#[test]
fn full_channels_and_a_select_make_a_knot() {
    let graph = Graph::new();
    graph.switch_on();
    let (there, here) = (channel::bounded(1), channel::rendezvous::<u32>());
    let latch = Arc::new(Latch::new(1));
    let arrived = latch.clone();
    let first = Box::new(move || {
        let (tx, _rx) = (there.0.hold(), here.1.hold());
        tx.send(1_u32).unwrap();
        arrived.count_down();
        // Full: this waits for room, and the other for one of two things that only this thread could do.
        tx.send(2).is_err()
    });
    let second = Box::new(move || {
        let (rx, tx) = (there.1.hold(), here.0.hold());
        latch.wait();
        let other = channel::unbounded::<()>();
        let held = (other.0.hold(), other.1.hold());
        let chosen = select! {
            sent = tx.send_event(3) => sent.is_ok(),
            _ = held.1.recv_event() => unreachable!("nobody sends"),
        };
        // The token ends it; or the other, which it ended first, has gone.
        assert!(!chosen.unwrap_or(false), "nobody receives");
        drop(rx);
        true
    });
    let token = Token::new();
    let bodies: Vec<Box<dyn FnOnce() -> bool + Send>> = vec![first, second];
    let bodies = bodies.into_iter().map(|body| {
        let token = token.clone();
        Box::new(move || token.run(body)) as Box<dyn FnOnce() -> bool + Send>
    });
    let threads = start(&graph, bodies.collect());
    let report = until_checked(&graph, Break::One, |report| !report.deadlocks.is_empty());
    assert_eq!(
        (report.deadlocks[0].waits.len(), report.deadlocks[0].broken),
        (2, None),
        "no acquire to fail: {report}"
    );
    assert!(report.to_string().contains("send on"), "{report}");
    token.cancel("the end");
    assert!(threads.into_iter().all(|thread| thread.join().unwrap()));
}

#[test]
fn who_holds_both_ends_and_receives_waits_for_itself() {
    let graph = Graph::new();
    graph.switch_on();
    let token = Token::new();
    let waiter = Box::new(move || {
        let (tx, rx) = channel::bounded::<u32>(1);
        let (tx, rx) = (tx.hold(), rx.hold());
        assert_eq!(tx.holder(), rx.holder());
        rx.recv().is_err()
    });
    let theirs = token.clone();
    let threads = start(&graph, vec![Box::new(move || theirs.run(waiter)) as Box<dyn FnOnce() -> bool + Send>]);
    let report = until_checked(&graph, Break::One, |report| !report.deadlocks.is_empty());
    assert!(report.to_string().contains("which only thread \"member 0\""), "{report}");
    token.cancel("the end");
    assert!(threads.into_iter().all(|thread| thread.join().unwrap()));
}

#[test]
fn handles_that_are_released_dropped_or_forgotten_are_as_they_were() {
    let (tx, rx) = channel::bounded(2);
    let (held, clone) = (tx.hold(), rx.clone());
    held.send(1).unwrap();
    let tx = held.release();
    tx.send(2).unwrap();
    let rx = rx.hold();
    assert_eq!(rx.iter().take(2).collect::<Vec<_>>(), [1, 2]);
    drop(rx);
    let (error, clone) = (tx.try_send(3), clone.hold());
    assert!(error.is_ok(), "the clone is still there");
    std::mem::forget(clone);
    assert!(!tx.is_closed());
    let (promise, eventual) = promise::pair::<u32, u32>();
    promise.hold().fail(7);
    assert_eq!(eventual.wait(), Err(promise::Failure::Error(&7)));
    let (promise, eventual) = promise::pair::<u32, u32>();
    drop(promise.hold());
    assert_eq!(eventual.wait(), Err(promise::Failure::Broken));
}

#[test]
fn readers_of_a_promise_wait_for_who_holds_it() {
    let graph = Graph::new();
    graph.switch_on();
    let (promise, answer) = promise::pair::<u32, ()>();
    let shared = Arc::new((Lock::named("notes", ()), Latch::new(1)));
    let theirs = shared.clone();
    let reader = Box::new(move || {
        let _held = theirs.0.lock();
        theirs.1.count_down();
        answer.wait() == Ok(&1)
    });
    let (held, hold) = (Arc::new(Latch::new(1)), Token::new());
    let (later, now) = (held.clone(), hold.clone());
    let keeper = Box::new(move || {
        shared.1.wait();
        later.count_down();
        until_cancelled(&now);
        let promise = promise.hold();
        let failed = shared.0.acquire().is_err();
        promise.fulfil(1);
        failed
    });
    let threads = start(&graph, vec![reader as Box<dyn FnOnce() -> bool + Send>, keeper]);
    held.wait();
    let report = until_checked(&graph, Break::One, |report| report.waiting == 2);
    assert!(report.deadlocks.is_empty(), "the promise is not held yet: {report}");
    assert!(report.to_string().contains("a promise, and who could end that is not known (it is not held)"), "{report}");
    hold.cancel("hold it");
    let report = until_checked(&graph, Break::One, |report| !report.deadlocks.is_empty());
    assert!(report.deadlocks[0].is_cycle(), "{report}");
    assert!(threads.into_iter().all(|thread| thread.join().unwrap()));
}

/// Waits until the token is cancelled.
fn until_cancelled(token: &Token) {
    event::wait_with(token.cancelled(), Limits::unstoppable()).unwrap();
}

/// A handle in the hands of one of a few agents, or of nobody that is known.
enum Somebodys<H: super::Handle> {
    Unknown(H),
    Held(Held<H>),
}

impl<H: super::Handle + Clone> Somebodys<H> {
    fn step(handles: &mut Vec<Self>, index: usize, step: u8, agent: Agent) {
        let handle = handles.swap_remove(index);
        match (step, handle) {
            (0, Self::Unknown(handle)) => handles.extend([Self::Unknown(handle.clone()), Self::Unknown(handle)]),
            (0, Self::Held(held)) => handles.extend([Self::Unknown((*held).clone()), Self::Held(held)]),
            (1 | 2, Self::Unknown(handle)) => handles.push(Self::Held(agent.run(|| Held::new(handle)))),
            (3, Self::Held(held)) => handles.push(Self::Unknown(held.release())),
            (4, handle) => drop(handle),
            (_, handle) => handles.push(handle),
        }
    }

    fn holder(&self) -> Option<Agent> {
        match self {
            Self::Unknown(_) => None,
            Self::Held(held) => Some(held.holder()),
        }
    }
}

quickcheck! {
    /// Whatever is done to its handles, the enders of a wait on a channel are the holders, if each handle has one.
    fn the_enders_are_the_holders_of_all_handles(steps: Vec<(bool, u8, u8, u8)>) -> bool {
        let agents = [(); 3].map(|()| Agent::fresh());
        let (tx, rx) = channel::unbounded::<u8>();
        let watched = rx.clone();
        let mut senders: Vec<Somebodys<Sender<u8>>> = vec![Somebodys::Unknown(tx)];
        // One more than `receivers` has: ours.
        let mut receivers: Vec<Somebodys<Receiver<u8>>> = vec![Somebodys::Unknown(rx)];
        let watched = watched.hold();
        steps.into_iter().all(|(side, index, step, agent)| {
            let agent = agents[usize::from(agent) % agents.len()];
            let (index, step) = (usize::from(index), step % 6);
            match side {
                true if !senders.is_empty() => {
                    let index = index % senders.len();
                    Somebodys::step(&mut senders, index, step, agent);
                }
                false if !receivers.is_empty() => {
                    let index = index % receivers.len();
                    Somebodys::step(&mut receivers, index, step, agent);
                }
                _ => {}
            }
            let holders = senders.iter().map(Somebodys::holder).chain(receivers.iter().map(Somebodys::holder));
            let all: Option<Vec<Agent>> = holders.chain([Some(watched.holder())]).collect();
            let expected = match all {
                _ if senders.is_empty() => Enders::Open,
                None => Enders::Unknown,
                Some(mut agents) => {
                    agents.sort();
                    agents.dedup();
                    Enders::Any(agents)
                }
            };
            watched.recv_event().awaits().enders == expected
        })
    }
}
