//! Who records: a pool's recorder, and the pens that its workers write with.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::num::NonZeroU32;
use std::time::Instant;

use reweave_core::seeded;
use reweave_core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use reweave_core::sync::{Arc, Mutex};
use reweave_core::time::Clock;

use super::event::{Event, Kind, Named, Unit, What};
use super::ring::Ring;
use super::{Trace, Track};
use crate::pool::Shared;
use crate::worker::Worker;

/// Starts and stops the recording of what a pool does, and shows what was recorded: see the [module](super).
///
/// Cloning shares it. It may outlive its pool.
#[derive(Clone)]
pub struct Recorder(Arc<Desk>);

/// What all pens of a pool share.
struct Desk {
    pool: String,
    /// How many events each pen keeps.
    events: usize,
    /// Whether events are written. Read at every event, written seldom.
    on: AtomicBool,
    clock: Clock,
    /// When it was made, by that clock: all times are counted from here.
    started: Instant,
    state: Mutex<State>,
    /// That of threads that are no workers of the pool, one at a time.
    outside: Mutex<Arc<Sheet>>,
    names: Mutex<HashMap<String, NonZeroU32>>,
}

struct State {
    /// By the index of the worker.
    workers: Vec<Arc<Sheet>>,
    /// The time in which what was written counts; all of that is in the past, but for `None`, which is now.
    since: u64,
    until: Option<u64>,
}

/// What one worker writes, or all threads outside.
struct Sheet {
    name: String,
    /// No other sheet has it; never 0.
    number: u64,
    ring: Ring<3>,
    /// How many events there were when recording began.
    before: AtomicU64,
}

/// Bits of a number that is given out: the count within a sheet is below.
const SHEET: u32 = 40;
/// The number of what was made while nothing was recorded. What is made in a pool without a recorder has number 0.
pub(super) const UNKNOWN: u64 = 1;

/// What a worker writes events with, if its pool is recorded.
pub(crate) struct Pen(Option<Box<Tip>>);

/// What for, and where.
type Tip = (Arc<Desk>, Arc<Sheet>);

impl Recorder {
    /// That of a pool of this name.
    pub(crate) fn new(pool: &str, events: usize) -> Self {
        let clock = Clock::current();
        let outside = Sheet::new("outside".to_owned(), 1, events);
        Self(Arc::new(Desk {
            pool: pool.to_owned(),
            events,
            on: AtomicBool::new(false),
            started: clock.now(),
            clock,
            state: Mutex::new(State { workers: Vec::new(), since: 0, until: Some(0) }),
            outside: Mutex::new(outside),
            names: Mutex::default(),
        }))
    }

    /// Begins to record; what was recorded before is forgotten. Does nothing if it records already.
    ///
    /// Workers notice at their next event. What runs at this moment is known from its end only.
    pub fn start(&self) {
        let desk = &*self.0;
        let mut state = desk.state.lock();
        if state.until.is_none() {
            return;
        }
        let outside = desk.outside.lock().clone();
        for sheet in state.workers.iter().chain([&outside]) {
            sheet.before.store(sheet.ring.written(), Ordering::Relaxed);
        }
        (state.since, state.until) = (desk.now(), None);
        desk.on.store(true, Ordering::Release);
    }

    /// Ends the recording; what was recorded stays. Does nothing if it does not record.
    pub fn stop(&self) {
        let desk = &*self.0;
        let mut state = desk.state.lock();
        if state.until.is_none() {
            state.until = Some(desk.now());
            desk.on.store(false, Ordering::Release);
        }
    }

    /// Whether it records.
    pub fn is_on(&self) -> bool {
        self.0.on.load(Ordering::Relaxed)
    }

    /// What has been recorded: between the last [`start`](Self::start) and [`stop`](Self::stop), or so far. The workers go on meanwhile.
    ///
    /// # Complexity
    /// Linear in the events.
    pub fn snapshot(&self) -> Trace {
        let desk = &*self.0;
        let (sheets, since, until) = {
            let state = desk.state.lock();
            (state.workers.clone(), state.since, state.until)
        };
        let outside = desk.outside.lock().clone();
        let mut tracks: Vec<Track> = Vec::with_capacity(sheets.len() + 1);
        for sheet in sheets.iter().chain([&outside]) {
            let read = sheet.ring.read();
            let lost = read.first.saturating_sub(sheet.before.load(Ordering::Relaxed));
            // By their times, for what was under way when recording began or ended may have been written late.
            let counts = |event: &Event| event.at >= since && until.is_none_or(|until| event.at <= until);
            let events: Vec<Event> = read.events.into_iter().filter_map(Event::from_words).filter(counts).collect();
            tracks.push(Track { name: sheet.name.clone(), lost, events });
        }
        // After reading: no event is later.
        let until = until.unwrap_or_else(|| desk.now());
        let names = desk.names.lock();
        let mut known = vec![String::new(); names.len()];
        for (name, number) in names.iter() {
            known[number.get() as usize - 1].clone_from(name);
        }
        Trace { pool: desk.pool.clone(), since, until, tracks, names: known }
    }

    /// What the next worker writes with. Called in the order of their indices.
    pub(crate) fn pen(&self, name: String) -> Pen {
        let desk = &self.0;
        let mut state = desk.state.lock();
        if seeded("trace/share-a-sheet")
            && let Some(sheet) = state.workers.first()
        {
            return Pen(Some(Box::new((desk.clone(), sheet.clone()))));
        }
        let sheet = Sheet::new(name, state.workers.len() as u64 + 2, desk.events);
        state.workers.push(sheet.clone());
        Pen(Some(Box::new((desk.clone(), sheet))))
    }

    /// The number of a name. `None`, if there are too many.
    pub(crate) fn named(&self, name: &str) -> Option<Named> {
        let mut names = self.0.names.lock();
        let next = NonZeroU32::new(names.len() as u32 + 1)?;
        match names.get(name) {
            Some(known) => Some(Named(*known)),
            // As many as events that could bear them: names that are made up as the program runs must not fill the memory.
            None if names.len() >= self.0.events => None,
            None => {
                names.insert(name.to_owned(), next);
                Some(Named(next))
            }
        }
    }

    /// Notes an event of a thread that is no worker of the pool.
    fn note_outside<T>(&self, note: impl FnOnce(&Desk, &Sheet) -> T) -> T {
        if seeded("trace/outside-without-lock") {
            let sheet = self.0.outside.lock().clone();
            return note(&self.0, &sheet);
        }
        note(&self.0, &self.0.outside.lock())
    }
}

impl Sheet {
    fn new(name: String, number: u64, events: usize) -> Arc<Self> {
        Arc::new(Self { name, number, ring: Ring::new(events), before: AtomicU64::new(0) })
    }
}

impl Desk {
    fn now(&self) -> u64 {
        self.clock.now().saturating_duration_since(self.started).as_nanos() as u64
    }

    /// Writes an event. By the one whose sheet it is.
    fn note(&self, sheet: &Sheet, what: What) {
        if self.on.load(Ordering::Relaxed) {
            sheet.ring.push(Event { at: self.now(), what }.into_words());
        }
    }

    /// Notes that something has been made that has no number so far, and gives it one; [`UNKNOWN`] while nothing is recorded.
    fn spawn(&self, sheet: &Sheet, kind: Kind) -> u64 {
        if !self.on.load(Ordering::Relaxed) {
            return UNKNOWN;
        }
        // Unique: no other event of this sheet has this number.
        let id = sheet.number << SHEET | (sheet.ring.written() & ((1 << SHEET) - 1));
        self.note(sheet, What::Spawn(Unit::of(kind, id)));
        id
    }
}

impl Pen {
    /// That of a worker of a pool that is not recorded.
    pub(crate) fn none() -> Self {
        Self(None)
    }

    /// Notes an event. One test of a pointer, if the pool is not recorded.
    #[inline]
    pub(crate) fn note(&self, what: What) {
        if let Some(pen) = &self.0 {
            write(pen, what);
        }
    }

    /// Notes that something has been made; its number.
    #[inline]
    pub(crate) fn spawn(&self, kind: Kind) -> u64 {
        match &self.0 {
            None => 0,
            Some(pen) => spawn_by(pen, kind),
        }
    }
}

/// Not inlined: all that is left where events are noted is the test.
#[cold]
#[inline(never)]
fn write((desk, sheet): &Tip, what: What) {
    desk.note(sheet, what);
}

#[cold]
#[inline(never)]
fn spawn_by((desk, sheet): &Tip, kind: Kind) -> u64 {
    desk.spawn(sheet, kind)
}

/// The worker, if there is one, is about to run this.
#[inline]
pub(crate) fn begins(worker: Option<&Worker>, unit: impl FnOnce() -> Unit) {
    if let Some(tip) = worker.and_then(|worker| worker.trace.0.as_deref()) {
        write(tip, What::Begin(unit()));
    }
}

/// It has run it.
#[inline]
pub(crate) fn ends(worker: Option<&Worker>, unit: impl FnOnce() -> Unit) {
    if let Some(tip) = worker.and_then(|worker| worker.trace.0.as_deref()) {
        write(tip, What::End(unit()));
    }
}

/// Notes an event of the current thread in this pool, of which it need not be a worker.
#[inline]
pub(crate) fn note(pool: &Shared, what: impl FnOnce() -> What) {
    if let Some(recorder) = &pool.recorder {
        note_in(pool, recorder, |desk, sheet| desk.note(sheet, what()));
    }
}

/// Notes that this worker, or the current thread, has made something to run in this pool; its number, or 0 if the pool has no recorder.
#[inline]
pub(crate) fn spawn(worker: Option<&Worker>, pool: Option<&Shared>, kind: Kind) -> u64 {
    match (worker, pool) {
        (Some(worker), _) => worker.trace.spawn(kind),
        (None, Some(pool)) if let Some(recorder) = &pool.recorder => {
            note_in(pool, recorder, |desk, sheet| desk.spawn(sheet, kind))
        }
        (None, _) => 0,
    }
}

#[cold]
#[inline(never)]
fn note_in<T>(pool: &Shared, recorder: &Recorder, note: impl FnOnce(&Desk, &Sheet) -> T) -> T {
    match Worker::of(pool).and_then(|worker| worker.trace.0.as_deref()) {
        Some((desk, sheet)) => note(desk, sheet),
        None => recorder.note_outside(note),
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").field("pool", &self.0.pool).field("on", &self.is_on()).finish_non_exhaustive()
    }
}

/// The pool was built without a recorder: see [`Builder::trace`](crate::Builder::trace).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Untraced {
    pub(crate) pool: String,
}

impl fmt::Display for Untraced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the pool `{}` was built without a recorder: say `trace(events)` to its builder", self.pool)
    }
}

impl Error for Untraced {}
