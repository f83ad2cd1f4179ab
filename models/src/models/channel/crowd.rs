//! Many at once, under shuttle: producers, consumers, deadlines and a close.

use std::time::Instant;

use reweave_core::channel;

use super::{Pair, elsewhere};
use crate::{Model, Run, Seeded, cover};

pub(super) const MODELS: &[Model] = &[
    Model {
        name: "bounded-crowd",
        property: "two producers and two consumers: every value once, those of one producer in order",
        runs: &[Run::shuttle_pct(3, 3_000), Run::shuttle_random(3_000)],
        covers: &["all"],
        seeded: &[
            Seeded { bug: "channel/claim-without-swap", run: Run::shuttle_random(3_000), expect: "lost or doubled" },
            Seeded { bug: "channel/last-sender-silent", run: Run::shuttle_random(3_000), expect: "deadlock" },
        ],
        body: || crowd(channel::bounded(2)),
    },
    Model {
        name: "unbounded-crowd",
        property: "two producers and two consumers: every value once, those of one producer in order",
        runs: &[Run::shuttle_pct(3, 3_000), Run::shuttle_random(3_000)],
        covers: &["all"],
        seeded: &[Seeded { bug: "channel/last-sender-silent", run: Run::shuttle_random(3_000), expect: "deadlock" }],
        body: || crowd(channel::unbounded()),
    },
    Model {
        name: "rendezvous-crowd",
        property: "two producers and two consumers: every value once, those of one producer in order",
        runs: &[Run::shuttle_pct(3, 3_000), Run::shuttle_random(3_000)],
        covers: &["all"],
        seeded: &[Seeded { bug: "channel/enlist-without-look", run: Run::shuttle_random(3_000), expect: "deadlock" }],
        body: || crowd(channel::rendezvous()),
    },
    Model {
        name: "bounded-hasty-crowd",
        property: "with deadlines on both sides and a close in the middle, what was sent is what was received",
        runs: &[Run::shuttle_pct(3, 3_000), Run::shuttle_random(3_000).may_miss(&["timed out"])],
        covers: &["timed out"],
        seeded: &[Seeded {
            bug: "channel/send-ignores-mark",
            run: Run::shuttle_random(3_000),
            expect: "sent and not received",
        }],
        body: || hasty(channel::bounded(1)),
    },
    Model {
        name: "unbounded-hasty-crowd",
        property: "with deadlines on receives and a close in the middle, what was sent is what was received",
        runs: &[Run::shuttle_pct(3, 3_000), Run::shuttle_random(3_000).may_miss(&["timed out"])],
        covers: &["timed out"],
        seeded: &[Seeded {
            bug: "channel/send-ignores-mark",
            run: Run::shuttle_random(3_000),
            expect: "sent and not received",
        }],
        body: || hasty(channel::unbounded()),
    },
    Model {
        name: "rendezvous-hasty-crowd",
        property: "with deadlines on both sides and a close in the middle, what was sent is what was received",
        runs: &[Run::shuttle_pct(3, 3_000), Run::shuttle_random(3_000)],
        covers: &["timed out", "met"],
        seeded: &[Seeded {
            bug: "channel/give-without-winning",
            run: Run::shuttle_random(3_000),
            expect: "sent and not received",
        }],
        body: || hasty(channel::rendezvous()),
    },
];

const EACH: usize = 3;

fn crowd((tx, rx): Pair<(usize, usize)>) {
    let producers = [0, 1].map(|producer| {
        elsewhere(tx.clone(), move |tx| (0..EACH).for_each(|number| tx.send((producer, number)).unwrap()))
    });
    drop(tx);
    let consumers = [(); 2].map(|()| elsewhere(rx.clone(), |rx| rx.iter().collect::<Vec<_>>()));
    drop(rx);
    let mut all = Vec::new();
    for consumer in consumers {
        let mut last = [None; 2];
        for (producer, number) in consumer.join().unwrap() {
            assert!(last[producer] < Some(number), "a value was lost or doubled, or overtook another of its producer");
            last[producer] = Some(number);
            all.push((producer, number));
        }
    }
    all.sort_unstable();
    let expected = (0..2).flat_map(|producer| (0..EACH).map(move |number| (producer, number)));
    assert!(all.iter().copied().eq(expected), "a value was lost or doubled: {all:?}");
    cover("all");
    for producer in producers {
        producer.join().unwrap();
    }
}

fn hasty((tx, rx): Pair<usize>) {
    let senders = [1, 8].map(|value| {
        elsewhere(tx.clone(), move |tx| {
            (0..2).filter(|_| tx.send_deadline(value, Instant::now()).is_ok()).count() * value
        })
    });
    let receivers = [(); 2].map(|()| {
        elsewhere(rx.clone(), |rx| {
            let mut sum = 0;
            for _ in 0..3 {
                match rx.recv_deadline(Instant::now()) {
                    Ok(value) => sum += value,
                    Err(why) if why.is_timeout() => cover("timed out"),
                    Err(_) => break,
                }
            }
            sum
        })
    });
    tx.close("enough");
    let received: usize =
        rx.iter().sum::<usize>() + receivers.map(|receiver| receiver.join().unwrap()).iter().sum::<usize>();
    let sent: usize = senders.map(|sender| sender.join().unwrap()).iter().sum();
    assert_eq!(sent, received, "a value was sent and not received, or the reverse");
    if sent > 0 {
        cover("met");
    }
}
