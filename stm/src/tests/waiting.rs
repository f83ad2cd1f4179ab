//! Blocking in `retry` and being woken.

use reweave_core::cancel::Token;
use reweave_core::channel;
use reweave_core::context::Agent;
use reweave_core::event::Stopped;
use reweave_core::sync::thread;
use reweave_core::waitfor::{self, Graph};

use crate::{Engine, Stop, TVar, TransactionError, check, retry};

fn until_one_waits(engine: &Engine) {
    while engine.stats().waits == 0 {
        thread::yield_now();
    }
}

#[test]
fn a_commit_wakes_who_waits() {
    let engine = Engine::new();
    let (request, reply) = (TVar::new_in(&engine, None), TVar::new_in(&engine, 0));
    let server = thread::spawn({
        let (engine, request, reply) = (engine.clone(), request.clone(), reply.clone());
        move || {
            engine.atomically(|tx| match request.replace(tx, None)? {
                Some(value) => reply.write(tx, 2 * value),
                None => retry(),
            });
        }
    });
    until_one_waits(&engine);
    engine.atomically(|tx| request.write(tx, Some(21)));
    let answer = engine.atomically(|tx| {
        let answer = reply.read(tx)?;
        check(answer != 0)?;
        Ok(answer)
    });
    server.join().unwrap();
    assert_eq!((answer, request.load()), (42, None));
}

#[test]
fn a_store_wakes_who_waits_in_either_branch() {
    for woken_by in 0..2 {
        let engine = Engine::new();
        let doors = [TVar::new_in(&engine, false), TVar::new_in(&engine, false)];
        let waiter = thread::spawn({
            let (engine, doors) = (engine.clone(), doors.clone());
            move || {
                engine.atomically(|tx| {
                    let through = |tx: &mut crate::Tx<'_>, door: usize| {
                        let open = doors[door].read(tx)?;
                        check(open).map(|()| door)
                    };
                    tx.or_else(|tx| through(tx, 0), |tx| through(tx, 1))
                })
            }
        });
        until_one_waits(&engine);
        doors[woken_by].store(true);
        assert_eq!(waiter.join().unwrap(), woken_by);
    }
}

#[test]
fn a_queue_hands_everything_over_once() {
    let engine = Engine::new();
    let slot = TVar::new_in(&engine, None::<u32>);
    let producer = thread::spawn({
        let (engine, slot) = (engine.clone(), slot.clone());
        move || {
            for item in 0..500 {
                engine.atomically(|tx| {
                    let free = slot.with(tx, Option::is_none)?;
                    check(free)?;
                    slot.write(tx, Some(item))
                });
            }
        }
    });
    for expected in 0..500 {
        let item = engine.atomically(|tx| match slot.replace(tx, None)? {
            Some(item) => Ok(item),
            None => tx.retry(),
        });
        assert_eq!(item, expected);
    }
    producer.join().unwrap();
}

#[test]
fn retry_without_reads_is_an_error() {
    let engine = Engine::new();
    let result: Result<(), _> = engine.try_atomically(|_| Err::<(), Stop<()>>(retry::<()>().unwrap_err().into()));
    assert_eq!(result, Err(TransactionError::NothingToWaitFor));
}

#[test]
#[should_panic(expected = "nothing could ever wake it")]
fn retry_without_reads_panics_where_there_is_no_error_to_return() {
    let engine = Engine::new();
    let written = TVar::new_in(&engine, 0);
    engine.atomically(|tx| {
        written.write(tx, 1)?;
        tx.retry::<()>()
    });
}

#[test]
fn a_wait_that_can_fail_ends_with_the_token() {
    let engine = Engine::new();
    let (token, never) = (Token::new(), TVar::new_in(&engine, false));
    let waiter = thread::spawn({
        let (engine, token, never) = (engine.clone(), token.clone(), never.clone());
        move || token.run(|| engine.try_atomically::<(), Stop<()>>(|tx| Ok(check(never.read(tx)?)?)))
    });
    until_one_waits(&engine);
    token.cancel("shutting down");
    match waiter.join().unwrap() {
        Err(TransactionError::Stopped(Stopped::Cancelled(cancelled))) => {
            assert_eq!(cancelled.reason.as_str(), "shutting down");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_wait_that_cannot_fail_does_not_hear_the_token() {
    let engine = Engine::new();
    let (token, ready) = (Token::new(), TVar::new_in(&engine, false));
    token.cancel("too late");
    let waiter = thread::spawn({
        let (engine, ready) = (engine.clone(), ready.clone());
        move || token.run(|| engine.atomically(|tx| check(ready.read(tx)?)))
    });
    until_one_waits(&engine);
    engine.atomically(|tx| ready.write(tx, true));
    waiter.join().unwrap();
}

/// The transaction waits for a variable whose only writer waits for a message from the one who runs the transaction.
#[test]
fn a_retry_whose_only_writer_waits_for_it_is_a_deadlock() {
    let (graph, token, engine) = (Graph::new(), Token::new(), Engine::new());
    graph.switch_on();
    let (answer, writer) = (TVar::new_in(&engine, 0), Agent::fresh());
    let (tx, rx) = channel::bounded::<i32>(1);
    let writing = thread::spawn({
        let (graph, token, answer) = (graph.clone(), token.clone(), answer.clone());
        move || {
            let _entered = graph.enter();
            writer.run(|| {
                let rx = rx.hold();
                token.run(|| rx.recv().map(|message| answer.store(message))).is_err()
            })
        }
    });
    let waiting = thread::spawn({
        let (graph, token) = (graph.clone(), token.clone());
        move || {
            let _entered = graph.enter();
            let tx = tx.hold();
            let waited = waitfor::ended_by([writer], || {
                token.run(|| engine.try_atomically(|tx| check(answer.read(tx)? != 0).map_err(Stop::<()>::from)))
            });
            // Too late.
            drop(tx);
            matches!(waited, Err(TransactionError::Stopped(Stopped::Cancelled(_))))
        }
    });
    let deadlock = loop {
        if let Some(deadlock) = graph.check().deadlocks.pop() {
            break deadlock;
        }
        thread::yield_now();
    };
    assert_eq!(deadlock.waits.len(), 2);
    let text = deadlock.to_string();
    assert!(text.contains("a change of what a transaction has read"), "{text}");
    assert!(text.contains("(as was declared)"), "{text}");
    token.cancel("it will not end otherwise");
    assert!(waiting.join().unwrap());
    assert!(writing.join().unwrap());
}
