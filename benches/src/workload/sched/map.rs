//! `par-map` and `par-map-skew`: a function applied to every item of a slice, into a vector in the order of the items.
//!
//! In `par-map` all items are alike and take a few nanoseconds, so what is timed is how little a system adds to each of
//! them. In `par-map-skew` one item of 100 takes 1,000 times as long as the others ([`LIGHT`] steps of arithmetic, about a
//! tenth of a microsecond), and those are near each other: in [`CLUSTERS`] runs of neighbours, all within an eighth of the
//! slice, at places that follow from the seed. Nine tenths of the work are thus in an eighth of the items. Whoever cuts
//! the slice into pieces beforehand gives one thread most of it. No system is told: each divides the slice as it does when
//! nothing else is said.
//!
//! The result is checked by its length and by a sum in which every item has a factor of its own, so that it tells the order.

use std::ops::Range;

use super::drive;
use super::pool::Map;
use super::work::{churn, mix};
use crate::Error;
use crate::workload::{Sample, Trial};

/// Steps of a light item.
pub(super) const LIGHT: u32 = 64;
/// How many times as many a heavy one has.
pub(super) const SKEW: u32 = 1000;
/// Of how many items one is heavy.
pub(super) const ONE_IN: usize = 100;
/// In how many runs of neighbours the heavy ones are.
pub(super) const CLUSTERS: usize = 10;
/// What part of the slice they are in.
const PART: usize = 8;

/// The bit of an item that says whether it is heavy.
const HEAVY: u64 = 1;

/// Times maps of so many items that are all alike.
pub(super) fn even<P: Map>(items: usize, system: &'static str, trial: &Trial) -> Result<Sample, Error> {
    let mut rng = fastrand::Rng::with_seed(trial.seed);
    let items: Vec<u64> = (0..items).map(|_| rng.u64(..)).collect();
    timed::<P>(system, trial, &items, mix)
}

/// Times maps of so many items, of which few take long.
pub(super) fn skewed<P: Map>(items: usize, system: &'static str, trial: &Trial) -> Result<Sample, Error> {
    timed::<P>(system, trial, &few_heavy(items, trial.seed), weigh)
}

/// What becomes of an item that is light or heavy.
fn weigh(item: u64) -> u64 {
    churn(item, if item & HEAVY == 0 { LIGHT } else { LIGHT * SKEW })
}

/// Items of which few are heavy.
fn few_heavy(items: usize, seed: u64) -> Vec<u64> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut all: Vec<u64> = (0..items).map(|_| rng.u64(..) & !HEAVY).collect();
    let run = (items / ONE_IN / CLUSTERS).max(1);
    // Each run has a place of its own in its part of the slice, so that none covers another.
    let place = items / PART / CLUSTERS;
    let first = rng.usize(..=items - items / PART);
    for cluster in 0..CLUSTERS {
        let begin = first + cluster * place + rng.usize(..=place.saturating_sub(run));
        let heavy: Range<usize> = begin..(begin + run).min(items);
        all[heavy].iter_mut().for_each(|item| *item |= HEAVY);
    }
    all
}

fn timed<P: Map>(
    system: &'static str,
    trial: &Trial,
    items: &[u64],
    f: impl Fn(u64) -> u64 + Copy + Send + Sync,
) -> Result<Sample, Error> {
    let expected = checksum(items.iter().map(|&item| f(item)));
    drive::trial(system, trial, items.len(), |pool: &P| {
        let (taken, results) = drive::timed(|| pool.map(items, f));
        let (found, wanted) = (results.len(), items.len());
        if found != wanted {
            return Err(format!("a map of {wanted} items had {found} results"));
        }
        if checksum(results.into_iter()) != expected {
            return Err("a map had results that are not those of its items, or not in their order".to_owned());
        }
        Ok(taken)
    })
}

/// A sum in which each place has a factor of its own.
fn checksum(results: impl Iterator<Item = u64>) -> u64 {
    results.zip(1_u64..).fold(0, |sum: u64, (result, place)| sum.wrapping_add(result.wrapping_mul(2 * place + 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_item_of_a_hundred_is_heavy_and_all_of_those_are_within_an_eighth() {
        for seed in 0..50 {
            let items = few_heavy(10_000, seed);
            let heavy: Vec<usize> = (0..items.len()).filter(|&place| items[place] & HEAVY != 0).collect();
            assert_eq!((items.len(), heavy.len()), (10_000, 100), "seed {seed}");
            assert!(heavy[99] - heavy[0] < 10_000 / PART, "seed {seed}: {heavy:?}");
        }
        assert_ne!(few_heavy(10_000, 1), few_heavy(10_000, 2));
    }

    #[test]
    fn the_sum_tells_the_order() {
        assert_ne!(checksum([1, 2].into_iter()), checksum([2, 1].into_iter()));
    }
}
