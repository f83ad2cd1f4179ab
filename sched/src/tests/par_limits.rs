//! The options of parallel operations: how many at once, how long, who is told, and what cancellation does.

use std::time::Duration;

use reweave_core::cancel::{self, Token};
use reweave_core::sync::Mutex;
use reweave_core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use reweave_core::sync::thread;
use reweave_core::time::{self, VirtualClock};

use super::par_laws::Counted;
use crate::par::{ItemError, Par};
use crate::{Pool, join};

#[test]
fn as_many_are_in_work_as_may_be_and_no_more() {
    let pool = Pool::new(4).unwrap();
    for (most, over_iterator) in (1..=4).flat_map(|most| [(most, false), (most, true)]) {
        let (now, peak) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let work = |_| {
            peak.fetch_max(now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
            // Time for others to come.
            (0..20).for_each(|_| thread::yield_now());
            now.fetch_sub(1, Ordering::Relaxed);
        };
        let limited = Par::new().max_concurrency(most);
        // Beyond the round in which the limit is reached, too.
        let mut rounds = 0;
        while rounds < 10 || (peak.load(Ordering::Relaxed) < most && rounds < 1_000) {
            rounds += 1;
            pool.install(|| match over_iterator {
                true => limited.map_iter(0..100, work).map(drop).unwrap(),
                false => limited.for_each(0..100, work).unwrap(),
            });
        }
        assert_eq!(peak.into_inner(), most, "over an iterator: {over_iterator}");
    }
}

#[test]
fn beside_a_limited_operation_a_half_that_was_kept_is_shared() {
    let pool = Pool::new(2).unwrap();
    let (begun, taken) = (AtomicBool::new(false), AtomicBool::new(false));
    let limited = || {
        let each = |_| {
            begun.store(true, Ordering::Release);
            if !taken.load(Ordering::Acquire) {
                thread::yield_now();
            }
        };
        Par::new().max_concurrency(1).for_each(0..1_000_000, each).unwrap();
        taken.load(Ordering::Acquire)
    };
    // The first that is shared keeps the other worker until the operation has begun; then it wants the next, which that has below it.
    let ((shared, ()), ()) = pool.install(|| {
        join(
            || join(limited, || taken.store(true, Ordering::Release)),
            || {
                while !begun.load(Ordering::Acquire) {
                    thread::yield_now();
                }
            },
        )
    });
    assert!(shared, "the other worker had nothing to do meanwhile");
}

#[test]
fn cancellation_stops_soon_and_drops_what_there_is() {
    let pool = Pool::new(2).unwrap();
    let (token, done) = (Token::new(), AtomicUsize::new(0));
    let work = |place: usize| {
        if place == 500 {
            token.cancel("half is enough");
        }
        thread::yield_now();
        done.fetch_add(1, Ordering::Relaxed);
        vec![place]
    };
    let stopped = pool.install(|| token.run(|| Par::new().max_concurrency(1).map(0..100_000, work))).unwrap_err();
    assert_eq!(stopped.reason.as_str(), "half is enough");
    // Blocks are of one item where items cost so much.
    let done = done.into_inner();
    assert!((501..5_000).contains(&done), "{done}");
    let filtered = token.run(|| Par::new().filter(0..1000, |_| true));
    assert!(filtered.is_err(), "nothing is begun under a cancelled token");
    assert!(token.run(|| Par::new().reduce(&[1, 2], |n| *n, |a, b| a + b)).is_err());
    assert!(token.run(|| Par::new().map_iter(0.., |n: usize| n)).is_err());
}

#[test]
fn a_map_that_is_cancelled_in_several_parts_drops_what_each_has_made() {
    let pool = Pool::new(2).unwrap();
    let mut cancelled = 0;
    for _ in 0..2_000 {
        let (token, alive, first_half_is_done) = (Token::new(), AtomicUsize::new(0), AtomicBool::new(false));
        let work = |place: usize| {
            match place {
                300 => first_half_is_done.store(true, Ordering::Relaxed),
                // Two parts have made something, with a gap between.
                700.. if !first_half_is_done.load(Ordering::Relaxed) => {
                    token.cancel("in the middle of two parts");
                }
                _ => thread::yield_now(),
            }
            Counted::new(place, &alive)
        };
        match pool.install(|| token.run(|| Par::new().map(0..1_000, work))) {
            Ok(made) => assert_eq!((made.len(), alive.load(Ordering::Relaxed)), (1_000, 1_000)),
            Err(_) => cancelled += 1,
        }
        assert_eq!(alive.into_inner(), 0);
        if cancelled == 5 {
            return;
        }
    }
    panic!("it was in two parts at once {cancelled} times");
}

#[test]
fn what_was_not_begun_says_so() {
    let pool = Pool::new(2).unwrap();
    let token = Token::new();
    let work = |place: usize| {
        if place == 10 {
            token.cancel("ten");
        }
        Ok::<_, ()>(place)
    };
    let one_by_one = Par::new().max_concurrency(1);
    let outcomes = pool.install(|| token.run(|| one_by_one.map_each(0..100, work)));
    assert_eq!(outcomes.len(), 100);
    assert!(outcomes[..=10].iter().all(Result::is_ok));
    assert!(outcomes[11..].iter().all(|outcome| matches!(outcome, Err(ItemError::Cancelled(_)))));

    let pulled = pool.install(|| token.run(|| one_by_one.map_iter_each(0.., work)));
    assert!(pulled.is_empty(), "the iterator is not asked");
}

#[test]
fn an_item_has_so_much_time() {
    let clock = VirtualClock::new();
    let patient = Par::new().item_timeout(Duration::from_secs(1));
    let outcomes = clock.run(|| {
        patient.map_each(&[0, 5, 1], |&seconds| {
            // Moves the time as far as an item takes, in place of waiting for it.
            if seconds > 0 {
                clock.advance(Duration::from_millis(300 * seconds));
            }
            cancel::check().map(|()| seconds)
        })
    });
    assert!(matches!(outcomes[..], [Ok(0), Err(ItemError::TimedOut), _]), "{outcomes:?}");

    // By the real clock, what an item waits for ends.
    let impatient = Par::new().item_timeout(Duration::from_millis(1));
    let slept = impatient.map(0..3, |_| time::sleep(Duration::from_secs(3600))).unwrap();
    assert!(slept.iter().all(Result::is_err));
}

#[test]
fn progress_is_told_in_order_by_one_at_a_time() {
    let pool = Pool::new(3).unwrap();
    for step in [1, 7, 1000] {
        let (told, telling) = (Mutex::new(Vec::new()), AtomicUsize::new(0));
        let tell = |done| {
            assert_eq!(telling.fetch_add(1, Ordering::SeqCst), 0, "two at the same time");
            told.lock().push(done);
            thread::yield_now();
            telling.fetch_sub(1, Ordering::SeqCst);
        };
        let slowly = |_| thread::yield_now();
        pool.install(|| Par::new().progress(step, tell).for_each(0..500, slowly)).unwrap();
        let told = told.lock();
        assert!(told.is_sorted_by(|a, b| a < b), "{told:?}");
        assert_eq!(*told.last().unwrap(), 500);
        assert!(told.len() <= 500 / step + 1, "not more often than asked for");
    }
}

#[test]
fn nobody_is_told_the_last_of_what_was_stopped() {
    let (token, told) = (Token::new(), AtomicUsize::new(0));
    token.cancel("at once");
    let progress = Par::new().progress(1, |done| told.store(done, Ordering::Relaxed));
    assert!(token.run(|| progress.for_each(0..10, |_| ())).is_err());
    assert_eq!(told.load(Ordering::Relaxed), 0);
}
