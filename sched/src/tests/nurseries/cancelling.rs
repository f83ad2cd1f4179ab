//! Nurseries, and scopes, that are cancelled: from outside, from inside, by a deadline.

use std::time::Duration;

use reweave_core::cancel::{self, Token};
use reweave_core::channel;
use reweave_core::promise;
use reweave_core::sync::atomic::{AtomicUsize, Ordering};
use reweave_core::time::{Clock, VirtualClock};

use super::{Count, failed, until_cancelled};
use crate::nursery::{Failure, Options};
use crate::{Nursery, nursery, scope};

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
