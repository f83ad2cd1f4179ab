//! The trigger: every operation of the signalling side against every one of the waiting side.
//!
//! Under shuttle, whose parked threads may wake for no reason and park again without end, the models that park are searched
//! and only those that poll are explored exhaustively.
//!
//! A lost wake-up shows as a deadlock, a stale one as a wait that returns without a signal, a waiter cell with two owners as
//! overlapping accesses to an instrumented cell.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use reweave_core::sync::{Arc, UnsafeCell, thread};
use reweave_core::trigger::{Trigger, wait_any};

use super::wakers;
use crate::{Model, Run, Seeded, cover};

/// The trigger's models.
pub const MODELS: &[Model] = &[
    Model {
        name: "signal-wait",
        property: "a parked thread is woken, and sees what happened before the signal",
        runs: &[Run::loom(), Run::shuttle_pct(3, 5_000)],
        covers: &["signalled first", "waited first"],
        seeded: &[
            Seeded { bug: "trigger/register-overwrites-signal", run: Run::loom(), expect: "deadlock" },
            Seeded { bug: "trigger/signal-without-wake", run: Run::loom(), expect: "deadlock" },
            Seeded { bug: "trigger/relaxed-signal", run: Run::loom(), expect: "Causality violation" },
            Seeded { bug: "trigger/register-overwrites-signal", run: Run::shuttle_pct(3, 5_000), expect: "deadlock" },
        ],
        body: signal_wait,
    },
    Model {
        name: "signal-signal",
        property: "of two signals one wins, and its token is the one that is kept",
        runs: &[Run::loom(), Run::shuttle_dfs()],
        covers: &["first won", "second won"],
        seeded: &[Seeded { bug: "trigger/signal-overwrites", run: Run::loom(), expect: "one winner" }],
        body: signal_signal,
    },
    Model {
        name: "signal-signal-wait",
        property: "of two signals one wins, and a waiter gets the winner's token",
        runs: &[Run::loom_bounded(2), Run::loom_bounded(3).deep(), Run::shuttle_pct(3, 5_000)],
        covers: &["first won", "second won"],
        seeded: &[Seeded { bug: "trigger/register-overwrites-signal", run: Run::loom_bounded(2), expect: "deadlock" }],
        body: signal_signal_wait,
    },
    Model {
        name: "signal-deadline",
        property: "a wait that a deadline ends either reports the signal or leaves it for the next wait",
        runs: &[Run::loom(), Run::shuttle_pct(3, 5_000)],
        covers: &["signal won", "deadline won"],
        seeded: &[
            Seeded { bug: "trigger/withdraw-drops-signal", run: Run::loom(), expect: "deadlock" },
            Seeded { bug: "trigger/withdraw-drops-signal", run: Run::shuttle_pct(3, 5_000), expect: "deadlock" },
        ],
        body: signal_deadline,
    },
    Model {
        name: "signal-poll",
        property: "a polled future is ready, or its latest waker is woken",
        runs: &[Run::loom(), Run::shuttle_dfs()],
        covers: &["ready", "woken"],
        seeded: &[
            Seeded { bug: "trigger/signal-without-wake", run: Run::loom(), expect: "neither ready nor woken" },
            Seeded { bug: "trigger/register-overwrites-signal", run: Run::loom(), expect: "neither ready nor woken" },
        ],
        body: signal_poll,
    },
    Model {
        name: "signal-drop",
        property: "a dropped future leaves nothing behind and loses no signal",
        runs: &[Run::loom(), Run::shuttle_dfs()],
        covers: &["signalled before the drop", "dropped before the signal"],
        seeded: &[Seeded { bug: "trigger/withdraw-drops-signal", run: Run::loom(), expect: "the signal was lost" }],
        body: signal_drop,
    },
    Model {
        name: "wait-any",
        property: "a wait for several has one winner, and the losers keep their signals",
        runs: &[
            Run::loom_bounded(3),
            Run::loom().deep().may_be_cut_off("not seen to end in a minute"),
            Run::shuttle_pct(3, 5_000),
        ],
        covers: &["left won"],
        seeded: &[
            Seeded { bug: "trigger/signal-without-wake", run: Run::loom_bounded(3), expect: "deadlock" },
            Seeded {
                bug: "trigger/withdraw-drops-signal",
                run: Run::loom_bounded(3),
                expect: "the loser's signal was lost",
            },
        ],
        body: wait_any_beside_one,
    },
    Model {
        name: "wait-any-race",
        property: "the same with the two signalled by different threads",
        runs: &[Run::loom_bounded(2), Run::loom_bounded(3).deep(), Run::shuttle_pct(3, 5_000)],
        covers: &["left won", "right won"],
        seeded: &[Seeded {
            bug: "trigger/withdraw-drops-signal",
            run: Run::loom_bounded(2),
            expect: "the loser's signal was lost",
        }],
        body: wait_any_beside_two,
    },
];

/// A trigger, and data that the signaller writes before it signals.
struct Mailbox {
    trigger: Trigger,
    data: UnsafeCell<u32>,
}

// SAFETY: `data` is written before the signal by the one signaller that a model gives it, and read after the signal.
unsafe impl Send for Mailbox {}
// SAFETY: as above.
unsafe impl Sync for Mailbox {}

impl Mailbox {
    fn new() -> Arc<Self> {
        Arc::new(Self { trigger: Trigger::new(), data: UnsafeCell::new(0) })
    }

    fn post(&self) {
        // SAFETY: nobody reads before the signal.
        self.data.with_mut(|data| unsafe { *data = 1 });
        assert!(self.trigger.signal(7));
    }

    fn check(&self) {
        // SAFETY: the signal has been seen.
        assert_eq!(self.data.with(|data| unsafe { *data }), 1, "the signal was seen without what came before it");
    }
}

fn post_elsewhere(mailbox: &Arc<Mailbox>) -> thread::JoinHandle<()> {
    let mailbox = mailbox.clone();
    thread::spawn(move || mailbox.post())
}

fn signal_wait() {
    let mailbox = Mailbox::new();
    let signaller = post_elsewhere(&mailbox);
    cover(if mailbox.trigger.signalled().is_some() { "signalled first" } else { "waited first" });
    assert_eq!(mailbox.trigger.wait(), 7);
    mailbox.check();
    signaller.join().unwrap();
}

fn signal_signal() {
    let trigger = Arc::new(Trigger::new());
    let other = thread::spawn({
        let trigger = trigger.clone();
        move || trigger.signal(1)
    });
    let second = trigger.signal(2);
    let first = other.join().unwrap();
    let token = trigger.wait();
    assert_eq!([first, second], [token == 1, token == 2], "the token is that of the one winner");
    cover(if first { "first won" } else { "second won" });
}

fn signal_signal_wait() {
    let trigger = Arc::new(Trigger::new());
    let signallers = [1, 2].map(|token| {
        let trigger = trigger.clone();
        thread::spawn(move || trigger.signal(token))
    });
    let token = trigger.wait();
    let won = signallers.map(|signaller| signaller.join().unwrap());
    assert_eq!(won, [token == 1, token == 2], "the token is that of the one winner");
    cover(if token == 1 { "first won" } else { "second won" });
}

fn signal_deadline() {
    let mailbox = Mailbox::new();
    let signaller = post_elsewhere(&mailbox);
    match mailbox.trigger.wait_until(Instant::now()) {
        Some(token) => {
            assert_eq!(token, 7);
            cover("signal won");
        }
        None => {
            cover("deadline won");
            assert_eq!(mailbox.trigger.wait(), 7);
        }
    }
    mailbox.check();
    signaller.join().unwrap();
}

fn signal_poll() {
    let mailbox = Mailbox::new();
    let signaller = post_elsewhere(&mailbox);
    let (_, first_waker) = wakers::counting();
    let (woken, second_waker) = wakers::counting();
    let mut wait = pin!(mailbox.trigger.wait_async());
    // Polled with one waker and then with another: the second is the one that counts.
    let mut polls =
        [first_waker, second_waker].into_iter().map(|waker| wait.as_mut().poll(&mut Context::from_waker(&waker)));
    let ready = polls.any(|poll| poll.is_ready());
    signaller.join().unwrap();
    if ready {
        cover("ready");
    } else {
        assert_eq!(woken.count(), 1, "the future is neither ready nor woken");
        cover("woken");
        assert_eq!(wait.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(7));
    }
    mailbox.check();
}

fn signal_drop() {
    let mailbox = Mailbox::new();
    let signaller = post_elsewhere(&mailbox);
    {
        let mut wait = pin!(mailbox.trigger.wait_async());
        let (_, waker) = wakers::counting();
        let _ = wait.as_mut().poll(&mut Context::from_waker(&waker));
    }
    cover(if mailbox.trigger.signalled().is_some() {
        "signalled before the drop"
    } else {
        "dropped before the signal"
    });
    signaller.join().unwrap();
    assert_eq!(mailbox.trigger.signalled(), Some(7), "the signal was lost");
    mailbox.check();
}

fn check_wait_any(triggers: &[Arc<Trigger>; 2], signallers: impl IntoIterator<Item = thread::JoinHandle<()>>) {
    let winner = wait_any(&[&triggers[0], &triggers[1]]);
    assert!(triggers[winner].signalled().is_some(), "the winner was signalled");
    cover(if winner == 0 { "left won" } else { "right won" });
    for signaller in signallers {
        signaller.join().unwrap();
    }
    assert_eq!(triggers[1 - winner].signalled(), Some(1 - winner), "the loser's signal was lost");
}

fn wait_any_beside_one() {
    let triggers = [1, 2].map(|_| Arc::new(Trigger::new()));
    let there = triggers.clone();
    let signaller = thread::spawn(move || {
        for (index, trigger) in there.iter().enumerate() {
            assert!(trigger.signal(index));
        }
    });
    check_wait_any(&triggers, [signaller]);
}

fn wait_any_beside_two() {
    let triggers = [1, 2].map(|_| Arc::new(Trigger::new()));
    let signallers = [0, 1].map(|index| {
        let trigger: Arc<Trigger> = triggers[index].clone();
        thread::spawn(move || assert!(trigger.signal(index)))
    });
    check_wait_any(&triggers, signallers);
}
