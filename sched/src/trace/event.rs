//! What is recorded: an event, and how it is written as words.

use super::recorder::UNKNOWN;

/// Something that has happened, and when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Event {
    /// When, in nanoseconds from when the pool's recorder was made, just before the pool's threads.
    pub at: u64,
    /// What.
    pub what: What,
}

/// What has happened. That it happened to the worker in whose track it stands goes without saying.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum What {
    /// It has made something to run: a task, a job of a scope, half of a join that it shares.
    Spawn(Unit),
    /// It begins to run something.
    Begin(Unit),
    /// It has run it: to its end, or until it was suspended.
    End(Unit),
    /// The future that it polls waits, and will be polled again when it is woken.
    Suspend(Unit),
    /// It has woken a task that waited.
    Wake(Unit),
    /// It has taken something to run from the worker of this index.
    Steal(usize),
    /// It has found nothing to do and sleeps.
    Park,
    /// It was called, or has slept long enough.
    Unpark,
    /// What it runs waits for something, and another worker makes up for it.
    Block,
    /// What it runs goes on.
    Unblock,
}

/// Something to run.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Unit {
    /// What it is.
    pub kind: Kind,
    /// Of a task, the task's number. Of others, a number of its own among those of its pool, or 0 if it was made while nothing was recorded.
    pub id: u64,
    /// Which of the trace's names it has: see [`Trace::name`](super::Trace::name).
    pub name: Option<Named>,
}

impl Unit {
    /// Something that is no task.
    pub(crate) fn of(kind: Kind, id: u64) -> Self {
        Self { kind, id: if id == UNKNOWN { 0 } else { id }, name: None }
    }
}

/// Which of the names in a trace.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Named(pub(super) std::num::NonZeroU32);

/// What kind of thing is run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// A task that is a closure.
    Closure,
    /// One poll of a task that is a future.
    Poll,
    /// A job of a scope.
    Job,
    /// The second half of a join, which another worker has taken.
    Half,
    /// What a thread outside waits for: [`Pool::install`](crate::Pool::install).
    Installed,
}

const KINDS: [Kind; 5] = [Kind::Closure, Kind::Poll, Kind::Job, Kind::Half, Kind::Installed];

impl Kind {
    /// What a trace calls one that has no name.
    pub fn label(self) -> &'static str {
        match self {
            Self::Closure => "task",
            Self::Poll => "future",
            Self::Job => "job of a scope",
            Self::Half => "half of a join",
            Self::Installed => "installed",
        }
    }

    /// Whether it is a task, by whose number it is known.
    pub fn is_task(self) -> bool {
        matches!(self, Self::Closure | Self::Poll)
    }
}

/// An event in a ring: when; what, with kind and name or index; and the number.
pub(super) type Words = [u64; 3];

const SPAWN: u64 = 0;
const BEGIN: u64 = 1;
const END: u64 = 2;
const SUSPEND: u64 = 3;
const WAKE: u64 = 4;
const STEAL: u64 = 5;
const PARK: u64 = 6;
const UNPARK: u64 = 7;
const BLOCK: u64 = 8;
const UNBLOCK: u64 = 9;

/// Bits of the second word: what in 8, kind in 8, name or index in the upper half.
const KIND: u32 = 8;
const UPPER: u32 = 32;

impl Event {
    pub(super) fn into_words(self) -> Words {
        let unit = |what, unit: Unit| {
            let name = unit.name.map_or(0, |Named(name)| u64::from(name.get()));
            (what | (unit.kind as u64) << KIND | name << UPPER, unit.id)
        };
        let (what, id) = match self.what {
            What::Spawn(spawned) => unit(SPAWN, spawned),
            What::Begin(begun) => unit(BEGIN, begun),
            What::End(ended) => unit(END, ended),
            What::Suspend(suspended) => unit(SUSPEND, suspended),
            What::Wake(woken) => unit(WAKE, woken),
            // A pool has fewer workers than 2^32.
            What::Steal(from) => (STEAL | (from as u64) << UPPER, 0),
            What::Park => (PARK, 0),
            What::Unpark => (UNPARK, 0),
            What::Block => (BLOCK, 0),
            What::Unblock => (UNBLOCK, 0),
        };
        [self.at, what, id]
    }

    /// `None`: no event was written like this.
    pub(super) fn from_words([at, what, id]: Words) -> Option<Self> {
        let upper = what >> UPPER;
        let kind = KINDS.get((what >> KIND & 0xff) as usize).copied()?;
        let name = std::num::NonZeroU32::new(upper as u32).map(Named);
        let unit = Unit { kind, id, name };
        let what = match what & 0xff {
            SPAWN => What::Spawn(unit),
            BEGIN => What::Begin(unit),
            END => What::End(unit),
            SUSPEND => What::Suspend(unit),
            WAKE => What::Wake(unit),
            STEAL => What::Steal(upper as usize),
            PARK => What::Park,
            UNPARK => What::Unpark,
            BLOCK => What::Block,
            UNBLOCK => What::Unblock,
            _ => return None,
        };
        Some(Self { at, what })
    }
}
