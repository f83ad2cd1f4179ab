//! Waits that end otherwise: by a deadline, by cancellation, by the drop of a task. No value goes with them.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use reweave_core::cancel::Token;
use reweave_core::channel::{self, Why};
use reweave_core::event::{Event, Select, Stopped, Waiter};
use reweave_core::sync::atomic::{AtomicUsize, Ordering};
use reweave_core::sync::{Arc, thread};

use super::selecting::offer;
use super::{Counted, Pair, Parcel, elsewhere};
use crate::models::wakers;
use crate::{Model, Run, Seeded, cover};

pub(super) const MODELS: &[Model] = &[
    Model {
        name: "bounded-timeout",
        property: "a value that was sent while a receive timed out goes to the next receiver",
        runs: &[Run::loom_bounded(1), Run::shuttle_pct(3, 3_000)],
        covers: &["in time", "timed out"],
        seeded: &[Seeded { bug: "event/notify-the-decided", run: Run::shuttle_pct(3, 3_000), expect: "deadlock" }],
        body: || timeout_beside_waiter(channel::bounded(1)),
    },
    Model {
        name: "unbounded-timeout",
        property: "a value that was sent while a receive timed out goes to the next receiver",
        runs: &[Run::loom_bounded(1), Run::shuttle_pct(3, 3_000)],
        covers: &["in time", "timed out"],
        seeded: &[Seeded { bug: "event/notify-the-decided", run: Run::shuttle_pct(3, 3_000), expect: "deadlock" }],
        body: || timeout_beside_waiter(channel::unbounded()),
    },
    Model {
        name: "rendezvous-timeout",
        property: "a send has happened exactly if its value was received, whenever the deadlines of both pass",
        runs: &[Run::loom_bounded(3), Run::loom_bounded(5).deep(), Run::shuttle_pct(3, 5_000)],
        covers: &["met", "missed"],
        seeded: &[
            Seeded { bug: "channel/give-without-winning", run: Run::loom_bounded(3), expect: "sent and not received" },
            Seeded { bug: "channel/take-without-winning", run: Run::loom_bounded(3), expect: "has its value" },
            Seeded {
                bug: "channel/give-without-winning",
                run: Run::shuttle_pct(3, 5_000),
                expect: "sent and not received",
            },
        ],
        body: rendezvous_timeout,
    },
    Model {
        name: "cancelled-recv",
        property: "a cancelled receive takes no value, and a value that was not taken is still there",
        runs: &[Run::loom_bounded(2), Run::shuttle_pct(3, 3_000)],
        covers: &["cancelled", "received"],
        seeded: &[Seeded { bug: "event/sleep-though-ready", run: Run::loom_bounded(2), expect: "deadlock" }],
        body: cancelled_recv,
    },
    Model {
        name: "bounded-dropped-task",
        property: "the notification of a task that is dropped goes to the next receiver",
        runs: &[Run::loom_bounded(3), Run::loom_bounded(5).deep(), Run::shuttle_pct(3, 3_000)],
        covers: &["raced"],
        seeded: &[
            Seeded { bug: "channel/no-pass-on", run: Run::loom_bounded(3), expect: "deadlock" },
            Seeded { bug: "channel/no-pass-on", run: Run::shuttle_pct(3, 3_000), expect: "deadlock" },
        ],
        body: || dropped_task(channel::bounded(1)),
    },
    Model {
        name: "unbounded-dropped-task",
        property: "the notification of a task that is dropped goes to the next receiver",
        runs: &[Run::loom_bounded(3), Run::loom_bounded(5).deep(), Run::shuttle_pct(3, 3_000)],
        covers: &["raced"],
        seeded: &[Seeded { bug: "channel/no-pass-on", run: Run::loom_bounded(3), expect: "deadlock" }],
        body: || dropped_task(channel::unbounded()),
    },
    Model {
        name: "rendezvous-dropped-task",
        property: "the notification of a task that is dropped goes to the next task",
        runs: &[Run::loom_bounded(2), Run::loom_bounded(3).deep(), Run::shuttle_pct(3, 3_000)],
        covers: &["raced"],
        seeded: &[
            Seeded { bug: "channel/no-pass-on", run: Run::loom_bounded(2), expect: "deadlock" },
            Seeded { bug: "channel/no-pass-on", run: Run::shuttle_pct(3, 3_000), expect: "deadlock" },
        ],
        body: rendezvous_dropped_task,
    },
    Model {
        name: "rendezvous-dropped-send",
        property: "the value of a suspended send that is dropped is received, or goes with it",
        runs: &[Run::loom_bounded(3), Run::loom().deep(), Run::shuttle_pct(3, 3_000)],
        covers: &["received", "dropped"],
        seeded: &[Seeded {
            bug: "channel/leave-entry-behind",
            run: Run::loom_bounded(3),
            expect: "received or dropped",
        }],
        body: rendezvous_dropped_send,
    },
    Model {
        name: "rendezvous-restless-task",
        property: "a task that suspends has taken no value, however often it looked: dropped, it loses none",
        runs: &[Run::loom_bounded(2), Run::shuttle_random(5_000)],
        covers: &["received", "dropped"],
        seeded: &[
            Seeded { bug: "event/suspend-with-what-was-taken", run: Run::loom_bounded(2), expect: "was sent and lost" },
            Seeded {
                bug: "event/suspend-with-what-was-taken",
                run: Run::shuttle_random(5_000),
                expect: "was sent and lost",
            },
        ],
        body: rendezvous_restless_task,
    },
];

fn timeout_beside_waiter((tx, rx): Pair<Parcel>) {
    let patient = elsewhere(rx.clone(), |rx| assert_eq!(rx.recv().unwrap().open(), 7));
    let impatient = elsewhere((tx.clone(), rx.clone()), |(tx, rx)| match rx.recv_deadline(Instant::now()) {
        Ok(parcel) => {
            cover("in time");
            tx.send(parcel).unwrap();
        }
        Err(why) => {
            assert!(why.is_timeout());
            cover("timed out");
        }
    });
    tx.send(Parcel::new(7)).unwrap();
    impatient.join().unwrap();
    patient.join().unwrap();
    assert!(rx.try_recv().is_err(), "there was one value");
}

fn rendezvous_timeout() {
    let (tx, rx) = channel::rendezvous();
    let sender = elsewhere(tx.clone(), |tx| match tx.send_deadline(Parcel::new(7), Instant::now()) {
        Ok(()) => true,
        Err(error) => {
            assert_eq!(error.into_inner().open(), 7);
            false
        }
    });
    let received = match rx.recv_deadline(Instant::now()) {
        Ok(parcel) => parcel.open() == 7,
        Err(_) => false,
    };
    let sent = sender.join().unwrap();
    assert!(received || !sent, "a value was sent and not received");
    assert_eq!(received, sent, "a value was received, but the send failed");
    cover(if sent { "met" } else { "missed" });
    drop(tx);
}

fn cancelled_recv() {
    let ((tx, rx), token) = (channel::bounded(1), Token::new());
    let other = elsewhere((tx.clone(), token.clone()), |(tx, token)| {
        tx.send(Parcel::new(7)).unwrap();
        token.cancel("enough");
    });
    let first = token.run(|| rx.recv());
    let second = token.run(|| rx.recv());
    assert!(matches!(second, Err(Why::Stopped(Stopped::Cancelled(_)))) || first.is_err());
    other.join().unwrap();
    match first {
        Ok(parcel) => {
            assert_eq!(parcel.open(), 7);
            cover("received");
        }
        Err(_) => {
            let later = second.map_err(|_| ()).or_else(|()| rx.try_recv().map_err(|_| ()));
            assert_eq!(later.map(Parcel::open), Ok(7), "a cancelled receive lost a value");
            cover("cancelled");
        }
    }
}

fn dropped_task((tx, rx): Pair<Parcel>) {
    let patient = {
        let mut task = pin!(rx.recv_async());
        assert!(task.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        let patient = elsewhere(rx.clone(), |rx| assert_eq!(rx.recv().unwrap().open(), 7));
        tx.send(Parcel::new(7)).unwrap();
        cover("raced");
        patient
    };
    patient.join().unwrap();
}

/// Runs a future on this thread, which sleeps until it is woken.
fn block_on<F: Future>(mut future: Pin<&mut F>) -> F::Output {
    let waker = wakers::unparking();
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        thread::park();
    }
}

fn rendezvous_dropped_task() {
    let (tx, rx): Pair<Parcel> = channel::rendezvous();
    let receiver = {
        let mut first = pin!(rx.recv_async());
        assert!(first.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        let receiver = elsewhere(rx.clone(), |rx| block_on(pin!(rx.recv_async())).unwrap().open());
        let sender = elsewhere(tx, |tx| tx.send(Parcel::new(7)).unwrap());
        cover("raced");
        (receiver, sender)
    };
    assert_eq!(receiver.0.join().unwrap(), 7);
    receiver.1.join().unwrap();
}

fn rendezvous_dropped_send() {
    let (tx, rx) = channel::rendezvous();
    let drops = Arc::new(AtomicUsize::new(0));
    let receiver = elsewhere(rx, |rx| rx.try_recv().ok());
    {
        let mut sending = pin!(tx.send_async(Counted(drops.clone())));
        let _ = sending.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    }
    let received = receiver.join().unwrap();
    let dropped = drops.load(Ordering::Relaxed);
    assert_eq!(dropped, usize::from(received.is_none()), "the value was received or dropped, not both");
    cover(if received.is_some() { "received" } else { "dropped" });
}

/// Never happens, and always looks as if it would.
struct Restless;

impl Event for Restless {
    type Output = usize;

    fn attempt(&mut self) -> Option<usize> {
        None
    }

    fn enlist(&mut self, _waiter: &Waiter) -> bool {
        true
    }

    fn delist(&mut self) {}

    fn pass_on(&mut self) {}
}

fn rendezvous_restless_task() {
    let (tx, rx) = channel::rendezvous();
    let sender = elsewhere((tx, 7), offer);
    let received = {
        let mut select = Select::biased();
        select.add(rx.recv_event().map(|received| received.map_or(0, Parcel::open)));
        select.add(Restless);
        match pin!(select.wait_async()).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(outcome) => outcome.unwrap().1,
            Poll::Pending => 0,
        }
    };
    drop(rx);
    let sent = sender.join().unwrap();
    assert_eq!(sent, received, "a value was sent and lost");
    cover(if received == 0 { "dropped" } else { "received" });
}
