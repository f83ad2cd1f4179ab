//! Receives that end without a value lose none, and sends that end duplicate none.

use std::time::Duration;

use super::*;
use crate::cancel::Token;
use crate::channel::Why;
use crate::event::Stopped;

const VALUES: usize = 1_000;

/// Sends all values, with a break now and then so that receivers do time out.
fn send_all(tx: &Sender<usize>) {
    for value in 0..VALUES {
        if value % 50 == 0 {
            pause(Duration::from_micros(300));
        }
        tx.send(value).unwrap();
    }
}

#[test]
fn timed_out_receives_lose_nothing() {
    for (tx, rx) in flavours() {
        let sender = thread::spawn(move || send_all(&tx));
        let (mut received, mut timeouts) = (Vec::new(), 0);
        loop {
            match rx.recv_timeout(Duration::from_micros(20)) {
                Ok(value) => received.push(value),
                Err(Why::Stopped(Stopped::TimedOut)) => timeouts += 1,
                Err(Why::Closed(_)) => break,
                Err(other) => panic!("{other}"),
            }
        }
        sender.join().unwrap();
        assert!(received.into_iter().eq(0..VALUES));
        assert!(timeouts > 0, "the probe is about timeouts");
    }
}

#[test]
fn timed_out_sends_are_neither_lost_nor_doubled() {
    for (tx, rx) in [bounded(1), rendezvous()] {
        let sender = thread::spawn(move || {
            let mut timeouts = 0;
            for value in 0..VALUES {
                let mut value = value;
                while let Err(error) = tx.send_timeout(value, Duration::from_micros(20)) {
                    timeouts += 1;
                    value = error.value;
                }
            }
            timeouts
        });
        let mut received = Vec::new();
        for value in &rx {
            if value % 50 == 0 {
                pause(Duration::from_micros(300));
            }
            received.push(value);
        }
        assert!(received.into_iter().eq(0..VALUES));
        assert!(sender.join().unwrap() > 0, "the probe is about timeouts");
    }
}

#[test]
fn dropped_futures_lose_nothing() {
    for (tx, rx) in flavours() {
        let sender = thread::spawn(move || send_all(&tx));
        let mut received = Vec::new();
        let mut dropped = 0;
        loop {
            let mut receiving = rx.recv_async();
            match poll_once(&mut receiving) {
                Poll::Ready(Ok(value)) => received.push(value),
                Poll::Ready(Err(_)) => break,
                Poll::Pending => {
                    thread::yield_now();
                    dropped += 1;
                }
            }
        }
        sender.join().unwrap();
        assert!(received.into_iter().eq(0..VALUES));
        assert!(dropped > 0, "the probe is about dropped futures");
    }
}

#[test]
fn cancelled_receives_lose_nothing() {
    for (tx, rx) in flavours() {
        let sender = thread::spawn(move || send_all(&tx));
        let (tokens, to_cancel) = unbounded::<Token>();
        let canceller = thread::spawn(move || {
            for token in &to_cancel {
                thread::yield_now();
                token.cancel("too slow");
            }
        });
        let (mut received, mut cancelled) = (Vec::new(), 0);
        loop {
            let token = Token::new();
            tokens.send(token.clone()).unwrap();
            match token.run(|| rx.recv()) {
                Ok(value) => received.push(value),
                Err(Why::Stopped(Stopped::Cancelled(why))) => {
                    assert_eq!(why.reason.as_str(), "too slow");
                    cancelled += 1;
                }
                Err(_) => break,
            }
        }
        drop(tokens);
        sender.join().unwrap();
        canceller.join().unwrap();
        assert!(received.into_iter().eq(0..VALUES));
        assert!(cancelled > 0, "the probe is about cancellation");
    }
}

#[test]
fn a_cancelled_send_gives_its_value_back() {
    for (tx, rx) in [bounded(1), rendezvous()] {
        let _ = tx.try_send(0);
        let token = Token::new();
        let sender = thread::spawn({
            let (tx, token) = (tx.clone(), token.clone());
            move || token.run(|| tx.send(1))
        });
        pause(A_WHILE);
        token.cancel("changed my mind");
        let error = sender.join().unwrap().unwrap_err();
        assert_eq!((error.value, error.why.to_string()), (1, "cancelled: changed my mind".to_owned()));
        drop(tx);
        assert!(rx.iter().all(|value| value == 0));
    }
}

#[test]
fn a_cancelled_token_stops_only_who_would_wait() {
    let token = Token::new();
    token.cancel("done");
    token.run(|| {
        let (tx, rx) = bounded(1);
        tx.send(1).unwrap();
        assert!(matches!(tx.send(2).unwrap_err().why, Why::Stopped(_)));
        assert_eq!(rx.recv(), Ok(1));
        assert!(matches!(rx.recv(), Err(Why::Stopped(Stopped::Cancelled(_)))));
        assert_eq!(rx.iter().next(), None);
    });
}
