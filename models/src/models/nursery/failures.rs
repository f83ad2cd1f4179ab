//! What comes out of a nursery: the first of several failures and cancellations, with the others beside it.

use reweave_core::cancel::{Token, current};
use reweave_core::event::Waiting;
use reweave_core::sync::thread;
use reweave_sched::kernel::Kernel;
use reweave_sched::nursery::Failure;
use reweave_sched::{Nursery, nursery};

use super::{Count, LOST};
use crate::models::scope::beside_another;
use crate::{Model, Run, Seeded, cover};

pub(super) const MODELS: &[Model] = &[
    Model {
        name: "two-failures",
        property: "of two children that fail one comes out, and the other beside it",
        runs: &[Run::loom_bounded(2), Run::loom_bounded(3).deep(), Run::shuttle_pct(3, 5_000)],
        covers: &["one failed", "both failed"],
        seeded: &[
            Seeded { bug: "nursery/lose-error", run: Run::loom_bounded(2), expect: LOST },
            Seeded { bug: "nursery/lose-error", run: Run::shuttle_random(10_000), expect: LOST },
        ],
        body: two_failures,
    },
    Model {
        name: "first-failure",
        property: "the first failure cancels the others and comes out, whatever they answer",
        runs: &[Run::loom_bounded(2), Run::shuttle_pct(3, 5_000)],
        covers: &["answered", "never began"],
        seeded: &[
            Seeded { bug: "nursery/cancel-nobody", run: Run::loom_bounded(1), expect: "deadlock" },
            Seeded { bug: "nursery/cancel-nobody", run: Run::shuttle_pct(3, 5_000), expect: "deadlock" },
            Seeded { bug: "nursery/last-comes-first", run: Run::loom_bounded(1), expect: LATER },
            Seeded { bug: "nursery/last-comes-first", run: Run::shuttle_pct(3, 5_000), expect: LATER },
        ],
        body: first_failure,
    },
    Model {
        name: "cancel-against-failure",
        property: "what comes out is what cancelled the nursery: a cancellation from outside, or a failure",
        runs: &[Run::loom_bounded(3), Run::loom().deep(), Run::shuttle_pct(3, 5_000)],
        covers: &["failed first", "cancelled first", "never began"],
        seeded: &[
            Seeded { bug: "nursery/last-comes-first", run: Run::loom_bounded(2), expect: LATER },
            Seeded { bug: "nursery/last-comes-first", run: Run::shuttle_pct(3, 5_000), expect: LATER },
        ],
        body: cancel_against_failure,
    },
];

const LATER: &str = "a later failure came out";

fn two_failures() {
    let failed = Count::new();
    beside_another(1, |_| {
        let error = nursery(|n: &Nursery<usize>| {
            for number in 0..2 {
                let failed = failed.clone();
                // The second may come too late.
                drop(n.spawn(move || {
                    failed.add();
                    Err(number)
                }));
            }
            Ok(())
        });
        let error = error.expect_err("one has failed at least");
        assert_eq!(1 + error.suppressed.len(), failed.get(), "{LOST}");
        assert!(matches!(error.cause, Failure::Failed(_)), "{LOST}");
        cover(if failed.get() == 1 { "one failed" } else { "both failed" });
    });
}

fn first_failure() {
    beside_another(1, |_| {
        let error = nursery(|n: &Nursery<&str>| {
            // The other worker takes this one first. Were it polled here while the other fails there, it would have to wait for a worker.
            let later = async {
                let token = current().expect("a child has a token");
                Waiting::unstoppable(token.cancelled()).await.expect("nothing else stops it");
                Err("later")
            };
            n.spawn_async(later).expect("nothing has failed so far");
            n.spawn(|| Err("first")).expect("nothing has failed so far");
            Ok(())
        });
        let error = error.expect_err("one has failed");
        assert!(matches!(error.cause, Failure::Failed("first")), "{LATER}");
        match &error.suppressed[..] {
            [] => cover("never began"),
            [Failure::Failed("later")] => cover("answered"),
            more => panic!("{LOST}: {more:?}"),
        }
    });
}

fn cancel_against_failure() {
    let failed = Count::new();
    let outer = Token::new();
    let other = thread::spawn({
        let outer = outer.clone();
        move || outer.cancel("from outside")
    });
    let mut token = None;
    let error = Kernel::new(1).work(0, |_| {
        outer.run(|| {
            nursery(|n: &Nursery<()>| {
                token = Some(n.token());
                let failed = failed.clone();
                drop(n.spawn(move || {
                    failed.add();
                    Err(())
                }));
                Ok(())
            })
        })
    });
    let error = error.expect_err("it has failed, or was cancelled");
    let verdict = token.and_then(|token| token.reason()).expect("something cancelled it");
    match &error.cause {
        Failure::Failed(()) => {
            assert!(!verdict.source.inherited, "{LATER}");
            cover("failed first");
        }
        Failure::Cancelled(cancelled) => {
            assert_eq!(cancelled, &verdict);
            assert_eq!(error.suppressed.len(), failed.get(), "{LOST}");
            cover(if failed.get() == 0 { "never began" } else { "cancelled first" });
        }
        other => panic!("it ended with {other:?}"),
    }
    other.join().unwrap();
}
