//! Every value is dropped once, wherever it ends.

use super::*;
use crate::event::Event;

#[test]
fn the_last_receiver_drops_what_is_left() {
    let drops = Drops::default();
    let (tx, rx) = unbounded();
    for _ in 0..100 {
        tx.send(drops.token()).unwrap();
    }
    drop(rx.recv());
    assert_eq!(drops.count(), 1);
    drop(rx);
    assert_eq!(drops.count(), 100, "promptly, though a sender is left");
    drop(tx.send(drops.token()));
    assert_eq!(drops.count(), 101);
}

#[test]
fn values_are_dropped_once_in_every_state_of_a_ring() {
    for capacity in 1..5 {
        for before in 0..2 * capacity {
            for left in 0..=capacity {
                let drops = Drops::default();
                let (tx, rx) = bounded(capacity);
                for _ in 0..before {
                    tx.send(drops.token()).unwrap();
                    drop(rx.recv().unwrap());
                }
                for _ in 0..left {
                    tx.send(drops.token()).unwrap();
                }
                tx.close("end");
                drop(rx);
                drop(tx);
                assert_eq!(drops.count(), before + left);
            }
        }
    }
}

#[test]
fn values_are_dropped_once_in_every_state_of_a_list() {
    for before in [0, 1, 30, 31, 32, 62, 63, 400] {
        for left in [0, 1, 30, 31, 32, 61, 62, 63, 500] {
            let drops = Drops::default();
            let (tx, rx) = unbounded();
            for _ in 0..before {
                tx.send(drops.token()).unwrap();
                drop(rx.recv().unwrap());
            }
            for _ in 0..left {
                tx.send(drops.token()).unwrap();
            }
            drop(tx);
            drop(rx);
            assert_eq!(drops.count(), before + left);
        }
    }
}

#[test]
fn under_traffic_every_value_is_dropped_once() {
    const EACH: usize = 1_000;
    for (tx, rx) in flavours() {
        let drops = Drops::default();
        let senders: Vec<_> = (0..2)
            .map(|_| {
                let (tx, drops) = (tx.clone(), drops.clone());
                thread::spawn(move || (0..EACH).for_each(|_| drop(tx.send(drops.token()))))
            })
            .collect();
        let receivers: Vec<_> = (0..2)
            .map(|_| {
                let rx = rx.clone();
                thread::spawn(move || rx.iter().take(EACH / 2).for_each(drop))
            })
            .collect();
        drop(rx);
        drop(tx);
        for thread in senders.into_iter().chain(receivers) {
            thread.join().unwrap();
        }
        assert_eq!(drops.count(), 2 * EACH);
    }
}

#[test]
fn a_destructor_that_panics_harms_no_other_value() {
    struct Explosive(#[expect(dead_code, reason = "is dropped")] Dropped, bool);
    impl Drop for Explosive {
        fn drop(&mut self) {
            if self.1 {
                std::panic::resume_unwind(Box::new("a destructor of the user's"));
            }
        }
    }
    for (tx, rx) in buffered() {
        let drops = Drops::default();
        for number in 0..4 {
            tx.send(Explosive(drops.token(), number % 2 == 0)).unwrap();
        }
        drop(rx);
        assert_eq!(drops.count(), 4);
        assert!(tx.is_closed());
    }
}

#[test]
fn a_destructor_may_use_the_channel() {
    struct Chatty(Option<Sender<Chatty>>);
    impl Drop for Chatty {
        fn drop(&mut self) {
            if let Some(tx) = self.0.take() {
                assert!(tx.send(Chatty(None)).is_err() && tx.is_closed());
                tx.close("from a destructor");
            }
        }
    }
    for (tx, rx) in buffered() {
        tx.send(Chatty(Some(tx.clone()))).unwrap();
        drop(rx);
    }
}

#[test]
fn an_event_that_did_not_happen_drops_its_value_or_gives_it_back() {
    let drops = Drops::default();
    for (tx, _rx) in [bounded(1), rendezvous()] {
        let _ = tx.try_send(drops.token());
        let before = drops.count();
        let mut event = tx.send_event(drops.token());
        assert!(event.attempt().is_none());
        let value = event.into_inner();
        assert_eq!(drops.count(), before);
        drop(value);
        drop(tx.send_event(drops.token()));
        assert_eq!(drops.count(), before + 2);
    }
}
