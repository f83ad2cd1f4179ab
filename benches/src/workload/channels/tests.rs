//! Every system on every workload that it offers, and channels that are wrong in each way that a check must see.

use std::time::Duration;

use reweave_core::sync::Arc;
use reweave_core::sync::atomic::{AtomicU64, Ordering};

use super::*;

fn trial(workload: &Channels) -> Trial {
    let threads = workload.threads().expect("channels have a number of threads each");
    Trial { threads, window: Duration::from_millis(2), seed: 1 }
}

#[test]
fn every_system_runs_what_it_offers() {
    for workload in &ALL {
        for system in workload.systems() {
            let sample = workload.trial(system, &trial(workload)).unwrap();
            assert!(sample.ops > 0 && sample.ops_per_sec > 0.0 && sample.ns_per_op > 0.0, "{sample:?}");
            assert!(sample.aborts.is_empty() && sample.audits_per_sec.is_none());
        }
    }
}

#[test]
fn systems_offer_what_they_can() {
    let offered = |name: &str| {
        let workload = ALL.iter().find(|workload| workload.name == name).unwrap();
        workload.systems()
    };
    let all: Vec<_> = SYSTEMS.iter().map(|system| system.name).collect();
    assert_eq!(offered("bounded100-pair"), all);
    assert_eq!(offered("rendezvous-late"), all);
    for mpmc in ["bounded100-4p4c", "rendezvous-4p4c"] {
        assert_eq!(offered(mpmc), all.iter().copied().filter(|&name| name != "std").collect::<Vec<_>>());
    }
    let select = offered("select2");
    assert!(select.contains(&"crossbeam") && !select.contains(&"kanal") && !select.contains(&"std"));
    let error = ALL[6].trial("kanal", &trial(&ALL[6])).unwrap_err().to_string();
    assert_eq!(error, format!("unknown system `kanal`: choose from {}", select.join(", ")));
    let error = ALL[1].trial("kanal", &Trial { threads: 3, ..trial(&ALL[1]) }).unwrap_err().to_string();
    assert_eq!(error, "bounded100-spsc does not run with 3 threads");
}

/// What is wrong with a channel.
const LOSES: u8 = 0;
const DOUBLES: u8 = 1;
const SWAPS: u8 = 2;
const CHANGES: u8 = 3;
const REFUSES: u8 = 4;

/// A channel that is right until its 100th message. Every run sends more.
struct Broken<const FAULT: u8>;

impl<const FAULT: u8> Channel for Broken<FAULT> {
    type Sender = (crossbeam_channel::Sender<Message>, Arc<AtomicU64>);
    type Receiver = crossbeam_channel::Receiver<Message>;

    fn open(_: Capacity) -> (Self::Sender, Self::Receiver) {
        // Without a bound, since a fault may put two messages where one was sent.
        let (sender, receiver) = crossbeam_channel::unbounded();
        ((sender, Arc::new(AtomicU64::new(0))), receiver)
    }

    fn send((sender, count): &Self::Sender, message: Message) -> bool {
        if count.fetch_add(1, Ordering::Relaxed) != 99 {
            return sender.send(message).is_ok();
        }
        match FAULT {
            LOSES => true,
            DOUBLES => sender.send(message).is_ok() && sender.send(message).is_ok(),
            SWAPS => sender.send(message + 1).is_ok() && sender.send(message).is_ok(),
            CHANGES => sender.send(message + 1).is_ok(),
            _ => false,
        }
    }

    fn recv(receiver: &Self::Receiver) -> Option<Message> {
        receiver.recv().ok()
    }
}

impl<const FAULT: u8> Select for Broken<FAULT> {
    fn select(first: &Self::Receiver, second: &Self::Receiver) -> Option<(usize, Message)> {
        crossbeam::Channel::select(first, second)
    }
}

fn finding<const FAULT: u8>(workload: &Channels, timed: Timed) -> String {
    timed(workload, "broken", &trial(workload)).unwrap_err().to_string()
}

#[test]
fn streams_that_are_wrong_get_an_error() {
    let spsc = &ALL[1];
    let lost = finding::<LOSES>(spsc, streams::single::<Broken<LOSES>>);
    assert_eq!(lost, "broken with 2 threads: messages lost: 1");
    // A message that comes twice, or too early, is followed by one that is out of turn.
    for out_of_turn in [
        finding::<DOUBLES>(spsc, streams::single::<Broken<DOUBLES>>),
        finding::<SWAPS>(spsc, streams::single::<Broken<SWAPS>>),
        finding::<CHANGES>(spsc, streams::single::<Broken<CHANGES>>),
    ] {
        // The producer may be the first to complain: its consumer has left.
        let known = ["came out of turn", "was refused while consumers were there"];
        assert!(known.iter().any(|known| out_of_turn.ends_with(known)), "{out_of_turn}");
    }
    let refused = finding::<REFUSES>(spsc, streams::single::<Broken<REFUSES>>);
    assert_eq!(refused, "broken with 2 threads: producer 0 was refused while consumers were there");
    let lost = finding::<LOSES>(&ALL[2], streams::shared::<Broken<LOSES>>);
    assert_eq!(lost, "broken with 8 threads: messages lost: 1");
}

#[test]
fn pairs_that_are_wrong_get_an_error() {
    let found = finding::<CHANGES>(&ALL[0], pair::trial::<Broken<CHANGES>>);
    assert_eq!(found, "broken with 1 thread: message 100 was sent, Some(101) was received");
    let found = finding::<REFUSES>(&ALL[0], pair::trial::<Broken<REFUSES>>);
    assert_eq!(found, "broken with 1 thread: message 100 was refused by an open channel");
}

#[test]
fn selects_that_are_wrong_get_an_error() {
    let found = finding::<CHANGES>(&ALL[6], select::trial::<Broken<CHANGES>>);
    assert!(found.contains("Some") && found.contains("100") && found.contains(" where "), "{found}");
}

#[test]
fn late_messages_that_are_lost_are_missed() {
    let late = ALL.iter().find(|workload| workload.shape == Shape::Late).unwrap();
    // The hundredth message comes after a tenth of a second.
    let trial = Trial { window: Duration::from_millis(120), ..trial(late) };
    let found = late::trial::<Broken<LOSES>>(late, "broken", &trial).unwrap_err().to_string();
    assert_eq!(found, "broken with 2 threads: 120 messages were sent, 119 received");
}
