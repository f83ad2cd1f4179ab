//! A value that is sent is received, with what came before it; slots and blocks are used again.

use reweave_core::channel;
use reweave_core::sync::thread;

use super::{Pair, Parcel, elsewhere};
use crate::{Model, Run, Seeded, cover};

pub(super) const MODELS: &[Model] = &[
    Model {
        name: "bounded-transfer",
        property: "a receive that waits is woken by a send, and sees what was written before it",
        runs: &[Run::loom_bounded(3), Run::loom_bounded(5).deep(), Run::shuttle_pct(3, 3_000)],
        covers: &["there", "waited"],
        seeded: &[
            Seeded { bug: "channel/relaxed-stamp", run: Run::loom_bounded(3), expect: "Causality violation" },
            Seeded { bug: "channel/enlist-without-look", run: Run::loom_bounded(3), expect: "deadlock" },
            Seeded { bug: "channel/enlist-without-look", run: Run::shuttle_pct(3, 3_000), expect: "deadlock" },
        ],
        body: || transfer(channel::bounded(1)),
    },
    Model {
        name: "unbounded-transfer",
        property: "a receive that waits is woken by a send, and sees what was written before it",
        runs: &[Run::loom_bounded(3), Run::loom_bounded(5).deep(), Run::shuttle_pct(3, 3_000)],
        covers: &["there", "waited"],
        seeded: &[
            Seeded { bug: "channel/relaxed-written", run: Run::loom_bounded(3), expect: "Causality violation" },
            Seeded { bug: "channel/enlist-without-look", run: Run::loom_bounded(3), expect: "deadlock" },
        ],
        body: || transfer(channel::unbounded()),
    },
    Model {
        name: "rendezvous-transfer",
        property: "of a sender and a receiver the second to come ends the wait of the first",
        runs: &[Run::loom_bounded(3), Run::loom_bounded(5).deep(), Run::shuttle_pct(3, 3_000)],
        covers: &["there", "waited"],
        seeded: &[
            Seeded { bug: "channel/enlist-without-look", run: Run::loom_bounded(3), expect: "deadlock" },
            Seeded { bug: "channel/enlist-without-look", run: Run::shuttle_pct(3, 3_000), expect: "deadlock" },
        ],
        body: || transfer(channel::rendezvous()),
    },
    Model {
        name: "bounded-wrap-1",
        property: "one slot serves one value after the other, in order",
        runs: &[Run::loom_bounded(1), Run::loom_bounded(2).deep(), Run::shuttle_pct(3, 3_000)],
        covers: &["in order"],
        seeded: &[Seeded { bug: "channel/relaxed-empty", run: Run::loom_bounded(1), expect: "Causality violation" }],
        body: || wrap(channel::bounded(1), 2),
    },
    Model {
        name: "bounded-wrap-2",
        property: "two slots serve one value after the other, in order",
        runs: &[Run::loom_bounded(1), Run::loom_bounded(2).deep(), Run::shuttle_pct(3, 3_000)],
        covers: &["in order"],
        seeded: &[Seeded { bug: "channel/relaxed-empty", run: Run::loom_bounded(1), expect: "Causality violation" }],
        body: || wrap(channel::bounded(2), 3),
    },
    Model {
        name: "unbounded-blocks",
        property: "values cross the end of a block in order",
        runs: &[Run::loom_bounded(1), Run::loom_bounded(2).deep(), Run::shuttle_pct(3, 3_000)],
        covers: &["in order"],
        seeded: &[Seeded { bug: "channel/relaxed-written", run: Run::loom_bounded(1), expect: "Causality violation" }],
        body: || wrap(channel::unbounded(), 3),
    },
    Model {
        name: "unbounded-two-senders",
        property: "two senders at the last slot of a block both get their values through",
        runs: &[Run::loom_bounded(2), Run::loom_bounded(3).deep(), Run::shuttle_pct(3, 3_000)],
        covers: &["seen at once", "seen later"],
        seeded: &[Seeded { bug: "channel/relaxed-written", run: Run::loom_bounded(2), expect: "Causality violation" }],
        body: || two_senders(channel::unbounded()),
    },
    Model {
        name: "bounded-two-senders",
        property: "two senders at one slot both get their values through",
        runs: &[Run::loom_bounded(2), Run::loom_bounded(3).deep(), Run::shuttle_pct(3, 3_000)],
        covers: &["seen at once", "seen later"],
        seeded: &[
            Seeded { bug: "channel/claim-without-swap", run: Run::loom_bounded(2), expect: "Causality violation" },
            Seeded {
                bug: "channel/claim-without-swap",
                run: Run::shuttle_pct(3, 3_000),
                expect: "a value was lost or doubled",
            },
        ],
        body: || two_senders(channel::bounded(3)),
    },
    Model {
        name: "block-reuse",
        property: "a block is not used again before the last of its receivers has read",
        runs: &[Run::loom_bounded(2), Run::shuttle_pct(3, 5_000)],
        covers: &["first", "second"],
        seeded: &[
            Seeded { bug: "channel/reuse-unread", run: Run::loom_bounded(2), expect: "maximum number of branches" },
            Seeded { bug: "channel/reuse-unread", run: Run::shuttle_pct(3, 5_000), expect: "exceeded max_steps" },
        ],
        body: block_reuse,
    },
];

fn transfer((tx, rx): Pair<Parcel>) {
    let sender = elsewhere(tx, |tx| tx.send(Parcel::new(7)).unwrap());
    let parcel = match rx.try_recv() {
        Ok(parcel) => {
            cover("there");
            parcel
        }
        Err(_) => {
            cover("waited");
            rx.recv().unwrap()
        }
    };
    assert_eq!(parcel.open(), 7);
    sender.join().unwrap();
}

fn wrap((tx, rx): Pair<Parcel>, values: usize) {
    let sender = elsewhere(tx, move |tx| (0..values).for_each(|value| tx.send(Parcel::new(value)).unwrap()));
    for value in 0..values {
        let received = rx.recv().map(Parcel::open).expect("a value came out of order: it was lost");
        assert_eq!(received, value, "a value came out of order");
    }
    cover("in order");
    sender.join().unwrap();
}

fn two_senders((tx, rx): Pair<Parcel>) {
    tx.send(Parcel::new(1)).unwrap();
    let sender = elsewhere(tx.clone(), |tx| tx.send(Parcel::new(2)).unwrap());
    tx.send(Parcel::new(4)).unwrap();
    let first: usize = rx.try_iter().map(Parcel::open).sum();
    sender.join().unwrap();
    let rest: usize = rx.try_iter().map(Parcel::open).sum();
    assert_eq!(first + rest, 7, "a value was lost or doubled");
    cover(if rest == 0 { "seen at once" } else { "seen later" });
}

/// Two receivers empty the first block while the sender goes on, past the next, into the first again.
fn block_reuse() {
    let (tx, rx) = channel::unbounded();
    (0..2).for_each(|value| tx.send(Parcel::new(1 << value)).unwrap());
    let other = elsewhere(rx.clone(), |rx| rx.recv().unwrap().open());
    let mine = rx.recv().unwrap().open();
    cover(if mine == 1 { "first" } else { "second" });
    // The fourth takes a block that has been read, if there is one; the fifth is written into it.
    (2..5).for_each(|value| tx.send(Parcel::new(1 << value)).unwrap());
    thread::yield_now();
    let others = other.join().unwrap();
    let rest: usize = rx.try_iter().map(Parcel::open).sum();
    assert_eq!(mine + others + rest, 31, "a value was received twice or never");
}
