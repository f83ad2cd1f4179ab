//! Traces: a ring that is read while it is written, and while it goes round; and whole pools that are watched.
//!
//! In the rings an event is two words, both its number: one that is mixed of two, or was never written, shows at once.

use reweave_core::sync::{Arc, thread};
use reweave_sched::trace::ring::{Read, Ring};
use reweave_sched::trace::{Kind, Trace, What};
use reweave_sched::{Pool, join, scope, spawn};

use crate::{Model, Run, Seeded, cover};

/// The models of traces.
pub const MODELS: &[Model] = &[
    Model {
        name: "read-beside-write",
        property: "who reads a ring finds what has been written, whole and without a gap",
        runs: &[Run::loom(), Run::shuttle_dfs(), Run::shuttle_pct(3, 5_000)],
        covers: &["found none", "found one", "found both"],
        seeded: &[
            Seeded { bug: "trace/publish-first", run: Run::loom(), expect: "is not whole" },
            Seeded { bug: "trace/publish-first", run: Run::shuttle_dfs(), expect: "is not whole" },
            Seeded { bug: "trace/publish-relaxed", run: Run::loom(), expect: "is not whole" },
        ],
        body: read_beside_write,
    },
    Model {
        name: "read-beside-wrap-around",
        property: "an event that is overwritten while it is read is left out, and what is newer is there",
        runs: &[Run::loom(), Run::shuttle_dfs(), Run::shuttle_pct(3, 5_000)],
        covers: &["found the old", "found the new", "found none"],
        seeded: &[
            Seeded { bug: "trace/write-without-fence", run: Run::loom(), expect: "is not whole" },
            Seeded { bug: "trace/read-without-fence", run: Run::loom(), expect: "is not whole" },
            Seeded { bug: "trace/read-without-looking-again", run: Run::loom(), expect: "is not whole" },
            Seeded { bug: "trace/read-without-looking-again", run: Run::shuttle_dfs(), expect: "is not whole" },
        ],
        body: read_beside_wrap_around,
    },
    Model {
        name: "two-readers",
        property: "readers do not disturb each other, and find no less later",
        runs: &[Run::loom_bounded(2), Run::shuttle_pct(3, 5_000)],
        covers: &["found more later"],
        seeded: &[
            Seeded { bug: "trace/reader-takes", run: Run::loom_bounded(2), expect: " and then " },
            Seeded { bug: "trace/reader-takes", run: Run::shuttle_pct(3, 5_000), expect: " and then " },
            Seeded { bug: "trace/read-without-looking-again", run: Run::shuttle_pct(3, 5_000), expect: "is not whole" },
        ],
        body: two_readers,
    },
    Model {
        name: "at-work",
        property: "a ring that goes round many times is read whole and without a gap",
        runs: &[Run::shuttle_pct(3, 5_000), Run::shuttle_random(5_000)],
        covers: &["lost some", "lost none"],
        seeded: &[
            Seeded { bug: "trace/publish-first", run: Run::shuttle_random(5_000), expect: "is not whole" },
            Seeded { bug: "trace/read-without-looking-again", run: Run::shuttle_pct(3, 5_000), expect: "is not whole" },
        ],
        body: at_work,
    },
    Model {
        name: "pool",
        property: "what is run in a pool is begun and ended once in its trace, whoever looks meanwhile",
        runs: &[Run::shuttle_pct(3, 3_000)],
        covers: &["looked while something ran", "all on one track", "on two tracks"],
        seeded: &[
            Seeded { bug: "trace/share-a-sheet", run: Run::shuttle_pct(3, 3_000), expect: "in the trace" },
            Seeded { bug: "trace/outside-without-lock", run: Run::shuttle_pct(3, 3_000), expect: "in the trace" },
        ],
        body: pool,
    },
];

/// A ring with so many events already; each event is its number and one, twice: 0 was never written.
fn ring(keeps: usize, written: u64) -> Arc<Ring<2>> {
    let ring = Arc::new(Ring::new(keeps));
    (0..written).for_each(|number| push(&ring, number));
    ring
}

fn push(ring: &Ring<2>, number: u64) {
    ring.push([number + 1; 2]);
}

/// Reads, and checks all that is found.
fn read(ring: &Ring<2>) -> Read<2> {
    let read = ring.read();
    for (number, event) in (read.first..).zip(&read.events) {
        assert_eq!(*event, [number + 1; 2], "event {number} is not whole");
    }
    read
}

/// Writes so many more, from `from` on, in another thread.
fn writer(ring: &Arc<Ring<2>>, from: u64, to: u64) -> thread::JoinHandle<()> {
    let ring = ring.clone();
    thread::spawn(move || (from..to).for_each(|number| push(&ring, number)))
}

fn read_beside_write() {
    // Places for all of them, so that nothing is overwritten.
    let ring = ring(3, 0);
    let writer = writer(&ring, 0, 2);
    let found = read(&ring);
    assert_eq!(found.first, 0, "nothing is lost");
    cover(["found none", "found one", "found both"][found.events.len()]);
    writer.join().unwrap();
    assert_eq!(read(&ring).events.len(), 2, "all is there in the end");
}

fn read_beside_wrap_around() {
    // Two places: the one of the next event, and another.
    let ring = ring(1, 1);
    let writer = writer(&ring, 1, 3);
    let found = read(&ring);
    match (found.first, found.events.len()) {
        (0, 1) => cover("found the old"),
        (1, 1) | (2, 1) => cover("found the new"),
        (_, 0) => cover("found none"),
        _ => panic!("a ring keeps one: {found:?}"),
    }
    writer.join().unwrap();
    assert_eq!(read(&ring), Read { first: 2, events: vec![[3, 3]] }, "the newest is there in the end");
}

fn two_readers() {
    let ring = ring(1, 1);
    let writer = writer(&ring, 1, 3);
    let other = thread::spawn({
        let ring = ring.clone();
        move || drop(read(&ring))
    });
    let end = |read: &Read<2>| read.first + read.events.len() as u64;
    let (early, late) = (read(&ring), read(&ring));
    assert!(end(&early) <= end(&late), "{early:?} and then {late:?}");
    if end(&early) < end(&late) {
        cover("found more later");
    }
    writer.join().unwrap();
    other.join().unwrap();
}

fn at_work() {
    let ring = ring(3, 0);
    let writer = writer(&ring, 0, 12);
    for _ in 0..4 {
        let found = read(&ring);
        cover(if found.first > 0 { "lost some" } else { "lost none" });
    }
    writer.join().unwrap();
    assert_eq!(read(&ring).first, 9);
}

fn pool() {
    let pool = Pool::builder().threads(2).spare_threads(1).trace(255).build().unwrap();
    let recorder = pool.trace().unwrap().clone();
    recorder.start();
    let watcher = thread::spawn({
        let recorder = recorder.clone();
        move || {
            if check(&recorder.snapshot()) > 0 {
                cover("looked while something ran");
            }
        }
    });
    // Two threads outside, so that they need their lock.
    let other = thread::spawn({
        let handle = pool.handle();
        move || handle.spawn(|| ()).join().unwrap()
    });
    pool.install(|| {
        scope(|s| (0..2).for_each(|_| s.spawn(|| ())));
        join(|| (), || spawn(|| ()).join().unwrap());
    });
    other.join().unwrap();
    drop(pool);
    watcher.join().unwrap();
    let trace = recorder.snapshot();
    assert_eq!(check(&trace), 0, "something that was begun has not ended in the trace");
    let begun = |kind| {
        let begins = |what: &What| matches!(what, What::Begin(unit) if unit.kind == kind);
        count(&trace, begins)
    };
    assert_eq!(
        (begun(Kind::Installed), begun(Kind::Job), begun(Kind::Closure)),
        (1, 2, 2),
        "what was run, in the trace"
    );
    let made = count(&trace, |what| matches!(what, What::Spawn(unit) if unit.kind != Kind::Half));
    assert_eq!(made, 5, "what was made, in the trace");
    let busy =
        trace.tracks.iter().filter(|track| track.events.iter().any(|event| matches!(event.what, What::Begin(_))));
    cover(if busy.count() == 1 { "all on one track" } else { "on two tracks" });
}

fn count(trace: &Trace, wanted: impl Fn(&What) -> bool) -> usize {
    trace.tracks.iter().flat_map(|track| &track.events).filter(|event| wanted(&event.what)).count()
}

/// What is begun is ended in the reverse order; how much has not been ended.
fn check(trace: &Trace) -> usize {
    let mut unended = 0;
    for track in &trace.tracks {
        let mut open = Vec::new();
        for event in &track.events {
            match event.what {
                What::Begin(unit) => open.push(unit),
                What::End(unit) => assert_eq!(open.pop(), Some(unit), "runs nest in the trace"),
                _ => {}
            }
        }
        unended += open.len();
    }
    unended
}
