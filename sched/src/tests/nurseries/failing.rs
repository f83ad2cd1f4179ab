//! The first failure comes out, with the others beside it, and cancels what is left.

use std::panic::{AssertUnwindSafe, catch_unwind};

use reweave_core::cancel;
use reweave_core::channel;
use reweave_core::promise;
use reweave_core::sync::{Arc, thread};

use super::{Bomb, Count, failed, until_cancelled};
use crate::nursery::{Failure, Options};
use crate::{Nursery, Pool, nursery};

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
