//! The JSON, read back: fields, nesting, flows.

use std::collections::HashMap;

use reweave_core::channel;
use serde_json::Value;

use super::world::{World, pass};
use crate::trace::Trace;
use crate::{Pool, join, scope, spawn, spawn_async};

fn chrome(trace: &Trace) -> Value {
    let mut out = Vec::new();
    trace.write_chrome(&mut out).unwrap();
    serde_json::from_slice(&out).unwrap()
}

/// The events of this phase.
fn of_phase<'a>(json: &'a Value, phase: &'a str) -> impl Iterator<Item = &'a Value> {
    json["traceEvents"].as_array().unwrap().iter().filter(move |event| event["ph"] == phase)
}

/// A time in nanoseconds.
fn ns(time: &Value) -> u64 {
    let ns = time.as_f64().unwrap() * 1000.0;
    assert!((ns - ns.round()).abs() < 1e-3, "{time} is a whole number of nanoseconds");
    ns.round() as u64
}

#[test]
fn a_trace_is_exact() {
    let world = World::new();
    let clock = world.clock.clone();
    world.pass(1_000_001);
    let task = world.pool.spawn(move || {
        pass(&clock, 42);
        let there = clock.clone();
        scope(|s| s.spawn(move || pass(&there, 1999)));
    });
    task.join().unwrap();
    let json = chrome(&world.end());
    let runs: Vec<_> = of_phase(&json, "X").filter(|event| event["cat"] != "asleep").collect();
    let shown = |event: &Value| (event["name"].as_str().unwrap().to_owned(), event["ts"].clone(), event["dur"].clone());
    let expected = [
        ("task".to_owned(), 1000.001.into(), 2.041.into()),
        ("job of a scope".to_owned(), 1000.043.into(), 1.999.into()),
        // By a thread outside, as wide as a nanosecond.
        ("spawn".to_owned(), 1000.001.into(), 0.001.into()),
    ];
    assert_eq!(runs.iter().map(|event| shown(event)).collect::<Vec<_>>(), expected);
    assert_eq!(json["otherData"]["pool"], "world");
    assert_eq!(json["otherData"]["lost_events"], 0);
    // From outside to the task, and from the task to its job.
    let ends = |phase| of_phase(&json, phase).map(|flow| (flow["tid"].clone(), ns(&flow["ts"]))).collect::<Vec<_>>();
    assert_eq!(ends("s"), [(1.into(), 1_000_001), (0.into(), 1_000_043)]);
    assert_eq!(ends("f"), [(0.into(), 1_000_001), (0.into(), 1_000_043)]);
}

#[test]
fn a_trace_is_well_formed() {
    let pool = Pool::builder().threads(3).name("mill").trace(50_000).build().unwrap();
    let recorder = pool.trace().unwrap().clone();
    recorder.start();
    let (sender, receiver) = channel::bounded::<u32>(1);
    let receiving = pool.spawn_async(async move {
        let mut sum = 0;
        while let Ok(value) = receiver.recv_async().await {
            sum += spawn_async(async move { value }).await.unwrap();
        }
        sum
    });
    let sending = pool.spawn(move || (0..100).for_each(|value| sender.send(value).unwrap()));
    fn sum(numbers: &[u64]) -> u64 {
        match numbers {
            [only] => *only,
            more => {
                let (left, right) = more.split_at(more.len() / 2);
                let (left, right) = join(|| sum(left), || sum(right));
                left + right
            }
        }
    }
    let numbers: Vec<u64> = (0..20_000).collect();
    pool.install(|| {
        assert_eq!(sum(&numbers), 199_990_000);
        scope(|s| (0..100).for_each(|_| s.spawn(|| spawn(|| ()).join().unwrap())));
    });
    sending.join().unwrap();
    assert_eq!(receiving.join().unwrap(), 4950);
    drop(pool);
    let trace = recorder.snapshot();
    let json = chrome(&trace);
    assert_eq!(json["otherData"]["lost_events"], 0);
    check_fields(&json, &trace);
    check_nesting(&json);
    let runs: Vec<&Value> = of_phase(&json, "X").filter(|event| is_run(event)).collect();
    let flows = check_flows(&json, &runs);
    // Every run comes from somewhere, as nothing was lost.
    assert_eq!(flows, runs.len());
    assert_eq!(runs.iter().filter(|run| run["cat"] == "job of a scope").count(), 100);
    let polls = runs.iter().filter(|run| run["cat"] == "future");
    assert!(polls.clone().any(|poll| poll["args"]["suspended"] == true));
    assert_eq!(polls.filter(|poll| poll["args"]["suspended"] == false).count(), 101, "as many as end");
}

fn is_run(event: &Value) -> bool {
    !["asleep", "blocked", "spawn", "wake"].iter().any(|other| event["cat"] == **other)
}

fn check_fields(json: &Value, trace: &Trace) {
    let threads: HashMap<u64, String> = of_phase(json, "M")
        .filter(|event| event["name"] == "thread_name")
        .map(|event| (event["tid"].as_u64().unwrap(), event["args"]["name"].as_str().unwrap().to_owned()))
        .collect();
    for (place, track) in trace.tracks.iter().enumerate() {
        assert_eq!(threads[&(place as u64)], track.name);
    }
    assert!(threads[&0] == "mill-0" && threads.values().any(|name| name == "outside"));
    for event in json["traceEvents"].as_array().unwrap() {
        assert!(["M", "X", "i", "s", "f"].contains(&event["ph"].as_str().unwrap()), "{event}");
        assert!(event["name"].is_string() && event["ts"].is_number(), "{event}");
        assert_eq!(event["pid"], u64::from(std::process::id()));
        assert!(threads.contains_key(&event["tid"].as_u64().unwrap()), "{event}");
        assert_eq!(event["dur"].is_number(), event["ph"] == "X", "{event}");
        if event["ph"] != "M" {
            assert!((trace.since..=trace.until).contains(&ns(&event["ts"])), "{event}");
        }
    }
    for steal in of_phase(json, "i") {
        assert_eq!((&steal["s"], &steal["name"]), (&"t".into(), &"steal".into()));
        let victim = steal["args"]["from"].as_str().unwrap();
        assert!(threads.values().any(|name| name == victim), "{victim}");
        assert_ne!(threads[&steal["tid"].as_u64().unwrap()], victim, "nobody steals from himself");
    }
}

/// On each track the complete events lie within each other or beside each other.
fn check_nesting(json: &Value) {
    let mut open: HashMap<u64, Vec<u64>> = HashMap::new();
    let mut begun: HashMap<u64, u64> = HashMap::new();
    for event in of_phase(json, "X").filter(|event| event["cat"] != "spawn" && event["cat"] != "wake") {
        let thread = event["tid"].as_u64().unwrap();
        let begin = ns(&event["ts"]);
        let end = begin + ns(&event["dur"]);
        let before = begun.insert(thread, begin).unwrap_or(0);
        assert!(before <= begin, "in the order of their beginnings");
        let open = open.entry(thread).or_default();
        while open.last().is_some_and(|&last| last <= begin && last < end) {
            open.pop();
        }
        assert!(open.last().is_none_or(|&last| end <= last), "{event} begins within another and outlasts it");
        open.push(end);
    }
}

/// Each flow has one beginning and one end, forwards in time, and ends where a run begins; how many there are.
fn check_flows(json: &Value, runs: &[&Value]) -> usize {
    let by_id = |phase| {
        let all: Vec<_> = of_phase(json, phase).collect();
        let ids: HashMap<u64, &Value> = all.iter().map(|flow| (flow["id"].as_u64().unwrap(), *flow)).collect();
        assert_eq!(ids.len(), all.len(), "each number is used once");
        ids
    };
    let (begins, ends) = (by_id("s"), by_id("f"));
    assert_eq!(begins.len(), ends.len());
    for (id, begin) in &begins {
        let end = ends[id];
        assert_eq!((&begin["name"], &end["bp"]), (&end["name"], &"e".into()));
        assert!(ns(&begin["ts"]) <= ns(&end["ts"]));
        assert!(runs.iter().any(|run| run["tid"] == end["tid"] && run["ts"] == end["ts"]), "{end}");
        let tail = of_phase(json, "X").find(|event| {
            let (from, at) = (ns(&event["ts"]), ns(&begin["ts"]));
            event["tid"] == begin["tid"] && from <= at && at <= from + ns(&event["dur"])
        });
        assert!(tail.is_some(), "an arrow begins at something: {begin}");
    }
    begins.len()
}
