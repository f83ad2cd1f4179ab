//! Spans: what a worker has run from when to when, within what, and for how long it was blocked or slept.
//!
//! Runs nest, for a worker that waits may run something else meanwhile; so beginnings and ends are matched like brackets. At the edges of a trace
//! one of the two may be missing. An end without a beginning belongs to something that ran when the trace begins,
//! and all that stands before it on the track happened within. A beginning without an end belongs to something that still runs when the trace ends.

use super::event::{Event, Unit, What};
use super::{Trace, Track};

/// Some time of a worker.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Span {
    /// What it was spent on.
    pub subject: Subject,
    /// When it began: if the beginning is not in the trace, the earliest time that is known of the track.
    pub begin: u64,
    /// When it ended: if the end is not in the trace, the end of the trace.
    pub end: u64,
    /// The span within which this one is: its place among those of the track.
    pub parent: Option<usize>,
    /// Of a poll: whether the future was suspended by it.
    pub suspended: bool,
    /// Whether both ends are in the trace.
    pub whole: bool,
}

/// What a worker spends its time on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Subject {
    /// It runs this.
    Run(Unit),
    /// What it runs is blocked.
    Blocked,
    /// It sleeps.
    Asleep,
}

impl Span {
    /// How long it lasted, in nanoseconds.
    pub fn duration(&self) -> u64 {
        self.end - self.begin
    }
}

impl Trace {
    /// What the time of a track was spent on: each span behind those that it is within, and otherwise in the order of time.
    pub fn spans(&self, track: &Track) -> Vec<Span> {
        let known_from = match track.events.first() {
            Some(first) if track.lost > 0 => first.at,
            _ => self.since,
        };
        let mut nesting = Nesting { known_from, spans: Vec::new(), open: Vec::new(), suspended: None };
        for event in &track.events {
            nesting.add(event);
        }
        nesting.finish(self.until)
    }

    /// For how long a worker has run something and was not blocked, in nanoseconds.
    pub fn busy_ns(&self, track: &Track) -> u64 {
        own_times(&self.spans(track)).map(|(_, own)| own).sum()
    }
}

/// The runs among these spans, and the time of each that was not spent within another span.
pub(super) fn own_times(spans: &[Span]) -> impl Iterator<Item = (usize, u64)> {
    let mut within = vec![0; spans.len()];
    for span in spans {
        if let Some(parent) = span.parent {
            within[parent] += span.duration();
        }
    }
    let runs = spans.iter().enumerate().filter(|(_, span)| matches!(span.subject, Subject::Run(_)));
    runs.map(move |(place, span)| (place, span.duration() - within[place]))
}

/// Spans in the making.
struct Nesting {
    /// The earliest time that is known of the track.
    known_from: u64,
    spans: Vec<Span>,
    /// Those that have not ended, each within the one before.
    open: Vec<usize>,
    /// What was suspended, and is about to end.
    suspended: Option<Unit>,
}

impl Nesting {
    fn add(&mut self, event: &Event) {
        match event.what {
            What::Begin(unit) => self.begin(Subject::Run(unit), event.at),
            What::Park => {
                // A worker sleeps outside all runs: what is open has died with its thread.
                for place in std::mem::take(&mut self.open) {
                    self.spans[place].end = event.at;
                }
                self.begin(Subject::Asleep, event.at);
            }
            What::Block => self.begin(Subject::Blocked, event.at),
            What::End(unit) => {
                let place = self.end(Subject::Run(unit), event.at);
                self.spans[place].suspended = self.suspended.take() == Some(unit);
            }
            What::Unpark => _ = self.end(Subject::Asleep, event.at),
            What::Unblock => _ = self.end(Subject::Blocked, event.at),
            What::Suspend(unit) => self.suspended = Some(unit),
            What::Spawn(_) | What::Wake(_) | What::Steal(_) => {}
        }
    }

    fn begin(&mut self, subject: Subject, at: u64) {
        let parent = self.open.last().copied();
        self.open.push(self.spans.len());
        self.spans.push(Span { subject, begin: at, end: at, parent, suspended: false, whole: false });
    }

    /// Ends the innermost span of this subject, and with it those within of which the end is missing; its place.
    fn end(&mut self, subject: Subject, at: u64) -> usize {
        let depth = self.open.iter().rposition(|&place| self.spans[place].subject == subject);
        let ended = self.open.split_off(depth.unwrap_or(0));
        for &place in &ended {
            self.spans[place].end = at;
        }
        if depth.is_none() {
            return self.enclose(subject, at);
        }
        self.spans[ended[0]].whole = true;
        ended[0]
    }

    /// Something ends that ran already where the track begins, so that all of the track so far is within; its place.
    fn enclose(&mut self, subject: Subject, at: u64) -> usize {
        let place = self.spans.len();
        for span in self.spans.iter_mut().filter(|span| span.parent.is_none()) {
            span.parent = Some(place);
        }
        let begin = self.known_from;
        self.spans.push(Span { subject, begin, end: at, parent: None, suspended: false, whole: false });
        place
    }

    /// All that is open lasts until now. Puts each span behind the one that it is within.
    fn finish(mut self, until: u64) -> Vec<Span> {
        for place in self.open {
            self.spans[place].end = until;
        }
        let mut within = vec![Vec::new(); self.spans.len()];
        let mut next: Vec<usize> = Vec::new();
        for (place, span) in self.spans.iter().enumerate().rev() {
            match span.parent {
                Some(parent) => within[parent].push(place),
                None => next.push(place),
            }
        }
        // The last of `next` comes first, and what is within it before the others.
        let mut order = Vec::with_capacity(self.spans.len());
        while let Some(place) = next.pop() {
            order.push(place);
            next.append(&mut within[place]);
        }
        let mut new_place = vec![0; order.len()];
        for (new, &old) in order.iter().enumerate() {
            new_place[old] = new;
        }
        let moved = |old: usize| {
            let span = self.spans[old].clone();
            Span { parent: span.parent.map(|parent| new_place[parent]), ..span }
        };
        order.into_iter().map(moved).collect()
    }
}
