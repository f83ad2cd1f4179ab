//! Time: virtual clocks against those who live by them, and the sleep of the timer thread.
//!
//! A timer that is lost shows as a deadlock. No model reads the real clock; the timer thread is modelled by a thread
//! that takes the same steps with a time that the model gives it.

use std::time::{Duration, Instant};

use reweave_core::cancel::Token;
use reweave_core::event::{Limits, Stopped, wait, wait_with};
use reweave_core::select;
use reweave_core::sync::{Arc, thread};
use reweave_core::time::{self, Timers, VirtualClock};

use crate::{Model, Run, Seeded, cover};

/// The models of time.
pub const MODELS: &[Model] = &[
    Model {
        name: "advance-insert",
        property: "a timer that is set while time moves past it is found to be due, or fires",
        runs: &[Run::loom_bounded(3), Run::loom_bounded(4).deep(), Run::shuttle_pct(3, 3_000)],
        covers: &["due at once", "waited"],
        seeded: &[
            Seeded { bug: "time/looks-before-lock", run: Run::loom_bounded(3), expect: "deadlock" },
            Seeded { bug: "time/looks-before-lock", run: Run::shuttle_pct(3, 3_000), expect: "deadlock" },
        ],
        body: advance_beside_insert,
    },
    Model {
        name: "advance-remove",
        property: "a timer whose wait is ended otherwise while it fires leaves nothing, and one event wins",
        runs: &[Run::loom_bounded(2), Run::loom_bounded(3).deep(), Run::shuttle_pct(3, 3_000)],
        covers: &["time", "token"],
        seeded: &[Seeded { bug: "time/loser-keeps-its-timer", run: Run::loom_bounded(2), expect: "a timer is left" }],
        body: advance_beside_remove,
    },
    Model {
        name: "not-early",
        property: "who is woken by a deadline finds that it has passed, though time stopped shortly before it",
        runs: &[Run::loom_bounded(2), Run::loom_bounded(3).deep(), Run::shuttle_pct(3, 3_000)],
        covers: &["waited"],
        seeded: &[Seeded { bug: "time/fires-with-its-slot", run: Run::loom_bounded(2), expect: "fired early" }],
        body: not_early,
    },
    Model {
        name: "sleepers",
        property: "two participants that sleep again and again each wake exactly on time",
        runs: &[Run::loom_bounded(2), Run::loom_bounded(3).deep(), Run::shuttle_pct(3, 3_000)],
        covers: &["slept"],
        seeded: &[
            Seeded { bug: "time/jumps-while-firing", run: Run::loom_bounded(2), expect: "woken late" },
            Seeded { bug: "time/fires-with-its-slot", run: Run::shuttle_pct(3, 3_000), expect: "on time" },
        ],
        body: sleepers,
    },
    Model {
        name: "signalled",
        property: "time stands still for a participant that has been woken and has not run yet",
        runs: &[Run::loom_bounded(2), Run::loom_bounded(3).deep(), Run::shuttle_pct(3, 3_000)],
        covers: &["woken in time"],
        seeded: &[
            Seeded { bug: "time/signalled-counts-as-asleep", run: Run::loom_bounded(2), expect: "time went on" },
            Seeded { bug: "time/signalled-counts-as-asleep", run: Run::shuttle_pct(3, 3_000), expect: "time went on" },
        ],
        body: signalled,
    },
    Model {
        name: "timer-thread",
        property: "a timer that is set while the timer thread goes to sleep is seen by it, or wakes it",
        runs: &[Run::loom(), Run::shuttle_pct(3, 3_000)],
        covers: &["seen", "woken"],
        seeded: &[
            Seeded { bug: "time/earlier-timer-wakes-nobody", run: Run::loom(), expect: "deadlock" },
            Seeded { bug: "time/sleeper-left-late", run: Run::loom(), expect: "deadlock" },
            Seeded { bug: "time/sleeper-left-late", run: Run::shuttle_pct(3, 3_000), expect: "deadlock" },
        ],
        body: timer_thread,
    },
    Model {
        name: "crowd",
        property: "participants that sleep, time out, wait for each other and leave: each on time, none left behind",
        runs: &[Run::shuttle_pct(3, 2_000), Run::shuttle_random(2_000)],
        covers: &["timed out", "told"],
        seeded: &[
            Seeded { bug: "time/signalled-counts-as-asleep", run: Run::shuttle_random(2_000), expect: "on time" },
            Seeded { bug: "time/jumps-while-firing", run: Run::shuttle_random(2_000), expect: "on time" },
        ],
        body: crowd,
    },
];

fn nanos(nanos: u64) -> Duration {
    Duration::from_nanos(nanos)
}

fn advance_elsewhere(clock: &VirtualClock, steps: &'static [u64]) -> thread::JoinHandle<()> {
    let clock = clock.clone();
    thread::spawn(move || {
        for &step in steps {
            clock.advance(nanos(step));
        }
    })
}

fn advance_beside_insert() {
    // The origin is opaque: only distances from it are ever used.
    let origin = Instant::now();
    let (clock, deadline) = (VirtualClock::starting_at(origin), origin + nanos(1));
    let ticker = advance_elsewhere(&clock, &[1]);
    cover(if clock.now() >= deadline { "due at once" } else { "waited" });
    clock.run(|| wait(time::at(deadline))).unwrap();
    ticker.join().unwrap();
    assert_eq!(clock.timers(), 0, "a timer is left");
}

fn advance_beside_remove() {
    let (clock, token) = (VirtualClock::new(), Token::new());
    let ticker = advance_elsewhere(&clock, &[1]);
    let canceller = thread::spawn({
        let token = token.clone();
        move || token.cancel("enough")
    });
    let deadline = clock.now() + nanos(1);
    let winner = clock.run(|| {
        select! {
            biased;
            _ = time::at(deadline) => "time",
            _ = token.cancelled() => "token",
        }
    });
    cover(winner.unwrap());
    ticker.join().unwrap();
    canceller.join().unwrap();
    assert_eq!(clock.timers(), 0, "a timer is left");
}

fn not_early() {
    let clock = VirtualClock::new();
    // 100 lies in a slot of the second level, which starts at 64; time stops at 70.
    let token = clock.run(|| Token::with_timeout(nanos(100)));
    let ticker = advance_elsewhere(&clock, &[70, 30]);
    if !token.is_cancelled() {
        cover("waited");
    }
    wait(token.cancelled()).unwrap();
    assert!(clock.elapsed() >= nanos(100), "fired early");
    ticker.join().unwrap();
}

/// A participant that sleeps twice.
fn sleep_twice(clock: &VirtualClock, period: u64) {
    for round in 1..=2 {
        time::sleep(nanos(period)).unwrap();
        assert!(clock.elapsed() >= nanos(period * round), "not on time: woken early");
        assert!(clock.elapsed() <= nanos(period * round), "not on time: woken late");
    }
    cover("slept");
}

fn sleepers() {
    let clock = VirtualClock::new();
    let place = clock.participant();
    let own = clock.participant();
    let other = thread::spawn({
        let clock = clock.clone();
        move || place.run(|| sleep_twice(&clock, 100))
    });
    own.run(|| sleep_twice(&clock, 100));
    other.join().unwrap();
}

fn signalled() {
    let (clock, ping) = (VirtualClock::new(), Token::new());
    let place = clock.participant();
    let own = clock.participant();
    let other = thread::spawn({
        let (clock, ping) = (clock.clone(), ping.clone());
        move || {
            place.run(|| {
                wait(ping.cancelled()).unwrap();
                assert_eq!(clock.elapsed(), Duration::ZERO, "time went on without one that was woken");
                cover("woken in time");
            });
        }
    });
    own.run(|| {
        ping.cancel("now");
        time::sleep(nanos(5)).unwrap();
    });
    other.join().unwrap();
    assert_eq!(clock.elapsed(), nanos(5));
}

fn timer_thread() {
    let timers = Arc::new(Timers::new(VirtualClock::new().now()));
    timers.insert(9, 'b', || ());
    let inserter = thread::spawn({
        let timers = timers.clone();
        move || timers.insert(5, 'a', || ())
    });
    // The thread's loop; its time is 7 once there is a timer that early, so it must learn of the other thread's
    // insertion.
    let (mut due, mut now, mut slept) = (Vec::new(), 0, false);
    while due.is_empty() {
        if let Some(sleeper) = timers.turn(now, &mut due) {
            match sleeper.until {
                Some(5) => now = 7,
                _ => {
                    sleeper.trigger.wait();
                    slept = true;
                }
            }
        }
    }
    assert_eq!(due, ['a'], "what is due, and nothing else");
    cover(if slept { "woken" } else { "seen" });
    inserter.join().unwrap();
}

/// Three participants: one sleeps, one waits for it with a deadline, one leaves early.
fn crowd() {
    let (clock, done) = (VirtualClock::new(), Token::new());
    let places = [(); 3].map(|()| clock.participant());
    let threads: Vec<_> = places
        .into_iter()
        .enumerate()
        .map(|(role, place)| {
            let (clock, done) = (clock.clone(), done.clone());
            thread::spawn(move || {
                place.run(|| match role {
                    0 => {
                        sleep_twice(&clock, 100);
                        done.cancel("slept");
                        time::sleep(nanos(1)).unwrap();
                        assert_eq!(clock.elapsed(), nanos(201), "not on time");
                    }
                    1 => {
                        let limits = Limits::until(clock.now() + nanos(100));
                        assert_eq!(wait_with(done.cancelled(), limits).unwrap_err(), Stopped::TimedOut);
                        assert_eq!(clock.elapsed(), nanos(100), "not on time");
                        cover("timed out");
                        wait(done.cancelled()).unwrap();
                        assert_eq!(clock.elapsed(), nanos(200), "not on time");
                        cover("told");
                    }
                    _ => {
                        let stopped = time::timeout(nanos(30), || time::sleep(nanos(1_000)));
                        assert!(stopped.is_err_and(|timed_out| timed_out.late.is_err()));
                        assert_eq!(clock.elapsed(), nanos(30), "not on time");
                    }
                })
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!((clock.elapsed(), clock.timers()), (nanos(201), 0));
}
