//! What belongs to the thread: its participations, and whether it has a transaction open.

use std::cell::{Cell, RefCell};
use std::ptr;
use std::rc::Rc;

use reweave_core::reclaim;
use reweave_core::sync::thread_local;

use crate::engine::{Engine, EngineId};
use crate::participant::Participant;

/// The participations of a thread.
struct Participations(RefCell<Vec<(EngineId, Rc<Participant>)>>);

impl Drop for Participations {
    fn drop(&mut self) {
        forget_latest();
    }
}

thread_local! {
    static PARTICIPATIONS: Participations = {
        // A thread's locals end in the reverse order of their first use, and what participations leave behind at their end
        // needs the thread's list of expired objects: so that list comes first.
        reclaim::make_list();
        Participations(RefCell::new(Vec::new()))
    };
}

thread_local! {
    /// The participation that was used last; it is in the list above. Null if there is none. It has no destructor, so looking
    /// at it needs no check whether there still is one.
    static LATEST: Cell<*const Participant> = const { Cell::new(ptr::null()) };
}

thread_local! {
    /// Whether a transaction or a snapshot of any engine is open on this thread.
    static OPEN: Cell<bool> = const { Cell::new(false) };
}

/// Runs `act` with the calling thread's participation in an engine, which is made at its first use there.
///
/// It is not removed from the thread's list while it is in use ([`Participant::is_in_use`]): so nothing need be counted.
#[inline]
pub(crate) fn with_participation<R>(engine: &Engine, act: impl FnOnce(&Participant) -> R) -> R {
    let latest = LATEST.try_with(Cell::get).unwrap_or(ptr::null());
    let looked_up;
    // SAFETY: if not null it is in the list, from which it is not removed without being forgotten here.
    let participant = match unsafe { latest.as_ref() } {
        Some(latest) if latest.engine_id() == engine.id() => latest,
        _ => {
            looked_up = look_up(engine);
            &*looked_up
        }
    };
    // In one place, so that the compiler makes one copy of it, here.
    act(participant)
}

#[cold]
fn look_up(engine: &Engine) -> Rc<Participant> {
    PARTICIPATIONS
        .try_with(|Participations(list)| {
            let id = engine.id();
            let known = list.borrow().iter().find(|(engine, _)| *engine == id).map(|(_, known)| known.clone());
            let participant = known.unwrap_or_else(|| enrol(engine, list));
            let _ = LATEST.try_with(|latest| latest.set(Rc::as_ptr(&participant)));
            participant
        })
        // Past the end of the thread's locals: a participation for this one call.
        .unwrap_or_else(|_| Rc::new(Participant::new(engine)))
}

fn enrol(engine: &Engine, list: &RefCell<Vec<(EngineId, Rc<Participant>)>>) -> Rc<Participant> {
    let participant = Rc::new(Participant::new(engine));
    let abandoned: Vec<_> = {
        let mut list = list.borrow_mut();
        let abandoned =
            list.extract_if(.., |(_, other)| !other.is_in_use() && other.is_of_abandoned_engine()).collect();
        list.push((engine.id(), participant.clone()));
        abandoned
    };
    forget_latest();
    // Outside the borrow: the end of an engine destroys what it kept.
    drop(abandoned);
    participant
}

/// A participation ends: it must not be found by [`LATEST`] any more.
pub(crate) fn forget_if_latest(participant: &Participant) {
    let _ = LATEST.try_with(|latest| {
        if ptr::eq(latest.get(), participant) {
            latest.set(ptr::null());
        }
    });
}

fn forget_latest() {
    let _ = LATEST.try_with(|latest| latest.set(ptr::null()));
}

/// Ends the calling thread's participation in an engine, if it has one and does not use it right now.
pub(crate) fn leave(engine: &Engine) {
    let take = || {
        forget_latest();
        PARTICIPATIONS.try_with(|Participations(list)| {
            let mut list = list.borrow_mut();
            let position = list.iter().position(|(id, other)| *id == engine.id() && !other.is_in_use())?;
            Some(list.swap_remove(position))
        })
    };
    // What clearing up destroys may hold variables, whose end makes the thread take part once more.
    while let Ok(Some(participant)) = take() {
        drop(participant);
    }
}

/// Runs `act` with the calling thread's participation in an engine, if it has one.
pub(crate) fn with_known_participation(engine: &Engine, act: impl FnOnce(&Participant)) {
    let known = PARTICIPATIONS.try_with(|Participations(list)| {
        list.borrow().iter().find(|(id, _)| *id == engine.id()).map(|(_, known)| known.clone())
    });
    if let Ok(Some(participant)) = known {
        act(&participant);
    }
}

/// Ends all participations of the calling thread, which uses none right now.
pub(crate) fn leave_all() {
    let take = || {
        forget_latest();
        PARTICIPATIONS.try_with(|Participations(list)| list.take()).unwrap_or_default()
    };
    // As in `leave`.
    loop {
        let participations = take();
        if participations.is_empty() {
            break;
        }
        drop(participations);
    }
}

/// The thread's right to have a transaction open; at most one exists a thread.
pub(crate) struct Open(());

impl Open {
    /// # Panics
    /// When one is open already.
    #[inline]
    pub(crate) fn enter() -> Self {
        if OPEN.try_with(|open| open.replace(true)).unwrap_or(false) {
            nested();
        }
        Open(())
    }

    /// Whether the thread is inside a transaction or snapshot.
    pub(crate) fn is_entered() -> bool {
        OPEN.try_with(Cell::get).unwrap_or(false)
    }
}

impl Drop for Open {
    #[inline]
    fn drop(&mut self) {
        let _ = OPEN.try_with(|open| open.set(false));
        reclaim::reap();
    }
}

#[cold]
fn nested() -> ! {
    panic!(
        "a transaction or snapshot is open on this thread already: pass its `tx` (or snapshot) to the functions that \
         read and write, so that all of it is one transaction, or end it before the next begins"
    )
}

/// Destroys what has expired on this thread, unless a transaction is open: then its end does.
#[inline]
pub(crate) fn reap_outside_transactions() {
    if !Open::is_entered() {
        reclaim::reap();
    }
}
