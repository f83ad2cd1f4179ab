//! Channels: messages from thread to thread.
//!
//! | workload | what is done | figure |
//! |---|---|---|
//! | `bounded100-pair` | one thread sends a message and receives it | ns a pair |
//! | `bounded100-spsc` | one producer, one consumer, as fast as they can | ns a message |
//! | `bounded100-4p4c` | four producers, four consumers | ns a message, of all together |
//! | `unbounded-spsc` | one and one, without a bound | ns a message |
//! | `rendezvous-spsc`, `rendezvous-4p4c` | the same without a buffer | ns a message |
//! | `select2` | one thread receives from whichever of two channels; both are ready | ns a receive |
//! | `bounded100-late`, `rendezvous-late` | a message every millisecond | ns from send to receipt |
//!
//! The producers of `spsc` and `4p4c` are always ready, which is the case that spinning serves; the `late` workloads
//! are the case in which a consumer that spins gives up and parks.
//!
//! A message is 8 bytes: which producer sent it, and its number. Every run checks that each consumer received the
//! messages of each producer in ascending order, and that all together received exactly what was sent; a system that
//! fails gets no figures.

use std::fmt;

use serde_json::{Map, Value, json};

use super::{Figure, Sample, Trial, Workload};
use crate::Error;
use crate::run::unknown_system;
use crate::systems::{crossbeam, flume, kanal, reweave, std_mpsc};

mod ends;
mod late;
mod pair;
mod select;
mod streams;

/// What is sent.
pub type Message = u64;

/// How much a bounded channel holds.
const BOUND: usize = 100;

/// A system's channel of messages.
///
/// An end of it that is dropped lets go of the channel: when all senders are gone, receivers get what is left and then
/// `None`.
pub trait Channel: 'static {
    /// The end that sends.
    type Sender: Send + 'static;
    /// The end that receives.
    type Receiver: Send + 'static;

    /// Opens a channel that holds this much.
    fn open(capacity: Capacity) -> (Self::Sender, Self::Receiver);

    /// Sends a message, and waits while there is no room for it. `false` when nobody can receive it any more.
    fn send(sender: &Self::Sender, message: Message) -> bool;

    /// Receives a message, and waits while there is none. `None` when there never will be another.
    fn recv(receiver: &Self::Receiver) -> Option<Message>;
}

/// A channel that lets a thread wait for the first of two.
pub trait Select: Channel {
    /// Receives a message from one of the two channels, and waits while neither has one. Says from which, 0 or 1;
    /// `None` when one of them ended.
    fn select(first: &Self::Receiver, second: &Self::Receiver) -> Option<(usize, Message)>;
}

/// How many messages a channel holds for which nobody waits yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capacity {
    /// So many.
    Bounded(usize),
    /// None: a message goes from hand to hand.
    Rendezvous,
    /// As many as there is memory for.
    Unbounded,
}

/// Who does what with the channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// One thread sends and receives in turn.
    Pair,
    /// So many producers, and as many consumers, all as fast as they can.
    Streams(usize),
    /// A producer that lets its consumer wait.
    Late,
    /// A thread that receives from two channels.
    Select,
}

/// One of the workloads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Channels {
    name: &'static str,
    shape: Shape,
    capacity: Capacity,
}

const fn workload(name: &'static str, shape: Shape, capacity: Capacity) -> Channels {
    Channels { name, shape, capacity }
}

/// All workloads, in the order of tables.
pub static ALL: [Channels; 9] = [
    workload("bounded100-pair", Shape::Pair, Capacity::Bounded(BOUND)),
    workload("bounded100-spsc", Shape::Streams(1), Capacity::Bounded(BOUND)),
    workload("bounded100-4p4c", Shape::Streams(4), Capacity::Bounded(BOUND)),
    workload("unbounded-spsc", Shape::Streams(1), Capacity::Unbounded),
    workload("rendezvous-spsc", Shape::Streams(1), Capacity::Rendezvous),
    workload("rendezvous-4p4c", Shape::Streams(4), Capacity::Rendezvous),
    workload("select2", Shape::Select, Capacity::Bounded(BOUND)),
    workload("bounded100-late", Shape::Late, Capacity::Bounded(BOUND)),
    workload("rendezvous-late", Shape::Late, Capacity::Rendezvous),
];

/// A system that channels run on.
pub struct System {
    /// Its name in reports and on the command line.
    pub name: &'static str,
    /// What it is, in a few words.
    pub about: &'static str,
    /// The trial of a workload, or `None` when the system does not offer it.
    timed: fn(&Channels) -> Option<Timed>,
}

impl fmt::Debug for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("System").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A timed trial, compiled for one system.
type Timed = fn(&Channels, &'static str, &Trial) -> Result<Sample, Error>;

/// The systems that channels run on, in the order of tables.
pub static SYSTEMS: [System; 5] = [
    System { name: "reweave", about: "this project's channels", timed: selecting::<reweave::Channel> },
    System { name: "crossbeam", about: "the crate crossbeam-channel", timed: selecting::<crossbeam::Channel> },
    System { name: "kanal", about: "the crate kanal, which has no select", timed: shared::<kanal::Channel> },
    System { name: "flume", about: "the crate flume", timed: selecting::<flume::Channel> },
    System {
        name: "std",
        about: "std::sync::mpsc, which has one receiver a channel and no select",
        timed: |workload| match workload.capacity {
            Capacity::Unbounded => single::<std_mpsc::Channel>(workload),
            Capacity::Bounded(_) | Capacity::Rendezvous => single::<std_mpsc::SyncChannel>(workload),
        },
    },
];

/// What a channel with one receiver offers.
fn single<C: Channel>(workload: &Channels) -> Option<Timed> {
    match workload.shape {
        Shape::Pair => Some(pair::trial::<C>),
        Shape::Streams(1) => Some(streams::single::<C>),
        Shape::Late => Some(late::trial::<C>),
        Shape::Streams(_) | Shape::Select => None,
    }
}

/// What a channel offers whose two ends several threads may share.
fn shared<C: Channel<Sender: Clone, Receiver: Clone>>(workload: &Channels) -> Option<Timed> {
    match workload.shape {
        Shape::Streams(_) => Some(streams::shared::<C>),
        _ => single::<C>(workload),
    }
}

/// What a channel offers that can be waited for beside another.
fn selecting<C: Select<Sender: Clone, Receiver: Clone>>(workload: &Channels) -> Option<Timed> {
    match workload.shape {
        Shape::Select => Some(select::trial::<C>),
        _ => shared::<C>(workload),
    }
}

impl Workload for Channels {
    fn name(&self) -> &'static str {
        self.name
    }

    fn params(&self) -> Map<String, Value> {
        let capacity = match self.capacity {
            Capacity::Bounded(bound) => json!(bound),
            Capacity::Rendezvous => json!(0),
            Capacity::Unbounded => Value::Null,
        };
        let mut params = Map::from_iter([
            ("capacity".to_owned(), capacity),
            ("message_bytes".to_owned(), json!(size_of::<Message>())),
        ]);
        if self.shape == Shape::Late {
            params.insert("message_every_us".to_owned(), json!(late::PAUSE.as_micros() as u64));
        }
        params
    }

    fn systems(&self) -> Vec<&'static str> {
        SYSTEMS.iter().filter(|system| (system.timed)(self).is_some()).map(|system| system.name).collect()
    }

    fn baselines(&self) -> &'static [&'static str] {
        &["crossbeam", "kanal"]
    }

    fn figure(&self) -> Figure {
        if self.shape == Shape::Late { Figure::Latency } else { Figure::Time }
    }

    fn threads(&self) -> Option<usize> {
        Some(match self.shape {
            Shape::Pair | Shape::Select => 1,
            Shape::Streams(sides) => 2 * sides,
            Shape::Late => 2,
        })
    }

    fn trial(&self, system: &'static str, trial: &Trial) -> Result<Sample, Error> {
        let found = SYSTEMS.iter().find(|known| known.name == system);
        let Some((name, timed)) = found.and_then(|found| Some((found.name, (found.timed)(self)?))) else {
            return Err(Error::Invalid(unknown_system(system, &self.systems())));
        };
        let (wanted, given) = (self.threads(), trial.threads);
        if wanted.is_some_and(|wanted| wanted != given) {
            return Err(Error::Invalid(format!("{} does not run with {given} threads", self.name)));
        }
        timed(self, name, trial)
    }
}

#[cfg(test)]
mod tests;
