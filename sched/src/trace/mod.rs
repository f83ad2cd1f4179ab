//! Seeing what a pool does: a record of events, and what tools make of it.
//!
//! A pool that is [built for it](crate::Builder::trace) has a [`Recorder`]. Between [`start`](Recorder::start) and
//! [`stop`](Recorder::stop) each of its workers notes what it begins and ends, makes, steals and wakes, when it sleeps and when it blocks.
//! A [`snapshot`](Recorder::snapshot) is a [`Trace`]: to look through, to open in a viewer of Chrome's traces such as Perfetto (`write_chrome`, feature `chrome`), to fold
//! into a flame graph ([`write_folded`](Trace::write_folded)).
//!
//! | module | concept |
//! |---|---|
//! | [`ring`] | where one thread writes events and others read them meanwhile: the protocol |
//! | `event` | what is recorded |
//! | `recorder` | who records |
//! | `span` | what was run from when to when, within what |
//! | `flow` | which run comes from which spawn or wake-up |
//! | `chrome` | a trace as JSON |
//! | `folded` | a trace as stacks with their times |
//! | `subscriber` | tasks as spans of the crate `tracing` (feature `tracing`) |
//!
//! # Who may touch what
//!
//! Each worker has a *pen*: where to note, and what for. The thread that runs as the worker writes to the worker's ring; who runs as it next sees what it has
//! written, because a worker is handed on under the pool's lock. All threads that are no workers of the pool share one ring, and a
//! lock: they take one for the injector anyway. Whoever takes a snapshot reads all rings and writes none.
//!
//! # What a trace holds
//!
//! What happened from `start` to `stop`, by the time of each event: those that were being written when the recording
//! ended, and are later, are left out, so that a pool can be stopped and started as often as one likes. Each ring keeps the newest events, and says how
//! many it has lost. Runs of which the beginning was lost or lies before the start are known from their ends.
//!
//! Halves of joins that are not shared leave no trace, nor does it touch them: they are part of what their owner runs.
//!
//! # Costs
//! In a pool without a recorder, a test of a pointer in the worker's own lines where a job begins and ends, is made or stolen. With one that
//! is off, a load more, of a line that nobody writes. While it records, an event is a look at the clock and four stores. Figures are in `papers/observability.md`.

#[cfg(feature = "chrome")]
mod chrome;
mod event;
#[cfg(feature = "chrome")]
mod flow;
mod folded;
mod recorder;
pub mod ring;
mod span;
#[cfg(feature = "tracing")]
mod subscriber;

#[cfg(all(test, not(any(reweave_loom, reweave_shuttle))))]
mod tests;

pub use event::{Event, Kind, Named, Unit, What};
pub(crate) use recorder::{Pen, begins, ends, note, spawn};
pub use recorder::{Recorder, Untraced};
pub use span::{Span, Subject};
#[cfg(feature = "tracing")]
pub(crate) use subscriber::enter_task;

/// What a pool has done for some time: see [`Recorder::snapshot`].
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Trace {
    /// The name of the pool.
    pub pool: String,
    /// When the recording began, in nanoseconds from when the pool's recorder was made, as all times of a trace are.
    pub since: u64,
    /// When it ended, or the snapshot was taken.
    pub until: u64,
    /// One for each worker by its index, and the last for all threads that are none.
    pub tracks: Vec<Track>,
    names: Vec<String>,
}

/// What one worker has done.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Track {
    /// The name of its thread; `outside`, if it is that of all threads that are no workers.
    pub name: String,
    /// How many events there were for which there was no room, all before the first of these.
    pub lost: u64,
    /// The events, in the order in which they happened.
    pub events: Vec<Event>,
}

impl Trace {
    /// The name of something.
    pub fn name(&self, unit: &Unit) -> Option<&str> {
        self.names.get(unit.name?.0.get() as usize - 1).map(String::as_str)
    }

    /// Its name, or what it is.
    pub fn label(&self, unit: &Unit) -> &str {
        self.name(unit).unwrap_or(unit.kind.label())
    }

    /// How many events were lost, in all tracks.
    pub fn lost(&self) -> u64 {
        self.tracks.iter().map(|track| track.lost).sum()
    }
}
