//! Delivery of changes to watches: in the order of the changes, once each, by one thread at a time.
//!
//! An *era* lasts from the first watch to the first change after the last watch was removed. During an era the flag
//! `watched` is up and `last` is set; who raised the flag has loaded `last` after it. The flag goes down only under the
//! lock, with no watch left and nobody adding one.
//!
//! Adding a watch loads the current version outside the lock (letting go of an outdated version may run its destructor,
//! which is user code) and then enters the watch under it, unless `last` has moved in between: then it loads again. So
//! the start of a watch is never behind `last`, and delivery reaches it.

use rustc_hash::FxHashMap;

use super::change::Change;
use super::watch::{Function, Watch};
use crate::reclaim::contain_unless_modelled as contained;
use crate::seeded;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Arc, ArcCell, Mutex, MutexGuard, fence_after_rmw};

/// The watches of an atom and the changes on their way to them.
pub(super) struct Delivery<T> {
    /// Whether changes are to be reported. Written under the lock only.
    watched: AtomicBool,
    /// Made with the first watch.
    log: Mutex<Option<Box<Log<T>>>>,
}

type Guard<'a, T> = MutexGuard<'a, Option<Box<Log<T>>>>;

struct Log<T> {
    /// The version that the latest delivered change led to; `None` between eras.
    last: Option<Arc<T>>,
    /// How often `last` was set.
    moves: u64,
    /// Reports that have not been delivered, each under the address of its old version, which it keeps from being used
    /// again.
    waiting: FxHashMap<usize, Report<T>>,
    /// How many reports have arrived.
    arrivals: u64,
    /// Whether a thread is delivering.
    delivering: bool,
    /// How many threads are about to enter a watch.
    adding: usize,
    /// A new list at every change of it, so that the delivering thread can call the watches of a moment outside the
    /// lock.
    watches: Arc<Vec<Arc<Watch<T>>>>,
}

/// A change that has been reported.
struct Report<T> {
    old: Arc<T>,
    new: Arc<T>,
    arrival: u64,
}

/// What the delivering thread does next.
enum Next<T> {
    /// Call the watches.
    Call(Report<T>, Arc<Vec<Arc<Watch<T>>>>),
    /// Find out, outside the lock, whether this version is current: whether the chain has been delivered to its end.
    Probe(Arc<T>),
    /// Nothing: the role has been given up, and these versions are to be dropped outside the lock.
    Rest(Vec<Report<T>>, Option<Arc<T>>),
}

impl<T> Delivery<T> {
    pub(super) fn new() -> Self {
        Self { watched: AtomicBool::new(false), log: Mutex::new(None) }
    }

    /// Whether a change that the calling thread has just made is to be reported.
    #[inline]
    pub(super) fn is_watched_after_change(&self) -> bool {
        // The change was a read-modify-write. Opposite stands `add`, which raises the flag and then loads the version.
        if !seeded("atom/look-without-fence") {
            fence_after_rmw();
        }
        // Relaxed: the lock publishes what is behind it.
        self.watched.load(Ordering::Relaxed)
    }

    /// Reports a change, and delivers what can be delivered unless somebody else does.
    #[cold]
    pub(super) fn report(&self, change: &Change<T>, current: &ArcCell<T>) {
        let mut log = self.log.lock();
        if of(&mut log).last.is_none() && of(&mut log).adding == 0 {
            return; // The era ended after the flag was seen.
        }
        of(&mut log).file(change);
        self.deliver(log, current, Some(change));
    }

    /// Enters a watch, and returns the version that it starts from.
    pub(super) fn add(&self, function: Function<T>, current: &ArcCell<T>) -> (Arc<T>, Arc<Watch<T>>) {
        let early = seeded("atom/start-before-flag").then(|| current.load_full());
        let mut log = self.log.lock();
        log.get_or_insert_with(|| Box::new(Log::new())).adding += 1;
        // Dekker's handshake with `is_watched_after_change`: a read-modify-write, a fence, then the load of the
        // version.
        self.watched.swap(true, Ordering::Relaxed);
        fence_after_rmw();
        let (start, watch) = loop {
            let moves = of(&mut log).moves;
            drop(log);
            let start = early.clone().unwrap_or_else(|| current.load_full());
            log = self.log.lock();
            if of(&mut log).moves == moves || seeded("atom/start-behind") {
                let watch = Arc::new(Watch::new(function, start.clone()));
                of(&mut log).enter(&start, watch.clone());
                break (start, watch);
            }
            // `start` may be the last reference to its version.
            drop(log);
            contained(|| drop(start));
            log = self.log.lock();
        };
        // Changes may have been reported since the flag went up, and have found no version to begin from.
        self.deliver(log, current, None);
        (start, watch)
    }

    /// How many reports wait.
    pub(super) fn waiting(&self) -> usize {
        self.log.lock().as_ref().map_or(0, |log| log.waiting.len())
    }

    /// Takes the role of the delivering thread, if it is free, until nothing is deliverable. `own` is what the caller
    /// reported.
    fn deliver<'a>(&'a self, mut log: Guard<'a, T>, current: &ArcCell<T>, own: Option<&Change<T>>) {
        if of(&mut log).delivering && !seeded("atom/two-deliverers") {
            if let (true, Some(own)) = (seeded("atom/deliver-what-is-left"), own) {
                let watches = of(&mut log).watches.clone();
                drop(log);
                watches.iter().for_each(|watch| watch.call(&own.old, &own.new));
            }
            return;
        }
        of(&mut log).delivering = true;
        let mut probed = None;
        loop {
            let arrivals = of(&mut log).arrivals;
            match of(&mut log).next(probed.take(), &self.watched) {
                Next::Call(report, watches) => {
                    drop(log);
                    for watch in watches.iter() {
                        watch.call(&report.old, &report.new);
                    }
                    report.discard();
                }
                Next::Probe(last) => {
                    drop(log);
                    let now = current.load();
                    probed = Some(Probed { arrivals, delivered_all: Arc::ptr_eq(&now, &last) });
                    contained(|| drop(now));
                }
                Next::Rest(reports, last) => {
                    drop(log);
                    if seeded("atom/lost-hand-off") {
                        of(&mut self.log.lock()).delivering = false;
                    }
                    reports.into_iter().for_each(Report::discard);
                    contained(|| drop(last));
                    return;
                }
            }
            log = self.log.lock();
        }
    }
}

/// What the delivering thread found out while the lock was free.
struct Probed {
    /// How many reports had arrived before.
    arrivals: u64,
    /// Whether `last` was the current version.
    delivered_all: bool,
}

impl<T> Log<T> {
    fn new() -> Self {
        Self {
            last: None,
            moves: 0,
            waiting: FxHashMap::default(),
            arrivals: 0,
            delivering: false,
            adding: 0,
            watches: Arc::new(Vec::new()),
        }
    }

    fn file(&mut self, change: &Change<T>) {
        let report = Report { old: change.old.clone(), new: change.new.clone(), arrival: self.arrivals };
        self.arrivals += 1;
        let twin = self.waiting.insert(address(&change.old), report);
        debug_assert!(twin.is_none(), "a version has one successor");
    }

    fn enter(&mut self, start: &Arc<T>, watch: Arc<Watch<T>>) {
        self.adding -= 1;
        if self.last.is_none() {
            self.move_to(start);
        }
        self.tidy();
        let mut watches = Vec::clone(&self.watches);
        watches.push(watch);
        self.watches = Arc::new(watches);
    }

    fn move_to(&mut self, last: &Arc<T>) {
        self.last = Some(last.clone());
        self.moves += 1;
    }

    /// The delivering thread's next step. `Rest` gives up the role.
    fn next(&mut self, probed: Option<Probed>, watched: &AtomicBool) -> Next<T> {
        self.tidy();
        let nobody = self.adding == 0 || seeded("atom/end-while-adding");
        if self.watches.is_empty() && nobody {
            // The end of the era. Relaxed: the next one begins under this lock.
            watched.store(false, Ordering::Relaxed);
            let (reports, last) = (self.take_all(), self.last.take());
            return self.rest(reports, last);
        }
        let Some(last) = &self.last else {
            // Somebody is about to enter the first watch, and will deliver then.
            return self.rest(Vec::new(), None);
        };
        if let Some(report) = take_next(&mut self.waiting, last) {
            // The version that `last` was lives on in `report.old`.
            self.move_to(&report.new);
            return Next::Call(report, self.watches.clone());
        }
        match probed {
            _ if self.waiting.is_empty() => self.rest(Vec::new(), None),
            Some(probed) if probed.arrivals == self.arrivals => {
                // All that waits was reported, so had happened, when `last` was current: it comes before `last`.
                let discard = probed.delivered_all && !seeded("atom/keep-leftovers");
                let reports = if discard { self.take_all() } else { Vec::new() };
                self.rest(reports, None)
            }
            _ => Next::Probe(last.clone()),
        }
    }

    fn rest(&mut self, reports: Vec<Report<T>>, last: Option<Arc<T>>) -> Next<T> {
        if !seeded("atom/lost-hand-off") {
            self.delivering = false;
        }
        Next::Rest(reports, last)
    }

    /// All that waits, in the order of arrival: the order of the map depends on addresses.
    fn take_all(&mut self) -> Vec<Report<T>> {
        let mut reports: Vec<_> = self.waiting.drain().map(|(_, report)| report).collect();
        reports.sort_unstable_by_key(|report| report.arrival);
        reports
    }

    /// Takes removed watches off the list. Their functions are gone from it already, so no user code runs.
    fn tidy(&mut self) {
        if self.watches.iter().any(|watch| watch.is_removed()) {
            self.watches = Arc::new(self.watches.iter().filter(|watch| !watch.is_removed()).cloned().collect());
        }
    }
}

impl<T> Drop for Log<T> {
    fn drop(&mut self) {
        for watch in self.watches.iter() {
            watch.close();
        }
    }
}

impl<T> Report<T> {
    /// Drops it where user code may run.
    fn discard(self) {
        contained(|| drop(self.old));
        contained(|| drop(self.new));
    }
}

/// Takes out the report of the change that replaced `last`.
fn take_next<T>(waiting: &mut FxHashMap<usize, Report<T>>, last: &Arc<T>) -> Option<Report<T>> {
    let next = if seeded("atom/order-of-arrival") {
        waiting.iter().min_by_key(|(_, report)| report.arrival).map(|(address, _)| *address)?
    } else {
        address(last)
    };
    waiting.remove(&next)
}

/// What versions are told apart by. Unique among versions that somebody holds.
fn address<T>(version: &Arc<T>) -> usize {
    Arc::as_ptr(version) as usize
}

/// The log behind the lock.
fn of<'a, T>(log: &'a mut Guard<'_, T>) -> &'a mut Log<T> {
    log.as_mut().expect("made with the first watch, before anything is reported")
}
