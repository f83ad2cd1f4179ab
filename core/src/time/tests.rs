use std::future::Future;
use std::pin::pin;
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::{Duration, Instant};

use super::*;
use crate::cancel::{self, Token};
use crate::event::{Event, Limits, Select, Stopped, Waiting, wait, wait_with};
use crate::select;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::{Arc, Mutex, thread};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn a_sleep_that_is_over_at_once_is_cancelled_too() {
    let token = Token::new();
    token.cancel("enough");
    token.run(|| {
        assert!(matches!(sleep(Duration::ZERO), Err(Stopped::Cancelled(_))));
        assert!(matches!(sleep_until(Instant::now()), Err(Stopped::Cancelled(_))));
    });
}

#[test]
fn real_sleeps_are_not_early_and_can_be_cancelled() {
    let before = Instant::now();
    sleep(Duration::from_millis(5)).unwrap();
    assert!(before.elapsed() >= Duration::from_millis(5));
    sleep_until(before).unwrap();
    let token = Token::with_timeout(Duration::from_millis(5));
    let stopped = token.run(|| sleep(Duration::MAX)).unwrap_err();
    assert!(matches!(stopped, Stopped::Cancelled(cancelled) if cancelled.by_own_deadline()));
}

#[test]
fn real_timers_fire_in_selects_and_tasks() {
    let never = Token::new();
    let before = Instant::now();
    let outcome = select! {
        _ = never.cancelled() => 0,
        _ = after(seconds(3600)) => 1,
        _ = after(Duration::from_millis(5)) => 2,
    };
    assert_eq!(outcome.unwrap(), 2);
    assert!(before.elapsed() >= Duration::from_millis(5));
    // A task: its waker is called by the timer thread.
    let woken = Token::new();
    struct Wakes(Token);
    impl std::task::Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.cancel("woken");
        }
    }
    let waker = Waker::from(Arc::new(Wakes(woken.clone())));
    let mut waiting = pin!(Waiting::new(after(Duration::from_millis(5))));
    assert!(waiting.as_mut().poll(&mut TaskContext::from_waker(&waker)).is_pending());
    wait(woken.cancelled()).unwrap();
    assert!(waiting.as_mut().poll(&mut TaskContext::from_waker(&waker)).is_ready());
}

#[test]
fn an_earlier_timer_wakes_the_timer_thread() {
    let far = Token::with_timeout(seconds(3600));
    let middle = Token::with_timeout(Duration::from_millis(200));
    sleep(Duration::from_millis(5)).unwrap();
    let near = Token::with_timeout(Duration::from_millis(5));
    wait(near.cancelled()).unwrap();
    assert!(!far.is_cancelled());
    wait(middle.cancelled()).unwrap();
}

#[test]
fn advancing_by_hand_fires_each_at_its_time_and_in_order() {
    let clock = VirtualClock::new();
    let log = Arc::new(Mutex::new(Vec::new()));
    clock.run(|| {
        let tokens: Vec<_> = [30, 10, 20, 40].map(|after| (after, Token::with_timeout(seconds(after)))).into();
        for (after, token) in &tokens {
            let (log, clock, after) = (log.clone(), clock.clone(), *after);
            token.on_cancel(move |_| log.lock().push((after, clock.elapsed()))).detach();
        }
        // Set by a callback on the way, and due before the end of the advance.
        let added = Arc::new(Mutex::new(None));
        let add = tokens[1].1.on_cancel({
            let (log, clock, added) = (log.clone(), clock.clone(), added.clone());
            move |_| {
                let token = clock.run(|| Token::with_timeout(seconds(5)));
                token.on_cancel(move |_| log.lock().push((5, clock.elapsed()))).detach();
                *added.lock() = Some(token);
            }
        });
        clock.advance(seconds(35));
        assert_eq!(clock.elapsed(), seconds(35));
        drop(add);
        assert_eq!(log.lock().clone(), [(10, seconds(10)), (5, seconds(15)), (20, seconds(20)), (30, seconds(30))]);
        assert_eq!(clock.advance_to_next(), Some(clock.now()));
        assert_eq!(clock.elapsed(), seconds(40));
        assert_eq!(clock.advance_to_next(), None);
        clock.advance(Duration::ZERO);
        assert_eq!(clock.timers(), 0);
    });
}

#[test]
fn a_virtual_clock_is_advanced_past_blocked_threads() {
    let clock = VirtualClock::new();
    let sleeper = thread::spawn({
        let clock = clock.clone();
        move || clock.run(|| sleep(seconds(3600)))
    });
    while clock.timers() == 0 {
        thread::yield_now();
    }
    clock.advance(seconds(3599));
    assert_eq!(clock.timers(), 1, "not early");
    clock.advance(seconds(1));
    sleeper.join().unwrap().unwrap();
}

#[test]
fn time_jumps_when_all_participants_wait() {
    let clock = VirtualClock::new();
    let log = Arc::new(Mutex::new(Vec::new()));
    // Places are taken before the threads run, so none is left behind.
    let places: Vec<_> = (0..4).map(|_| clock.participant()).collect();
    let threads: Vec<_> = places
        .into_iter()
        .enumerate()
        .map(|(index, place)| {
            let (clock, log) = (clock.clone(), log.clone());
            thread::spawn(move || {
                place.run(|| {
                    for round in 1..=50 {
                        let period = index as u64 + 1;
                        sleep(seconds(period)).unwrap();
                        assert_eq!(clock.elapsed(), seconds(period * round), "time stood still in between");
                        log.lock().push(clock.elapsed());
                    }
                })
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert!(log.lock().is_sorted());
    assert_eq!(clock.elapsed(), seconds(200));
}

#[test]
fn time_stands_still_for_a_participant_that_was_woken() {
    for _ in 0..300 {
        let clock = VirtualClock::new();
        let ping = Token::new();
        let (one, two) = (clock.participant(), clock.participant());
        let other = thread::spawn({
            let (clock, ping) = (clock.clone(), ping.clone());
            move || {
                one.run(|| {
                    wait_with(ping.cancelled(), Limits::until(clock.now() + seconds(100))).unwrap();
                    clock.elapsed()
                })
            }
        });
        two.run(|| {
            sleep(seconds(1)).unwrap();
            ping.cancel("now");
            sleep(seconds(10)).unwrap();
        });
        assert_eq!(other.join().unwrap(), seconds(1), "it was woken at second 1, and ran before time went on");
    }
}

#[test]
fn leaving_lets_time_pass_for_the_others() {
    let clock = VirtualClock::new();
    let place = clock.participant();
    let unused = clock.participant();
    let sleeper = thread::spawn(move || place.run(|| sleep(seconds(5))));
    while clock.timers() == 0 {
        thread::yield_now();
    }
    let nested = clock.enter();
    drop(clock.enter());
    drop(unused);
    assert_eq!(clock.elapsed(), Duration::ZERO);
    drop(nested);
    sleeper.join().unwrap().unwrap();
    assert_eq!(clock.elapsed(), seconds(5));
}

#[test]
fn intervals_do_not_drift_and_do_as_told_about_missed_ticks() {
    let ticks = |missed: MissedTicks| {
        let clock = VirtualClock::new();
        let _entered = clock.enter();
        let mut interval = interval(seconds(10)).on_missed(missed);
        let start = clock.now();
        clock.advance(seconds(35));
        let scheduled: Vec<_> = (0..4).map(|_| (interval.tick().unwrap() - start).as_secs()).collect();
        (scheduled, clock.elapsed().as_secs())
    };
    assert_eq!(ticks(MissedTicks::Burst), (vec![10, 20, 30, 40], 40));
    assert_eq!(ticks(MissedTicks::Skip), (vec![10, 40, 50, 60], 60));
    assert_eq!(ticks(MissedTicks::Delay), (vec![10, 45, 55, 65], 65));
}

#[test]
fn a_tick_that_was_not_chosen_is_still_to_come() {
    let clock = VirtualClock::new();
    let _entered = clock.enter();
    let mut interval = interval_at(clock.now() + seconds(3), seconds(10));
    for _ in 0..2 {
        let winner = select! { _ = interval.tick_event() => "tick", _ = after(seconds(1)) => "timer" };
        assert_eq!(winner.unwrap(), "timer");
    }
    assert_eq!(clock.timers(), 0, "the losers have left nothing");
    interval.tick().unwrap();
    assert_eq!(clock.elapsed(), seconds(3));
    let cancelled = Token::new();
    cancelled.cancel("stop");
    assert!(cancelled.run(|| interval.tick()).is_err());
    interval.tick().unwrap();
    assert_eq!(clock.elapsed(), seconds(13));
}

#[test]
#[should_panic(expected = "longer than zero")]
fn an_interval_needs_a_period() {
    let _ = interval(Duration::ZERO);
}

#[test]
fn timeouts_stop_what_waits_and_report_what_came_late() {
    let clock = VirtualClock::new();
    let _entered = clock.enter();
    assert_eq!(timeout(seconds(5), || sleep(seconds(1))), Ok(Ok(())));
    assert_eq!(clock.timers(), 0);
    let late = timeout(seconds(5), || sleep(seconds(60))).unwrap_err().late.unwrap_err();
    assert!(matches!(late, Stopped::Cancelled(cancelled) if cancelled.by_own_deadline()));
    assert_eq!(clock.elapsed(), seconds(6));
    // One that does not listen, and computes for too long.
    assert_eq!(timeout(seconds(1), || clock.advance(seconds(2))), Err(TimedOut { late: () }));
    assert!(
        timeout(seconds(1), || {
            clock.advance(seconds(2));
            cancel::check()
        })
        .is_err()
    );
    // No limit at all.
    assert_eq!(timeout(Duration::MAX, || sleep(seconds(1))), Ok(Ok(())));
    assert_eq!(TimedOut { late: 1 }.to_string(), "timed out");
}

#[test]
fn of_nested_timeouts_the_one_that_passes_reports() {
    let clock = VirtualClock::new();
    let _entered = clock.enter();
    let outer = timeout(seconds(2), || timeout(seconds(5), || sleep(seconds(60))));
    let inner = outer.unwrap_err().late;
    assert!(inner.expect("not the inner one's deadline").is_err());
    let outer = timeout(seconds(5), || timeout(seconds(2), || sleep(seconds(60))));
    assert!(outer.expect("not the outer one's deadline").is_err());
    let shielded = timeout(seconds(2), || cancel::shield(|| timeout(seconds(5), || sleep(seconds(60)))));
    assert!(shielded.unwrap_err().late.is_err(), "a shield keeps the outer one out");
    assert_eq!(clock.elapsed(), seconds(2 + 2 + 5));
}

#[test]
fn a_timeout_of_a_future_drops_it_and_leaves_no_timer() {
    let clock = VirtualClock::new();
    clock.run(|| {
        let mut cx = TaskContext::from_waker(Waker::noop());
        let mut quick = pin!(timeout_async(seconds(1), async { 7 }));
        assert_eq!(quick.as_mut().poll(&mut cx), Poll::Ready(Ok(7)));
        // The current token does not take the deadline away.
        let token = Token::new();
        token.cancel("stop");
        let mut slow = Box::pin(timeout_async(seconds(1), std::future::pending::<()>()));
        assert!(token.run(|| slow.as_mut().poll(&mut cx)).is_pending());
        clock.advance(seconds(1));
        assert_eq!(slow.as_mut().poll(&mut cx), Poll::Ready(Err(TimedOut { late: () })));
        let mut dropped = Box::pin(timeout_async(seconds(1), std::future::pending::<()>()));
        assert!(dropped.as_mut().poll(&mut cx).is_pending());
        assert_eq!(clock.timers(), 1);
        drop(dropped);
        assert_eq!(clock.timers(), 0);
    });
}

#[test]
fn far_deadlines_never_come() {
    let clock = VirtualClock::new();
    clock.run(|| {
        let century = seconds(100 * 365 * 24 * 3600);
        let far = [century * 3, century * 10, Duration::MAX].map(Token::with_timeout);
        let mut events = Select::new();
        events.add(after(Duration::MAX));
        events.add(at(clock.now() + century * 10));
        assert_eq!(events.attempt(), None);
        assert_eq!(clock.timers(), 2, "what no `Instant` can express needs no timer");
        clock.advance(century);
        assert!(far.iter().all(|token| !token.is_cancelled()));
        clock.advance(Duration::MAX);
        assert_eq!(far.map(|token| token.is_cancelled()), [true, false, false], "time ends after 584 years");
        assert_eq!(clock.advance_to_next(), None);
    });
    // By the real clock too.
    let far = Token::with_timeout(seconds(1000 * 365 * 24 * 3600));
    assert!(!far.is_cancelled() && far.remaining() > Some(seconds(3600)));
    let mut early = at(Instant::now() - Duration::from_millis(1));
    assert!(early.attempt().is_some());
}

#[test]
fn two_clocks_do_not_know_each_other() {
    let (one, two) = (VirtualClock::new(), VirtualClock::new());
    assert!(
        one.clock().is(&one.clone().clock()) && !one.clock().is(&two.clock()) && Clock::real().is(&Clock::default())
    );
    let parent = one.run(|| Token::with_timeout(seconds(1)));
    let child = two.run(|| parent.child_with_timeout(seconds(2)));
    assert_eq!((one.timers(), two.timers()), (1, 1), "the parent's deadline is by another clock, and no bound");
    two.advance(seconds(2));
    assert!(child.is_cancelled() && !parent.is_cancelled());
}

#[test]
fn many_timers_set_removed_and_fired_by_many_threads() {
    let clock = VirtualClock::new();
    let fired = Arc::new(AtomicUsize::new(0));
    let threads: Vec<_> = (0..4)
        .map(|seed| {
            let (clock, fired) = (clock.clone(), fired.clone());
            thread::spawn(move || {
                clock.run(|| {
                    let mut kept = Vec::new();
                    for index in 0..2_000_u64 {
                        let token = Token::with_timeout(Duration::from_millis((index * 7919 + seed * 13) % 5_000));
                        let (clock, fired) = (clock.clone(), fired.clone());
                        let deadline = token.deadline().unwrap();
                        token
                            .on_cancel(move |_| {
                                assert!(clock.now() >= deadline, "not early");
                                fired.fetch_add(1, Ordering::Relaxed);
                            })
                            .detach();
                        if index % 2 == 0 {
                            kept.push(token);
                        }
                    }
                    kept
                })
            })
        })
        .collect();
    while clock.elapsed() < seconds(6) {
        clock.advance(Duration::from_millis(1));
        thread::yield_now();
    }
    let kept: Vec<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    clock.advance(seconds(6));
    assert!(kept.iter().all(Token::is_cancelled));
    assert_eq!(clock.timers(), 0);
    assert!(fired.load(Ordering::Relaxed) >= kept.len());
}
