//! The reclamation door on crossbeam-epoch: what a guard protects is not destroyed, and everything is in the end.
//!
//! Under loom crossbeam-epoch itself is instrumented. One reader and one reclaimer on a domain of their own, registered
//! before they start; the epoch is driven round by hand.

use reweave_core::reclaim::{Domain, Garbage, Handle, reap};
use reweave_core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use reweave_core::sync::{Arc, UnsafeCell, thread};

use crate::{Model, Run, Seeded, cover};

/// The models of reclamation.
pub const MODELS: &[Model] = &[Model {
    name: "guarded-read",
    property: "what a guard can reach is not destroyed, and what is retired is destroyed once",
    runs: &[Run::loom_bounded(2), Run::loom_bounded(3).deep(), Run::shuttle_pct(3, 3_000)],
    covers: &["read the old", "read the new", "destroyed while the reader was there"],
    seeded: &[
        Seeded { bug: "reclaim/no-grace", run: Run::loom_bounded(2), expect: "Causality violation" },
        Seeded { bug: "reclaim/no-grace", run: Run::shuttle_pct(3, 3_000), expect: "read after it was destroyed" },
    ],
    body: guarded_read,
}];

const ALIVE: u32 = 0xA11FE;
const DESTROYED: u32 = 0xDEAD;

/// An object whose content is watched by loom, and which stays allocated so that shuttle can see it destroyed.
struct Object {
    state: UnsafeCell<u32>,
}

struct World {
    current: AtomicPtr<Object>,
    objects: [Object; 2],
    destroyed: AtomicUsize,
}

// SAFETY: an object's state is written at its destruction only, which the domain keeps apart from all reads.
unsafe impl Send for World {}
// SAFETY: as above.
unsafe impl Sync for World {}

fn address(object: &Object) -> *mut Object {
    std::ptr::from_ref(object).cast_mut()
}

/// # Safety
/// `object` is an [`Object`] that exists.
unsafe fn destroy(object: *mut ()) {
    // SAFETY: the object is the first field of what `retire` was given, and outlives the domain.
    let object = unsafe { &*object.cast::<Object>() };
    // SAFETY: nobody reads it any more: that is what the model checks.
    object.state.with_mut(|state| unsafe { *state = DESTROYED });
}

fn read(world: &World, handle: &Handle) {
    // A step before the pin: shuttle does not see crossbeam's own.
    world.destroyed.load(Ordering::Relaxed);
    let _guard = handle.pin();
    // SAFETY: objects stay allocated until the end of the model.
    let object = unsafe { &*world.current.load(Ordering::Acquire) };
    cover(if std::ptr::eq(object, &world.objects[0]) { "read the old" } else { "read the new" });
    if world.destroyed.load(Ordering::Relaxed) > 0 {
        cover("destroyed while the reader was there");
    }
    // SAFETY: pinned since before the pointer was loaded.
    let state = object.state.with(|state| unsafe { *state });
    assert_eq!(state, ALIVE, "an object was read after it was destroyed");
}

fn replace(world: &World, handle: &Handle) {
    {
        let guard = handle.pin();
        let old = world.current.swap(address(&world.objects[1]), Ordering::AcqRel);
        // SAFETY: unlinked just now, retired once; `destroy` may run anywhere.
        unsafe { guard.retire(Garbage::new(old.cast(), destroy)) };
        guard.flush();
    }
    for _ in 0..3 {
        handle.pin().flush();
    }
    reap();
    // SAFETY: only this thread destroys before the join.
    let destroyed = world.objects[0].state.with(|state| unsafe { *state }) == DESTROYED;
    world.destroyed.store(usize::from(destroyed), Ordering::Relaxed);
}

fn guarded_read() {
    let objects = [(); 2].map(|()| Object { state: UnsafeCell::new(ALIVE) });
    let world =
        Arc::new(World { current: AtomicPtr::new(std::ptr::null_mut()), objects, destroyed: AtomicUsize::new(0) });
    world.current.store(address(&world.objects[0]), Ordering::Release);
    let domain = Domain::new();
    let (reader, writer) = (domain.register(), domain.register());
    let thread = thread::spawn({
        let world = world.clone();
        move || replace(&world, &writer)
    });
    read(&world, &reader);
    thread.join().unwrap();
    drop((reader, domain));
    reap();
    let state = |index: usize| {
        // SAFETY: everybody else has ended.
        world.objects[index].state.with(|state| unsafe { *state })
    };
    assert_eq!((state(0), state(1)), (DESTROYED, ALIVE), "what was retired is destroyed, and nothing else");
}
