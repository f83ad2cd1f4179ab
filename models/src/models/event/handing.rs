//! A source that hands over: it gives to a waiter by winning its trigger, and the waiter attempts nothing for it.
//!
//! Here the first invariant of the waiting layer is at stake: a wait that ends otherwise has to win its own trigger
//! first, or it leaves something that was given to it.

use std::time::Instant;

use reweave_core::event::{Event, Limits, Stopped, Ticket, WaitQueue, Waiter, wait, wait_with};
use reweave_core::sync::{Arc, Mutex, thread};

use super::Permits;
use crate::{Model, Run, Seeded, cover};

/// The models of handing over.
pub(super) const MODELS: &[Model] = &[
    Model {
        name: "handed-at-deadline",
        property: "what is handed over while a deadline passes is in the waiter's hands or with the source",
        runs: &[Run::loom(), Run::shuttle_pct(3, 5_000)],
        covers: &["in time", "timed out"],
        seeded: &[
            Seeded { bug: "event/leave-undecided", run: Run::loom_bounded(3), expect: "given to nobody" },
            Seeded { bug: "event/time-out-despite-signal", run: Run::loom_bounded(3), expect: "given to nobody" },
            Seeded { bug: "event/leave-undecided", run: Run::shuttle_pct(3, 5_000), expect: "given to nobody" },
        ],
        body: handed_at_deadline,
    },
    Model {
        name: "handed-beside-permit",
        property: "of a thing that is handed over and a permit a select takes one, and the other is left",
        runs: &[Run::loom_bounded(2), Run::loom_bounded(3).deep(), Run::shuttle_pct(3, 5_000)],
        covers: &["handed", "permit"],
        seeded: &[
            Seeded { bug: "event/attempt-others-first", run: Run::loom_bounded(2), expect: "given to nobody" },
            Seeded { bug: "event/attempt-others-first", run: Run::shuttle_pct(3, 5_000), expect: "given to nobody" },
        ],
        body: handed_beside_permit,
    },
];

/// Things without a difference: some lie here, others have been given to waiters.
struct Hands(Mutex<State>);

struct State {
    lying: usize,
    waiters: WaitQueue<Arc<Mutex<bool>>>,
}

impl Hands {
    fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(State { lying: 0, waiters: WaitQueue::new() })))
    }

    /// Gives a thing to the first who waits; without one it lies here.
    fn give(&self) {
        let mut state = self.0.lock();
        let claim = loop {
            let Some((waiter, given)) = state.waiters.pop() else {
                state.lying += 1;
                break None;
            };
            if let Some(claim) = waiter.claim() {
                *given.lock() = true;
                break Some(claim);
            }
        };
        drop(state);
        // The waiter is woken outside the lock.
        drop(claim);
    }

    fn take(&self) -> Take<'_> {
        Take { hands: self, given: Arc::new(Mutex::new(false)), ticket: None }
    }

    fn lying(&self) -> usize {
        self.0.lock().lying
    }
}

/// The event of having one.
struct Take<'a> {
    hands: &'a Hands,
    given: Arc<Mutex<bool>>,
    ticket: Option<Ticket>,
}

impl Event for Take<'_> {
    type Output = ();

    fn attempt(&mut self) -> Option<()> {
        let mut state = self.hands.0.lock();
        if std::mem::take(&mut *self.given.lock()) {
            return Some(());
        }
        state.lying = state.lying.checked_sub(1)?;
        Some(())
    }

    fn enlist(&mut self, waiter: &Waiter) -> bool {
        let mut state = self.hands.0.lock();
        self.ticket = Some(state.waiters.push(waiter, self.given.clone()));
        state.lying > 0
    }

    fn delist(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.hands.0.lock().waiters.remove(ticket);
        }
    }

    fn pass_on(&mut self) {
        if std::mem::take(&mut *self.given.lock()) {
            self.hands.give();
        }
    }
}

fn handed_at_deadline() {
    let hands = Hands::new();
    let giver = thread::spawn({
        let hands = hands.clone();
        move || hands.give()
    });
    let taken = match wait_with(hands.take(), Limits::until(Instant::now())) {
        Ok(()) => {
            cover("in time");
            1
        }
        Err(stopped) => {
            assert_eq!(stopped, Stopped::TimedOut);
            cover("timed out");
            0
        }
    };
    giver.join().unwrap();
    assert_eq!(hands.lying() + taken, 1, "a thing was given to nobody, or twice");
}

fn handed_beside_permit() {
    let (hands, permits) = (Hands::new(), Permits::new(0));
    let giver = thread::spawn({
        let hands = hands.clone();
        move || hands.give()
    });
    let releaser = super::elsewhere(&permits, Permits::release);
    let side = reweave_core::select! {
        biased;
        () = permits.take() => "permit",
        () = hands.take() => "handed",
    };
    let side = side.unwrap();
    cover(side);
    giver.join().unwrap();
    releaser.join().unwrap();
    let rest = [usize::from(permits.take().attempt().is_some()), hands.lying()];
    assert_eq!(rest, [usize::from(side != "permit"), usize::from(side != "handed")], "a thing was given to nobody");
    if rest[1] == 1 {
        wait(hands.take()).unwrap();
    }
}
