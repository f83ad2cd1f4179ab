//! A pool's part in it: who counts a task that waits for its turn, and who is called when one may begin.

use reweave_core::seeded;
use reweave_core::sync::atomic::Ordering;
use reweave_core::sync::fence_after_rmw;

use super::Seat;
use crate::door::Arrival;
use crate::job::JobRef;
use crate::pool::Shared;
use crate::worker::Worker;

impl Shared {
    /// Has a task wait for its turn, in a place that was `reserved` or in any. If it comes too late, whoever brings it ends it.
    pub(crate) fn come(&self, entry: JobRef, seat: &Seat, reserved: bool) {
        let worker = Worker::of(self);
        let come_in = || match worker {
            Some(worker) => {
                worker.counters.queued.add(1);
                true
            }
            None => self.door.enter(Arrival::New),
        };
        match self.agenda.push(entry, seat, reserved, come_in) {
            Ok(()) => self.call(),
            Err(entry) => entry.run_without_worker(),
        }
    }

    /// A task has ended. Its entry, if it has not been taken out of the agenda.
    pub(crate) fn leave_agenda(&self, seat: &Seat) -> Option<JobRef> {
        let entry = self.agenda.leave(seat);
        if entry.is_none() {
            // Another may begin in its place, and this worker may have something else to do first.
            self.call();
        }
        entry
    }

    /// An entry that was taken out of the agenda will not be run: it counts as one that has ended.
    pub(crate) fn withdraw(&self) {
        if !seeded("agenda/withdraw-uncounted") {
            self.withdrawn.fetch_add(1, Ordering::AcqRel);
        }
        // All may be done with this, and all asleep. The fence is between our count and the look whether the pool is closing; opposite
        // is that of who says so, and then looks himself.
        fence_after_rmw();
        if !seeded("agenda/withdraw-without-looking") {
            self.end_if_done();
        }
    }
}
