//! Channels: sends, receives, attempts, lengths and closes are linearizable, with a buffer and without.

use reweave_core::channel::{self, Receiver, Sender, TryRecvError, TrySendError};

use super::SEEDS;
use crate::histories::{Ending, Mix, Outcome, Place, Scenario, Sequential, Shape, Subject, explore, explore_one};
use crate::{Model, Run, Seeded};

/// The models of channels as objects.
pub const MODELS: &[Model] = &[
    Model {
        name: "bounded-linearizable",
        property: "a bounded channel is a queue with room for so many, also while it is closed",
        runs: &[Run::shuttle_random(10_000), Run::shuttle_pct(3, 10_000), Run::shuttle_random(100_000).deep()],
        covers: &["operations overlapped"],
        seeded: &[
            Seeded {
                bug: "channel/claim-without-swap",
                run: Run::shuttle_random(10_000),
                expect: "the history of the buffered channel is not linearizable",
            },
            Seeded { bug: "channel/close-without-wake", run: Run::shuttle_random(10_000), expect: "deadlock" },
        ],
        body: || explore::<Buffered<2>>(&Shape::usual(), SEEDS),
    },
    Model {
        name: "unbounded-linearizable",
        property: "an unbounded channel is a queue, also while it is closed",
        runs: &[Run::shuttle_random(10_000), Run::shuttle_pct(3, 10_000), Run::shuttle_random(100_000).deep()],
        covers: &["operations overlapped"],
        seeded: &[Seeded {
            bug: "channel/send-ignores-mark",
            run: Run::shuttle_random(10_000),
            expect: "the history of the buffered channel is not linearizable",
        }],
        body: || explore::<Buffered<0>>(&Shape::usual(), SEEDS),
    },
    Model {
        name: "rendezvous-linearizable",
        property: "in a rendezvous channel each send meets its receive, also while it is closed",
        runs: &[Run::shuttle_random(10_000), Run::shuttle_pct(3, 10_000), Run::shuttle_random(100_000).deep()],
        covers: &["operations overlapped"],
        seeded: &[Seeded { bug: "channel/close-without-wake", run: Run::shuttle_random(10_000), expect: "deadlock" }],
        body: || explore::<Unbuffered>(&Shape::usual(), SEEDS),
    },
    Model {
        name: "sequentially-consistent",
        property: "attempts to send and to receive in a ring of one slot are as if one came after the other",
        runs: &[Run::loom_bounded(2), Run::loom_bounded(3).deep()],
        covers: &["operations overlapped"],
        seeded: &[Seeded { bug: "channel/relaxed-stamp", run: Run::loom_bounded(2), expect: "Causality violation" }],
        body: || {
            let threads = vec![vec![Op::TrySend(1), Op::TrySend(2)], vec![Op::TryRecv, Op::TryRecv]];
            explore_one::<Buffered<1>>(&Scenario { before: vec![], threads, after: vec![Op::Len, Op::TryRecv] });
        },
    },
];

/// What can be done with a channel.
#[derive(Clone, Debug)]
pub enum Op {
    /// Sends a value, no two the same.
    Send(u64),
    /// Sends a value if there is room.
    TrySend(u64),
    /// Waits for a value, or for the end.
    Recv,
    /// Receives a value if there is one.
    TryRecv,
    /// How many values there are.
    Len,
    /// Ends it.
    Close,
}

/// What came of it.
#[derive(Clone, PartialEq, Debug)]
pub enum Ret {
    /// It was sent.
    Sent,
    /// There was no room.
    Full,
    /// What was received.
    Received(u64),
    /// There was nothing.
    Empty,
    /// It is closed; for a receive, drained as well.
    Closed,
    /// A number.
    Len(usize),
    /// Whether this close was the first.
    First(bool),
}

/// A queue with room for so many values, or for any number (`ROOM` 0).
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Queue<const ROOM: usize> {
    values: Vec<u64>,
    closed: bool,
}

impl<const ROOM: usize> Sequential for Queue<ROOM> {
    type Op = Op;
    type Ret = Ret;

    fn apply(&mut self, op: &Op) -> Outcome<Self> {
        let full = ROOM != 0 && self.values.len() == ROOM;
        Outcome::Returns(match op {
            Op::Send(_) | Op::TrySend(_) if self.closed => Ret::Closed,
            Op::Send(_) if full => return Outcome::Blocks,
            Op::TrySend(_) if full => Ret::Full,
            Op::Send(value) | Op::TrySend(value) => {
                self.values.push(*value);
                Ret::Sent
            }
            Op::Recv | Op::TryRecv if !self.values.is_empty() => Ret::Received(self.values.remove(0)),
            Op::Recv | Op::TryRecv if self.closed => Ret::Closed,
            Op::Recv => return Outcome::Blocks,
            Op::TryRecv => Ret::Empty,
            Op::Len => Ret::Len(self.values.len()),
            Op::Close => Ret::First(!std::mem::replace(&mut self.closed, true)),
        })
    }
}

/// A channel without a buffer, which is closed or not. Attempts may fail for no reason: the other side may be on its way.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Point {
    closed: bool,
}

impl Sequential for Point {
    type Op = Op;
    type Ret = Ret;

    fn apply(&mut self, op: &Op) -> Outcome<Self> {
        Outcome::Returns(match op {
            Op::Len => Ret::Len(0),
            Op::Close => Ret::First(!std::mem::replace(&mut self.closed, true)),
            _ if self.closed => Ret::Closed,
            Op::Send(_) | Op::Recv => return Outcome::Blocks,
            Op::TrySend(_) => Ret::Full,
            Op::TryRecv => Ret::Empty,
        })
    }

    fn meet(&mut self, first: &Op, second: &Op) -> Option<(Ret, Ret)> {
        match (first, second) {
            _ if self.closed => None,
            (Op::Send(value), Op::Recv | Op::TryRecv) | (Op::TrySend(value), Op::Recv) => {
                Some((Ret::Sent, Ret::Received(*value)))
            }
            _ => None,
        }
    }
}

type Ends = (Sender<u64>, Receiver<u64>);

fn perform((tx, rx): &Ends, op: &Op) -> Ret {
    match op {
        Op::Send(value) => tx.send(*value).map_or(Ret::Closed, |()| Ret::Sent),
        Op::TrySend(value) => match tx.try_send(*value) {
            Ok(()) => Ret::Sent,
            Err(TrySendError::Full(_)) => Ret::Full,
            Err(TrySendError::Closed(..)) => Ret::Closed,
        },
        Op::Recv => rx.recv().map_or(Ret::Closed, Ret::Received),
        Op::TryRecv => match rx.try_recv() {
            Ok(value) => Ret::Received(value),
            Err(TryRecvError::Empty) => Ret::Empty,
            Err(TryRecvError::Closed(_)) => Ret::Closed,
        },
        Op::Len => Ret::Len(rx.len()),
        Op::Close => Ret::First(tx.close("by an operation")),
    }
}

fn operations(place: Place) -> Mix<Op> {
    let mix = Mix::new().with(2, |random| Op::TrySend(random.unique())).with(2, |_| Op::TryRecv).with(1, |_| Op::Len);
    match place {
        Place::Before | Place::After => mix,
        Place::Thread(_) => {
            mix.with(3, |random| Op::Send(random.unique())).with(3, |_| Op::Recv).with(1, |_| Op::Close)
        }
    }
}

/// A channel with room for so many values, or for any number (`ROOM` 0).
#[derive(Debug)]
pub struct Buffered<const ROOM: usize>(Ends);

impl<const ROOM: usize> Subject for Buffered<ROOM> {
    type Model = Queue<ROOM>;
    const NAME: &'static str = "the buffered channel";

    fn fresh() -> Self {
        Self(if ROOM == 0 { channel::unbounded() } else { channel::bounded(ROOM) })
    }

    fn model() -> Queue<ROOM> {
        Queue::default()
    }

    fn operations(place: Place) -> Mix<Op> {
        operations(place)
    }

    fn perform(&self, _thread: usize, op: &Op) -> Ret {
        perform(&self.0, op)
    }

    fn ending() -> Ending<Op> {
        Ending::Operation(Op::Close)
    }
}

/// A rendezvous channel.
#[derive(Debug)]
pub struct Unbuffered(Ends);

impl Subject for Unbuffered {
    type Model = Point;
    const NAME: &'static str = "the rendezvous channel";

    fn fresh() -> Self {
        Self(channel::rendezvous())
    }

    fn model() -> Point {
        Point::default()
    }

    fn operations(place: Place) -> Mix<Op> {
        operations(place)
    }

    fn perform(&self, _thread: usize, op: &Op) -> Ret {
        perform(&self.0, op)
    }

    fn ending() -> Ending<Op> {
        Ending::Operation(Op::Close)
    }
}

#[cfg(all(test, not(any(reweave_loom, reweave_shuttle))))]
mod tests {
    use super::*;
    use crate::histories::Plan;
    use crate::models::linearizability::passes_on_real_threads;

    fn passes<S: Subject>() {
        passes_on_real_threads::<S>(&Plan::new(1).repetitions(100));
    }

    #[test]
    fn buffered_channels_are_linearizable_on_real_threads() {
        passes::<Buffered<1>>();
        passes::<Buffered<2>>();
        passes::<Buffered<0>>();
    }

    #[test]
    fn a_rendezvous_is_linearizable_on_real_threads() {
        passes::<Unbuffered>();
    }
}
