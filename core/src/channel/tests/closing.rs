//! Close: from either side, explicitly or by the last drop, beside operations that wait.

use super::*;
use crate::channel::{Closed, How, TryRecvError, TrySendError};

fn closed_of(rx: &Receiver<i32>) -> Closed {
    rx.recv().unwrap_err().closed().expect("closed").clone()
}

#[test]
fn receivers_drain_and_then_learn_the_reason() {
    for (tx, rx) in buffered() {
        tx.send(1).unwrap();
        tx.send(2).unwrap();
        assert!(rx.close("enough"));
        assert!(tx.is_closed() && rx.is_closed());
        let error = tx.send(3).unwrap_err();
        assert_eq!((error.value, error.why.closed().unwrap().how()), (3, How::ByReceiver));
        assert!(matches!(tx.try_send(4), Err(TrySendError::Closed(4, _))));
        assert_eq!((rx.recv(), rx.try_recv()), (Ok(1), Ok(2)));
        assert_eq!(closed_of(&rx).reason().as_str(), "enough");
        assert!(matches!(rx.try_recv(), Err(TryRecvError::Closed(_))));
    }
}

#[test]
fn the_first_close_is_the_one_that_is_told() {
    for (tx, rx) in flavours::<i32>() {
        assert!(tx.close("first"));
        assert!(!rx.close("second") && !tx.close("third"));
        let closed = closed_of(&rx);
        assert_eq!((closed.how(), closed.reason().as_str()), (How::BySender, "first"));
        drop(tx);
        assert_eq!(closed_of(&rx), closed);
    }
}

#[test]
fn the_last_sender_closes() {
    for (tx, rx) in flavours::<i32>() {
        let other = tx.clone();
        drop(tx);
        assert!(!rx.is_closed());
        drop(other);
        assert!(rx.is_closed());
        let closed = closed_of(&rx);
        assert_eq!(
            (closed.how(), closed.to_string()),
            (How::SendersDropped, "the channel is closed: all senders were dropped".to_owned())
        );
    }
}

#[test]
fn the_last_receiver_closes() {
    for (tx, rx) in flavours::<i32>() {
        let other = rx.clone();
        drop(rx);
        assert!(!tx.is_closed());
        drop(other);
        let error = tx.send(1).unwrap_err();
        assert_eq!(error.why.closed().unwrap().how(), How::ReceiversDropped);
    }
}

#[test]
fn blocked_receivers_learn_of_a_close() {
    for (tx, rx) in flavours::<i32>() {
        let blocked: Vec<_> = (0..3)
            .map(|_| {
                let rx = rx.clone();
                thread::spawn(move || closed_of(&rx))
            })
            .collect();
        pause(A_WHILE);
        tx.close("go home");
        for receiver in blocked {
            assert_eq!(receiver.join().unwrap().reason().as_str(), "go home");
        }
    }
}

#[test]
fn blocked_senders_learn_of_a_close_and_keep_their_values() {
    for (tx, rx) in [bounded(1), rendezvous()] {
        let _ = tx.try_send(0);
        let blocked: Vec<_> = (1..4)
            .map(|value| {
                let tx = tx.clone();
                thread::spawn(move || tx.send(value).unwrap_err())
            })
            .collect();
        pause(A_WHILE);
        let buffered = rx.len();
        drop(rx);
        for (sender, value) in blocked.into_iter().zip(1..) {
            let error = sender.join().unwrap();
            assert_eq!((error.value, error.why.closed().unwrap().how()), (value, How::ReceiversDropped));
        }
        assert!(buffered <= 1);
    }
}

#[test]
fn blocked_receivers_learn_that_the_last_sender_is_gone() {
    for (tx, rx) in flavours::<i32>() {
        let blocked = thread::spawn(move || closed_of(&rx));
        pause(A_WHILE);
        drop(tx);
        assert_eq!(blocked.join().unwrap().how(), How::SendersDropped);
    }
}

#[test]
fn who_sent_before_the_close_is_received() {
    const ROUNDS: usize = 300;
    for round in 0..ROUNDS {
        for (tx, rx) in flavours::<usize>() {
            let sender = thread::spawn(move || (0..).take_while(|value| tx.send(*value).is_ok()).count());
            let mut received = 0;
            for _ in 0..round % 7 {
                received += usize::from(rx.recv().is_ok());
            }
            rx.close("enough");
            received += rx.iter().count();
            assert_eq!(sender.join().unwrap(), received, "each send that succeeded was received");
        }
    }
}
