//! The thread that looks after idle variables, of all engines of the process: it runs their rounds (`tidy`).
//!
//! It is started when the first variable of any engine is listed, has a list of the engines that have something to be done, and
//! sleeps without a deadline while that is empty. Between two rounds it rests for 20 ms, or nine times as long as it
//! worked, if that is more: it takes a tenth of a processor at most. What a round unlinks is destroyed by this thread, between
//! rounds.
//!
//! It keeps no engine: an engine that ends takes itself off the list, and waits for a round that is under way (which runs no
//! user code). If user code on this thread, which is destructors, has made it take part in an engine, it leaves when it rests.
//!
//! There is none under the model checkers, whose models run rounds themselves. Where the system refuses a thread, the next
//! commit that lists a variable tries again.
//!
//! After a fork the child has no such thread, and a lock may be held for ever by the one it had. So a tidier belongs to a process: a
//! child that lists a variable starts its own, with a list of its own.

use std::process;
use std::ptr::{self, NonNull};
use std::time::{Duration, Instant};

use reweave_core::reclaim;
use reweave_core::sync::atomic::{AtomicPtr, Ordering};
use reweave_core::sync::thread::{self, Thread};
use reweave_core::sync::{Condvar, Lazy, MODELLED, Mutex};
use reweave_core::time::Clock;

use crate::engine::Inner;
use crate::limbo::Retired;
use crate::thread::leave_all;
use crate::tidy::Which;

/// From the end of a round to the beginning of the next, at least.
pub(crate) const ROUND_EVERY: Duration = Duration::from_millis(20);

/// How many times as long as it has worked the thread rests, at least.
const REST: u32 = 9;

/// The thread's name.
const NAME: &str = "reweave-tidier";

/// The tidier of a process.
struct Tidier {
    process: u32,
    state: Mutex<State>,
    /// Notified when a round is over.
    round_over: Condvar,
}

struct State {
    engines: Vec<NonNull<Inner>>,
    /// The one whose round is under way.
    at: Option<NonNull<Inner>>,
    thread: Option<Thread>,
}

// SAFETY: engines are Sync, and each is on the list until it ends.
unsafe impl Send for State {}

static TIDIER: Lazy<AtomicPtr<Tidier>> = Lazy::new(|| AtomicPtr::new(ptr::null_mut()));

/// Sees to it that the variables that an engine has listed are looked after. To be called with nothing locked.
pub(crate) fn attend(engine: &Inner) {
    let is_attended = &engine.tidy.is_attended;
    // The mark is taken away before a last look at what has been listed (`Tidier::exit`): if that misses what the caller has listed,
    // this swap finds the mark gone.
    if MODELLED || is_attended.swap(true, Ordering::AcqRel) {
        return;
    }
    if !Tidier::current().take_on(NonNull::from(engine)) {
        is_attended.store(false, Ordering::Release);
    }
}

/// An engine ends: it is not touched any more once this has returned.
pub(crate) fn forget(engine: &Inner) {
    if MODELLED {
        return;
    }
    let tidier = TIDIER.get().load(Ordering::Acquire);
    // SAFETY: tidiers are leaked.
    if let Some(tidier) = unsafe { tidier.as_ref() }
        && tidier.process == process::id()
    {
        tidier.forget(NonNull::from(engine));
    }
}

impl Tidier {
    /// That of this process.
    fn current() -> &'static Self {
        let place = TIDIER.get();
        let process = process::id();
        let mut known = place.load(Ordering::Acquire);
        loop {
            // SAFETY: tidiers are leaked.
            if let Some(tidier) = unsafe { known.as_ref() }
                && tidier.process == process
            {
                return tidier;
            }
            let state = State { engines: Vec::new(), at: None, thread: None };
            let fresh = Box::into_raw(Box::new(Self { process, state: Mutex::new(state), round_over: Condvar::new() }));
            match place.compare_exchange(known, fresh, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => known = fresh,
                Err(other) => {
                    // SAFETY: nobody else has seen it.
                    drop(unsafe { Box::from_raw(fresh) });
                    known = other;
                }
            }
        }
    }

    /// Puts an engine on the list, and starts the thread if there is none; says whether there is one.
    fn take_on(&'static self, engine: NonNull<Inner>) -> bool {
        let mut state = self.state.lock();
        if state.thread.is_none() {
            state.thread = thread::try_spawn(NAME.to_owned(), || self.run()).ok().map(|it| it.thread().clone());
        }
        let Some(thread) = state.thread.clone() else { return false };
        state.engines.push(engine);
        drop(state);
        thread.unpark();
        true
    }

    fn forget(&self, engine: NonNull<Inner>) {
        let mut state = self.state.lock();
        while state.at == Some(engine) {
            state = self.round_over.wait(state);
        }
        state.engines.retain(|&other| other != engine);
    }

    fn run(&self) {
        // Real time: it is the memory of the machine that is at stake.
        let clock = Clock::real();
        loop {
            let begun = clock.now();
            let mut position = 0;
            while let Some(engine) = self.enter(position) {
                // SAFETY: on the list, and until `exit` it does not end.
                let inner = unsafe { engine.as_ref() };
                let (left, unlinked) = inner.tidy.round(inner, Which::Idle);
                position += usize::from(self.exit(engine, left.is_nothing));
                unlinked.into_iter().for_each(Retired::expire);
                reclaim::reap();
            }
            leave_all();
            self.rest(&clock, begun);
        }
    }

    /// Begins a round of the engine at a position of the list.
    fn enter(&self, position: usize) -> Option<NonNull<Inner>> {
        let mut state = self.state.lock();
        state.at = state.engines.get(position).copied();
        state.at
    }

    /// Ends it, and strikes an engine off that has nothing to be done any more; says whether it stays.
    fn exit(&self, engine: NonNull<Inner>, is_nothing_left: bool) -> bool {
        let mut state = self.state.lock();
        let mut stays = true;
        if is_nothing_left {
            // SAFETY: it does not end while it is on the list and we have that locked.
            let tidy = unsafe { &engine.as_ref().tidy };
            tidy.is_attended.store(false, Ordering::Release);
            // Whoever of us and of those who list something sets the mark again puts it on the list, or leaves it there.
            stays = tidy.has_fresh() && !tidy.is_attended.swap(true, Ordering::AcqRel);
        }
        if !stays {
            state.engines.retain(|&other| other != engine);
        }
        state.at = None;
        self.round_over.notify_all();
        stays
    }

    fn rest(&self, clock: &Clock, begun: Instant) {
        let now = clock.now();
        let end = now + ROUND_EVERY.max((now - begun) * REST);
        while self.state.lock().engines.is_empty() {
            // A wake-up that comes before this finds the list filled, one that comes after ends it.
            thread::park();
        }
        while !thread::park_until(end) {}
    }
}
