//! Scopes and nurseries that are open, listed if the pool keeps an account of its tasks: for whoever wonders what a task waits for.

use std::ptr::NonNull;
use std::time::Duration;

use reweave_core::sync::Mutex;

use super::Shared;
use crate::task::{TaskId, current};

/// What counts a body and what it has started.
pub(crate) trait Counted: Sync {
    /// How many of them have not ended, or more.
    fn not_ended(&self) -> usize;
}

/// The list.
#[derive(Debug, Default)]
pub(super) struct OpenGroups(Mutex<Vec<Open>>);

#[derive(Debug)]
struct Open {
    what: &'static str,
    task: Option<TaskId>,
    /// In nanoseconds of the pool.
    since: u64,
    /// There as long as it is listed.
    counted: NonNull<dyn Counted>,
}

// SAFETY: what counts is Sync, and looked at under the lock that whoever takes it from the list needs.
unsafe impl Send for Open {}

/// A group that is listed; it is not any more when this is dropped.
pub(crate) struct Listed<'a> {
    pool: &'a Shared,
    counted: &'a dyn Counted,
}

/// What a [`Dump`](super::Dump) says of a scope or a nursery that is open.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct DumpedGroup {
    /// `scope` or `nursery`.
    pub what: &'static str,
    /// The task in which it was opened, if that has a number.
    pub task: Option<TaskId>,
    /// For how long it has been open.
    pub open_for: Duration,
    /// At most so many of its body and what that has started have not ended. Of a scope's jobs, workers count some in advance.
    pub not_ended: usize,
}

impl Shared {
    /// Lists a group, if the pool keeps an account of its tasks, as long as what is returned lives. One load, if not.
    pub(crate) fn list_open<'a>(&'a self, what: &'static str, counted: &'a dyn Counted) -> Option<Listed<'a>> {
        if !self.table_of_tasks.observes() {
            return None;
        }
        // SAFETY: only the lifetime is forgotten: `Listed` has it, and takes the entry out when it goes. If a future is forgotten with it, what it
        // borrows is forgotten, too, and stays.
        let erased: NonNull<dyn Counted> = unsafe { std::mem::transmute(NonNull::from(counted)) };
        let open = Open { what, task: current(), since: self.now(), counted: erased };
        self.open_groups.0.lock().push(open);
        Some(Listed { pool: self, counted })
    }

    /// What is listed, in the order in which it was opened.
    pub(super) fn dump_groups(&self) -> Vec<DumpedGroup> {
        let now = self.now();
        let open = self.open_groups.0.lock();
        let dumped = open.iter().map(|open| DumpedGroup {
            what: open.what,
            task: open.task,
            open_for: Duration::from_nanos(now.saturating_sub(open.since)),
            // SAFETY: it is listed, and cannot be taken out while this holds the lock.
            not_ended: unsafe { open.counted.as_ref() }.not_ended(),
        });
        dumped.collect()
    }
}

impl Drop for Listed<'_> {
    fn drop(&mut self) {
        let address = std::ptr::from_ref(self.counted).cast::<()>();
        let mut open = self.pool.open_groups.0.lock();
        if let Some(place) = open.iter().rposition(|open| open.counted.as_ptr().cast::<()>().cast_const() == address) {
            open.remove(place);
        }
    }
}
