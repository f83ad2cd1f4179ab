//! The lock for readers and writers.

use std::time::Instant;

use reweave_core::lock::RwLock;
use reweave_core::sync::{Arc, thread};

use crate::{Model, Run, Seeded, cover};

/// The models of the lock for readers and writers.
pub const MODELS: &[Model] = &[
    Model {
        name: "reader-beside-writer",
        property: "a reader sees all of a write or nothing, and neither is left asleep",
        runs: &[Run::loom(), Run::shuttle_pct(3, 5_000)],
        covers: &["read the old", "read the new"],
        seeded: &[
            Seeded { bug: "rwlock/relaxed-write-release", run: Run::loom(), expect: "Causality violation" },
            Seeded { bug: "rwlock/relaxed-read-release", run: Run::loom(), expect: "Causality violation" },
            Seeded { bug: "rwlock/last-reader-calls-nobody", run: Run::loom(), expect: "deadlock" },
            Seeded { bug: "rwlock/sit-without-looking", run: Run::loom(), expect: "deadlock" },
            Seeded { bug: "rwlock/last-reader-calls-nobody", run: Run::shuttle_pct(3, 5_000), expect: "deadlock" },
        ],
        body: reader_beside_writer,
    },
    Model {
        name: "writer-beside-writer",
        property: "one at a time writes, and sees what the one before wrote",
        runs: &[Run::loom_bounded(3), Run::shuttle_pct(3, 5_000)],
        covers: &["first", "second"],
        seeded: &[Seeded {
            bug: "rwlock/relaxed-write-release",
            run: Run::loom_bounded(3),
            expect: "Causality violation",
        }],
        body: writer_beside_writer,
    },
    Model {
        name: "readers-beside-writer",
        property: "two readers share the lock, and a writer waits for both",
        runs: &[Run::loom_bounded(1), Run::loom_bounded(2).deep(), Run::shuttle_pct(3, 5_000)],
        covers: &["read the old", "read the new"],
        seeded: &[Seeded {
            bug: "rwlock/last-reader-calls-nobody",
            run: Run::shuttle_pct(3, 5_000),
            expect: "deadlock",
        }],
        body: readers_beside_writer,
    },
    Model {
        name: "stopped-writer",
        property: "a writer that gives up lets the readers behind it go",
        runs: &[Run::loom_bounded(2), Run::shuttle_pct(3, 5_000)],
        covers: &["waited behind the writer"],
        seeded: &[
            Seeded { bug: "rwlock/leave-silently", run: Run::loom_bounded(2), expect: "deadlock" },
            Seeded { bug: "rwlock/leave-silently", run: Run::shuttle_pct(3, 5_000), expect: "deadlock" },
        ],
        body: stopped_writer,
    },
];

type Pair = RwLock<(u32, u32)>;

fn write(shared: &Pair) -> u32 {
    let mut pair = shared.write();
    pair.0 += 1;
    pair.1 += 1;
    pair.1
}

fn read(shared: &Pair) {
    let pair = shared.read();
    assert_eq!(pair.0, pair.1, "half of a write was read");
    cover(if pair.0 == 0 { "read the old" } else { "read the new" });
}

fn reader_beside_writer() {
    let shared = Arc::new(Pair::default());
    let reader = thread::spawn({
        let shared = shared.clone();
        move || read(&shared)
    });
    write(&shared);
    reader.join().unwrap();
}

fn writer_beside_writer() {
    let shared = Arc::new(Pair::default());
    let other = thread::spawn({
        let shared = shared.clone();
        move || write(&shared)
    });
    cover(if write(&shared) == 1 { "first" } else { "second" });
    other.join().unwrap();
    assert_eq!(shared.read().0, 2, "a write was lost");
}

fn readers_beside_writer() {
    let shared = Arc::new(Pair::default());
    let readers = [(); 2].map(|()| {
        let shared = shared.clone();
        thread::spawn(move || read(&shared))
    });
    write(&shared);
    for reader in readers {
        reader.join().unwrap();
    }
}

fn stopped_writer() {
    let shared = Arc::new(Pair::default());
    let held = shared.read();
    let writer = thread::spawn({
        let shared = shared.clone();
        move || assert!(shared.acquire_write_deadline(Instant::now()).is_err(), "a writer beside a reader")
    });
    let reader = thread::spawn({
        let shared = shared.clone();
        move || {
            if shared.try_read().is_none() {
                cover("waited behind the writer");
                drop(shared.read());
            }
        }
    });
    // The reader does not wait for this one, only for the writer to give up.
    reader.join().unwrap();
    writer.join().unwrap();
    drop(held);
}
