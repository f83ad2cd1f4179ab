//! The tree: nodes, their dependents, and the steps that tell and release them.
//!
//! The protocol is that of the [module above](super). A node is owned by its parent's list and by the handles; what
//! keeps it *in* that list is a count of its own, of handles and children, because the facade's `Arc` has no weak
//! references. When the count falls to zero nobody can reach the node but through the list, so it is taken out, and
//! gives up its own place in the parent's count. A root without a deadline is in no list, and is not counted.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::mem;
use std::time::Instant;

use super::callback::Job;
use super::{Cancelled, How};
use crate::Reason;
use crate::event::WaitList;
use crate::seeded;
use crate::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use crate::sync::{Arc, Lazy, Mutex};
use crate::time::{Alarm, Clock, Timer};

static NEXT: Lazy<AtomicU64> = Lazy::new(|| AtomicU64::new(1));

/// A number for a node or a callback: later ones are greater, so lists that are sorted by it are in order of arrival.
fn fresh() -> u64 {
    // Relaxed: the number need only differ from all others.
    NEXT.get().fetch_add(1, Ordering::Relaxed)
}

/// A token without its handle.
pub(crate) struct Node {
    id: u64,
    name: Option<Reason>,
    /// Raised once, under the lock, after the verdict is written.
    cancelled: AtomicBool,
    waiters: WaitList,
    /// The earliest of its own deadline and those above it, and by whose time.
    deadline: Option<(Instant, Clock)>,
    /// Handles and children; `None` for a node that nothing refers to but these.
    count: Option<AtomicUsize>,
    state: Mutex<State>,
}

struct State {
    verdict: Option<Arc<Cancelled>>,
    dependents: BTreeMap<u64, Dependent>,
    /// Until the node is told or released.
    parent: Option<Arc<Node>>,
    /// The timer of its own deadline, until the node is told or released.
    timer: Option<(Clock, Timer)>,
}

/// Who is to be told.
pub(super) enum Dependent {
    Child(Arc<Node>),
    Callback(Job),
}

/// What a node gives away when it is told or released.
struct Left {
    dependents: BTreeMap<u64, Dependent>,
    parent: Option<Arc<Node>>,
    timer: Option<(Clock, Timer)>,
}

impl State {
    fn leave(&mut self) -> Left {
        Left { dependents: mem::take(&mut self.dependents), parent: self.parent.take(), timer: self.timer.take() }
    }
}

impl Node {
    /// A node with one handle.
    pub(super) fn make(
        name: Option<Reason>,
        parent: Option<&Arc<Node>>,
        deadline: Option<(Instant, Clock)>,
    ) -> Arc<Node> {
        let above = parent.and_then(|parent| parent.deadline.clone());
        let (deadline, own) = match (deadline, above) {
            // The parent will cancel this one earlier, and by the same clock: no timer of its own.
            (Some((own, clock)), Some((above, same))) if above <= own && clock.is(&same) => {
                (Some((above, same)), false)
            }
            (Some(own), _) => (Some(own), true),
            (None, above) => (above, false),
        };
        if let Some(parent) = parent {
            parent.hold();
        }
        let node = Arc::new(Node {
            id: fresh(),
            name,
            cancelled: AtomicBool::new(false),
            waiters: WaitList::new(),
            deadline,
            count: (parent.is_some() || own).then(|| AtomicUsize::new(1)),
            state: Mutex::new(State {
                verdict: None,
                dependents: BTreeMap::new(),
                parent: parent.cloned(),
                timer: None,
            }),
        });
        if let Some(parent) = parent
            && let Err((verdict, _)) = parent.add(node.id, Dependent::Child(node.clone()))
        {
            node.cancel_as(verdict);
        }
        if own {
            Self::set_timer(&node);
        }
        node
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }

    pub(super) fn name(&self) -> Option<&Reason> {
        self.name.as_ref()
    }

    pub(super) fn deadline(&self) -> Option<&(Instant, Clock)> {
        self.deadline.as_ref()
    }

    pub(super) fn waiters(&self) -> &WaitList {
        &self.waiters
    }

    #[inline]
    pub(super) fn is_cancelled(&self) -> bool {
        // Acquire pairs with the release in `tell`: what the canceller did before is visible.
        self.cancelled.load(Ordering::Acquire)
    }

    /// The verdict as this node sees it.
    pub(super) fn verdict(&self) -> Option<Cancelled> {
        if !self.is_cancelled() {
            return None;
        }
        let verdict = self.state.lock().verdict.clone().expect("the flag is raised after the verdict is written");
        Some(verdict.seen_from(self.id))
    }

    /// Adds a dependent, or gives it back with the verdict that came first.
    fn add(&self, key: u64, dependent: Dependent) -> Result<(), (Arc<Cancelled>, Dependent)> {
        let bug = match dependent {
            Dependent::Child(_) => "cancel/child-looks-before-lock",
            Dependent::Callback(_) => "cancel/callback-looks-before-lock",
        };
        let seen = if seeded(bug) { Some(self.is_cancelled()) } else { None };
        let mut state = self.state.lock();
        if let Some(verdict) = &state.verdict
            && seen.unwrap_or(true)
        {
            return Err((verdict.clone(), dependent));
        }
        state.dependents.insert(key, dependent);
        Ok(())
    }

    /// Adds a callback, and returns its key; if the node has been told already, runs it at once.
    pub(super) fn call(&self, job: Job) -> Option<u64> {
        let key = fresh();
        match self.add(key, Dependent::Callback(job)) {
            Ok(()) => Some(key),
            Err((verdict, Dependent::Callback(job))) => {
                job.run(&verdict.seen_from(self.id));
                None
            }
            Err((_, Dependent::Child(_))) => unreachable!("what is given back is what was added"),
        }
    }

    /// Takes a dependent out, if it is still there. To be dropped by the caller, who holds no lock.
    pub(super) fn remove(&self, key: u64) -> Option<Dependent> {
        self.state.lock().dependents.remove(&key)
    }

    /// Cancels this node and all below it; tells whether this was the first verdict.
    pub(super) fn cancel(&self, reason: Reason, how: How) -> bool {
        // A hint only, that spares the rest; the lock decides.
        if self.is_cancelled() && !seeded("cancel/second-reason-overwrites") {
            return false;
        }
        self.cancel_as(Arc::new(Cancelled::new(reason, self.id, self.name.clone(), how)))
    }

    /// The deadline has come. Called by the clock, with no lock held.
    pub(crate) fn expire(&self) {
        self.cancel(Reason::fixed("its deadline has passed"), How::Deadline);
    }

    /// First everybody is told, level by level, then the callbacks run: a slow callback holds up no other token.
    fn cancel_as(&self, verdict: Arc<Cancelled>) -> bool {
        let Some(dependents) = self.tell(&verdict) else { return false };
        let mut jobs = Vec::new();
        let mut told = VecDeque::from([(self.id, dependents)]);
        while let Some((id, dependents)) = told.pop_front() {
            let mut seen = None;
            for dependent in dependents.into_values() {
                match dependent {
                    Dependent::Child(child) => told.extend(child.tell(&verdict).map(|below| (child.id, below))),
                    Dependent::Callback(job) => {
                        let seen = seen.get_or_insert_with(|| Arc::new(verdict.seen_from(id)));
                        jobs.push((seen.clone(), job));
                    }
                }
            }
        }
        for (cancelled, job) in jobs {
            job.run(&cancelled);
        }
        true
    }

    /// Tells this node alone: open -> told. Returns its dependents, whom the caller has to tell, or `None` if it was
    /// told before.
    fn tell(&self, verdict: &Arc<Cancelled>) -> Option<BTreeMap<u64, Dependent>> {
        if seeded("cancel/wake-before-flag") {
            self.waiters.wake_all_after_rmw();
        }
        let left = {
            let mut state = self.state.lock();
            if state.verdict.is_some() && !seeded("cancel/second-reason-overwrites") {
                return None;
            }
            state.verdict = Some(verdict.clone());
            // Release pairs with `is_cancelled`. A swap, not a store: it comes before the look for waiters (see
            // `WaitList`).
            self.cancelled.swap(true, Ordering::Release);
            state.leave()
        };
        if !seeded("cancel/wake-before-flag") {
            self.waiters.wake_all_after_rmw();
        }
        self.depart(left.parent, left.timer);
        Some(left.dependents)
    }

    /// Gives up the place in the parent's list and the timer. No lock is held.
    fn depart(&self, parent: Option<Arc<Node>>, timer: Option<(Clock, Timer)>) {
        if let Some((clock, timer)) = timer {
            clock.unset(timer);
        }
        if let Some(parent) = parent {
            drop(parent.remove(self.id));
            Self::release(&parent);
        }
    }

    /// Counts another handle or child.
    pub(super) fn hold(&self) {
        if let Some(count) = &self.count {
            // Relaxed: whoever calls this has a handle, so the count is not about to be zero.
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// One handle or child less; the last one takes the node out of the tree.
    pub(super) fn release(node: &Arc<Self>) {
        let Some(count) = &node.count else { return };
        let last = if seeded("cancel/children-do-not-count") { 2 } else { 1 };
        // Release and acquire, as in any reference count: the last one comes after all others are done.
        if count.fetch_sub(1, Ordering::AcqRel) <= last && !seeded("cancel/released-child-stays") {
            Self::leave_tree(node.clone());
        }
    }

    /// open -> released. The parent's count falls, perhaps to zero too: a loop, not a recursion.
    fn leave_tree(mut node: Arc<Self>) {
        loop {
            let left = node.state.lock().leave();
            if let Some((clock, timer)) = left.timer {
                clock.unset(timer);
            }
            // Callbacks that were detached; there is no child, or the count would not be zero.
            drop(left.dependents);
            let Some(parent) = left.parent else { return };
            drop(parent.remove(node.id));
            let last = parent.count.as_ref().is_some_and(|count| count.fetch_sub(1, Ordering::AcqRel) == 1);
            if !last {
                return;
            }
            node = parent;
        }
    }

    /// Has the clock call [`expire`](Self::expire) at the deadline.
    fn set_timer(node: &Arc<Self>) {
        let Some((at, clock)) = node.deadline.clone() else { return };
        let Some(timer) = clock.set(at, Alarm::Cancel(node.clone())) else { return node.expire() };
        let mut state = node.state.lock();
        if state.verdict.is_none() {
            state.timer = Some((clock, timer));
            return;
        }
        drop(state);
        // Told in the meantime, perhaps by this very timer.
        clock.unset(timer);
    }

    /// How many dependents it has.
    #[cfg(all(test, not(any(reweave_loom, reweave_shuttle))))]
    pub(super) fn dependents(&self) -> usize {
        self.state.lock().dependents.len()
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the lists: neither upwards nor downwards would there be an end.
        let mut node = f.debug_struct("Token");
        node.field("id", &self.id).field("name", &self.name).field("cancelled", &self.is_cancelled());
        node.finish_non_exhaustive()
    }
}
