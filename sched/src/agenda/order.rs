//! The order of waiting tasks: each policy is a way to give a task its key once, when it comes; the smallest key goes first.
//!
//! | policy | rank of the `n`th task |
//! |---|---|
//! | first in, first out | `n` |
//! | priority with ageing | `n - priority * ageing`: where it would stand if it had come so many tasks earlier |
//! | round robin | the round after the last one of its group, or the next one |
//!
//! Keys do not change while a task waits, unless the policy does, so an ordered map will do. Where ranks are the same, the greater priority goes first, then the smaller `n`.

use std::cmp::Reverse;
use std::collections::HashMap;

use reweave_core::{Reason, seeded};

use super::Fairness;
use crate::task::TaskId;

/// Who goes first: the smaller.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Key {
    rank: i64,
    /// Of equal rank.
    urgency: Reverse<i32>,
    /// How many have come before.
    pub(super) turn: u64,
}

/// With whom a task takes turns.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Group {
    /// The children of one parent, or what has none.
    Children(Option<TaskId>),
    /// Those that were given this name.
    Named(Reason),
}

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Order {
    fairness: Fairness,
    turns: u64,
    /// The round of the last task that was taken.
    round: i64,
    /// Groups of which a task waits.
    groups: HashMap<Group, Line>,
}

/// A group's tasks.
#[derive(Debug, Default)]
struct Line {
    /// The round of the last.
    last: i64,
    waiting: usize,
}

impl Order {
    pub(super) fn new(fairness: Fairness) -> Self {
        Self { fairness, turns: 0, round: 0, groups: HashMap::new() }
    }

    /// The key of a task that comes now.
    pub(super) fn key(&mut self, priority: i32, group: &Group) -> Key {
        let turn = self.turns;
        self.turns += 1;
        let rank = match self.fairness {
            Fairness::Stealing | Fairness::Fifo => turn as i64,
            Fairness::Priority { .. } if seeded("agenda/never-age") => -i64::from(priority),
            Fairness::Priority { ageing } => {
                (turn as i64).saturating_sub(i64::from(priority).saturating_mul(i64::from(ageing)))
            }
            Fairness::RoundRobin => {
                let line = self.groups.entry(group.clone()).or_default();
                line.last = line.last.max(self.round) + 1;
                line.waiting += 1;
                line.last
            }
        };
        let urgency = if matches!(self.fairness, Fairness::Priority { .. }) { priority } else { 0 };
        Key { rank, urgency: Reverse(urgency), turn }
    }

    /// The task of this key begins.
    pub(super) fn begins(&mut self, key: Key, group: &Group) {
        self.round = self.round.max(key.rank);
        self.goes(group);
    }

    /// A task of this group waits no more.
    pub(super) fn goes(&mut self, group: &Group) {
        let Some(line) = self.groups.get_mut(group) else { return };
        line.waiting -= 1;
        // It begins again with the next round. As long as one of the group waits, those that were cancelled have used up their turns.
        if line.waiting == 0 {
            self.groups.remove(group);
        }
    }
}
