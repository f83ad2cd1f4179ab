//! Every blocking call that promises to heed the current cancellation token does, and says why it ended.
//!
//! Each call of the table would block for ever, or for an hour. It is made twice: with a token that has been cancelled, and with one that is
//! cancelled once the call sleeps. Those that promise the opposite (`lock`, `read`, `write`, `take`, `Latch::wait`, `Barrier::wait`) are not here.
#![cfg(not(any(reweave_loom, reweave_shuttle)))]

use std::time::{Duration, Instant};

use reweave_core::cancel::{self, Cancelled, Token};
use reweave_core::channel::{self, Receiver, SendError, Sender, Why};
use reweave_core::context::Agent;
use reweave_core::event::{self, Limits, Select, Stopped};
use reweave_core::lock::{AcquireError, Barrier, Latch, Lock, RwLock, Semaphore};
use reweave_core::promise::{self, Eventual, Failure};
use reweave_core::select;
use reweave_core::sync::{Arc, thread};
use reweave_core::time;
use reweave_core::trigger::Trigger;
use reweave_core::waitfor::Graph;

/// Longer than any test may take.
const HOUR: Duration = Duration::from_secs(3600);
/// How long a call that has been cancelled may go on before the test fails, on a machine however busy.
const PATIENCE: Duration = Duration::from_secs(60);

type Pair = (Sender<Box<u8>>, Receiver<Box<u8>>);

/// How a call ended.
type End = Result<Cancelled, String>;

fn stopped<T>(outcome: Result<T, Stopped>) -> End {
    match outcome {
        Err(Stopped::Cancelled(cancelled)) => Ok(cancelled),
        Err(other) => Err(other.to_string()),
        Ok(_) => Err("it went on".to_owned()),
    }
}

fn received<T>(outcome: Result<T, Why>) -> End {
    stopped(outcome.map_err(|why| match why {
        Why::Stopped(stopped) => stopped,
        Why::Closed(closed) => panic!("{closed}"),
    }))
}

/// A channel in which nobody receives, and how a call that sends there ended. The value must have come back.
fn sending((tx, _rx): Pair, send: impl FnOnce(&Sender<Box<u8>>, Box<u8>) -> Result<(), SendError<Box<u8>>>) -> End {
    received(send(&tx, Box::new(7)).map_err(|error| {
        assert_eq!(*error.value, 7, "what was not sent comes back");
        error.why
    }))
}

/// A channel in which nobody sends, and how a call that receives there ended.
fn receiving((_tx, rx): Pair, receive: impl FnOnce(&Receiver<Box<u8>>) -> Result<Box<u8>, Why>) -> End {
    received(receive(&rx))
}

fn acquired<T>(outcome: Result<T, AcquireError>) -> End {
    match outcome {
        Err(AcquireError::Cancelled(cancelled)) => Ok(cancelled),
        Err(other) => Err(other.to_string()),
        Ok(_) => Err("it was acquired".to_owned()),
    }
}

/// A promise that is not kept, and how a call that waits for it ended.
fn promised(wait: impl FnOnce(&Eventual<u8, ()>) -> Result<&u8, Failure<&()>>) -> End {
    let (_promise, eventual) = promise::pair();
    stopped(wait(&eventual).map_err(|failure| match failure {
        Failure::Stopped(stopped) => stopped,
        Failure::Error(()) | Failure::Broken => panic!("the promise is open"),
    }))
}

/// A bounded channel without room.
fn full() -> Pair {
    let (tx, rx) = channel::bounded(1);
    tx.try_send(Box::new(0)).unwrap();
    (tx, rx)
}

fn deadline() -> Instant {
    Instant::now() + HOUR
}

/// What another holds: to the agent that holds it itself, a call says that it would wait for itself.
fn others<G>(hold: impl FnOnce() -> G) -> G {
    Agent::fresh().run(hold)
}

fn locking(acquire: impl FnOnce(&Lock<()>) -> End) -> End {
    let lock = Lock::new(());
    let _held = others(|| lock.lock());
    acquire(&lock)
}

fn reading(acquire: impl FnOnce(&RwLock<()>) -> End) -> End {
    let lock = RwLock::new(());
    let _held = others(|| lock.write());
    acquire(&lock)
}

fn writing(acquire: impl FnOnce(&RwLock<()>) -> End) -> End {
    let lock = RwLock::new(());
    let _held = others(|| lock.read());
    acquire(&lock)
}

fn taking(acquire: impl FnOnce(&Semaphore) -> End) -> End {
    let permits = Semaphore::new(2);
    let _held = others(|| permits.take(1));
    acquire(&permits)
}

/// A blocking call: its name, and how it ended when it was made.
type Call = (&'static str, fn() -> End);

const CALLS: &[Call] = &[
    ("bounded send", || sending(full(), |tx, value| tx.send(value))),
    ("bounded send_timeout", || sending(full(), |tx, value| tx.send_timeout(value, HOUR))),
    ("bounded send_deadline", || sending(full(), |tx, value| tx.send_deadline(value, deadline()))),
    ("rendezvous send", || sending(channel::rendezvous(), |tx, value| tx.send(value))),
    ("rendezvous send_timeout", || sending(channel::rendezvous(), |tx, value| tx.send_timeout(value, HOUR))),
    ("rendezvous send_deadline", || sending(channel::rendezvous(), |tx, value| tx.send_deadline(value, deadline()))),
    ("bounded recv", || receiving(channel::bounded(1), Receiver::recv)),
    ("bounded recv_timeout", || receiving(channel::bounded(1), |rx| rx.recv_timeout(HOUR))),
    ("bounded recv_deadline", || receiving(channel::bounded(1), |rx| rx.recv_deadline(deadline()))),
    ("unbounded recv", || receiving(channel::unbounded(), Receiver::recv)),
    ("unbounded recv_timeout", || receiving(channel::unbounded(), |rx| rx.recv_timeout(HOUR))),
    ("unbounded recv_deadline", || receiving(channel::unbounded(), |rx| rx.recv_deadline(deadline()))),
    ("rendezvous recv", || receiving(channel::rendezvous(), Receiver::recv)),
    ("rendezvous recv_timeout", || receiving(channel::rendezvous(), |rx| rx.recv_timeout(HOUR))),
    ("rendezvous recv_deadline", || receiving(channel::rendezvous(), |rx| rx.recv_deadline(deadline()))),
    ("Receiver::iter", || {
        let (_tx, rx) = channel::unbounded::<u8>();
        assert_eq!(rx.iter().next(), None);
        // An iterator ends, and the token has the reason.
        cancel::check().err().ok_or_else(|| "it ended by itself".to_owned())
    }),
    ("select!", || {
        let ((tx, _rx), (_left, left)) = (full(), channel::rendezvous::<u8>());
        stopped(select! {
            sent = tx.send_event(Box::new(1)) => drop(sent),
            received = left.recv_event() => drop(received),
        })
    }),
    ("Select::wait", || {
        let (_tx, rx) = channel::unbounded::<u8>();
        let mut either = Select::new();
        either.add(rx.recv_event());
        stopped(either.wait())
    }),
    ("Select::wait_deadline", || {
        let (_tx, rx) = channel::unbounded::<u8>();
        let mut either = Select::new();
        either.add(rx.recv_event());
        stopped(either.wait_deadline(deadline()))
    }),
    ("event::wait", || stopped(event::wait(Token::new().cancelled()))),
    ("event::wait_with", || stopped(event::wait_with(Token::new().cancelled(), Limits::until(deadline())))),
    ("event::wait_signal", || stopped(event::wait_signal(&Arc::new(Trigger::new()), "a signal", Limits::default()))),
    ("Eventual::wait", || promised(Eventual::wait)),
    ("Eventual::wait_timeout", || promised(|eventual| eventual.wait_timeout(HOUR))),
    ("Eventual::wait_deadline", || promised(|eventual| eventual.wait_deadline(deadline()))),
    ("Lock::acquire", || locking(|lock| acquired(lock.acquire()))),
    ("Lock::acquire_timeout", || locking(|lock| acquired(lock.acquire_timeout(HOUR)))),
    ("Lock::acquire_deadline", || locking(|lock| acquired(lock.acquire_deadline(deadline())))),
    ("RwLock::acquire_read", || reading(|lock| acquired(lock.acquire_read()))),
    ("RwLock::acquire_read_timeout", || reading(|lock| acquired(lock.acquire_read_timeout(HOUR)))),
    ("RwLock::acquire_read_deadline", || reading(|lock| acquired(lock.acquire_read_deadline(deadline())))),
    ("RwLock::acquire_write", || writing(|lock| acquired(lock.acquire_write()))),
    ("RwLock::acquire_write_timeout", || writing(|lock| acquired(lock.acquire_write_timeout(HOUR)))),
    ("RwLock::acquire_write_deadline", || writing(|lock| acquired(lock.acquire_write_deadline(deadline())))),
    ("Semaphore::acquire", || taking(|permits| acquired(permits.acquire(2)))),
    ("Semaphore::acquire_timeout", || taking(|permits| acquired(permits.acquire_timeout(2, HOUR)))),
    ("Semaphore::acquire_deadline", || taking(|permits| acquired(permits.acquire_deadline(2, deadline())))),
    ("Latch::wait_or_stop", || acquired(Latch::new(1).wait_or_stop())),
    ("Latch::wait_timeout", || acquired(Latch::new(1).wait_timeout(HOUR))),
    ("Latch::wait_deadline", || acquired(Latch::new(1).wait_deadline(deadline()))),
    ("Barrier::wait_or_stop", || acquired(Barrier::new(2).wait_or_stop())),
    ("Barrier::wait_timeout", || acquired(Barrier::new(2).wait_timeout(HOUR))),
    ("Barrier::wait_deadline", || acquired(Barrier::new(2).wait_deadline(deadline()))),
    ("time::sleep", || stopped(time::sleep(HOUR))),
    ("time::sleep_until", || stopped(time::sleep_until(deadline()))),
    ("Interval::tick", || stopped(time::interval(HOUR).tick())),
    ("time::timeout", || {
        let inside = time::timeout(HOUR, || event::wait(Token::new().cancelled()));
        stopped(inside.expect("the hour is not over"))
    }),
];

/// Makes the call on a thread of its own, with `token` as the current one and its sleep known to `graph`; what comes ends it.
fn begin(call: fn() -> End, token: &Token, graph: &Graph) -> Receiver<End> {
    let (tell, end) = channel::unbounded();
    let (token, graph) = (token.clone(), graph.clone());
    thread::spawn(move || {
        let _entered = graph.enter();
        let _ = tell.send(token.run(call));
    });
    end
}

/// The call must end soon, because of the token, and say so.
fn must_end(name: &str, when: &str, token: &Token, end: &Receiver<End>) {
    let end = end.recv_timeout(PATIENCE).unwrap_or_else(|why| panic!("{name}, cancelled {when}: no answer, {why}"));
    let cancelled = end.unwrap_or_else(|other| panic!("{name}, cancelled {when}: {other}"));
    assert_eq!(cancelled.reason.as_str(), name, "the reason, cancelled {when}");
    assert_eq!(cancelled.source.id, token.id(), "{name}, cancelled {when}: the source");
}

#[test]
fn blocking_calls_end_at_once_when_the_token_has_been_cancelled() {
    for &(name, call) in CALLS {
        let token = Token::new();
        token.cancel(name);
        must_end(name, "before", &token, &begin(call, &token, &Graph::new()));
    }
}

#[test]
fn blocking_calls_end_when_the_token_is_cancelled_while_they_sleep() {
    for &(name, call) in CALLS {
        let (token, graph) = (Token::new(), Graph::new());
        graph.switch_on();
        let end = begin(call, &token, &graph);
        let begun = Instant::now();
        while graph.waiting() == 0 {
            assert!(begun.elapsed() < PATIENCE, "{name} does not sleep");
            thread::yield_now();
        }
        assert!(end.try_recv().is_err(), "{name} has ended by itself");
        token.cancel(name);
        must_end(name, "asleep", &token, &end);
        graph.switch_off();
    }
}
