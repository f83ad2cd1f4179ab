//! Snapshots: one instant, whatever happens meanwhile, and no more old versions than they need.

use reweave_core::sync::thread;

use super::on_threads;
use crate::{Engine, TVar};

/// Does something on another thread, from beginning to end.
fn elsewhere(action: impl FnOnce() + Send + 'static) {
    thread::spawn(action).join().expect("it does not panic");
}

#[test]
fn a_snapshot_keeps_its_instant_while_commits_go_on() {
    let engine = Engine::new();
    let (number, text) = (TVar::new_in(&engine, 1), TVar::new_in(&engine, String::from("1")));
    engine.snapshot(|s| {
        for step in 2..5 {
            assert_eq!(s.read(&number), 1);
            let (engine, number, text) = (engine.clone(), number.clone(), text.clone());
            elsewhere(move || {
                engine.atomically(|tx| {
                    number.write(tx, step)?;
                    text.write(tx, step.to_string())
                });
            });
        }
        assert_eq!((s.read(&number), s.with(&text, String::clone)), (1, String::from("1")));
    });
    assert_eq!(engine.snapshot(|s| (s.read(&number), s.read(&text))), (4, String::from("4")));
}

#[test]
fn versions_are_kept_for_snapshots_only_and_pruned_after_them() {
    let engine = Engine::new();
    let number = TVar::new_in(&engine, 0);
    for step in 0..100 {
        number.store(step);
    }
    assert_eq!(number.older_versions(), 0, "no snapshot, no versions");
    engine.snapshot(|s| {
        let (number_there, there) = (number.clone(), engine.clone());
        elsewhere(move || {
            for step in 0..100 {
                there.atomically(|tx| number_there.write(tx, step));
            }
        });
        assert_eq!(s.read(&number), 99);
        assert_eq!(number.older_versions(), 1, "one snapshot, one version");
    });
    for _ in 0..200 {
        engine.snapshot(|s| s.read(&number));
        number.store(7);
    }
    assert!(number.older_versions() <= 33, "bounded by the pushes between two scans: {}", number.older_versions());
}

#[test]
fn overlapping_snapshots_each_see_their_own_instant() {
    let engine = Engine::new();
    let clock_hands = [TVar::new_in(&engine, 0_u64), TVar::new_in(&engine, 0_u64)];
    on_threads(4, move |me| {
        if me == 0 {
            for time in 1..=5_000 {
                engine.atomically(|tx| {
                    clock_hands[0].write(tx, time)?;
                    clock_hands[1].write(tx, time)
                });
            }
            return;
        }
        let mut last = 0;
        while last < 5_000 {
            let (first, second) = engine.snapshot(|s| {
                let first = s.read(&clock_hands[0]);
                thread::yield_now();
                (first, s.read(&clock_hands[1]))
            });
            assert_eq!(first, second);
            assert!(first >= last, "a later snapshot is not older");
            last = first;
        }
    });
}
