//! The contract of the door, on one and on several real threads.

use super::{Domain, Garbage, Guard, reap};
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::{Arc, thread};

struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn retire_one(guard: &Guard<'_>, dropped: &Arc<AtomicUsize>) {
    unsafe fn destroy(object: *mut ()) {
        // SAFETY: made by `Box::into_raw` below, destroyed once.
        drop(unsafe { Box::from_raw(object.cast::<Counted>()) });
    }
    let object = Box::into_raw(Box::new(Counted(dropped.clone())));
    // SAFETY: the box is owned by the garbage alone, and `Counted` may be dropped anywhere.
    unsafe { guard.retire(Garbage::new(object.cast(), destroy)) }
}

/// Lets epochs pass until everything retired before has expired on this thread.
fn settle(domain: &Domain) {
    let handle = domain.register();
    for _ in 0..8 {
        handle.pin().flush();
    }
}

#[test]
fn nothing_is_destroyed_under_a_guard_or_before_reap() {
    let (domain, dropped) = (Domain::new(), Arc::new(AtomicUsize::new(0)));
    let handle = domain.register();
    let reader = domain.register();
    let reading = reader.pin();
    let guard = handle.pin();
    retire_one(&guard, &dropped);
    guard.flush();
    drop(guard);
    settle(&domain);
    reap();
    assert_eq!(dropped.load(Ordering::SeqCst), 0, "a guard of the time of the retirement is alive");
    drop(reading);
    settle(&domain);
    assert_eq!(dropped.load(Ordering::SeqCst), 0, "expired, but only `reap` destroys");
    reap();
    assert_eq!(dropped.load(Ordering::SeqCst), 1);
}

#[test]
fn everything_is_destroyed_once_when_the_domain_ends() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let domain = Domain::new();
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let (domain, dropped) = (domain.clone(), dropped.clone());
            thread::spawn(move || {
                let handle = domain.register();
                for _ in 0..500 {
                    retire_one(&handle.pin(), &dropped);
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    drop(domain);
    reap();
    assert_eq!(dropped.load(Ordering::SeqCst), 1_500);
}

#[test]
fn a_panicking_destructor_is_contained_and_the_rest_is_destroyed() {
    unsafe fn explode(_: *mut ()) {
        panic!("a destructor of the user's that panics");
    }
    let (domain, dropped) = (Domain::new(), Arc::new(AtomicUsize::new(0)));
    let handle = domain.register();
    let guard = handle.pin();
    // SAFETY: `explode` does not touch its argument.
    unsafe { guard.retire(Garbage::new(std::ptr::null_mut(), explode)) };
    retire_one(&guard, &dropped);
    drop(guard);
    drop(handle);
    drop(domain);
    reap();
    assert_eq!(dropped.load(Ordering::SeqCst), 1);
}

#[test]
fn a_destructor_may_reap() {
    unsafe fn reaping(_: *mut ()) {
        reap();
    }
    let domain = Domain::new();
    let handle = domain.register();
    // SAFETY: `reaping` does not touch its argument.
    unsafe { handle.pin().retire(Garbage::new(std::ptr::null_mut(), reaping)) };
    drop(handle);
    drop(domain);
    reap();
}
