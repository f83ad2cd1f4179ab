//! Joins: both halves are run, once, wherever that is.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use reweave_core::cancel::Token;
use reweave_core::channel;
use reweave_core::context::Context;
use reweave_core::sync::atomic::{AtomicU64, Ordering};
use reweave_core::sync::thread;

use crate::{Pool, join};

fn fib(n: u64) -> u64 {
    if n < 2 {
        return n;
    }
    let (a, b) = join(|| fib(n - 1), || fib(n - 2));
    a + b
}

#[test]
fn a_deep_tree_is_summed() {
    for threads in [1, 2, 4] {
        let pool = Pool::new(threads).unwrap();
        assert_eq!(pool.install(|| fib(24)), 46_368);
    }
}

#[test]
fn outside_of_pools_the_global_one_serves() {
    assert_eq!(fib(15), 610);
}

#[test]
fn hungry_workers_are_fed() {
    let pool = Pool::new(2).unwrap();
    // Both halves wait for each other: only two workers can do that.
    let (to_second, first) = channel::bounded(1);
    let (to_first, second) = channel::bounded(1);
    let met = pool.install(|| {
        join(
            || {
                to_second.send(1).unwrap();
                // Joins are where a worker shares.
                for _ in 0..1_000_000 {
                    join(thread::yield_now, || ());
                    if let Ok(value) = second.try_recv() {
                        return value;
                    }
                }
                0
            },
            || {
                to_first.send(2).unwrap();
                first.recv().unwrap()
            },
        )
    });
    assert_eq!(met, (2, 1));
}

#[test]
fn the_first_panic_goes_on_after_both_have_ended() {
    let pool = Pool::new(2).unwrap();
    let ended = AtomicU64::new(0);
    for (first, second, expected) in [(true, false, "first"), (false, true, "second"), (true, true, "first")] {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            pool.install(|| {
                join(
                    || {
                        // Time to be stolen from.
                        for _ in 0..200 {
                            join(thread::yield_now, || ());
                        }
                        assert!(!first, "first");
                    },
                    || {
                        ended.fetch_add(1, Ordering::Relaxed);
                        assert!(!second, "second");
                    },
                )
            })
        }));
        let panic = *outcome.unwrap_err().downcast::<&str>().unwrap();
        assert_eq!(panic, expected);
    }
    // A second half that was not begun when the first panicked is not run.
    assert!(ended.load(Ordering::Relaxed) >= 1);
    assert_eq!(pool.install(|| fib(10)), 55, "the pool goes on");
}

#[test]
fn a_second_half_has_the_context_of_its_join() {
    let pool = Pool::new(2).unwrap();
    let token = Token::named("above");
    let tokens = pool.install(|| {
        let current = || Context::current().cancel.map(|token| token.id());
        token.run(|| {
            join(
                // Under another token, and long enough for the second half to be stolen meanwhile.
                || Token::named("below").run(|| (0..2_000).for_each(|_| join(thread::yield_now, || ()).1)),
                current,
            )
        })
    });
    assert_eq!(tokens.1, Some(token.id()));
}

#[test]
fn a_blocked_worker_is_made_up_for() {
    let pool = Pool::builder().threads(1).keep_alive(Duration::from_millis(5)).build().unwrap();
    // One worker, and each half waits for the other.
    let (sender, receiver) = channel::rendezvous();
    let (sent, received) = pool.install(|| join(|| sender.send(7), || receiver.recv().unwrap()));
    assert!(sent.is_ok());
    assert_eq!(received, 7);
    while pool.stats().threads > 1 {
        thread::yield_now();
    }
}
