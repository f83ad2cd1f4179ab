//! Three and four threads with mixed bodies, under shuttle: transfers, audits, waiting and alternatives at once.

use reweave_core::sync::{Arc, thread};
use reweave_stm::{TVar, check};

use super::lasting_engine;
use crate::{Model, Run, Seeded, cover};

/// The models of whole workloads.
pub const MODELS: &[Model] = &[
    Model {
        name: "bank",
        property: "money is conserved in every audit and in every body, whatever the others do",
        runs: &[
            Run::shuttle_random(3_000),
            Run::shuttle_pct(2, 3_000),
            Run::shuttle_pct(3, 3_000),
            Run::shuttle_random(100_000).deep(),
            Run::loom_bounded(2).deep().may_be_cut_off("not seen to end within five minutes on two cores"),
        ],
        covers: &["audited during transfers"],
        seeded: &[
            Seeded { bug: "stm/commit-without-validation", run: Run::shuttle_random(3_000), expect: "money" },
            Seeded { bug: "stm/extend-without-validation", run: Run::shuttle_random(3_000), expect: "money" },
            Seeded { bug: "stm/keep-nothing", run: Run::shuttle_random(3_000), expect: "was pruned" },
            Seeded { bug: "stm/tie-ignores-owner", run: Run::shuttle_random(3_000), expect: "money" },
        ],
        body: bank,
    },
    Model {
        name: "queue",
        property: "a one-place queue hands over everything, in order, once",
        runs: &[Run::shuttle_random(3_000), Run::shuttle_pct(3, 3_000)],
        covers: &["handed over"],
        seeded: &[
            Seeded { bug: "stm/mark-before-enqueue", run: Run::shuttle_pct(3, 3_000), expect: "deadlock" },
            Seeded { bug: "stm/forget-waiters", run: Run::shuttle_pct(3, 3_000), expect: "deadlock" },
        ],
        body: queue,
    },
];

fn bank() {
    const TOTAL: i64 = 30;
    let engine = lasting_engine();
    let accounts: Arc<[TVar<i64>; 3]> = Arc::new([(); 3].map(|()| TVar::new_in(&engine, 10)));
    let tellers: Vec<_> = (0..2)
        .map(|teller| {
            let (thread, accounts) = (engine.participate(), accounts.clone());
            thread::spawn(move || {
                for round in 0..2 {
                    let (from, to) = ((teller + round) % 3, (teller + 2 * round + 1) % 3);
                    thread.atomically(|tx| {
                        tx.or_else(
                            |tx| {
                                let balance = accounts[from].read(tx)?;
                                check(balance >= 8)?;
                                accounts[from].write(tx, balance - 8)
                            },
                            |tx| accounts[from].modify(tx, |balance| balance - 8),
                        )?;
                        accounts[to].modify(tx, |balance| balance + 8)
                    });
                }
            })
        })
        .collect();
    let auditor = engine.participate();
    let audit = thread::spawn({
        let accounts = accounts.clone();
        move || {
            let balances = auditor.snapshot(|s| [0, 1, 2].map(|account| s.read(&accounts[account])));
            assert_eq!(balances.iter().sum::<i64>(), TOTAL, "a snapshot saw money appear or vanish");
            if balances != [10; 3] {
                cover("audited during transfers");
            }
            // In the body: an attempt that will abort must not see it either.
            auditor.atomically(|tx| {
                let mut sum = 0;
                for account in &*accounts {
                    sum += account.read(tx)?;
                }
                assert_eq!(sum, TOTAL, "a transaction saw money appear or vanish");
                Ok(())
            });
        }
    });
    for thread in tellers {
        thread.join().unwrap();
    }
    audit.join().unwrap();
    assert_eq!(accounts.iter().map(TVar::load).sum::<i64>(), TOTAL, "money appeared or vanished");
}

fn queue() {
    let engine = lasting_engine();
    let place = TVar::new_in(&engine, 0);
    let producer = {
        let (thread, place) = (engine.participate(), place.clone());
        thread::spawn(move || {
            for item in 1..=3 {
                thread.atomically(|tx| {
                    check(place.read(tx)? == 0)?;
                    place.write(tx, item)
                });
            }
        })
    };
    let consumer = engine.participate();
    for expected in 1..=3 {
        let item = consumer.atomically(|tx| {
            let item = place.replace(tx, 0)?;
            check(item != 0)?;
            Ok(item)
        });
        assert_eq!(item, expected, "an item was lost or doubled");
    }
    cover("handed over");
    producer.join().unwrap();
}
