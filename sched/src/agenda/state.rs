//! What stands in an agenda, under its lock: the tasks that wait, by class, and what is counted against the limits.

use std::collections::BTreeMap;
use std::ptr::NonNull;

use reweave_core::{Reason, seeded};

use super::order::{Key, Order};
use super::{Fairness, Policy, Rights, Seat};
use crate::job::JobRef;

/// What is under the lock.
#[derive(Debug)]
pub(super) struct State {
    pub(super) policy: Policy,
    pub(super) order: Order,
    /// The first is that of tasks that have none.
    pub(super) classes: Vec<Tasks>,
    /// Tasks that have begun and are counted.
    pub(super) running: usize,
    /// Places of tasks that are about to come.
    pub(super) reserved: usize,
    /// Nobody need wait for room any more: whoever comes is turned away.
    pub(super) shut: bool,
}

/// The tasks of a class.
#[derive(Debug)]
pub(super) struct Tasks {
    pub(super) name: Reason,
    pub(super) limit: usize,
    /// Those that have begun and are counted.
    pub(super) running: usize,
    pub(super) waiting: BTreeMap<Key, Waiting>,
}

/// A task that waits.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) entry: JobRef,
    /// In what the entry keeps.
    pub(super) seat: NonNull<Seat>,
}

// SAFETY: a seat is shared among threads, under the lock.
unsafe impl Send for Waiting {}

impl State {
    pub(super) fn waiting(&self) -> usize {
        self.classes.iter().map(|class| class.waiting.len()).sum()
    }

    pub(super) fn has_room(&self) -> bool {
        self.shut
            || seeded("agenda/room-for-all")
            || self.policy.max_waiting.is_none_or(|most| self.waiting() + self.reserved < most)
    }

    pub(super) fn slots(&self) -> usize {
        self.policy.max_running.map_or(usize::MAX, |most| most.saturating_sub(self.running))
    }

    pub(super) fn has_slot(&self) -> bool {
        self.slots() > 0
    }

    /// The class whose first task begins next.
    pub(super) fn next_class(&self) -> Option<usize> {
        let may = |class: &Tasks| class.has_slot() || seeded("agenda/limit-overshoots");
        let firsts = self.classes.iter().enumerate().filter(|(_, class)| may(class));
        let first = firsts.filter_map(|(number, class)| Some((class.waiting.first_key_value()?.0, number))).min();
        first.filter(|_| self.has_slot() || seeded("agenda/limit-overshoots")).map(|(_, number)| number)
    }

    /// How many tasks may begin.
    pub(super) fn ready(&self) -> usize {
        let all: usize = self.classes.iter().map(|class| class.waiting.len().min(class.slots())).sum();
        all.min(self.slots())
    }

    pub(super) fn count(&mut self, class: usize, counted: Rights) {
        self.running += usize::from(counted.all);
        self.classes[class].running += usize::from(counted.class);
    }

    pub(super) fn uncount(&mut self, class: usize, counted: Rights) {
        self.running -= usize::from(counted.all);
        self.classes[class].running -= usize::from(counted.class);
    }

    /// Gives all that wait new keys, in the order in which they came.
    pub(super) fn reorder(&mut self, fairness: Fairness) {
        let mut all: Vec<(Key, Waiting)> =
            self.classes.iter_mut().flat_map(|class| std::mem::take(&mut class.waiting)).collect();
        all.sort_unstable_by_key(|(key, _)| key.turn);
        self.order = Order::new(fairness);
        for (_, waiting) in all {
            // SAFETY: the entry keeps it.
            let seat = unsafe { waiting.seat.as_ref() };
            let key = self.order.key(seat.priority, &seat.group);
            // SAFETY: under the lock.
            unsafe { seat.place(|place| place.key = Some(key)) };
            self.classes[seat.class].waiting.insert(key, waiting);
        }
    }
}

impl Tasks {
    pub(super) fn new(name: Reason, limit: usize) -> Self {
        Self { name, limit, running: 0, waiting: BTreeMap::new() }
    }

    pub(super) fn slots(&self) -> usize {
        self.limit.saturating_sub(self.running)
    }

    pub(super) fn has_slot(&self) -> bool {
        self.slots() > 0
    }
}
