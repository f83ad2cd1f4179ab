//! What is recorded, between start and stop, and how spans come of it.

use reweave_core::channel;
use reweave_core::sync::Arc;
use reweave_core::sync::atomic::{AtomicBool, Ordering};
use reweave_core::sync::{hint, thread};

use super::world::{World, pass};
use crate::trace::{Kind, Span, Subject, Trace, Track, What};
use crate::{Pool, join, scope, spawn};

/// The spans of the only worker.
fn spans(trace: &Trace) -> Vec<Span> {
    trace.spans(&trace.tracks[0])
}

fn runs(spans: &[Span]) -> Vec<(Kind, u64, u64)> {
    let run = |span: &Span| match span.subject {
        Subject::Run(unit) => Some((unit.kind, span.begin, span.end)),
        _ => None,
    };
    spans.iter().filter_map(run).collect()
}

#[test]
fn a_pool_that_was_not_built_for_it_says_how() {
    let untraced = Pool::builder().threads(1).name("plain").build().unwrap().trace().map(|_| ()).unwrap_err();
    assert_eq!(
        untraced.to_string(),
        "the pool `plain` was built without a recorder: say `trace(events)` to its builder"
    );
}

#[test]
fn runs_nest_with_exact_times() {
    let world = World::new();
    let clock = world.clock.clone();
    let outer = world.pool.spawn(move || {
        pass(&clock, 5);
        let there = clock.clone();
        // Runs here, within the other.
        let inner = spawn(move || pass(&there, 30));
        inner.join().unwrap();
        pass(&clock, 7);
    });
    outer.join().unwrap();
    let trace = world.end();
    let spans = spans(&trace);
    assert_eq!(runs(&spans), [(Kind::Closure, 0, 42), (Kind::Closure, 5, 35)]);
    let run = |place: usize| spans.iter().filter(|span| matches!(span.subject, Subject::Run(_))).nth(place).unwrap();
    assert!(std::ptr::eq(&spans[run(1).parent.unwrap()], run(0)));
    assert!(run(0).parent.is_none() && run(0).whole);
    assert_eq!(trace.busy_ns(&trace.tracks[0]), 42);
    assert_eq!((trace.since, trace.until, trace.lost()), (0, 42, 0));
}

#[test]
fn what_is_blocked_is_not_busy() {
    let world = World::new();
    let (sender, receiver) = channel::bounded::<()>(1);
    let task = world.pool.spawn(move || receiver.recv().unwrap());
    while world.pool.stats().blocked == 0 {
        thread::yield_now();
    }
    world.pass(100);
    sender.send(()).unwrap();
    task.join().unwrap();
    let trace = world.end();
    let blocked = spans(&trace).into_iter().find(|span| span.subject == Subject::Blocked).unwrap();
    assert_eq!((blocked.begin, blocked.end, blocked.whole), (0, 100, true));
    assert_eq!(trace.busy_ns(&trace.tracks[0]), 0);
}

#[test]
fn a_poll_that_waits_is_suspended_and_the_wake_up_is_noted() {
    let world = World::new();
    let (sender, receiver) = channel::bounded::<()>(1);
    let task = world.pool.spawn_async(async move { receiver.recv_async().await.unwrap() });
    while task.state() != crate::task::State::Suspended {
        thread::yield_now();
    }
    world.pass(10);
    sender.send(()).unwrap();
    task.join().unwrap();
    let trace = world.end();
    let polls: Vec<_> = spans(&trace).into_iter().filter(|span| matches!(span.subject, Subject::Run(_))).collect();
    assert_eq!(polls.iter().map(|poll| (poll.begin, poll.suspended)).collect::<Vec<_>>(), [(0, true), (10, false)]);
    let wakes = |track: &Track| track.events.iter().filter(|event| matches!(event.what, What::Wake(_))).count();
    assert_eq!(trace.tracks.iter().map(wakes).collect::<Vec<_>>(), [0, 1], "woken from outside, once");
}

#[test]
fn only_what_happens_while_it_is_on_is_there() {
    let world = World::new();
    let work = |ns| {
        let clock = world.clock.clone();
        world.pool.install(move || pass(&clock, ns));
    };
    world.recorder.start();
    work(1);
    world.pass(1);
    world.recorder.stop();
    let first = world.recorder.snapshot();
    assert!(!world.recorder.is_on());
    world.pass(10);
    work(10);
    assert_eq!(world.recorder.snapshot(), first, "what comes later is not there");
    assert_eq!(runs(&spans(&first)), [(Kind::Installed, 0, 1)]);
    world.pass(5);
    world.recorder.start();
    work(100);
    let second = world.end();
    assert_eq!(runs(&spans(&second)), [(Kind::Installed, 27, 127)]);
    assert_eq!((first.since, first.until, second.since, second.until), (0, 2, 27, 127));
}

#[test]
fn what_runs_when_it_starts_is_known_from_its_end() {
    let world = World::new();
    world.recorder.stop();
    let (recorder, clock) = (world.recorder.clone(), world.clock.clone());
    world.pool.install(move || {
        pass(&clock, 50);
        recorder.start();
        pass(&clock, 5);
        let there = clock.clone();
        spawn(move || pass(&there, 3)).join().unwrap();
    });
    let trace = world.end();
    let spans = spans(&trace);
    assert_eq!(runs(&spans), [(Kind::Installed, 50, 58), (Kind::Closure, 55, 58)]);
    assert_eq!((spans[0].whole, spans[0].parent, spans[1].parent), (false, None, Some(0)));
}

#[test]
fn what_runs_when_it_ends_lasts_until_then() {
    let world = World::new();
    let (recorder, clock) = (world.recorder.clone(), world.clock.clone());
    let trace = world.pool.install(move || {
        pass(&clock, 3);
        recorder.snapshot()
    });
    assert_eq!(runs(&spans(&trace)), [(Kind::Installed, 0, 3)]);
    assert!(!spans(&trace)[0].whole);
}

#[test]
fn tasks_are_known_by_number_and_name() {
    let world = World::new();
    let named = |name: &'static str| world.pool.task().name(name).spawn(|| ());
    let numbers: Vec<_> =
        ["a", "b", "a"].map(named).into_iter().map(|task| (task.id().unwrap().get(), task.join().unwrap()).0).collect();
    world.pool.spawn(|| ()).join().unwrap();
    let trace = world.end();
    let begun: Vec<_> = trace.tracks[0]
        .events
        .iter()
        .filter_map(|event| match event.what {
            What::Begin(unit) => Some((unit.id, trace.name(&unit))),
            _ => None,
        })
        .collect();
    assert_eq!(numbers, [1, 2, 3]);
    assert_eq!(begun, [(1, Some("a")), (2, Some("b")), (3, Some("a")), (4, None)]);
}

#[test]
fn names_that_are_made_up_as_it_runs_do_not_fill_the_memory() {
    let pool = Pool::builder().threads(1).trace(3).build().unwrap();
    let recorder = pool.trace().unwrap().clone();
    recorder.start();
    for n in 0..10 {
        pool.task().name(format!("number {n}")).spawn(|| ()).join().unwrap();
    }
    let known = recorder.snapshot().names;
    assert_eq!(known, ["number 0", "number 1", "number 2"]);
}

#[test]
fn a_ring_that_is_full_keeps_the_newest_and_counts_the_others() {
    let pool = Pool::builder().threads(1).spare_threads(0).trace(7).build().unwrap();
    let recorder = pool.trace().unwrap().clone();
    recorder.start();
    pool.install(|| {
        scope(|s| (0..100).for_each(|_| s.spawn(|| ())));
    });
    drop(pool);
    let trace = recorder.snapshot();
    let worker = &trace.tracks[0];
    assert_eq!(worker.events.len(), 7);
    // A beginning and an end of what is installed, a spawn, a beginning and an end of each job; and its sleeps.
    assert!(worker.lost >= 2 + 300 - 7, "{}", worker.lost);
    let spans = spans(&trace);
    assert!(spans.iter().all(|span| span.begin >= worker.events[0].at), "{spans:?}");
}

#[test]
fn all_that_is_made_is_run_once() {
    let pool = Pool::builder().threads(4).trace(100_000).build().unwrap();
    let recorder = pool.trace().unwrap().clone();
    recorder.start();
    let stop = Arc::new(AtomicBool::new(false));
    // Somebody looks meanwhile.
    let watcher = thread::spawn({
        let (recorder, stop) = (recorder.clone(), stop.clone());
        move || {
            let mut looks = 0;
            while !stop.load(Ordering::Relaxed) || looks < 3 {
                let trace = recorder.snapshot();
                trace.tracks.iter().for_each(|track| drop(check_spans(&trace, track)));
                looks += 1;
            }
        }
    });
    fn tree(depth: u32) {
        if depth > 0 {
            join(|| tree(depth - 1), || tree(depth - 1));
        } else {
            (0..1000).for_each(|_| hint::spin_loop());
        }
    }
    pool.install(|| {
        tree(8);
        scope(|s| (0..500).for_each(|_| s.spawn(|| tree(1))));
        let tasks: Vec<_> = (0..200).map(|n| spawn(move || n)).collect();
        assert_eq!(tasks.into_iter().map(|task| task.join().unwrap()).sum::<u32>(), 19_900);
    });
    drop(pool);
    stop.store(true, Ordering::Relaxed);
    watcher.join().unwrap();
    let trace = recorder.snapshot();
    assert_eq!(trace.lost(), 0);
    let count = |wanted: &dyn Fn(&What) -> bool| {
        trace.tracks.iter().flat_map(|track| &track.events).filter(|event| wanted(&event.what)).count()
    };
    let begun = |kind| count(&|what| matches!(what, What::Begin(unit) if unit.kind == kind));
    assert_eq!((begun(Kind::Job), begun(Kind::Closure), begun(Kind::Installed)), (500, 200, 1));
    for track in &trace.tracks {
        let spans = check_spans(&trace, track);
        // Who slept when it began is known from when that ended.
        assert!(spans.iter().all(|span| span.whole || span.subject == Subject::Asleep), "all has ended");
    }
}

/// They are in order, and within each other.
fn check_spans(trace: &Trace, track: &Track) -> Vec<Span> {
    let spans = trace.spans(track);
    assert!(spans.is_sorted_by_key(|span| span.begin), "{}", track.name);
    assert!(track.events.is_sorted_by_key(|event| event.at), "{}", track.name);
    let mut last_end = std::collections::HashMap::new();
    for span in &spans {
        assert!(span.begin <= span.end);
        if let Some(parent) = span.parent {
            assert!(spans[parent].begin <= span.begin && span.end <= spans[parent].end);
        }
        let before = last_end.insert(span.parent, span.end);
        assert!(before.is_none_or(|before| before <= span.begin), "neighbours do not overlap");
    }
    spans
}
