//! Shrinking: from a scenario that fails to a smallest one that still does.

use super::Scenario;

/// Leaves out of a failing scenario whatever it fails without: whole threads, whole phases, single operations.
///
/// `fails` tells whether a smaller scenario fails too; that may be a search that misses some failures, and then the
/// result is merely not as small. The result is minimal in that nothing more can be left out alone. At most quadratic
/// in the number of operations, counted in calls of `fails`.
///
/// A thread that lost all its operations stays as an empty list, so that the others keep their numbers.
///
/// # Examples
/// ```
/// use reweave_models::histories::{Scenario, shrink};
/// let scenario = Scenario { before: vec![1], threads: vec![vec![2, 3], vec![4, 5], vec![6]], after: vec![7] };
/// let small = shrink(scenario, |smaller| smaller.threads[0].contains(&3) && smaller.threads[1].contains(&4));
/// assert_eq!(small, Scenario { before: vec![], threads: vec![vec![3], vec![4], vec![]], after: vec![] });
/// ```
pub fn shrink<Op: Clone>(scenario: Scenario<Op>, mut fails: impl FnMut(&Scenario<Op>) -> bool) -> Scenario<Op> {
    let mut smallest = scenario;
    while let Some(smaller) = smaller(&smallest).into_iter().find(|candidate| fails(candidate)) {
        smallest = smaller;
    }
    smallest
}

/// The scenarios that lack one part of this one, the largest parts first.
fn smaller<Op: Clone>(scenario: &Scenario<Op>) -> Vec<Scenario<Op>> {
    let mut found = Vec::new();
    let parts = 2 + scenario.threads.len();
    let mut without = |part: usize, at: Option<usize>| {
        let mut candidate = scenario.clone();
        let list = part_of(&mut candidate, part);
        match at {
            Some(at) => drop(list.remove(at)),
            None => list.clear(),
        }
        found.push(candidate);
    };
    let length = |part| part_of(&mut scenario.clone(), part).len();
    for part in (0..parts).filter(|&part| length(part) > 1) {
        without(part, None);
    }
    for part in 0..parts {
        // The last one first: those before it matter to it, not the other way round.
        for at in (0..length(part)).rev() {
            without(part, Some(at));
        }
    }
    found
}

/// A list of operations by its number: the threads, then what comes after them, then what comes before.
fn part_of<Op>(scenario: &mut Scenario<Op>, part: usize) -> &mut Vec<Op> {
    match part.checked_sub(scenario.threads.len()) {
        None => &mut scenario.threads[part],
        Some(0) => &mut scenario.after,
        Some(_) => &mut scenario.before,
    }
}
