//! How transactions end: committed, aborted, panicked, misused.

use std::panic::{AssertUnwindSafe, catch_unwind};

use reweave_core::sync::thread;

use crate::{Attempt, Cause, Engine, Stop, TVar, TransactionError, abort, atomically, snapshot, try_atomically};

fn message_of(panic: Box<dyn std::any::Any + Send>) -> String {
    panic
        .downcast::<String>()
        .map(|message| *message)
        .or_else(|panic| panic.downcast::<&str>().map(|message| message.to_string()))
        .expect("a panic with a message")
}

#[test]
fn effects_become_visible_together() {
    let (a, b) = (TVar::new(1), TVar::new(String::from("one")));
    let was = atomically(|tx| {
        a.write(tx, 2)?;
        let was = b.replace(tx, String::from("two"))?;
        assert_eq!((a.read(tx)?, b.read(tx)?), (2, String::from("two")), "a transaction sees its own writes");
        assert_eq!((a.load(), b.load()), (1, String::from("one")), "nobody else does before the commit");
        Ok(was)
    });
    assert_eq!(was, "one");
    assert_eq!((a.load(), b.load()), (2, String::from("two")));
}

#[test]
fn an_abort_undoes_everything_and_returns_the_error() {
    let (a, b) = (TVar::new(1), TVar::new(vec![1]));
    let result: Result<(), _> = try_atomically(|tx| {
        a.write(tx, 2)?;
        b.modify(tx, |mut list| {
            list.push(2);
            list
        })?;
        abort("no")
    });
    assert_eq!(result, Err(TransactionError::Aborted("no")));
    assert_eq!((a.load(), b.load()), (1, vec![1]));
}

#[test]
fn a_panic_undoes_everything_and_leaves_the_thread_fit() {
    let (a, b) = (TVar::new(1), TVar::new(String::from("before")));
    let panic = catch_unwind(AssertUnwindSafe(|| {
        atomically(|tx| -> crate::TxResult<()> {
            a.write(tx, 2)?;
            b.write(tx, String::from("during"))?;
            panic!("the body's own");
        });
    }));
    assert_eq!(message_of(panic.unwrap_err()), "the body's own");
    assert_eq!((a.load(), b.load()), (1, String::from("before")));
    atomically(|tx| a.modify(tx, |value| value + 10));
    assert_eq!(a.load(), 11);
}

#[test]
fn nesting_is_refused_with_advice_and_undone() {
    let a = TVar::new(1);
    for inner in [
        (|a: &TVar<i32>| atomically(|tx| a.write(tx, 3))) as fn(&TVar<i32>),
        |a| a.store(3),
        |a| snapshot(|s| assert_eq!(s.read(a), 1)),
    ] {
        let panic = catch_unwind(AssertUnwindSafe(|| {
            atomically(|tx| {
                a.write(tx, 2)?;
                inner(&a);
                Ok(())
            })
        }));
        let message = message_of(panic.unwrap_err());
        assert!(message.contains("pass its `tx`"), "{message}");
        assert_eq!(a.load(), 1);
    }
    a.store(4);
    assert_eq!(a.load(), 4);
}

#[test]
fn a_variable_of_another_engine_is_refused() {
    let a = TVar::new_in(&Engine::new(), 1);
    let panic = catch_unwind(AssertUnwindSafe(|| atomically(|tx| a.read(tx))));
    assert!(message_of(panic.unwrap_err()).contains("another Engine"));
    let panic = catch_unwind(AssertUnwindSafe(|| snapshot(|s| s.read(&a))));
    assert!(message_of(panic.unwrap_err()).contains("another Engine"));
}

#[test]
fn a_swallowed_conflict_dooms_the_attempt() {
    let engine = Engine::new();
    let (a, b) = (TVar::new_in(&engine, 0), TVar::new_in(&engine, 0));
    let mut attempts = 0;
    let result: Result<i32, TransactionError<i32>> = engine.try_atomically(|tx| {
        attempts += 1;
        let first = a.read(tx)?;
        if attempts == 1 {
            let (a, b) = (a.clone(), b.clone());
            thread::spawn(move || {
                a.store(1);
                b.store(1);
            })
            .join()
            .unwrap();
        }
        // Meets a version younger than `first`: a conflict, which this body turns into a value.
        let second = b.read(tx).unwrap_or(-1);
        b.write(tx, 7).ok();
        Err(Stop::Abort(10 * first + second))
    });
    assert_eq!(result, Err(TransactionError::Aborted(11)), "no error computed from a torn view comes out");
    assert_eq!(attempts, 2);
    assert_eq!(engine.stats().aborts.of(Cause::ReadChanged), 1);
}

#[test]
fn one_attempt_reports_what_became_of_it() {
    let engine = Engine::new();
    let a = TVar::new_in(&engine, 0);
    assert_eq!(engine.attempt(|tx| a.modify(tx, |value| value + 1)), Attempt::Committed(()));
    assert_eq!(engine.attempt(|tx| a.read(tx).and_then(|_| tx.retry::<()>())), Attempt::Retry);
    let conflict = engine.attempt(|tx| {
        let seen = a.read(tx)?;
        let other = a.clone();
        thread::spawn(move || other.store(5)).join().unwrap();
        a.write(tx, seen + 1)
    });
    assert_eq!(conflict, Attempt::Conflict(Cause::CommitChanged));
    assert_eq!(a.load(), 5);
    assert_eq!(engine.stats().aborts.total(), 1);
}
