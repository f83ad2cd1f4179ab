//! How near two cores are: the round trip of a cache line between them.
//!
//! Two pinned threads hand one word to and fro. The first writes an odd number and waits for the even one that follows;
//! the second answers it. A round trip moves the line there and back, and is the least that any two operations cost that
//! conflict with each other. On virtual machines the two cores are sometimes neighbours and sometimes on different
//! chips, so that the figure changes from minute to minute by a factor of five, and with it every result of several
//! threads: it is therefore measured before and after each of them, and printed.

use std::time::{Duration, Instant};

use crossbeam_utils::CachePadded;
use reweave_core::sync::atomic::{AtomicU32, Ordering};
use reweave_core::sync::{Arc, thread};
use reweave_core::topology::affinity;

use crate::report::median;
use crate::team;

/// How long one measurement lasts.
const WINDOW: Duration = Duration::from_millis(4);
/// Round trips between two looks at the clock; the median over these batches is the result, so that an interruption
/// spoils a batch and not the figure.
const BATCH: u32 = 200;
/// Looks at the word before a waiting thread gives up its core: never needed when both are pinned to cores of their own.
const PATIENCE: u32 = 20_000;
/// The word that ends the game. Even, so the second thread never waits for it as an answer of its own.
const OVER: u32 = u32::MAX - 1;

/// The cores that take part: the first two that this process may use, or `None` if it has fewer.
pub fn cores() -> Option<[usize; 2]> {
    match affinity::allowed()[..] {
        [first, second, ..] => Some([first, second]),
        _ => None,
    }
}

/// The round trip of a cache line between the first two cores that this process may use, in nanoseconds; `None` where
/// it has one core only or does not know. Takes about 4 ms.
pub fn measure() -> Option<f64> {
    cores()?;
    let word = Arc::new(CachePadded::new(AtomicU32::new(0)));
    let mut times = team::run(2, move |side| if side == 0 { serve(&word) } else { answer(&word) }).ok()?;
    let batches = times.swap_remove(0);
    (!batches.is_empty()).then(|| median(&batches))
}

/// The first thread: plays batches until the window is over, and returns the nanoseconds of a round trip in each.
fn serve(word: &AtomicU32) -> Vec<f64> {
    let start = Instant::now();
    let mut batches = Vec::new();
    let mut turn = 0;
    let mut before = start;
    loop {
        for _ in 0..BATCH {
            word.store(turn + 1, Ordering::Release);
            await_change(word, turn + 1);
            turn += 2;
        }
        let now = Instant::now();
        batches.push((now - before).as_nanos() as f64 / f64::from(BATCH));
        before = now;
        // The second condition keeps the count away from its end whatever the clock does.
        if now - start >= WINDOW || turn > u32::MAX / 2 {
            word.store(OVER, Ordering::Release);
            return batches;
        }
    }
}

/// The second thread: answers every odd number with the even one that follows.
fn answer(word: &AtomicU32) -> Vec<f64> {
    let mut turn = 0;
    loop {
        match await_change(word, turn) {
            OVER => return Vec::new(),
            served => {
                turn = served + 1;
                word.store(turn, Ordering::Release);
            }
        }
    }
}

/// Waits until the word is no longer `old`. No pause instruction: on some processors it takes as long as a round trip.
fn await_change(word: &AtomicU32, old: u32) -> u32 {
    let mut looks = 0_u32;
    loop {
        let now = word.load(Ordering::Acquire);
        if now != old {
            return now;
        }
        looks += 1;
        if looks.is_multiple_of(PATIENCE) {
            thread::yield_now();
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn two_cores_give_a_figure_and_one_gives_none() {
        let figure = super::measure();
        assert_eq!(figure.is_some(), super::cores().is_some());
        assert!(figure.is_none_or(|ns| ns > 0.0 && ns.is_finite()));
    }
}
