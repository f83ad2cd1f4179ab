//! Nothing outlives a nursery: its children, theirs, and those that come late.

use reweave_core::cancel::{self, Token};
use reweave_core::promise;
use reweave_core::sync::atomic::{AtomicBool, Ordering};
use reweave_core::sync::{Arc, Unseen, thread};

use super::Count;
use crate::nursery::Refused;
use crate::{Nursery, Pool, nursery, spawn};

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
