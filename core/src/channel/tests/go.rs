//! The documented behaviour of channels in Go and core.async, case by case.

use std::time::Duration;

use super::*;
use crate::channel::{RecvEvent, Why};
use crate::event::{Event, Select, Stopped};
use crate::select;

/// Go: a nil channel never communicates; a merge switches an input off when it has ended.
#[test]
fn a_switched_off_arm_never_happens() {
    let (left_tx, left) = unbounded();
    let (right_tx, right) = unbounded();
    for value in 0..10 {
        left_tx.send(value).unwrap();
        right_tx.send(100 + value).unwrap();
    }
    drop((left_tx, right_tx));
    let (mut left, mut right) = (Some(&left), Some(&right));
    let mut merged = Vec::new();
    while left.is_some() || right.is_some() {
        select! {
            value = left.map(Receiver::recv_event) => match value {
                Ok(value) => merged.push(value),
                Err(_) => left = None,
            },
            value = right.map(Receiver::recv_event) => match value {
                Ok(value) => merged.push(value),
                Err(_) => right = None,
            },
        }
        .unwrap();
    }
    merged.sort_unstable();
    assert!(merged.into_iter().eq((0..10).chain(100..110)));
}

/// Go: a select among nil channels alone takes its default.
#[test]
fn nothing_to_wait_for_takes_the_default() {
    let never: Option<RecvEvent<'_, ()>> = None;
    let got = select! { _ = never => "an event", default => "the default" };
    assert_eq!(got, "the default");
}

/// Go: a receive on a closed channel is always ready, so a select sees it at once.
#[test]
fn a_closed_channel_is_ready_in_a_select() {
    for (tx, rx) in flavours::<u8>() {
        drop(tx);
        let got = select! { value = rx.recv_event() => value.is_err(), default => false };
        assert!(got);
    }
}

/// Go panics when a closed channel is sent on; here the arm is ready with an error that has the value.
#[test]
fn a_send_on_a_closed_channel_is_ready_with_an_error() {
    for (tx, rx) in flavours() {
        drop(rx);
        let sent = select! { sent = tx.send_event(5) => sent }.unwrap();
        assert_eq!(sent.unwrap_err().into_inner(), 5);
    }
}

/// Go: of several ready cases one is chosen by chance.
#[test]
fn a_select_is_fair() {
    let ready: Vec<_> = (0..4).map(|_| unbounded()).collect();
    let mut hits = [0; 4];
    for _ in 0..4_000 {
        for (tx, _) in &ready {
            if tx.is_empty() {
                tx.send(()).unwrap();
            }
        }
        let [a, b, c, d] = [0, 1, 2, 3].map(|index: usize| ready[index].1.recv_event());
        let index = select! { _ = a => 0, _ = b => 1, _ = c => 2, _ = d => 3 }.unwrap();
        hits[index] += 1;
    }
    assert!(hits.iter().all(|&hits| (800..1_200).contains(&hits)), "{hits:?}");
}

#[test]
fn a_biased_select_prefers_the_first() {
    let (tx, rx) = unbounded();
    let (other_tx, other) = unbounded();
    for value in 0..10 {
        tx.send(value).unwrap();
        other_tx.send(value).unwrap();
    }
    for _ in 0..10 {
        select! { biased; _ = rx.recv_event() => (), _ = other.recv_event() => panic!("the first is ready") }.unwrap();
    }
    assert_eq!(other.len(), 10);
}

/// Go: ping-pong over two unbuffered channels.
#[test]
fn ping_pong() {
    for ((ping, pinged), (pong, ponged)) in flavours().into_iter().zip(flavours()) {
        let player = thread::spawn(move || pinged.iter().for_each(|ball: u32| pong.send(ball + 1).unwrap()));
        let last = (0..500).fold(0, |ball, _| {
            ping.send(ball).unwrap();
            ponged.recv().unwrap()
        });
        assert_eq!(last, 500);
        drop(ping);
        player.join().unwrap();
    }
}

/// Hoare's, McIlroy's and Pike's sieve: a chain of filters, each a thread between two rendezvous channels.
#[test]
fn the_sieve_of_eratosthenes() {
    let (tx, mut primes) = rendezvous();
    let mut chain = vec![thread::spawn(move || {
        for candidate in 2_u32.. {
            if tx.send(candidate).is_err() {
                return;
            }
        }
    })];
    let mut found = Vec::new();
    for _ in 0..12 {
        let prime = primes.recv().unwrap();
        found.push(prime);
        let (tx, filtered) = rendezvous();
        let source = std::mem::replace(&mut primes, filtered);
        chain.push(thread::spawn(move || {
            for candidate in &source {
                if candidate % prime != 0 && tx.send(candidate).is_err() {
                    return;
                }
            }
        }));
    }
    drop(primes);
    for filter in chain {
        filter.join().unwrap();
    }
    assert_eq!(found, [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37]);
}

/// Go: a select may send and receive, on one channel too; it never talks to itself.
#[test]
fn a_select_does_not_meet_itself() {
    let (tx, rx) = rendezvous();
    let mut select = Select::new();
    select.add(tx.send_event(1).map(|sent| sent.err().map(|error| error.value)));
    select.add(rx.recv_event().map(|received| received.ok()));
    let deadline = std::time::Instant::now() + A_WHILE;
    assert_eq!(select.wait_deadline(deadline), Err(Stopped::TimedOut));
    assert_eq!(select.attempt(), None);
}

/// ... but two of them meet, and each pair is one send and one receive.
#[test]
fn two_selects_that_send_and_receive_meet() {
    const ROUNDS: usize = 500;
    let (tx, rx) = rendezvous();
    let both: Vec<_> = (0..2)
        .map(|_| {
            let (tx, rx) = (tx.clone(), rx.clone());
            thread::spawn(move || {
                let (mut sent, mut received) = (0, 0);
                for _ in 0..ROUNDS {
                    select! {
                        done = tx.send_event(1) => { done.unwrap(); sent += 1; },
                        value = rx.recv_event() => received += value.unwrap(),
                    }
                    .unwrap();
                }
                (sent, received)
            })
        })
        .collect();
    let [a, b] = <[_; 2]>::try_from(both).ok().unwrap().map(|thread| thread.join().unwrap());
    assert_eq!((a.0, b.0), (b.1, a.1), "what one has sent the other has received");
    assert_eq!(a.0 + b.0, ROUNDS);
}

/// Go: a blocked select is woken by whichever case becomes ready, and only that one happens.
#[test]
fn one_case_of_a_blocked_select_happens() {
    for (tx, rx) in flavours() {
        let (other_tx, other) = bounded(1);
        other_tx.send(0).unwrap();
        let waiting = thread::spawn({
            let other_tx = other_tx.clone();
            move || {
                select! {
                    value = rx.recv_event() => value.unwrap(),
                    sent = other_tx.send_event(9) => panic!("there is no room: {sent:?}"),
                }
                .unwrap()
            }
        });
        pause(A_WHILE);
        tx.send(3).unwrap();
        assert_eq!(waiting.join().unwrap(), 3);
        assert_eq!((other.try_recv(), other.try_recv().is_err()), (Ok(0), true));
    }
}

/// core.async: a close while a put is pending, and while a take is pending.
#[test]
fn a_close_ends_a_blocked_select() {
    for (tx, rx) in flavours::<u8>() {
        let (_other_tx, other) = unbounded::<u8>();
        let waiting = thread::spawn(move || {
            select! {
                value = rx.recv_event() => value.unwrap_err().reason().as_str().to_owned(),
                _ = other.recv_event() => panic!("nothing is sent there"),
            }
            .unwrap()
        });
        pause(A_WHILE);
        tx.close("the end");
        assert_eq!(waiting.join().unwrap(), "the end");
    }
}

/// core.async: `alts!` with a timeout channel; here the deadline of the wait.
#[test]
fn a_select_gives_up_at_its_deadline() {
    let (tx, rx) = bounded::<u8>(1);
    let mut select = Select::new();
    select.add(rx.recv_event());
    let deadline = std::time::Instant::now() + Duration::from_millis(5);
    assert_eq!(select.wait_deadline(deadline).unwrap_err(), Stopped::TimedOut);
    tx.send(1).unwrap();
    assert_eq!(select.wait().unwrap(), (0, Ok(1)));
}

/// Go: a semaphore is a buffered channel.
#[test]
fn a_buffered_channel_is_a_semaphore() {
    let (slots, release) = bounded(2);
    let inside = Arc::new(AtomicUsize::new(0));
    let workers: Vec<_> = (0..4)
        .map(|_| {
            let (slots, release, inside) = (slots.clone(), release.clone(), inside.clone());
            thread::spawn(move || {
                for _ in 0..50 {
                    slots.send(()).unwrap();
                    assert!(inside.fetch_add(1, Ordering::SeqCst) < 2);
                    thread::yield_now();
                    inside.fetch_sub(1, Ordering::SeqCst);
                    release.recv().unwrap();
                }
            })
        })
        .collect();
    for worker in workers {
        worker.join().unwrap();
    }
}

/// Go: fan-out to workers, fan-in of results, ended by closing.
#[test]
fn a_pool_of_workers_ends_when_its_input_is_closed() {
    for (jobs, work) in flavours() {
        let (done, results) = bounded(2);
        let workers: Vec<_> = (0..3)
            .map(|_| {
                let (work, done) = (work.clone(), done.clone());
                thread::spawn(move || work.iter().for_each(|job: u64| done.send(job * job).unwrap()))
            })
            .collect();
        drop(done);
        let feeder = thread::spawn(move || {
            (1..=100).for_each(|job| jobs.send(job).unwrap());
            jobs.close("that was all");
        });
        assert_eq!(results.iter().sum::<u64>(), 338_350);
        feeder.join().unwrap();
        for worker in workers {
            worker.join().unwrap();
        }
        assert!(matches!(work.recv(), Err(Why::Closed(_))));
    }
}

/// A channel can be sent over a channel: a request carries where its answer goes.
#[test]
fn channels_are_values() {
    let (requests, served) = rendezvous::<(u32, Sender<u32>)>();
    let server = thread::spawn(move || {
        for (question, answer) in &served {
            answer.send(question + 1).unwrap();
        }
    });
    for question in 0..50 {
        let (tx, rx) = bounded(1);
        requests.send((question, tx)).unwrap();
        assert_eq!(rx.recv(), Ok(question + 1));
    }
    drop(requests);
    server.join().unwrap();
}
