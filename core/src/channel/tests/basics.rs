//! What a user sees first: order, room, names, iterators, errors.

use std::collections::HashSet;
use std::error::Error;
use std::time::{Duration, Instant};

use super::*;
use crate::cancel::Token;
use crate::channel::{How, SendError, TryRecvError, TrySendError, Why};
use crate::event::Stopped;

#[test]
fn values_arrive_in_order() {
    for (tx, rx) in flavours() {
        let sender = thread::spawn(move || (0..1_000).for_each(|value| tx.send(value).unwrap()));
        assert!(rx.iter().eq(0..1_000));
        sender.join().unwrap();
    }
}

#[test]
fn a_bounded_channel_has_the_room_it_was_given() {
    for capacity in 1..6 {
        let (tx, rx) = bounded(capacity);
        assert_eq!((tx.capacity(), rx.capacity()), (Some(capacity), Some(capacity)));
        for round in 0..20 {
            for value in 0..capacity {
                assert_eq!(tx.len(), value);
                assert!(!rx.is_full());
                tx.try_send((round, value)).unwrap();
            }
            assert!(tx.is_full() && !rx.is_empty());
            assert_eq!(tx.try_send((0, 0)), Err(TrySendError::Full((0, 0))));
            for value in 0..capacity {
                assert_eq!(rx.len(), capacity - value);
                assert_eq!(rx.try_recv(), Ok((round, value)));
            }
            assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
        }
    }
}

#[test]
fn positions_wrap_around_the_machine_word() {
    use crate::channel::bounded::Ring;
    use crate::channel::{Flavour, handles};
    for capacity in 1..6 {
        // The last three laps before the word wraps, and some after.
        let (tx, rx) = handles(Flavour::Bounded(Ring::starting_at_lap(capacity, 0_usize.wrapping_sub(3))));
        for value in 0..capacity {
            tx.try_send(value).unwrap();
        }
        for value in 0..capacity * 8 {
            assert_eq!(tx.try_send(0), Err(TrySendError::Full(0)));
            assert_eq!((rx.len(), rx.try_recv()), (capacity, Ok(value)));
            tx.try_send(value + capacity).unwrap();
        }
        tx.close("end");
        assert!(rx.iter().eq(capacity * 8..capacity * 9));
        assert!(matches!(rx.try_recv(), Err(TryRecvError::Closed(_))));
    }
}

#[test]
fn an_unbounded_channel_holds_many_blocks() {
    let (tx, rx) = unbounded();
    assert_eq!(tx.capacity(), None);
    for value in 0..10_000_usize {
        assert_eq!(tx.len(), value);
        tx.try_send(value).unwrap();
    }
    assert!(!tx.is_full());
    for value in 0..10_000 {
        assert_eq!(rx.len(), 10_000 - value);
        assert_eq!(rx.try_recv(), Ok(value));
    }
    assert!(rx.is_empty());
}

#[test]
fn a_rendezvous_channel_holds_nothing() {
    for (tx, rx) in [rendezvous(), bounded(0)] {
        assert_eq!((tx.capacity(), rx.len()), (Some(0), 0));
        assert!(tx.is_full() && tx.is_empty());
        assert_eq!(tx.try_send(1), Err(TrySendError::Full(1)));
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    }
}

#[test]
fn a_rendezvous_send_returns_when_it_has_been_received() {
    let (tx, rx) = rendezvous();
    let received = Arc::new(AtomicUsize::new(0));
    let receiver = thread::spawn({
        let received = received.clone();
        move || {
            pause(A_WHILE);
            received.store(1, Ordering::SeqCst);
            rx.recv()
        }
    });
    tx.send(7).unwrap();
    assert_eq!(received.load(Ordering::SeqCst), 1);
    assert_eq!(receiver.join().unwrap(), Ok(7));
}

#[test]
fn trying_meets_who_waits() {
    let (tx, rx) = rendezvous();
    let receiver = thread::spawn({
        let rx = rx.clone();
        move || rx.recv()
    });
    while tx.try_send(1).is_err() {
        thread::yield_now();
    }
    assert_eq!(receiver.join().unwrap(), Ok(1));
    let sender = thread::spawn(move || tx.send(2));
    let got = loop {
        match rx.try_recv() {
            Ok(value) => break value,
            Err(TryRecvError::Empty) => thread::yield_now(),
            Err(closed) => panic!("{closed}"),
        }
    };
    assert_eq!(got, 2);
    assert!(sender.join().unwrap().is_ok());
}

#[test]
fn deadlines_pass() {
    for (tx, rx) in flavours() {
        let started = Instant::now();
        assert!(rx.recv_timeout(A_WHILE).unwrap_err().is_timeout());
        assert!(rx.recv_deadline(Instant::now() + A_WHILE).unwrap_err().is_timeout());
        assert!(started.elapsed() >= 2 * A_WHILE);
        if tx.capacity().is_some() {
            let _ = tx.try_send(1);
            let error = tx.send_timeout(2, A_WHILE).unwrap_err();
            assert!(error.why.is_timeout() && error.value == 2);
            let error = tx.send_deadline(3, Instant::now()).unwrap_err();
            assert!(error.why.is_timeout() && error.into_inner() == 3);
        } else {
            tx.send_timeout(1, Duration::ZERO).unwrap();
        }
    }
}

#[test]
fn what_is_possible_at_once_is_done_after_the_deadline_too() {
    for (tx, rx) in buffered() {
        let past = Instant::now();
        tx.send_deadline(1, past).unwrap();
        tx.send_timeout(2, Duration::ZERO).unwrap();
        assert_eq!(rx.recv_deadline(past), Ok(1));
        assert_eq!(rx.recv_timeout(Duration::ZERO), Ok(2));
    }
}

#[test]
fn a_close_and_a_cancellation_are_told_after_the_deadline_too() {
    for (tx, rx) in flavours() {
        let token = Token::new();
        token.cancel("enough");
        token.run(|| {
            assert!(matches!(rx.recv_timeout(Duration::ZERO), Err(Why::Stopped(Stopped::Cancelled(_)))));
            assert!(matches!(rx.recv_deadline(Instant::now()), Err(Why::Stopped(Stopped::Cancelled(_)))));
        });
        tx.close("done");
        assert!(matches!(rx.recv_timeout(Duration::ZERO), Err(Why::Closed(_))));
        assert!(matches!(tx.send_deadline(1, Instant::now()).unwrap_err().why, Why::Closed(_)));
        token.run(|| assert!(matches!(rx.recv_timeout(Duration::ZERO), Err(Why::Closed(_)))));
    }
}

#[test]
fn a_timeout_that_no_clock_can_tell_is_none() {
    let (tx, rx) = rendezvous();
    let sender = thread::spawn(move || tx.send_timeout(1, Duration::MAX));
    assert_eq!(rx.recv_timeout(Duration::MAX), Ok(1));
    assert!(sender.join().unwrap().is_ok());
}

#[test]
fn every_value_goes_to_one_of_many() {
    const EACH: usize = 2_000;
    for (tx, rx) in flavours() {
        let senders: Vec<_> = (0..3)
            .map(|sender| {
                let tx = tx.clone();
                thread::spawn(move || (0..EACH).for_each(|number| tx.send((sender, number)).unwrap()))
            })
            .collect();
        drop(tx);
        let receivers: Vec<_> = (0..3)
            .map(|_| {
                let rx = rx.clone();
                thread::spawn(move || rx.iter().collect::<Vec<(usize, usize)>>())
            })
            .collect();
        let mut seen = HashSet::new();
        for receiver in receivers {
            let mut last = [None; 3];
            for (sender, number) in receiver.join().unwrap() {
                assert!(last[sender] < Some(number), "values of one sender came out of order");
                last[sender] = Some(number);
                assert!(seen.insert((sender, number)), "a value came twice");
            }
        }
        assert_eq!(seen.len(), 3 * EACH);
        for sender in senders {
            sender.join().unwrap();
        }
    }
}

#[test]
fn handles_know_their_channel() {
    let [(a, a_out), (b, _), (c, _)] = flavours::<()>();
    assert!(a.same_channel(&a.clone()) && !a.same_channel(&b) && !b.same_channel(&c));
    assert!(a_out.same_channel(&a_out.clone()));
}

#[test]
fn a_name_is_in_the_messages() {
    let (tx, rx) = bounded::<u8>(1);
    assert_eq!(rx.name(), None);
    tx.set_name("jobs");
    rx.set_name(format!("jobs of {}", "today"));
    assert_eq!(tx.name().as_deref(), Some("jobs of today"));
    assert!(format!("{tx:?}").contains("jobs of today"));
    tx.close("enough");
    let closed = rx.recv().unwrap_err();
    assert_eq!(closed.to_string(), "channel \"jobs of today\" was closed by a sender: enough");
    assert_eq!(closed.closed().unwrap().channel(), Some("jobs of today"));
}

#[test]
fn errors_ask_nothing_of_the_value() {
    struct Opaque;
    fn check(_: &(dyn Error + 'static)) {}
    let (tx, rx) = bounded(1);
    let _ = tx.send(Opaque);
    let full = tx.try_send(Opaque).unwrap_err();
    assert!(full.is_full());
    check(&full);
    rx.close("full of it");
    let closed = tx.send(Opaque).unwrap_err();
    check(&closed);
    assert_eq!(format!("{closed}"), "not sent: the channel was closed by a receiver: full of it");
    assert!(format!("{closed:?}").starts_with("SendError"));
    let SendError { value: Opaque, why: Why::Closed(why) } = closed else { panic!("closed") };
    assert_eq!((why.how(), why.reason().as_str()), (How::ByReceiver, "full of it"));
    let refused = tx.try_send(Opaque).unwrap_err();
    assert!(format!("{refused}").starts_with("not sent: the channel was closed"));
    assert!(format!("{refused:?}").starts_with("Closed"));
    let Opaque = refused.into_inner();
}

#[test]
fn iterators_end_with_the_channel() {
    for (tx, rx) in buffered() {
        for value in 0..3 {
            tx.send(value).unwrap();
        }
        assert!(rx.try_iter().eq(0..3));
        tx.send(3).unwrap();
        drop(tx);
        let mut values = Vec::new();
        for value in &rx {
            values.push(value);
        }
        assert_eq!(values, [3]);
        assert_eq!(rx.into_iter().next(), None);
    }
}

#[test]
fn values_may_have_no_size() {
    for (tx, rx) in buffered() {
        for _ in 0..3 {
            tx.send(()).unwrap();
        }
        drop(tx);
        assert_eq!(rx.iter().count(), 3);
    }
}
