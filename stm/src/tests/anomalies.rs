//! Anomalies that must not happen under contention: lost updates, write skew, torn reads, zombies.

use reweave_core::sync::Arc;
use reweave_core::sync::atomic::{AtomicBool, Ordering};

use super::on_threads;
use crate::{Engine, TVar};

#[test]
fn no_update_is_lost() {
    let engine = Engine::new();
    let counter = TVar::new_in(&engine, 0_u64);
    let boxed = TVar::new_in(&engine, vec![0_u64]);
    let (e, c, b) = (engine.clone(), counter.clone(), boxed.clone());
    on_threads(4, move |_| {
        for _ in 0..2_000 {
            e.atomically(|tx| {
                c.modify(tx, |value| value + 1)?;
                b.modify(tx, |list| vec![list[0] + 1])
            });
        }
    });
    assert_eq!((counter.load(), boxed.load()), (8_000, vec![8_000]));
    assert_eq!(engine.stats().commits, 8_000);
}

#[test]
fn no_write_skew() {
    let engine = Engine::new();
    for _ in 0..300 {
        let on_call = [TVar::new_in(&engine, true), TVar::new_in(&engine, true)];
        let (e, doctors) = (engine.clone(), on_call.clone());
        on_threads(2, move |me| {
            e.atomically(|tx| {
                if doctors[0].read(tx)? && doctors[1].read(tx)? {
                    doctors[me].write(tx, false)?;
                }
                Ok(())
            });
        });
        assert!(on_call.iter().any(TVar::load), "somebody must stay on call");
    }
}

#[test]
fn no_attempt_sees_a_broken_invariant() {
    let engine = Engine::new();
    let pair = [TVar::new_in(&engine, 0_i64), TVar::new_in(&engine, 0_i64)];
    let boxed = TVar::new_in(&engine, Box::new(0_i64));
    let done = Arc::new(AtomicBool::new(false));
    let (e, stop) = (engine.clone(), done.clone());
    on_threads(3, move |me| {
        if me == 0 {
            for step in 1..=20_000 {
                e.atomically(|tx| {
                    pair[0].write(tx, step)?;
                    boxed.write(tx, Box::new(step))?;
                    pair[1].write(tx, -step)
                });
            }
            stop.store(true, Ordering::Release);
        }
        while !stop.load(Ordering::Acquire) {
            // Checked inside the body: an attempt that is going to abort must not see a torn pair either.
            e.atomically(|tx| {
                let left = pair[0].read(tx)?;
                let right = pair[1].read(tx)?;
                let copy = boxed.with(tx, |copy| **copy)?;
                assert_eq!((left + right, copy), (0, left));
                Ok(())
            });
            e.snapshot(|s| {
                let right = s.read(&pair[1]);
                assert_eq!((s.read(&pair[0]) + right, *s.read(&boxed)), (0, -right));
            });
        }
    });
}

#[test]
fn money_is_conserved_through_audits() {
    let engine = Engine::new();
    let accounts: Arc<Vec<TVar<i64>>> = Arc::new((0..16).map(|_| TVar::new_in(&engine, 100)).collect());
    let (e, shared) = (engine.clone(), accounts.clone());
    on_threads(4, move |me| {
        let mut random = me as u64 + 1;
        for round in 0..4_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let (from, to) = ((random >> 33) as usize % 16, (random >> 40) as usize % 16);
            e.atomically(|tx| {
                let amount = (random >> 60) as i64;
                shared[from].modify(tx, |balance| balance - amount)?;
                shared[to].modify(tx, |balance| balance + amount)
            });
            if round % 16 == 0 {
                assert_eq!(e.snapshot(|s| shared.iter().map(|account| s.read(account)).sum::<i64>()), 1_600);
            }
        }
    });
    assert_eq!(accounts.iter().map(TVar::load).sum::<i64>(), 1_600);
}
