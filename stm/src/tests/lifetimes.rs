//! Values and variables end exactly once, at a moment when user code may run.

use reweave_core::sync::atomic::{AtomicUsize, Ordering};
use reweave_core::sync::{Arc, thread};

use super::{becomes, on_threads};
use crate::{Attempt, Engine, TVar, TransactionError, TxResult, abort, atomically, retry};

/// Counts the clones and drops of itself: the difference is how many are alive.
pub(super) struct Tracked(Arc<AtomicUsize>);

impl Tracked {
    pub(super) fn new(alive: &Arc<AtomicUsize>) -> Self {
        alive.fetch_add(1, Ordering::SeqCst);
        Self(alive.clone())
    }
}

impl Clone for Tracked {
    fn clone(&self) -> Self {
        Self::new(&self.0)
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        let before = self.0.fetch_sub(1, Ordering::SeqCst);
        assert!(before > 0, "dropped twice");
    }
}

/// A thread's participation keeps an engine that nobody else has until the thread first uses another one.
fn leave_abandoned_engines() {
    TVar::new_in(&Engine::new(), 0).store(1);
}

#[test]
fn every_value_is_dropped_exactly_once() {
    let alive = Arc::new(AtomicUsize::new(0));
    {
        let engine = Engine::new();
        let vars: Vec<TVar<Tracked>> = (0..4).map(|_| TVar::new_in(&engine, Tracked::new(&alive))).collect();
        let (e, tracked) = (engine.clone(), alive.clone());
        on_threads(3, move |me| {
            for round in 0..300 {
                let fresh = Tracked::new(&tracked);
                e.atomically(|tx| {
                    let moved = vars[me].read(tx)?;
                    vars[round % 4].write(tx, fresh.clone())?;
                    vars[round % 4].write(tx, fresh.clone())?;
                    tx.or_else(
                        |tx| vars[(round + 1) % 4].write(tx, fresh.clone()).and_then(|()| tx.retry()),
                        |tx| vars[(round + 2) % 4].write(tx, moved.clone()),
                    )
                });
                let failed: Result<(), _> = e.try_atomically(|tx| {
                    vars[me].write(tx, fresh.clone())?;
                    crate::abort(())
                });
                assert!(failed.is_err());
                if round % 7 == 0 {
                    e.snapshot(|s| drop(s.read(&vars[me])));
                }
            }
        });
        drop(engine);
    }
    leave_abandoned_engines();
    // The thread that looks after idle variables may be at the last of them.
    becomes("every value is dropped", || alive.load(Ordering::SeqCst) == 0);
}

#[test]
fn a_variable_may_live_and_die_inside_a_body() {
    let total = TVar::new(0);
    atomically(|tx| {
        let temporary = TVar::new(20);
        temporary.modify(tx, |value| value + 1)?;
        let kept = temporary.read(tx)?;
        drop(temporary);
        let text = TVar::new(String::from("twenty"));
        text.write(tx, String::from("one"))?;
        drop(text);
        total.write(tx, kept)
    });
    assert_eq!(total.load(), 21);
}

#[test]
fn a_variable_may_be_dropped_while_another_transaction_has_it_in_its_log() {
    let engine = Engine::new();
    let place = TVar::new_in(&engine, Some(Arc::new(TVar::new_in(&engine, String::from("first")))));
    let (e, shared) = (engine.clone(), place.clone());
    on_threads(3, move |me| {
        for round in 0..1_000 {
            if me == 0 {
                let fresh = Arc::new(TVar::new_in(&e, format!("round {round}")));
                e.atomically(|tx| shared.write(tx, Some(fresh.clone())));
            } else {
                e.atomically(|tx| -> TxResult<()> {
                    let Some(inner) = shared.read(tx)? else { return Ok(()) };
                    let text = inner.read(tx)?;
                    inner.write(tx, text + "!")?;
                    drop(inner);
                    shared.with(tx, Option::is_some).map(drop)
                });
            }
        }
    });
    assert!(place.load().is_some());
}

/// A value whose destructor runs a transaction of its own.
#[derive(Clone)]
struct Closing(TVar<usize>);

impl Drop for Closing {
    fn drop(&mut self) {
        atomically(|tx| self.0.modify(tx, |closed| closed + 1));
    }
}

#[test]
fn a_destructor_may_open_a_transaction() {
    let closed = TVar::new(0);
    {
        let holder = TVar::new(Some(Arc::new(Closing(closed.clone()))));
        for _ in 0..200 {
            let fresh = Arc::new(Closing(closed.clone()));
            atomically(|tx| holder.write(tx, Some(fresh.clone())));
            // Aborted and overwritten writes too.
            let aborted: Result<(), _> = crate::try_atomically(|tx| {
                holder.write(tx, Some(Arc::new(Closing(closed.clone()))))?;
                crate::abort(())
            });
            assert!(aborted.is_err());
        }
    }
    // The last of them end as epochs pass; every transaction is an occasion.
    for _ in 0..100_000 {
        if closed.load() == 401 {
            return;
        }
        let other = TVar::new(String::new());
        other.store(String::from("pass the time"));
        thread::yield_now();
    }
    panic!("only {} of 401 values were dropped", closed.load());
}

#[test]
fn an_engine_ends_with_its_last_handle() {
    let alive = Arc::new(AtomicUsize::new(0));
    for _ in 0..50 {
        let engine = Engine::new();
        let var = TVar::new_in(&engine, Tracked::new(&alive));
        engine.atomically(|tx| var.write(tx, Tracked::new(&alive)));
    }
    leave_abandoned_engines();
    assert_eq!(alive.load(Ordering::SeqCst), 0);
}

/// A list of variables, each in the value of the one before.
struct Node {
    _value: Tracked,
    next: Option<TVar<Option<Arc<Node>>>>,
}

#[test]
fn values_that_hold_variables_do_not_keep_their_engine() {
    let alive = Arc::new(AtomicUsize::new(0));
    let tracked = alive.clone();
    on_threads(1, move |_| {
        let engine = Engine::new();
        let mut list = None;
        for _ in 0..5 {
            let next = TVar::new_in(&engine, list.take());
            list = Some(Arc::new(Node { _value: Tracked::new(&tracked), next: Some(next) }));
        }
        let head = TVar::new_in(&engine, list);
        engine.atomically(|tx| head.write(tx, None));
        assert!(head.load().is_none_or(|node| node.next.is_some()));
    });
    assert_eq!(alive.load(Ordering::SeqCst), 0);
}

#[test]
fn who_only_loads_destroys_what_expires_meanwhile() {
    let engine = Engine::new();
    let alive = Arc::new(AtomicUsize::new(0));
    let var = TVar::new_in(&engine, Tracked::new(&alive));
    for _ in 0..100 {
        engine.atomically(|tx| var.write(tx, Tracked::new(&alive)));
    }
    for _ in 0..10_000 {
        var.load();
    }
    assert!(alive.load(Ordering::SeqCst) < 100, "{} values hoarded", alive.load(Ordering::SeqCst));
}

#[test]
fn a_panicking_destructor_costs_nobody_else_anything() {
    /// Panics when it is dropped, with a payload that does too.
    struct Bomb(bool);
    impl Drop for Bomb {
        fn drop(&mut self) {
            if self.0 {
                std::panic::panic_any(Bomb(true));
            }
        }
    }
    let alive = Arc::new(AtomicUsize::new(0));
    let engine = Engine::new();
    let bombs = TVar::new_in(&engine, Arc::new(Bomb(true)));
    let others: Vec<TVar<Tracked>> = (0..8).map(|_| TVar::new_in(&engine, Tracked::new(&alive))).collect();
    bombs.store(Arc::new(Bomb(true)));
    for other in &others {
        other.store(Tracked::new(&alive));
    }
    drop((bombs, others));
    engine.leave();
    assert_eq!(alive.load(Ordering::SeqCst), 0);
}

/// Asks its thread to leave the engine when it is dropped.
#[derive(Clone)]
struct Leaver(Engine);

impl Drop for Leaver {
    fn drop(&mut self) {
        self.0.leave();
    }
}

#[test]
fn a_destructor_may_leave_the_engine_whose_transaction_it_follows() {
    let engine = Engine::new();
    let var = TVar::new_in(&engine, None);
    for _ in 0..3 {
        engine.atomically(|tx| var.read(tx).map(drop));
        // What an aborted transaction wrote is dropped at its end, before the engine is done with it.
        let aborted: Result<(), _> = engine.try_atomically(|tx| {
            var.write(tx, Some(Leaver(engine.clone())))?;
            abort("after all")
        });
        assert_eq!(aborted, Err(TransactionError::Aborted("after all")));
        // And so is what an attempt returned that does not take effect.
        let attempt = engine.attempt(|tx| {
            var.write(tx, Some(Leaver(engine.clone())))?;
            retry::<()>()
        });
        assert_eq!(attempt, Attempt::Retry);
    }
}

#[test]
fn a_destructor_may_leave_an_engine_that_its_thread_just_entered() {
    let entered = Engine::new();
    let other = Engine::new();
    let held = TVar::new_in(&other, Leaver(entered.clone()));
    // Two versions, so that one is destroyed when the abandoned engine ends: which is when the thread enters another one.
    held.store(Leaver(entered.clone()));
    drop((held, other));
    let var = TVar::new_in(&entered, 1);
    for expected in 1..4 {
        assert_eq!(entered.atomically(|tx| var.read(tx)), expected);
        var.store(expected + 1);
    }
}
