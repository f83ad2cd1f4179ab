use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use quickcheck::quickcheck;

use super::places::Places;
use super::{AcquireError, Barrier, Guard, Latch, Lock, RwLock, Semaphore};
use crate::cancel::Token;
use crate::event::Select;
use crate::select;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::{Arc, thread};

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn soon() -> Instant {
    Instant::now() + Duration::from_millis(20)
}

fn cancelled() -> Token {
    let token = Token::new();
    token.cancel("enough");
    token
}

#[test]
fn a_panic_releases_and_leaves_the_value() {
    let lock = Lock::new(1);
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let mut guard = lock.lock();
        *guard = 2;
        std::panic::resume_unwind(Box::new("on purpose"));
    }));
    assert!(outcome.is_err());
    assert_eq!(*lock.try_lock().expect("released"), 2);
}

#[test]
fn a_lock_holds_what_has_no_size() {
    let boxed: Box<Lock<[u8]>> = Box::new(Lock::new([1, 2, 3]));
    boxed.lock()[1] = 5;
    assert_eq!(*boxed.lock(), [1, 5, 3]);
    let shared: Arc<RwLock<dyn Fn() -> u8 + Send + Sync>> = Arc::new(RwLock::new(|| 7));
    assert_eq!((shared.read())(), 7);
}

#[test]
fn guards_map_and_roam() {
    let mut lock = Lock::new((1, String::from("a")));
    let mut name = Guard::map(lock.lock(), |pair| &mut pair.1);
    assert!(lock.is_locked());
    name.push('b');
    drop(name);
    let roaming = Guard::roam(lock.lock());
    assert!(lock.acquire_deadline(soon()).is_err(), "held by whoever has the guard");
    thread_drop(roaming);
    assert_eq!(lock.get_mut().1, "ab");
    assert_eq!(lock.into_inner(), (1, "ab".to_owned()));
}

/// That a value may be sent, shown by its type.
fn thread_drop<T: Send>(value: T) {
    drop(value);
}

#[test]
fn acquiring_what_one_holds_is_an_error() {
    let lock = Lock::named("accounts", ());
    let _held = lock.lock();
    let AcquireError::Deadlock(deadlock) = lock.acquire().unwrap_err() else { panic!("a deadlock with itself") };
    assert_eq!(deadlock.waits.len(), 1);
    let table = RwLock::new(());
    let _written = table.write();
    for outcome in [table.acquire_read().map(drop), table.acquire_write().map(drop)] {
        assert!(matches!(outcome, Err(AcquireError::Deadlock(_))));
    }
    assert!(catch_unwind(AssertUnwindSafe(|| drop(table.read()))).is_err());
}

#[test]
fn a_stopped_wait_says_why_and_holds_nothing() {
    let (lock, table, permits, latch, barrier) =
        (Lock::new(()), RwLock::new(()), Semaphore::new(1), Latch::new(1), Barrier::new(2));
    let held = (Guard::roam(lock.lock()), table.read(), permits.take(1));
    let outcomes = |deadline: Instant| {
        [
            lock.acquire_deadline(deadline).map(drop),
            table.acquire_write_deadline(deadline).map(drop),
            permits.acquire_deadline(1, deadline).map(drop),
            latch.wait_deadline(deadline),
            barrier.wait_deadline(deadline).map(drop),
        ]
    };
    for outcome in outcomes(soon()) {
        assert_eq!(outcome, Err(AcquireError::TimedOut));
    }
    let later = Instant::now() + Duration::from_secs(60);
    for outcome in cancelled().run(|| outcomes(later)) {
        assert!(matches!(outcome, Err(AcquireError::Cancelled(_))));
    }
    drop(held);
    assert!(lock.try_lock().is_some() && table.try_write().is_some() && permits.try_acquire(1).is_some());
    // Both arrivals were taken back.
    assert_eq!(barrier.wait_deadline(soon()), Err(AcquireError::TimedOut));
}

#[test]
fn unstoppable_calls_are_not_cancelled() {
    cancelled().run(|| {
        let lock = Arc::new(Lock::new(0));
        let held = lock.lock();
        let waiter = thread::spawn({
            let lock = lock.clone();
            move || cancelled().run(|| *lock.lock() += 1)
        });
        thread::yield_now();
        drop(held);
        waiter.join().unwrap();
        assert_eq!(*lock.lock(), 1);
    });
}

#[test]
fn tasks_wait_too_and_a_dropped_one_passes_its_turn_on() {
    let lock = Lock::new(());
    let held = lock.lock();
    let mut second = Box::pin(lock.lock_async());
    let mut third = pin!(lock.acquire_async());
    assert!(poll(second.as_mut()).is_pending());
    assert!(poll(third.as_mut()).is_pending());
    drop(held);
    drop(second);
    assert!(matches!(poll(third.as_mut()), Poll::Ready(Ok(_))));

    let permits = Semaphore::new(2);
    let held = permits.take(1);
    let mut large = Box::pin(permits.take_async(2));
    let mut small = pin!(permits.take_async(1));
    assert!(poll(large.as_mut()).is_pending());
    assert!(poll(small.as_mut()).is_pending(), "it does not overtake");
    assert!(permits.try_acquire(1).is_none(), "neither does this");
    drop(large);
    assert!(poll(small.as_mut()).is_ready());
    drop(held);
}

#[test]
fn readers_and_writers_take_turns() {
    let table = RwLock::new(0);
    let reading = table.read();
    let mut writer = Box::pin(table.write_async());
    let mut reader = pin!(table.read_async());
    assert!(poll(writer.as_mut()).is_pending());
    assert!(poll(reader.as_mut()).is_pending(), "behind the writer");
    assert!(table.try_read().is_none());
    drop(reading);
    let Poll::Ready(writing) = poll(writer.as_mut()) else { panic!("the writer's turn") };
    let mut next = Box::pin(table.write_async());
    assert!(poll(next.as_mut()).is_pending());
    drop(writing);
    assert!(poll(next.as_mut()).is_pending(), "readers that waited for a writer go before the next");
    let Poll::Ready(reading) = poll(reader.as_mut()) else { panic!("the reader's turn") };
    drop(reading);
    assert!(poll(next.as_mut()).is_ready());
}

#[test]
fn locks_take_part_in_select() {
    let (lock, permits, latch) = (Lock::new(5), Semaphore::new(1), Latch::new(1));
    let roaming = Guard::roam(lock.lock());
    let chosen = select! {
        guard = lock.lock_event() => *guard,
        permit = permits.acquire_event(1) => permit.permits() as i32,
        () = latch.wait_event() => 0,
    };
    assert_eq!(chosen, Ok(1));
    drop(roaming);
    let mut select = Select::biased();
    select.add(lock.lock_event());
    let (index, guard) = select.wait().unwrap();
    assert_eq!((index, *guard), (0, 5));
}

#[test]
#[should_panic(expected = "semaphore \"small\"")]
fn more_permits_than_exist_are_refused() {
    let _ = Semaphore::named("small", 2).take(3);
}

#[test]
fn a_barrier_of_one_lets_everybody_through() {
    let barrier = Barrier::new(1);
    assert!(barrier.wait() && barrier.wait());
}

quickcheck! {
    /// A latch opens with its last count, once, whatever comes after.
    fn a_latch_counts(count: u8, counts: u8) -> bool {
        let latch = Latch::new(u64::from(count));
        let opened = (0..counts).filter(|_| latch.count_down()).count();
        latch.is_open() == (counts >= count)
            && opened == usize::from(count > 0 && counts >= count)
            && latch.left() == u64::from(count.saturating_sub(counts))
    }

    /// Permits that are taken and given back in any order are conserved, and never more than there are.
    fn permits_are_conserved(total: u8, requests: Vec<(u8, bool)>) -> bool {
        let semaphore = Semaphore::new(u32::from(total));
        let (mut held, mut free) = (Vec::new(), u32::from(total));
        for (n, give_back) in requests {
            if give_back && !held.is_empty() {
                let permit: super::Permit<'_> = held.swap_remove(usize::from(n) % held.len());
                free += permit.permits();
            } else {
                let permit = semaphore.try_acquire(u32::from(n));
                if permit.is_some() != (u32::from(n) <= free) {
                    return false;
                }
                free -= permit.as_ref().map_or(0, super::Permit::permits);
                held.extend(permit);
            }
            if semaphore.available() != free {
                return false;
            }
        }
        drop(held);
        semaphore.available() == semaphore.permits()
    }

    /// Any number of readers or one writer: what can be had follows from what is held.
    fn readers_share_and_writers_do_not(requests: Vec<(bool, bool)>) -> bool {
        let lock = RwLock::new(());
        let (mut readers, mut writers) = (Vec::new(), Vec::new());
        for (write, release) in requests {
            let (reads, writes) = (readers.len(), writers.len());
            let fine = match (write, release) {
                (true, true) => writers.pop().is_some() == (writes > 0),
                (false, true) => readers.pop().is_some() == (reads > 0),
                (true, false) => {
                    writers.extend(lock.try_write());
                    (writers.len() > writes) == (reads + writes == 0)
                }
                (false, false) => {
                    readers.extend(lock.try_read());
                    (readers.len() > reads) == (writes == 0)
                }
            };
            if !fine {
                return false;
            }
        }
        true
    }

    /// Places are in order of arrival, also of those that come back to theirs.
    fn places_keep_their_order(comings: Vec<bool>) -> bool {
        let waiter = crate::event::Waiter::idle();
        let mut line = Places::new();
        let mut called = Vec::new();
        for (arrival, comes_back) in comings.into_iter().enumerate() {
            let number = line.sit(None, &waiter, || arrival);
            if comes_back {
                line.leave(number);
                line.sit(Some(number), &waiter, || arrival);
            }
        }
        while let Some((_, arrival)) = line.call_first() {
            called.push(arrival);
        }
        called.is_sorted()
    }
}

const THREADS: usize = 4;

#[test]
fn stress() {
    const ROUNDS: usize = 2_000;
    let world = Arc::new((Lock::new(0), RwLock::new((0, 0)), Semaphore::new(3), Barrier::new(THREADS as u64)));
    let gave_up = Arc::new(AtomicUsize::new(0));
    let threads = (0..THREADS).map(|me| {
        let (world, gave_up) = (world.clone(), gave_up.clone());
        thread::spawn(move || {
            let (lock, table, permits, barrier) = &*world;
            barrier.wait();
            for round in 0..ROUNDS {
                match (me + round) % 4 {
                    0 => match lock.acquire_timeout(Duration::from_micros(20)) {
                        Ok(mut count) => *count += 1,
                        Err(_) => drop(gave_up.fetch_add(1, Ordering::Relaxed)),
                    },
                    1 => *lock.lock() += 1,
                    2 => {
                        let mut table = table.write();
                        table.0 += 1;
                        table.1 += 1;
                    }
                    _ => {
                        let _permit = permits.take(1 + round as u32 % 3);
                        let table = table.read();
                        assert_eq!(table.0, table.1, "half of a write was read");
                    }
                }
                if round % 500 == 0 {
                    barrier.wait();
                }
            }
        })
    });
    for thread in threads.collect::<Vec<_>>() {
        thread.join().unwrap();
    }
    let total = *world.0.lock() + gave_up.load(Ordering::Relaxed);
    assert_eq!((total, world.1.read().0), (THREADS * ROUNDS / 2, THREADS * ROUNDS / 4), "an update was lost");
    assert_eq!(world.2.available(), 3, "permits are conserved");
}
