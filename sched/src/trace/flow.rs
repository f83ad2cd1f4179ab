//! Flows: which run comes from which spawn or wake-up.
//!
//! A run comes from the last thing that put it in a queue: its spawn, or, of a future that has been polled before, a wake-up. Between two
//! polls of a task there is one of those. So of what happened to the same unit before a run began, the latest that no other run has come from is its origin.

use std::collections::HashMap;

use super::Trace;
use super::event::{Event, Unit, What};

/// From where a run comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Flow {
    /// The places of the spawn or wake-up, and of the beginning: track and event.
    pub(super) from: Place,
    pub(super) to: Place,
}

pub(super) type Place = (usize, usize);

/// By what a unit is known in all tracks: tasks by their numbers, whatever runs them; all else by numbers of their own.
fn key(unit: &Unit) -> (bool, u64) {
    (unit.kind.is_task(), unit.id)
}

impl Trace {
    pub(super) fn event(&self, (track, event): Place) -> &Event {
        &self.tracks[track].events[event]
    }

    /// The flows of which both ends are in the trace, in the order of the time of their beginnings.
    pub(super) fn flows(&self) -> Vec<Flow> {
        let mut all: Vec<Place> = Vec::new();
        for (index, track) in self.tracks.iter().enumerate() {
            all.extend((0..track.events.len()).map(|event| (index, event)));
        }
        // At the same time, what leads to a run stands before it.
        let begins = |place: Place| matches!(self.event(place).what, What::Begin(_));
        all.sort_by_key(|&place| (self.event(place).at, begins(place)));
        let mut origins: HashMap<(bool, u64), Vec<Place>> = HashMap::new();
        let mut flows = Vec::new();
        for place in all {
            match &self.event(place).what {
                What::Spawn(unit) | What::Wake(unit) if unit.id != 0 => {
                    origins.entry(key(unit)).or_default().push(place)
                }
                What::Begin(unit) => {
                    let Some(waiting) = origins.get_mut(&key(unit)) else { continue };
                    // The latest; of several at the same time the first, for then there was no time between the runs either.
                    let latest = waiting.last().map(|&last| self.event(last).at);
                    let Some(chosen) = waiting.iter().position(|&origin| Some(self.event(origin).at) == latest) else {
                        continue;
                    };
                    flows.push(Flow { from: waiting[chosen], to: place });
                    waiting.drain(..=chosen);
                }
                _ => {}
            }
        }
        flows
    }
}
