//! The facade's orderings mean what the product takes them to mean: two litmus tests.
//!
//! Message passing is the idiom behind every published pointer and every released lock here; store buffering is the one
//! behind every handshake in which two threads each announce something and then look for the other (a sleeper against a
//! waker, a committer against a reader). The first needs a release store read by an acquire load, the second a
//! sequentially consistent fence on both sides, and each of the seeded bugs takes exactly that away.
//!
//! Under shuttle, whose memory is sequentially consistent, the same rows only show that the facade reaches the checker.

use reweave_core::seeded;
use reweave_core::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
use reweave_core::sync::{Arc, UnsafeCell, thread};

use crate::{Model, Run, Seeded, cover};

/// The litmus tests.
pub const MODELS: &[Model] = &[
    Model {
        name: "message-passing",
        property: "who sees the flag sees what was written before the flag was raised",
        runs: &[Run::loom(), Run::shuttle_dfs()],
        covers: &["flag seen", "flag not seen"],
        seeded: &[
            Seeded { bug: "litmus/relaxed-publish", run: Run::loom(), expect: "Causality violation" },
            Seeded {
                bug: "litmus/flag-before-data",
                run: Run::shuttle_dfs(),
                expect: "the flag was seen without the data",
            },
        ],
        body: message_passing,
    },
    Model {
        name: "store-buffering",
        property: "of two threads that each announce and then look, one sees the other",
        runs: &[Run::loom(), Run::shuttle_dfs()],
        covers: &["both saw", "one saw"],
        seeded: &[
            Seeded { bug: "litmus/fence-missing", run: Run::loom(), expect: "neither saw the other" },
            Seeded { bug: "litmus/look-before-announcing", run: Run::shuttle_dfs(), expect: "neither saw the other" },
        ],
        body: store_buffering,
    },
    Model {
        name: "reader-beside-update",
        property: "a thread that loads before it updates hides no order of a reader's loads from the checker",
        runs: &[Run::loom(), Run::shuttle_dfs()],
        covers: &["saw neither", "saw the first", "saw both"],
        seeded: &[Seeded {
            bug: "litmus/second-before-first",
            run: Run::loom(),
            expect: "the second without the first",
        }],
        body: reader_beside_update,
    },
];

struct Message {
    data: UnsafeCell<u32>,
    flag: AtomicBool,
}

// SAFETY: `data` is written by one thread before it raises `flag`, and read only by those who saw `flag` raised.
unsafe impl Sync for Message {}
// SAFETY: an integer and an atomic; nothing in it belongs to a thread.
unsafe impl Send for Message {}

fn message_passing() {
    let publish = if seeded("litmus/relaxed-publish") { Ordering::Relaxed } else { Ordering::Release };
    let message = Arc::new(Message { data: UnsafeCell::new(0), flag: AtomicBool::new(false) });
    let writer = {
        let message = Arc::clone(&message);
        thread::spawn(move || {
            if seeded("litmus/flag-before-data") {
                message.flag.store(true, publish);
                // A scheduling point between the two: shuttle sees atomics, not the cell.
                thread::yield_now();
            }
            // SAFETY: the flag is down, so nobody reads (the seeded bugs break this on purpose).
            message.data.with_mut(|data| unsafe { *data = 42 });
            message.flag.store(true, publish);
        })
    };
    if message.flag.load(Ordering::Acquire) {
        cover("flag seen");
        // SAFETY: the flag is up, so the write happened before and none follows.
        let data = message.data.with(|data| unsafe { *data });
        assert_eq!(data, 42, "the flag was seen without the data");
    } else {
        cover("flag not seen");
    }
    writer.join().unwrap();
}

fn store_buffering() {
    let announced = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
    let announce_and_look = |announced: &[AtomicUsize; 2], me: usize| -> usize {
        if seeded("litmus/look-before-announcing") {
            let seen = announced[1 - me].load(Ordering::Relaxed);
            announced[me].store(1, Ordering::Relaxed);
            return seen;
        }
        announced[me].store(1, Ordering::Relaxed);
        if !seeded("litmus/fence-missing") {
            fence(Ordering::SeqCst);
        }
        announced[1 - me].load(Ordering::Relaxed)
    };
    let other = {
        let announced = Arc::clone(&announced);
        thread::spawn(move || announce_and_look(&announced, 1))
    };
    let saw = announce_and_look(&announced, 0) + other.join().unwrap();
    assert!(saw > 0, "neither saw the other");
    cover(if saw == 2 { "both saw" } else { "one saw" });
}

/// The shape under which loom alone explores one order only: see `core/src/sync/loom_atomic.rs`. Without the facade's
/// correction two of the three cover points are never reached.
fn reader_beside_update() {
    let words = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
    // Loads of the same thread, ordered before everything that the other does: they must not stand for the later ones.
    words.iter().for_each(|word| assert_eq!(word.load(Ordering::Relaxed), 0));
    let writer = {
        let words = Arc::clone(&words);
        thread::spawn(move || {
            let order = if seeded("litmus/second-before-first") { [1, 0] } else { [0, 1] };
            for index in order {
                let before = words[index].load(Ordering::Relaxed);
                words[index].store(before + 1, Ordering::Release);
            }
        })
    };
    let second = words[1].load(Ordering::Acquire);
    let first = words[0].load(Ordering::Relaxed);
    assert!(first >= second, "the second without the first");
    cover(["saw neither", "saw the first", "saw both"][first + second]);
    writer.join().unwrap();
}
