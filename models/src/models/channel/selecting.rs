//! Selects over channels: one event happens, the others have not.

use reweave_core::channel::{self, Receiver, Sender};
use reweave_core::select;

use super::{Pair, Parcel, elsewhere};
use crate::{Model, Run, Seeded, cover};

pub(super) const MODELS: &[Model] = &[
    Model {
        name: "select-recv",
        property: "of two values that are sent a select takes one and leaves the other",
        runs: &[Run::loom_bounded(2), Run::loom_bounded(3).deep(), Run::shuttle_pct(3, 3_000)],
        covers: &["left", "right"],
        seeded: &[Seeded { bug: "channel/enlist-without-look", run: Run::loom_bounded(2), expect: "deadlock" }],
        body: select_recv,
    },
    Model {
        name: "select-send",
        property: "of two receivers that wait a select serves one, and its other value is not delivered",
        runs: &[Run::loom_bounded(2), Run::shuttle_pct(3, 3_000)],
        covers: &["left", "right"],
        seeded: &[
            Seeded { bug: "channel/take-without-winning", run: Run::loom_bounded(2), expect: "one value is delivered" },
            Seeded {
                bug: "channel/take-without-winning",
                run: Run::shuttle_pct(3, 3_000),
                expect: "one value is delivered",
            },
        ],
        body: select_send,
    },
    Model {
        name: "select-given",
        property: "a select that receives on two rendezvous channels takes from one sender; the other has its value",
        runs: &[Run::loom_bounded(2), Run::shuttle_pct(3, 3_000)],
        covers: &["left", "right"],
        seeded: &[
            Seeded { bug: "channel/give-without-winning", run: Run::loom_bounded(2), expect: "not received" },
            Seeded { bug: "channel/give-without-winning", run: Run::shuttle_pct(3, 3_000), expect: "not received" },
        ],
        body: select_given,
    },
    Model {
        name: "select-select",
        property: "two selects that each send and receive on one rendezvous channel meet, one in each part",
        runs: &[Run::loom_bounded(2), Run::shuttle_pct(3, 3_000)],
        covers: &["sent", "received"],
        seeded: &[
            Seeded { bug: "channel/enlist-without-look", run: Run::shuttle_pct(3, 3_000), expect: "deadlock" },
            Seeded { bug: "channel/meet-oneself", run: Run::loom_bounded(2), expect: "branches" },
        ],
        body: select_select,
    },
    Model {
        name: "select-crossing",
        property: "two selects that meet at two rendezvous channels, in either order, exchange one value at one of them",
        runs: &[Run::loom_bounded(2), Run::shuttle_pct(3, 3_000)],
        covers: &["here", "there"],
        seeded: &[
            Seeded { bug: "channel/enlist-without-look", run: Run::loom_bounded(2), expect: "deadlock" },
            Seeded { bug: "channel/enlist-without-look", run: Run::shuttle_pct(3, 3_000), expect: "deadlock" },
        ],
        body: select_crossing,
    },
    Model {
        name: "select-send-or-recv",
        property: "a select that sends on one rendezvous channel and receives on another does one of the two",
        runs: &[Run::loom_bounded(2), Run::shuttle_pct(3, 3_000)],
        covers: &["sent", "received"],
        seeded: &[
            Seeded { bug: "channel/meet-though-decided", run: Run::loom_bounded(2), expect: "one event happened" },
            Seeded {
                bug: "channel/meet-though-decided",
                run: Run::shuttle_pct(3, 3_000),
                expect: "one event happened",
            },
        ],
        body: select_send_or_recv,
    },
    Model {
        name: "select-bounded-send",
        property: "a select that waits for room or a value gets whichever comes, and only that",
        runs: &[Run::loom_bounded(2), Run::shuttle_pct(3, 3_000)],
        covers: &["room", "value"],
        seeded: &[Seeded { bug: "event/sleep-though-ready", run: Run::loom_bounded(2), expect: "deadlock" }],
        body: select_bounded_send,
    },
];

fn select_recv() {
    let ((left_tx, left), (right_tx, right)) = (channel::bounded(1), channel::unbounded());
    let sender = elsewhere((left_tx, right_tx), |(left, right)| {
        left.send(Parcel::new(1)).unwrap();
        right.send(Parcel::new(2)).unwrap();
    });
    let got = select! {
        biased;
        parcel = right.recv_event() => parcel.unwrap().open(),
        parcel = left.recv_event() => parcel.unwrap().open(),
    };
    let got = got.unwrap();
    cover(if got == 1 { "left" } else { "right" });
    sender.join().unwrap();
    let rest: usize = [&left, &right].iter().filter_map(|rx| rx.try_recv().ok()).map(Parcel::open).sum();
    assert_eq!(got + rest, 3, "one was taken, the other was left");
}

fn receive(rx: Receiver<Parcel>) -> usize {
    rx.recv().map_or(0, Parcel::open)
}

fn select_send() {
    let ((left, left_rx), (right, right_rx)) = (channel::rendezvous(), channel::rendezvous());
    let receivers = [elsewhere(left_rx, receive), elsewhere(right_rx, receive)];
    let side = select! {
        biased;
        sent = left.send_event(Parcel::new(1)) => { sent.unwrap(); 1 },
        sent = right.send_event(Parcel::new(2)) => { sent.unwrap(); 2 },
    };
    // Whoever was not served learns that nobody will come.
    drop((left, right));
    let delivered: usize = receivers.map(|receiver| receiver.join().unwrap()).iter().sum();
    let side = side.unwrap();
    assert_eq!(delivered, side, "one value is delivered, by the event that happened");
    cover(if side == 1 { "left" } else { "right" });
}

/// Sends until the channel is closed; tells whether it has sent.
pub(super) fn offer((tx, content): (Sender<Parcel>, usize)) -> usize {
    if tx.send(Parcel::new(content)).is_ok() { content } else { 0 }
}

fn select_given() {
    let ((left_tx, left), (right_tx, right)) = (channel::rendezvous(), channel::rendezvous());
    let senders = [elsewhere((left_tx, 1), offer), elsewhere((right_tx, 2), offer)];
    let got = select! {
        biased;
        parcel = left.recv_event() => parcel.unwrap().open(),
        parcel = right.recv_event() => parcel.unwrap().open(),
    };
    drop((left, right));
    let sent: usize = senders.map(|sender| sender.join().unwrap()).iter().sum();
    let got = got.unwrap();
    assert_eq!(got, sent, "a value was sent and not received, or the reverse");
    cover(if got == 1 { "left" } else { "right" });
}

fn select_send_or_recv() {
    let ((there_tx, there), (here_tx, here)) = (channel::rendezvous(), channel::rendezvous());
    let receiver = elsewhere(there, receive);
    let sender = elsewhere((here_tx, 2), offer);
    let got = select! {
        biased;
        sent = there_tx.send_event(Parcel::new(1)) => { sent.unwrap(); 0 },
        parcel = here.recv_event() => parcel.unwrap().open(),
    };
    drop((there_tx, here));
    let (received, sent, got) = (receiver.join().unwrap(), sender.join().unwrap(), got.unwrap());
    let expected = if got == 0 { (1, 0) } else { (0, 2) };
    assert_eq!((received, sent), expected, "one event happened, the other did not");
    cover(if got == 0 { "sent" } else { "received" });
}

/// Sends or receives once, on one channel: what it received, if it did.
fn either((tx, rx): Pair<Parcel>) -> Option<usize> {
    let received = select! {
        biased;
        sent = tx.send_event(Parcel::new(7)) => { sent.unwrap(); None },
        parcel = rx.recv_event() => Some(parcel.unwrap().open()),
    };
    received.unwrap()
}

fn select_select() {
    let (tx, rx) = channel::rendezvous();
    let other = elsewhere((tx.clone(), rx.clone()), either);
    let here = either((tx, rx));
    let there = other.join().unwrap();
    assert_ne!(here.is_some(), there.is_some(), "one sends and one receives");
    assert_eq!(here.or(there), Some(7));
    cover(if here.is_some() { "received" } else { "sent" });
}

/// Sends on one channel or receives on the other: what was sent or received, and whether it was sent.
fn cross((tx, rx, content): (Sender<Parcel>, Receiver<Parcel>, usize)) -> (usize, bool) {
    let done = select! {
        biased;
        sent = tx.send_event(Parcel::new(content)) => { sent.unwrap(); (content, true) },
        parcel = rx.recv_event() => (parcel.unwrap().open(), false),
    };
    done.unwrap()
}

fn select_crossing() {
    let ((here_tx, here), (there_tx, there)) = (channel::rendezvous(), channel::rendezvous());
    let other = elsewhere((there_tx.clone(), here.clone(), 2), cross);
    let mine = cross((here_tx.clone(), there.clone(), 1));
    let others = other.join().unwrap();
    assert_eq!(mine.0, others.0, "one value went from one to the other");
    assert_eq!(mine.1, !others.1, "one sends and one receives");
    assert_eq!(mine.1, mine.0 == 1, "a value is sent on its own channel");
    cover(if mine.1 { "here" } else { "there" });
}

fn select_bounded_send() {
    let ((full, taken), (tx, rx)) = (channel::bounded(1), channel::bounded(1));
    full.send(Parcel::new(0)).unwrap();
    let other = elsewhere((taken, tx), |(taken, tx)| {
        assert_eq!(taken.recv().unwrap().open(), 0);
        tx.send(Parcel::new(1)).unwrap();
        taken
    });
    let got = select! {
        biased;
        parcel = rx.recv_event() => parcel.unwrap().open(),
        sent = full.send_event(Parcel::new(2)) => { sent.unwrap(); 2 },
    };
    let taken = other.join().unwrap();
    let got = got.unwrap();
    assert_eq!(taken.try_recv().is_ok(), got == 2, "the value was sent exactly if that event happened");
    assert_eq!(rx.try_recv().is_ok(), got == 2, "the value was received exactly if that event happened");
    cover(if got == 2 { "room" } else { "value" });
}
