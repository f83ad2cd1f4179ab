//! The threads of a pool: what a program hears of them, and what becomes of one that dies.

use std::any::Any;
use std::panic::panic_any;
use std::ptr::NonNull;

use reweave_core::lock::Latch;
use reweave_core::sync::atomic::{AtomicUsize, Ordering};
use reweave_core::sync::{Arc, Mutex, thread};

use crate::door::Arrival;
use crate::job::{Job, JobRef};
use crate::worker::Worker;
use crate::{Pool, Shutdown, blocking, join, scope, spawn};

#[test]
fn threads_tell_when_they_start_and_stop() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let (starts, stops) = (heard.clone(), heard.clone());
    let pool = Pool::builder()
        .threads(2)
        .spare_threads(1)
        .on_thread_start(move |place| starts.lock().push((place, "starts")))
        .on_thread_stop(move |place| stops.lock().push((place, "stops")))
        .build()
        .unwrap();
    // One blocks, and a third thread starts.
    let opened = Arc::new(Latch::new(1));
    let blocked = pool.spawn({
        let opened = opened.clone();
        move || opened.wait()
    });
    while heard.lock().len() < 3 {
        thread::yield_now();
    }
    opened.count_down();
    blocked.join().unwrap();
    pool.shutdown(Shutdown::Finish).unwrap();
    let mut heard = std::mem::take(&mut *heard.lock());
    for place in 0..3 {
        let of_place: Vec<_> = heard.iter().filter(|(other, _)| *other == place).map(|(_, what)| *what).collect();
        assert_eq!(of_place, ["starts", "stops"]);
    }
    heard.sort_unstable();
    assert_eq!(heard.len(), 6, "{heard:?}");
}

#[test]
fn a_hook_that_panics_harms_nobody() {
    let pool = Pool::builder()
        .threads(2)
        .on_thread_start(|place| panic!("thread {place} starts"))
        .on_thread_stop(|place| panic!("thread {place} stops"))
        .on_panic(|_| panic!("a task has panicked"))
        .build()
        .unwrap();
    let failed = pool.spawn(|| panic!("so it has")).join().map(|(): ()| ()).unwrap_err();
    assert_eq!(failed.panic_message(), Some("so it has"));
    assert_eq!(pool.install(|| join(|| 1, || 2)), (1, 2));
    assert_eq!(pool.stats().replaced, 0);
    pool.shutdown(Shutdown::Finish).unwrap();
}

#[test]
fn what_a_hook_starts_goes_elsewhere() {
    let (sender, receiver) = reweave_core::channel::unbounded();
    let pool = Pool::builder().threads(1).name("here").on_thread_start(move |_| {
        let ran = spawn(|| thread::name().unwrap()).join().unwrap();
        sender.send(ran).unwrap();
    });
    drop(pool.build().unwrap());
    assert!(receiver.recv().unwrap().starts_with("reweave-"), "in the global pool");
}

#[test]
fn panics_of_tasks_are_told_before_anybody_who_waits_hears_of_them() {
    let told = Arc::new(AtomicUsize::new(0));
    let tells = told.clone();
    let pool = Pool::builder().threads(2).on_panic(move |panic: &(dyn Any + Send)| {
        tells.fetch_add(*panic.downcast_ref::<usize>().unwrap(), Ordering::Relaxed);
    });
    let pool = pool.build().unwrap();
    assert!(pool.spawn(|| panic_any(3_usize)).join().map(|(): ()| ()).is_err());
    assert_eq!(told.load(Ordering::Relaxed), 3);
    assert!(pool.spawn_async(async { panic_any(4_usize) }).join().map(|(): ()| ()).is_err());
    assert_eq!(told.load(Ordering::Relaxed), 7);
}

/// A job that unwinds, though it must not.
#[repr(C)]
struct Broken(Job);

impl Broken {
    fn job() -> JobRef {
        // SAFETY: `die` is given the address of the job once, and frees it.
        let broken = Box::new(Self(unsafe { Job::new(Self::die) }));
        // SAFETY: it lives until it has been run.
        unsafe { JobRef::new(NonNull::from(Box::leak(broken)).cast()) }
    }

    /// # Safety
    /// Of a leaked box, once.
    unsafe fn die(job: NonNull<Job>, _: Option<&Worker>) {
        // SAFETY: by the contract.
        drop(unsafe { Box::from_raw(job.cast::<Self>().as_ptr()) });
        panic!("a job lets a panic out");
    }
}

#[test]
fn a_worker_that_dies_is_replaced_and_its_queue_is_not_lost() {
    let places = Arc::new(Mutex::new(Vec::new()));
    let starts = places.clone();
    let pool = Pool::builder().threads(1).spare_threads(0).on_thread_start(move |place| starts.lock().push(place));
    let pool = pool.build().unwrap();
    let before = pool.spawn(|| thread::current().id()).join().unwrap();
    let ran = Arc::new(AtomicUsize::new(0));
    for round in 1..=3 {
        let counts = ran.clone();
        let tasks = pool.spawn(move || {
            let tasks: Vec<_> = (0..10)
                .map(|_| {
                    let ran = counts.clone();
                    spawn(move || {
                        ran.fetch_add(1, Ordering::Relaxed);
                        thread::current().id()
                    })
                })
                .collect();
            // The newest, which is run next; the others are behind it in the same queue.
            Worker::current().unwrap().push(Broken::job());
            tasks
        });
        let threads: Vec<_> = tasks.join().unwrap().into_iter().map(|task| task.join().unwrap()).collect();
        assert!(threads.iter().all(|thread| *thread != before), "by another thread");
        assert_eq!((ran.load(Ordering::Relaxed), pool.stats().replaced), (10 * round, round));
    }
    assert_eq!(*places.lock(), [0; 4]);
    let stats = pool.stats();
    assert_eq!((stats.threads, stats.blocked, stats.workers.len()), (1, 0, 1));
    // The dead one's jobs count as ended, or this would not end.
    pool.shutdown(Shutdown::Finish).unwrap();
    assert_eq!(pool.stats().injected, 0);
}

#[test]
fn workers_die_in_the_middle_of_joins_scopes_and_waits() {
    let pool = Pool::builder().threads(2).build().unwrap();
    for round in 0..50 {
        // In an injector, beside everything else.
        pool.shared().inject(Broken::job(), Arrival::New);
        let sum = AtomicUsize::new(0);
        let (first, second) = pool.install(|| {
            join(
                || {
                    scope(|s| {
                        for n in 0..10 {
                            let sum = &sum;
                            s.spawn(move || {
                                sum.fetch_add(n, Ordering::Relaxed);
                            });
                        }
                    });
                    1
                },
                || blocking(|| 2),
            )
        });
        assert_eq!((first + second, sum.load(Ordering::Relaxed)), (3, 45), "round {round}");
    }
    pool.shutdown(Shutdown::Finish).unwrap();
    assert_eq!(pool.stats().replaced, 50);
}
