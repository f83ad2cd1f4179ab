//! Scopes: nothing outlives them, and the first panic comes out.

use std::panic::{AssertUnwindSafe, catch_unwind};

use reweave_core::cancel;
use reweave_core::channel;
use reweave_core::sync::atomic::{AtomicUsize, Ordering};
use reweave_core::sync::thread;

use crate::{Pool, blocking, join, scope, spawn};

#[test]
fn a_scope_ends_after_its_jobs_and_theirs() {
    for threads in [1, 3] {
        let ended = AtomicUsize::new(0);
        Pool::new(threads).unwrap().install(|| {
            scope(|s| {
                for _ in 0..20 {
                    s.spawn(|| {
                        for _ in 0..5 {
                            s.spawn(|| {
                                thread::yield_now();
                                ended.fetch_add(1, Ordering::Relaxed);
                            });
                        }
                    });
                }
            });
            assert_eq!(ended.load(Ordering::Relaxed), 100);
        });
    }
}

#[test]
fn outside_of_pools_the_global_one_serves() {
    let mut numbers = [1, 2, 3];
    let result = scope(|s| {
        for number in &mut numbers {
            s.spawn(move || *number *= 10);
        }
        "done"
    });
    assert_eq!((result, numbers), ("done", [10, 20, 30]));
}

#[test]
fn a_panic_cancels_the_others_and_comes_out_when_all_have_ended() {
    let pool = Pool::new(2).unwrap();
    let ended = AtomicUsize::new(0);
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        pool.install(|| {
            let (_sender, receiver) = channel::bounded::<()>(1);
            scope(|s| {
                let ended = &ended;
                s.spawn(move || {
                    let stopped = receiver.recv().unwrap_err();
                    assert!(stopped.to_string().contains("panicked"), "{stopped}");
                    ended.fetch_add(1, Ordering::Relaxed);
                });
                s.spawn(|| panic!("one of them"));
            })
        })
    }));
    assert_eq!(*outcome.unwrap_err().downcast::<&str>().unwrap(), "one of them");
    assert_eq!(ended.load(Ordering::Relaxed), 1);
    assert_eq!(pool.install(|| 7), 7);
}

#[test]
fn the_body_is_cancelled_too_and_its_jobs_end_when_it_panics() {
    let pool = Pool::new(2).unwrap();
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        pool.install(|| {
            scope(|s| {
                s.spawn(|| {
                    while cancel::check().is_ok() {
                        thread::yield_now();
                    }
                });
                panic!("the body");
            })
        })
    }));
    assert_eq!(*outcome.unwrap_err().downcast::<&str>().unwrap(), "the body");
}

#[test]
fn jobs_that_wait_for_each_other_all_run() {
    // More than there are workers, all blocked at once.
    let pool = Pool::builder().threads(2).build().unwrap();
    let barrier = reweave_core::lock::Barrier::new(10);
    pool.install(|| {
        scope(|s| {
            for _ in 0..10 {
                s.spawn(|| {
                    barrier.wait();
                });
            }
        });
    });
    assert!(pool.stats().threads >= 10);
}

#[test]
fn a_job_spawned_from_a_half_that_helps_is_counted_when_it_ends() {
    // The worker that waits for the second half takes a half from within it, which spawns into a scope that the thief has
    // opened. Whether it comes to that is up to the machine: often.
    let pool = Pool::new(2).unwrap();
    for _ in 0..20 {
        let (begun, stolen) = (AtomicUsize::new(0), AtomicUsize::new(0));
        pool.install(|| {
            join(
                || {
                    while begun.load(Ordering::Acquire) == 0 {
                        join(thread::yield_now, || ());
                    }
                },
                || {
                    begun.store(1, Ordering::Release);
                    scope(|s| {
                        let first = || {
                            for _ in 0..2_000 {
                                if stolen.load(Ordering::Acquire) == 1 {
                                    break;
                                }
                                join(thread::yield_now, || ());
                            }
                        };
                        join(first, || {
                            stolen.store(1, Ordering::Release);
                            s.spawn(|| ());
                        });
                    });
                },
            )
        });
    }
}

#[test]
fn a_task_that_is_spawned_meanwhile_does_not_hide_the_jobs_of_a_scope() {
    let pool = Pool::builder().threads(1).spare_threads(0).build().unwrap();
    let ran = AtomicUsize::new(0);
    pool.install(|| {
        scope(|s| {
            s.spawn(|| {
                ran.fetch_add(1, Ordering::Relaxed);
            });
            spawn(|| ()).detach();
        })
    });
    assert_eq!(ran.load(Ordering::Relaxed), 1);
}

#[test]
fn announcements_that_a_worker_blocks_nest() {
    let pool = Pool::builder().threads(2).spare_threads(1).build().unwrap();
    let (sender, receiver) = channel::bounded::<u32>(1);
    let blocked: Vec<_> = (0..2)
        .map(|_| {
            let receiver = receiver.clone();
            pool.spawn(move || blocking(|| receiver.recv().unwrap()))
        })
        .collect();
    while pool.stats().blocked < 2 {
        thread::yield_now();
    }
    assert_eq!(pool.stats().blocked, 2);
    for value in 1..=2 {
        pool.spawn({
            let sender = sender.clone();
            move || sender.send(value).unwrap()
        })
        .join()
        .unwrap();
    }
    assert_eq!(blocked.into_iter().map(|task| task.join().unwrap()).sum::<u32>(), 3);
    while pool.stats().blocked > 0 {
        thread::yield_now();
    }
}
