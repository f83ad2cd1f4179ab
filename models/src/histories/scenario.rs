//! Scenarios: which thread performs which operations.
//!
//! A scenario has three phases. The operations `before` are performed alone, by the main thread; then those of the
//! threads, each thread's in order and the threads beside each other; then those `after`, alone again.
//!
//! # Scenarios that cannot end
//! An operation of the model may block, so threads may be left waiting for each other for ever (two receives and one
//! send). [`may_stick`] searches the model for an order of the operations in which that happens: it walks all of them,
//! recognising states it has been in. A subject without an [`Ending`] gets only scenarios in which it finds none; a
//! lost wake-up then shows as a deadlock that the model does not have.

use rustc_hash::FxHashSet;

use super::{Ending, Op, Place, Random, Sequential, Subject};

/// How many states the search for a deadlock visits before it counts the scenario as one that may stick.
const MOST_STATES: usize = 200_000;

/// How often a scenario is drawn again because it may stick.
const MOST_DRAWS: usize = 1_000;

/// How large scenarios are: each number is drawn from a range, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Threads that run beside each other.
    pub threads: (usize, usize),
    /// Operations of each of them.
    pub operations: (usize, usize),
    /// Operations before they start.
    pub before: (usize, usize),
    /// Operations after they have ended.
    pub after: (usize, usize),
}

impl Shape {
    /// Two or three threads of two to five operations, and up to two operations before and after them.
    ///
    /// Almost all bugs that were ever reported show in scenarios no larger (Koval et al., CAV 2023).
    pub const fn usual() -> Self {
        Self { threads: (2, 3), operations: (2, 5), before: (0, 2), after: (0, 2) }
    }

    /// Two threads of two operations and nothing else: what a checker can search deeply.
    pub const fn small() -> Self {
        Self { threads: (2, 2), operations: (2, 2), before: (0, 0), after: (0, 0) }
    }
}

/// Which thread performs which operations: first those before, alone; then the threads, beside each other; then those
/// after, alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario<Op> {
    /// Performed first, alone.
    pub before: Vec<Op>,
    /// Performed beside each other, a list for each thread.
    pub threads: Vec<Vec<Op>>,
    /// Performed last, alone.
    pub after: Vec<Op>,
}

impl<O: Clone> Scenario<O> {
    /// How many operations there are.
    pub fn len(&self) -> usize {
        self.before.len() + self.threads.iter().map(Vec::len).sum::<usize>() + self.after.len()
    }

    /// Whether there is no operation.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The scenario of a seed: of the shape asked for, and one that ends if the subject cannot end it.
    ///
    /// # Panics
    /// When no such scenario turns up in a thousand draws: the mix of the subject makes deadlocks likely, and it needs
    /// another mix or an [`Ending`].
    pub fn generate<S: Subject<Model: Sequential<Op = O>>>(shape: &Shape, seed: u64) -> Self {
        let mut random = Random::new(seed);
        for _ in 0..MOST_DRAWS {
            let scenario = Self::draw::<S>(shape, &mut random);
            if can_be_run::<S>(&scenario) {
                return scenario;
            }
        }
        panic!(
            "{}: {MOST_DRAWS} scenarios in a row may leave their threads waiting for ever (seed {seed:#x}): give the \
             subject a mix in which operations find what they wait for, or an `ending`",
            S::NAME
        );
    }

    fn draw<S: Subject<Model: Sequential<Op = O>>>(shape: &Shape, random: &mut Random) -> Self {
        let before = some::<S>(random, Place::Before, shape.before);
        let threads = random.between(shape.threads.0, shape.threads.1);
        let threads = (1..=threads).map(|thread| some::<S>(random, Place::Thread(thread), shape.operations)).collect();
        Self { before, threads, after: some::<S>(random, Place::After, shape.after) }
    }
}

/// Operations for one place.
fn some<S: Subject>(random: &mut Random, place: Place, (least, most): (usize, usize)) -> Vec<Op<S>> {
    let mix = S::operations(place);
    let wanted = random.between(least, most);
    (0..wanted).map_while(|_| mix.choose(random)).collect()
}

/// Whether the scenario ends in every order, or can be ended.
pub(super) fn can_be_run<S: Subject>(scenario: &Scenario<Op<S>>) -> bool {
    S::ending().is_needed() || !may_stick(&S::model(), scenario)
}

/// How a scenario is ended: not at all if it ends in every order.
pub(super) fn ending_of<S: Subject>(scenario: &Scenario<Op<S>>) -> Ending<Op<S>> {
    let ending = S::ending();
    if ending.is_needed() && may_stick(&S::model(), scenario) { ending } else { Ending::NotNeeded }
}

/// Whether the model knows an order of the operations after which some are left and none of them can be performed.
///
/// Exponential in the number of operations at worst: gives up after 200,000 states, with `true`.
pub fn may_stick<M: Sequential>(model: &M, scenario: &Scenario<M::Op>) -> bool {
    // The threads between two phases of one thread: a place is how far each thread has come, in the phase.
    let phases = [vec![scenario.before.as_slice()], slices(&scenario.threads), vec![scenario.after.as_slice()]];
    let mut starts: FxHashSet<M> = [model.clone()].into_iter().collect();
    let mut budget = MOST_STATES;
    for threads in phases {
        let mut ends = FxHashSet::default();
        let mut open: Vec<(Vec<usize>, M)> = starts.into_iter().map(|state| (vec![0; threads.len()], state)).collect();
        let mut known: FxHashSet<_> = open.iter().cloned().collect();
        while let Some((at, state)) = open.pop() {
            let waiting: Vec<usize> = (0..threads.len()).filter(|&thread| at[thread] < threads[thread].len()).collect();
            if waiting.is_empty() {
                ends.insert(state);
                continue;
            }
            let mut next = Vec::new();
            let mut go = |movers: &[usize], state: M| {
                let mut at = at.clone();
                movers.iter().for_each(|&thread| at[thread] += 1);
                next.push((at, state));
            };
            for &thread in &waiting {
                let op = &threads[thread][at[thread]];
                state.steps(op).into_iter().for_each(|(after, _)| go(&[thread], after));
                for &other in waiting.iter().filter(|&&other| other != thread) {
                    let mut after = state.clone();
                    if after.meet(op, &threads[other][at[other]]).is_some() {
                        go(&[thread, other], after);
                    }
                }
            }
            if next.is_empty() || known.len() > budget {
                return true;
            }
            open.extend(next.into_iter().filter(|place| known.insert(place.clone())));
        }
        budget = budget.saturating_sub(known.len());
        starts = ends;
    }
    false
}

fn slices<Op>(threads: &[Vec<Op>]) -> Vec<&[Op]> {
    threads.iter().map(Vec::as_slice).collect()
}
