//! Nurseries: nothing outlives them, and the first failure comes out.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use reweave_core::cancel::{self, Token};
use reweave_core::channel;
use reweave_core::promise;
use reweave_core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use reweave_core::sync::{Arc, Unseen, thread};
use reweave_core::time::{self, Clock, VirtualClock};

use crate::nursery::{Failure, Options, Refused};
use crate::{Nursery, Pool, nursery, scope, spawn};

/// A count that children raise, and those who wait for them read.
#[derive(Clone, Default)]
pub(super) struct Count(pub(super) Arc<AtomicUsize>);

impl Count {
    pub(super) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Raises it, as the last that a child does.
    pub(super) fn added<E>(&self) -> Result<(), E> {
        self.add();
        Ok(())
    }

    pub(super) fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// Panics when it goes.
pub(super) struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("a destructor")
    }
}

/// Blocks until the current token is cancelled.
fn until_cancelled() -> String {
    time::sleep(Duration::MAX).unwrap_err().to_string()
}

fn failed<E>(failure: &Failure<E>) -> Option<&E> {
    match failure {
        Failure::Failed(error) => Some(error),
        _ => None,
    }
}

#[test]
fn a_nursery_ends_after_its_children_and_theirs() {
    for threads in [1, 3] {
        let ended = Count::default();
        let value = Pool::new(threads).unwrap().install(|| {
            nursery(|n: &Nursery<()>| {
                for _ in 0..20 {
                    let (siblings, ended) = (n.clone(), ended.clone());
                    n.spawn(move || {
                        for _ in 0..5 {
                            let ended = ended.clone();
                            let later = move || {
                                thread::yield_now();
                                ended.add();
                                Ok(())
                            };
                            siblings.spawn(later).unwrap();
                        }
                        let ended = ended.clone();
                        siblings.spawn_async(async move { ended.added() }).unwrap();
                        Ok(())
                    })
                    .unwrap();
                }
                Ok("done")
            })
        });
        assert_eq!((value.unwrap(), ended.get()), ("done", 120));
    }
}

#[test]
fn outside_of_pools_the_global_one_serves() {
    let ended = Count::default();
    let value = nursery(|n: &Nursery<()>| {
        let [closure, future] = [ended.clone(), ended.clone()];
        n.spawn(move || closure.added()).unwrap();
        n.spawn_async(async move { future.added() }).unwrap();
        Ok(7)
    });
    assert_eq!((value.unwrap(), ended.get()), (7, 2));
}

#[test]
fn a_worker_that_waits_runs_its_children_itself() {
    let pool = Pool::builder().threads(1).spare_threads(0).build().unwrap();
    let here = pool.install(|| thread::current().id());
    let ran = Count::default();
    pool.install(|| {
        nursery(|n: &Nursery<()>| {
            for _ in 0..3 {
                let [closure, future] = [ran.clone(), ran.clone()];
                n.spawn(move || {
                    assert_eq!(thread::current().id(), here);
                    closure.added()
                })
                .unwrap();
                n.spawn_async(async move { future.added() }).unwrap();
                // Not one of them, and in their way.
                spawn(|| ()).detach();
            }
            Ok(())
        })
    })
    .unwrap();
    assert_eq!(ran.get(), 6);
}

#[test]
fn the_first_error_cancels_all_others_and_comes_out() {
    let pool = Pool::new(2).unwrap();
    let error = pool.install(|| {
        nursery(|n: &Nursery<String>| -> Result<(), String> {
            let (begin, begun) = channel::bounded(2);
            let begin_too = begin.clone();
            n.spawn(move || {
                begin.send(()).unwrap();
                Err(until_cancelled())
            })
            .unwrap();
            n.spawn_async(async move {
                begin_too.send(()).unwrap();
                let (_sender, receiver) = channel::bounded::<()>(1);
                Err(receiver.recv_async().await.unwrap_err().to_string())
            })
            .unwrap();
            // One that has not begun by then never would.
            begun.recv().unwrap();
            begun.recv().unwrap();
            n.spawn(|| Err("the first".to_owned())).unwrap();
            Err(until_cancelled())
        })
    });
    let error = error.unwrap_err();
    assert_eq!(failed(&error.cause).unwrap(), "the first");
    assert_eq!(error.to_string(), "the first (and 3 more failed after that)");
    assert!(!error.timed_out());
    for later in &error.suppressed {
        let later = failed(later).unwrap();
        assert!(later.contains("another of the same nursery has failed"), "{later}");
    }
}

#[test]
fn the_bodys_error_cancels_the_children() {
    let stopped = Count::default();
    let error = nursery(|n: &Nursery<&str>| -> Result<(), _> {
        let (count, (begun, has_begun)) = (stopped.clone(), promise::pair::<(), ()>());
        n.spawn(move || {
            begun.fulfil(());
            assert!(until_cancelled().contains("another of the same nursery has failed"));
            count.added()
        })
        .unwrap();
        has_begun.wait().unwrap();
        Err("the body")
    });
    let error = error.unwrap_err();
    assert_eq!(*failed(&error.cause).unwrap(), "the body");
    assert!(error.suppressed.is_empty());
    assert_eq!(stopped.get(), 1);
}

#[test]
fn a_child_that_has_not_begun_when_it_is_cancelled_never_does() {
    let pool = Pool::builder().threads(1).spare_threads(0).build().unwrap();
    let (ran, held) = (Count::default(), Arc::new(()));
    let error = pool.install(|| {
        nursery(|n: &Nursery<&str>| -> Result<(), _> {
            let [closure, future] = [(ran.clone(), held.clone()), (ran.clone(), held.clone())];
            n.spawn(move || closure.0.added()).unwrap();
            n.spawn_async(async move { future.0.added() }).unwrap();
            Err("the body")
        })
    });
    let error = error.unwrap_err();
    assert!(error.suppressed.is_empty(), "{error:?}");
    assert_eq!(ran.get(), 0);
    assert_eq!(Arc::strong_count(&held), 1, "what they held is dropped");
}

#[test]
fn a_panic_goes_on_when_all_have_ended() {
    let pool = Pool::new(2).unwrap();
    let stopped = Count::default();
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        pool.install(|| {
            nursery(|n: &Nursery<()>| {
                let waits = stopped.clone();
                n.spawn(|| panic!("one of them")).unwrap();
                until_cancelled();
                waits.add();
                Ok(())
            })
        })
    }));
    assert_eq!(*outcome.unwrap_err().downcast::<&str>().unwrap(), "one of them");
    assert_eq!(stopped.get(), 1);
    assert_eq!(pool.install(|| 7), 7);
}

#[test]
fn the_bodys_panic_cancels_the_children_and_goes_on_when_they_have_ended() {
    let (begun, ended) = (Count::default(), Count::default());
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        nursery(|n: &Nursery<()>| -> Result<(), ()> {
            let (began, at_end) = (begun.clone(), ended.clone());
            n.spawn(move || {
                began.add();
                while cancel::check().is_ok() {
                    thread::yield_now();
                }
                at_end.added()
            })
            .unwrap();
            while begun.get() == 0 {
                thread::yield_now();
            }
            panic!("the body")
        })
    }));
    assert_eq!(*outcome.unwrap_err().downcast::<&str>().unwrap(), "the body");
    assert_eq!(ended.get(), 1);
}

#[test]
fn panics_can_be_kept_and_counted() {
    let error = Options::new().keep_panics().nursery(|n: &Nursery<&str>| -> Result<(), _> {
        let (begin, begun) = channel::bounded(2);
        let begin_too = begin.clone();
        n.spawn(move || {
            begin.send(()).unwrap();
            until_cancelled();
            panic!("later")
        })
        .unwrap();
        n.spawn_async(async move {
            let _bomb = Bomb;
            begin_too.send(()).unwrap();
            std::future::pending().await
        })
        .unwrap();
        begun.recv().unwrap();
        begun.recv().unwrap();
        n.spawn(|| panic!("the {}", "first")).unwrap();
        until_cancelled();
        Err("the body")
    });
    let error = error.unwrap_err();
    assert_eq!(error.cause.panic_message(), Some("the first"));
    assert_eq!((error.panics(), error.suppressed.len()), (3, 3), "{error:?}");
    let mut messages: Vec<_> = error.suppressed.iter().filter_map(Failure::panic_message).collect();
    messages.sort_unstable();
    assert_eq!(messages, ["a destructor", "later"]);
}

#[test]
fn a_panic_after_an_error_is_kept_beside_it() {
    let error = nursery(|n: &Nursery<&str>| -> Result<(), _> {
        n.spawn(|| Err("the first")).unwrap();
        until_cancelled();
        panic!("later")
    });
    let error = error.unwrap_err();
    assert_eq!(*failed(&error.cause).unwrap(), "the first");
    assert_eq!((error.panics(), error.suppressed[0].panic_message()), (1, Some("later")));
}

#[test]
fn a_cancellation_from_outside_reaches_all_and_comes_out_as_such() {
    let outer = Token::new();
    let reached = Count::default();
    let error = outer.run(|| {
        nursery(|n: &Nursery<String>| -> Result<(), String> {
            let [child, grandchild] = [reached.clone(), reached.clone()];
            let siblings = n.clone();
            let (begun, all_begun) = channel::bounded(2);
            let also_begun = begun.clone();
            n.spawn(move || {
                let later = move || {
                    also_begun.send(()).unwrap();
                    until_cancelled();
                    grandchild.added()
                };
                siblings.spawn(later).unwrap();
                begun.send(()).unwrap();
                let why = until_cancelled();
                child.add();
                Err(why)
            })
            .unwrap();
            all_begun.recv().unwrap();
            all_begun.recv().unwrap();
            outer.cancel("shutting down");
            assert!(cancel::check().is_err(), "the body, too");
            Ok(())
        })
    });
    let error = error.unwrap_err();
    let Failure::Cancelled(cancelled) = &error.cause else { panic!("{error:?}") };
    assert_eq!((cancelled.reason.as_str(), cancelled.source.inherited), ("shutting down", true));
    assert_eq!(reached.get(), 2);
    assert!(failed(&error.suppressed[0]).unwrap().contains("shutting down"));
    assert_eq!(error.to_string(), "the nursery was cancelled: shutting down (and 1 more failed after that)");
}

#[test]
fn whoever_has_the_nursery_can_cancel_it() {
    let error = nursery(|n: &Nursery<()>| {
        let siblings = n.clone();
        n.spawn(move || {
            assert!(siblings.cancel("found"));
            assert!(!siblings.cancel("again"));
            Ok(())
        })
        .unwrap();
        assert!(until_cancelled().contains("found"));
        Ok(())
    });
    let error = error.unwrap_err();
    let Failure::Cancelled(cancelled) = &error.cause else { panic!("{error:?}") };
    assert_eq!((cancelled.reason.as_str(), cancelled.source.inherited), ("found", false));
}

#[test]
fn at_the_deadline_a_nursery_is_cut_off_by_the_current_clock() {
    let clock = VirtualClock::new();
    clock.run(|| {
        let stopped = Count::default();
        let error = Options::new().timeout(Duration::from_secs(5)).nursery(|n: &Nursery<()>| {
            let (begun, has_begun) = promise::pair::<(), ()>();
            let in_time = stopped.clone();
            n.spawn(move || {
                begun.fulfil(());
                assert!(until_cancelled().contains("its deadline has passed"));
                in_time.added()
            })
            .unwrap();
            has_begun.wait().unwrap();
            clock.advance(Duration::from_secs(4));
            assert!(!n.token().is_cancelled(), "not yet");
            clock.advance(Duration::from_secs(1));
            assert!(n.token().is_cancelled());
            Ok(())
        });
        let error = error.unwrap_err();
        assert!(error.timed_out(), "{error:?}");
        assert_eq!(stopped.get(), 1, "it waits all the same");
        let deadline = Clock::current().after(Duration::from_secs(60)).unwrap();
        assert_eq!(Options::new().deadline(deadline).nursery(|_: &Nursery<()>| Ok(3)).unwrap(), 3);
    });
}

#[test]
fn a_deadline_further_out_is_a_cancellation_from_outside() {
    let clock = VirtualClock::new();
    clock.run(|| {
        let outer = Token::with_timeout(Duration::from_secs(1));
        let error = outer.run(|| {
            Options::new().timeout(Duration::from_secs(2)).nursery(|_: &Nursery<()>| {
                clock.advance(Duration::from_secs(3));
                Ok(())
            })
        });
        let error = error.unwrap_err();
        assert!(matches!(error.cause, Failure::Cancelled(_)) && !error.timed_out(), "{error:?}");
    });
}

#[test]
fn at_the_deadline_a_scope_is_cancelled_by_the_current_clock() {
    let clock = VirtualClock::new();
    let outer = Token::new();
    clock.run(|| {
        outer.run(|| {
            let stopped = AtomicUsize::new(0);
            Options::new().timeout(Duration::from_secs(5)).scope(|s| {
                s.spawn(|| {
                    assert!(until_cancelled().contains("its deadline has passed"));
                    stopped.fetch_add(1, Ordering::Relaxed);
                });
                clock.advance(Duration::from_secs(4));
                assert!(!s.token().is_cancelled(), "not yet");
                clock.advance(Duration::from_secs(1));
                assert!(cancel::check().unwrap_err().by_own_deadline());
            });
            assert_eq!(stopped.load(Ordering::Relaxed), 1);
        });
        assert!(!outer.is_cancelled());
    });
    // Without one it is as ever.
    assert!(Options::new().scope(|s| s.token().deadline().is_none()));
    assert_eq!(scope(|_| 1), 1);
}

#[test]
fn a_late_spawn_is_refused() {
    let ran = Count::default();
    let late = nursery(|n: &Nursery<()>| Ok(n.clone())).unwrap();
    let (closure, future) = (ran.clone(), ran.clone());
    assert_eq!(late.spawn(move || closure.added()), Err(Refused::Ended));
    assert_eq!(late.spawn_async(async move { future.added() }), Err(Refused::Ended));
    let error = nursery(|n: &Nursery<()>| {
        n.cancel("enough");
        let closure = ran.clone();
        let refused = n.spawn(move || closure.added()).unwrap_err();
        assert_eq!(refused.to_string(), "the nursery takes no more children: it was cancelled: enough");
        Ok(())
    });
    assert!(error.is_err());
    assert_eq!((ran.get(), Arc::strong_count(&ran.0)), (0, 1), "dropped, and not run");
}

#[test]
fn what_children_let_go_is_no_part_of_the_nursery() {
    let outer = Token::new();
    let (go, gone) = promise::pair::<(), ()>();
    let kept = Unseen::new(None);
    let error = outer.run(|| {
        nursery(|n: &Nursery<&str>| -> Result<(), _> {
            let kept = kept.clone();
            let nursery = n.token();
            n.spawn(move || {
                let own = cancel::current().unwrap();
                assert_ne!(own.id(), nursery.id());
                let task = spawn(move || (gone.wait().is_ok(), cancel::current().unwrap()));
                kept.with(|kept| *kept = Some((task, nursery, own)));
                Err("a child")
            })
            .unwrap();
            Ok(())
        })
    });
    assert!(error.is_err());
    let (task, nursery, own) = kept.with(|kept| kept.take()).unwrap();
    assert!(nursery.is_cancelled() && own.reason().unwrap().source.inherited);
    go.fulfil(());
    let (undisturbed, token) = task.join().unwrap();
    assert!(undisturbed && !token.is_cancelled());
    outer.cancel("all");
    assert!(token.is_cancelled(), "it is below what surrounds the nursery");
}

#[test]
fn nurseries_nest_and_a_failure_goes_up() {
    let pool = Pool::new(2).unwrap();
    let stopped = Count::default();
    let error = pool.install(|| {
        nursery(|n: &Nursery<String>| -> Result<(), String> {
            let (waits, (begun, has_begun)) = (stopped.clone(), promise::pair::<(), ()>());
            n.spawn(move || {
                let inner = nursery(|n: &Nursery<()>| {
                    n.spawn(move || {
                        begun.fulfil(());
                        until_cancelled();
                        waits.added()
                    })
                    .unwrap();
                    Ok(())
                });
                inner.map_err(|error| {
                    if matches!(error.cause, Failure::Cancelled(_)) { "from above".into() } else { "itself".into() }
                })
            })
            .unwrap();
            has_begun.wait().unwrap();
            n.spawn(|| {
                let inner = nursery(|n: &Nursery<String>| {
                    n.spawn(|| Err("deep down".to_owned())).unwrap();
                    Ok(())
                });
                inner.map_err(|error| failed(&error.cause).unwrap().clone())
            })
            .unwrap();
            Ok(())
        })
    });
    let error = error.unwrap_err();
    assert_eq!(failed(&error.cause).unwrap(), "deep down");
    assert_eq!((stopped.get(), error.suppressed.len()), (1, 1));
    assert_eq!(failed(&error.suppressed[0]).unwrap(), "from above");
}

#[test]
fn a_child_that_drops_out_is_a_failure() {
    let error = nursery(|n: &Nursery<()>| {
        n.spawn_async(async {
            cancel::current().unwrap().cancel("tired");
            std::future::pending().await
        })
        .unwrap();
        until_cancelled();
        Ok(())
    });
    assert!(matches!(error.unwrap_err().cause, Failure::Abandoned));
}

#[test]
fn children_of_many_threads_are_all_waited_for() {
    let pool = Pool::new(4).unwrap();
    for _ in 0..50 {
        let (over, late) = (Arc::new(AtomicBool::new(false)), Count::default());
        pool.install(|| {
            nursery(|n: &Nursery<()>| {
                fn grow(n: &Nursery<()>, depth: usize, over: &Arc<AtomicBool>, late: &Count) {
                    for _ in 0..if depth == 0 { 0 } else { 3 } {
                        let (siblings, over, late) = (n.clone(), over.clone(), late.clone());
                        let child = move || {
                            grow(&siblings, depth - 1, &over, &late);
                            if over.load(Ordering::Relaxed) {
                                late.add();
                            }
                            Ok(())
                        };
                        n.spawn(child).unwrap();
                    }
                }
                grow(n, 4, &over, &late);
                Ok(())
            })
        })
        .unwrap();
        over.store(true, Ordering::Relaxed);
        assert_eq!((late.get(), Arc::strong_count(&over)), (0, 1));
    }
}
