//! The waiting layer: the driver and the list of waiters, over the smallest source there is, a counter of permits.
//!
//! A lost wake-up or notification shows as a deadlock. A source that hands over, by winning a waiter's trigger, is modelled
//! in its smallest form here, and with the rendezvous channel, which does it.

use std::future::Future;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use reweave_core::cancel::Token;
use reweave_core::event::{Event, Limits, Stopped, Ticket, WaitList, Waiter, Waiting, wait, wait_with};
use reweave_core::sync::atomic::{AtomicUsize, Ordering};
use reweave_core::sync::{Arc, UnsafeCell, thread};

use crate::{Model, Run, Seeded, cover};

mod handing;
mod unwinding;

/// The models of the waiting layer, file by file.
pub const MODELS: &[&[Model]] = &[WAITS, handing::MODELS, unwinding::MODELS];

/// Waits that end by their event, a deadline, a token, or not at all.
const WAITS: &[Model] = &[
    Model {
        name: "wait",
        property: "a thread that waits is woken by what it waits for, and sees what came before",
        runs: &[Run::loom(), Run::shuttle_pct(3, 5_000)],
        covers: &["released first", "waited"],
        seeded: &[
            Seeded { bug: "event/count-after-look", run: Run::loom(), expect: "deadlock" },
            Seeded { bug: "event/sleep-though-ready", run: Run::loom(), expect: "deadlock" },
            Seeded { bug: "event/sleep-though-ready", run: Run::shuttle_pct(3, 5_000), expect: "deadlock" },
        ],
        body: wait_for_release,
    },
    Model {
        name: "deadline",
        property: "a permit given while a deadline passes is taken by this waiter or left for the next",
        runs: &[Run::loom_bounded(2), Run::loom_bounded(3).deep(), Run::shuttle_pct(3, 5_000)],
        covers: &["timed out", "in time"],
        seeded: &[
            Seeded { bug: "event/notify-the-decided", run: Run::loom_bounded(2), expect: "deadlock" },
            Seeded { bug: "event/time-out-despite-signal", run: Run::loom_bounded(2), expect: "deadlock" },
        ],
        body: deadline_beside_waiter,
    },
    Model {
        name: "dropped-task",
        property: "a notification that reaches a task while it is dropped goes to the next waiter",
        runs: &[Run::loom_bounded(2), Run::loom_bounded(3).deep(), Run::shuttle_pct(3, 5_000)],
        covers: &["notified before the drop", "dropped unnotified"],
        seeded: &[Seeded { bug: "event/drop-notification", run: Run::loom_bounded(2), expect: "deadlock" }],
        body: dropped_task,
    },
    Model {
        name: "select",
        property: "of two events that become possible one happens, and the other stays possible",
        runs: &[Run::loom_bounded(3), Run::loom().deep(), Run::shuttle_pct(3, 5_000)],
        covers: &["left", "right"],
        seeded: &[Seeded { bug: "event/sleep-though-ready", run: Run::loom_bounded(3), expect: "deadlock" }],
        body: select_one,
    },
    Model {
        name: "select-notification",
        property: "a select that was notified of one event does not take another and leave the first one's other waiters asleep",
        runs: &[Run::loom_bounded(2), Run::loom_bounded(3).deep(), Run::shuttle_pct(3, 5_000)],
        covers: &["left", "right"],
        seeded: &[Seeded { bug: "event/attempt-others-first", run: Run::loom_bounded(2), expect: "deadlock" }],
        body: select_beside_waiter,
    },
    Model {
        name: "cancelled-wait",
        property: "a wait ends by its event or by the token, and a permit that a cancelled wait did not take is still there",
        runs: &[Run::loom_bounded(3), Run::loom().deep(), Run::shuttle_pct(3, 5_000)],
        covers: &["cancelled", "taken"],
        seeded: &[
            Seeded { bug: "event/sleep-though-ready", run: Run::loom_bounded(3), expect: "deadlock" },
            Seeded { bug: "event/stay-listed", run: Run::loom_bounded(3), expect: "leaves nothing behind" },
        ],
        body: cancelled_wait,
    },
    Model {
        name: "slow-writer",
        property: "what is announced before it can be taken is taken, whoever was notified of it too early",
        runs: &[Run::shuttle_pct(3, 5_000), Run::shuttle_random(5_000)],
        covers: &["left", "right"],
        seeded: &[Seeded { bug: "event/forget-what-is-owed", run: Run::shuttle_random(5_000), expect: "deadlock" }],
        body: slow_writer,
    },
    Model {
        name: "crowd",
        property: "threads, selects and deadlines among each other: every permit is taken or left, nobody sleeps on",
        runs: &[Run::shuttle_pct(3, 3_000), Run::shuttle_random(3_000)],
        covers: &["timed out"],
        seeded: &[
            Seeded { bug: "event/notify-the-decided", run: Run::shuttle_random(3_000), expect: "deadlock" },
            Seeded { bug: "event/count-after-look", run: Run::shuttle_random(3_000), expect: "deadlock" },
        ],
        body: crowd,
    },
];

/// Permits to take, and data that each release publishes.
struct Permits {
    free: AtomicUsize,
    waiters: WaitList,
    data: UnsafeCell<u32>,
}

// SAFETY: `data` is written before the release of the one permit in the model that uses it, and read after taking it.
unsafe impl Send for Permits {}
// SAFETY: as above.
unsafe impl Sync for Permits {}

impl Permits {
    fn new(free: usize) -> Arc<Self> {
        Arc::new(Self { free: AtomicUsize::new(free), waiters: WaitList::new(), data: UnsafeCell::new(0) })
    }

    fn release(&self) {
        self.free.fetch_add(1, Ordering::Release);
        self.waiters.wake_one_after_rmw();
    }

    fn take(&self) -> Take<'_> {
        Take { permits: self, ticket: None }
    }
}

/// The event of taking a permit.
struct Take<'a> {
    permits: &'a Permits,
    ticket: Option<Ticket>,
}

impl Event for Take<'_> {
    type Output = ();

    fn attempt(&mut self) -> Option<()> {
        let mut free = self.permits.free.load(Ordering::Relaxed);
        while free > 0 {
            match self.permits.free.compare_exchange(free, free - 1, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return Some(()),
                Err(now) => free = now,
            }
        }
        None
    }

    fn enlist(&mut self, waiter: &Waiter) -> bool {
        self.ticket = Some(self.permits.waiters.push(waiter));
        self.permits.free.load(Ordering::Relaxed) > 0
    }

    fn delist(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.permits.waiters.remove(ticket);
        }
    }

    fn pass_on(&mut self) {
        self.permits.waiters.pass_on();
    }
}

fn elsewhere(permits: &Arc<Permits>, body: impl FnOnce(&Permits) + Send + 'static) -> thread::JoinHandle<()> {
    let permits = permits.clone();
    thread::spawn(move || body(&permits))
}

fn wait_for_release() {
    let permits = Permits::new(0);
    let releaser = elsewhere(&permits, |permits| {
        // SAFETY: nobody reads before the release.
        permits.data.with_mut(|data| unsafe { *data = 1 });
        permits.release();
    });
    let mut take = permits.take();
    if take.attempt().is_some() {
        cover("released first");
    } else {
        cover("waited");
        wait(take).unwrap();
    }
    // SAFETY: the permit has been taken.
    assert_eq!(permits.data.with(|data| unsafe { *data }), 1, "the permit came without what came before it");
    releaser.join().unwrap();
}

fn deadline_beside_waiter() {
    let permits = Permits::new(0);
    let patient = elsewhere(&permits, |permits| wait(permits.take()).unwrap());
    let impatient = elsewhere(&permits, |permits| match wait_with(permits.take(), Limits::until(Instant::now())) {
        Ok(()) => {
            cover("in time");
            permits.release();
        }
        Err(stopped) => {
            assert_eq!(stopped, Stopped::TimedOut);
            cover("timed out");
        }
    });
    permits.release();
    impatient.join().unwrap();
    patient.join().unwrap();
    assert!(permits.take().attempt().is_none(), "there was one permit");
}

fn dropped_task() {
    let permits = Permits::new(0);
    let mut task = Box::pin(Waiting::new(permits.take()));
    assert_eq!(task.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Pending);
    let patient = elsewhere(&permits, |permits| wait(permits.take()).unwrap());
    let releaser = elsewhere(&permits, Permits::release);
    let before = permits.free.load(Ordering::Relaxed);
    drop(task);
    cover(if before == 1 { "notified before the drop" } else { "dropped unnotified" });
    releaser.join().unwrap();
    patient.join().unwrap();
}

/// Waits for a permit of either, and tells which it was.
fn take_either(left: &Permits, right: &Permits) -> &'static str {
    let side = reweave_core::select! {
        biased;
        () = right.take() => "right",
        () = left.take() => "left",
    };
    side.unwrap()
}

fn select_one() {
    let (left, right) = (Permits::new(0), Permits::new(0));
    let releaser = thread::spawn({
        let (left, right) = (left.clone(), right.clone());
        move || {
            left.release();
            right.release();
        }
    });
    let side = take_either(&left, &right);
    cover(side);
    releaser.join().unwrap();
    let rest = [&left, &right].map(|permits| permits.take().attempt().is_some());
    assert_eq!(rest, [side != "left", side != "right"], "one permit was taken, the other was left");
}

fn select_beside_waiter() {
    let (left, right) = (Permits::new(0), Permits::new(0));
    let chooser = thread::spawn({
        let (left, right) = (left.clone(), right.clone());
        move || {
            let side = take_either(&left, &right);
            cover(side);
            if side == "left" {
                left.release();
            }
        }
    });
    let patient = elsewhere(&left, |left| wait(left.take()).unwrap());
    left.release();
    right.release();
    chooser.join().unwrap();
    patient.join().unwrap();
}

/// Permits that are announced first and can be taken a moment later.
struct Slow {
    announced: AtomicUsize,
    written: Arc<Permits>,
}

impl Slow {
    fn new() -> Arc<Self> {
        Arc::new(Self { announced: AtomicUsize::new(0), written: Permits::new(0) })
    }

    fn announce(&self) {
        self.announced.fetch_add(1, Ordering::Release);
        self.written.waiters.wake_one_after_rmw();
    }

    fn write(&self) {
        self.written.free.fetch_add(1, Ordering::Release);
    }

    fn take(&self) -> TakeSlow<'_> {
        TakeSlow { slow: self, take: self.written.take() }
    }
}

/// The event of taking such a permit: it looks ready for as long as one is announced and not taken.
struct TakeSlow<'a> {
    slow: &'a Slow,
    take: Take<'a>,
}

impl Event for TakeSlow<'_> {
    type Output = ();

    fn attempt(&mut self) -> Option<()> {
        self.take.attempt()?;
        self.slow.announced.fetch_sub(1, Ordering::Relaxed);
        Some(())
    }

    fn enlist(&mut self, waiter: &Waiter) -> bool {
        self.take.enlist(waiter) | (self.slow.announced.load(Ordering::Relaxed) > 0)
    }

    fn delist(&mut self) {
        self.take.delist();
    }

    fn pass_on(&mut self) {
        self.take.pass_on();
    }
}

/// Two wait for what is announced, one of them in a select with the permit on the right. It can be taken only after one of them
/// has been notified, and perhaps has come too early; and the select is ended by the permit, if it was not by what was announced.
fn notified_too_early(select: impl FnOnce(&Slow, &Permits) + Send + 'static) {
    let (left, right) = (Slow::new(), Permits::new(0));
    let chooser = thread::spawn({
        let (left, right) = (left.clone(), right.clone());
        move || select(&left, &right)
    });
    let patient = thread::spawn({
        let left = left.clone();
        move || wait(left.take()).unwrap()
    });
    // What comes earlier than both is nothing new.
    while left.written.waiters.len() < 2 {
        thread::yield_now();
    }
    left.announce();
    right.release();
    left.write();
    chooser.join().unwrap();
    patient.join().unwrap();
}

/// Takes what is announced or what `right` yields, and tells which; in place of what was taken on the left another is written.
fn take_slow_or<R>(left: &Slow, right: impl Event<Output = R>) -> &'static str {
    let side = reweave_core::select! {
        biased;
        _ = right => "right",
        () = left.take() => {
            left.announce();
            left.write();
            "left"
        }
    };
    side.unwrap()
}

fn slow_writer() {
    notified_too_early(|left, right| cover(take_slow_or(left, right.take())));
}

fn cancelled_wait() {
    let (permits, token) = (Permits::new(0), Token::new());
    let other = thread::spawn({
        let (permits, token) = (permits.clone(), token.clone());
        move || {
            permits.release();
            token.cancel("enough");
        }
    });
    let second = Permits::new(0);
    let taken = token.run(|| {
        wait(permits.take())?;
        wait(second.take())
    });
    assert!(matches!(taken, Err(Stopped::Cancelled(_))), "the second permit never comes");
    other.join().unwrap();
    cover(if permits.take().attempt().is_some() { "cancelled" } else { "taken" });
    assert!(second.waiters.is_empty(), "a cancelled wait leaves nothing behind");
}

fn crowd() {
    let (left, right) = (Permits::new(0), Permits::new(0));
    let mut others = Vec::new();
    for _ in 0..2 {
        others.push(elsewhere(&left, |left| match wait_with(left.take(), Limits::until(Instant::now())) {
            Ok(()) => left.release(),
            Err(_) => cover("timed out"),
        }));
        others.push(elsewhere(&left, |left| wait(left.take()).unwrap()));
        let right = right.clone();
        others.push(elsewhere(&left, move |left| {
            if take_either(left, &right) == "left" {
                left.release();
            } else {
                right.release();
            }
        }));
    }
    left.release();
    right.release();
    left.release();
    for other in others {
        other.join().unwrap();
    }
    let rest = [&left, &right].map(|permits| permits.free.load(Ordering::Relaxed));
    assert_eq!(rest, [0, 1], "two permits of the left were taken for good, and the right one was given back");
}
