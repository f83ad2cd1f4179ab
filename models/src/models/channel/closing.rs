//! Close beside everything else: blocked receives and sends, sends under way, values left behind.

use reweave_core::channel::{self, How};
use reweave_core::sync::Arc;
use reweave_core::sync::atomic::{AtomicUsize, Ordering};

use super::{Counted, Pair, elsewhere};
use crate::{Model, Run, Seeded, cover};

pub(super) const MODELS: &[Model] = &[
    Model {
        name: "bounded-close-recv",
        property: "a receive that waits is ended by a close, with its reason",
        runs: &[Run::loom(), Run::shuttle_pct(3, 3_000)],
        covers: &["closed first", "waited"],
        seeded: &[
            Seeded { bug: "channel/close-without-wake", run: Run::loom(), expect: "deadlock" },
            Seeded { bug: "channel/close-without-wake", run: Run::shuttle_pct(3, 3_000), expect: "deadlock" },
        ],
        body: || close_beside_recv(channel::bounded(1)),
    },
    Model {
        name: "unbounded-close-recv",
        property: "a receive that waits is ended by a close, with its reason",
        runs: &[Run::loom(), Run::shuttle_pct(3, 3_000)],
        covers: &["closed first", "waited"],
        seeded: &[Seeded { bug: "channel/close-without-wake", run: Run::loom(), expect: "deadlock" }],
        body: || close_beside_recv(channel::unbounded()),
    },
    Model {
        name: "rendezvous-close-recv",
        property: "a receive that waits is ended by a close, with its reason",
        runs: &[Run::loom(), Run::shuttle_pct(3, 3_000)],
        covers: &["closed first", "waited"],
        seeded: &[Seeded { bug: "channel/close-without-wake", run: Run::loom(), expect: "deadlock" }],
        body: || close_beside_recv(channel::rendezvous()),
    },
    Model {
        name: "bounded-last-sender",
        property: "a receive that waits is ended by the drop of the last sender",
        runs: &[Run::loom_bounded(4), Run::loom().deep(), Run::shuttle_pct(3, 3_000)],
        covers: &["dropped first", "waited"],
        seeded: &[
            Seeded { bug: "channel/last-sender-silent", run: Run::loom_bounded(4), expect: "deadlock" },
            Seeded { bug: "channel/close-without-wake", run: Run::shuttle_pct(3, 3_000), expect: "deadlock" },
        ],
        body: || last_sender(channel::bounded(1)),
    },
    Model {
        name: "unbounded-last-sender",
        property: "a receive that waits is ended by the drop of the last sender",
        runs: &[Run::loom_bounded(4), Run::loom().deep(), Run::shuttle_pct(3, 3_000)],
        covers: &["dropped first", "waited"],
        seeded: &[Seeded { bug: "channel/last-sender-silent", run: Run::loom_bounded(4), expect: "deadlock" }],
        body: || last_sender(channel::unbounded()),
    },
    Model {
        name: "rendezvous-last-sender",
        property: "a receive that waits is ended by the drop of the last sender",
        runs: &[Run::loom(), Run::shuttle_pct(3, 3_000)],
        covers: &["dropped first", "waited"],
        seeded: &[Seeded { bug: "channel/last-sender-silent", run: Run::loom(), expect: "deadlock" }],
        body: || last_sender(channel::rendezvous()),
    },
    Model {
        name: "bounded-last-receiver",
        property: "the drop of the last receiver ends a send that waits, which has its value; the rest is dropped once",
        runs: &[Run::loom_bounded(3), Run::shuttle_pct(3, 3_000)],
        covers: &["refused"],
        seeded: &[Seeded { bug: "channel/discard-nothing", run: Run::loom_bounded(3), expect: "dropped once" }],
        body: || last_receiver(channel::bounded(1), 2),
    },
    Model {
        name: "unbounded-last-receiver",
        property: "what is sent while the last receiver is dropped is dropped once",
        runs: &[Run::loom_bounded(3), Run::shuttle_pct(3, 3_000)],
        covers: &["refused"],
        seeded: &[Seeded { bug: "channel/discard-nothing", run: Run::loom_bounded(3), expect: "dropped once" }],
        body: || last_receiver(channel::unbounded(), 3),
    },
    Model {
        name: "rendezvous-last-receiver",
        property: "a send that waits is ended by the drop of the last receiver, and has its value",
        runs: &[Run::loom_bounded(3), Run::shuttle_pct(3, 3_000)],
        covers: &["refused"],
        seeded: &[Seeded { bug: "channel/close-without-wake", run: Run::loom_bounded(3), expect: "deadlock" }],
        body: || last_receiver(channel::rendezvous(), 1),
    },
    Model {
        name: "bounded-close-send",
        property: "a send beside a close succeeds and is received, or fails and has its value",
        runs: &[Run::loom(), Run::shuttle_pct(3, 3_000)],
        covers: &["sent", "refused"],
        seeded: &[
            Seeded { bug: "channel/send-ignores-mark", run: Run::loom(), expect: "after the end" },
            Seeded { bug: "channel/send-ignores-mark", run: Run::shuttle_pct(3, 3_000), expect: "after the end" },
        ],
        body: || close_beside_send(channel::bounded(2)),
    },
    Model {
        name: "unbounded-close-send",
        property: "a send beside a close succeeds and is received, or fails and has its value",
        runs: &[Run::loom(), Run::shuttle_pct(3, 3_000)],
        covers: &["sent", "refused"],
        seeded: &[Seeded { bug: "channel/send-ignores-mark", run: Run::loom(), expect: "after the end" }],
        body: || close_beside_send(channel::unbounded()),
    },
    Model {
        name: "close-close",
        property: "of two closes one wins, and when either has returned nothing is sent any more",
        runs: &[Run::loom(), Run::shuttle_pct(3, 3_000)],
        covers: &["sender", "receiver"],
        seeded: &[Seeded { bug: "channel/send-ignores-mark", run: Run::loom(), expect: "after a close" }],
        body: close_close,
    },
];

fn close_beside_recv((tx, rx): Pair<u8>) {
    let closer = elsewhere(tx.clone(), |tx| assert!(tx.close("enough")));
    cover(if rx.is_closed() { "closed first" } else { "waited" });
    let why = rx.recv().expect_err("nothing was sent");
    let closed = why.closed().expect("nothing else ends it");
    assert_eq!((closed.how(), closed.reason().as_str()), (How::BySender, "enough"));
    closer.join().unwrap();
    drop(tx);
}

fn last_sender((tx, rx): Pair<u8>) {
    let other = elsewhere(tx.clone(), drop);
    drop(tx);
    cover(if rx.is_closed() { "dropped first" } else { "waited" });
    let why = rx.recv().expect_err("nothing was sent");
    assert_eq!(why.closed().expect("nothing else ends it").how(), How::SendersDropped);
    other.join().unwrap();
}

fn last_receiver((tx, rx): Pair<Counted>, values: usize) {
    let drops = Arc::new(AtomicUsize::new(0));
    let receiver = elsewhere(rx, drop);
    let mut refused = 0;
    for _ in 0..values {
        if let Err(error) = tx.send(Counted(drops.clone())) {
            assert_eq!(error.why.closed().expect("nothing else ends it").how(), How::ReceiversDropped);
            refused += 1;
        }
    }
    if refused > 0 {
        cover("refused");
    }
    receiver.join().unwrap();
    // Before the channel itself is gone: whatever was sent has been dropped with the last receiver.
    assert_eq!(drops.load(Ordering::Relaxed), values, "a value that was left is dropped once, and promptly");
    drop(tx);
    assert_eq!(drops.load(Ordering::Relaxed), values, "a value that was left is dropped once");
}

fn close_beside_send((tx, rx): Pair<usize>) {
    let sender = elsewhere(tx, |tx| (1..3).filter(|&value| tx.try_send(value).is_ok()).sum::<usize>());
    rx.close("enough");
    let received: usize = rx.iter().sum();
    let sent = sender.join().unwrap();
    cover(if sent > 0 { "sent" } else { "refused" });
    assert_eq!(rx.try_iter().count(), 0, "a value came after the end");
    assert_eq!(received, sent, "a send that succeeded is received");
}

fn close_close() {
    let (tx, rx) = channel::bounded(1);
    let other = elsewhere(tx.clone(), |tx| {
        let won = tx.close("sender");
        assert!(tx.try_send(1).is_err(), "something was sent after a close");
        won
    });
    let won = rx.close("receiver");
    assert!(tx.try_send(2).is_err(), "something was sent after a close");
    assert_ne!(won, other.join().unwrap(), "one close wins");
    let why = rx.recv().expect_err("nothing was sent");
    let reason = if won { "receiver" } else { "sender" };
    assert_eq!(why.closed().expect("closed").reason().as_str(), reason);
    cover(reason);
}
