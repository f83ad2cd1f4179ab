//! Scenarios as models: under loom and shuttle, on which every schedule can be repeated.
//!
//! # Recording
//! Both checkers run all threads on one thread of the system, one at a time, so one list of events behind an [`Unseen`]
//! lock is the order of time, and neither checker sees it: recording is no scheduling point and orders nothing.
//!
//! # What time means
//! Under shuttle the order of the list is the order of [real time](Order::RealTime). Under loom it is not: a thread may
//! read an older value than one written earlier in the list, as a processor may, unless something orders the two.
//! Nothing in the C11 model is called real time, so there histories are checked in the order of the
//! [program](Order::Program), which is sequential consistency: weaker between threads, and all that an object without
//! fences can promise.
//!
//! # A scenario that fails
//! The check panics in the execution that failed, with the table; under shuttle its schedule is stored. When the
//! checker itself panics (a deadlock), the table is printed behind its message. Then, under shuttle, smaller scenarios
//! are searched for the same failure, each with the same kind of schedules and a bounded number of them, and the
//! smallest is printed.

use reweave_core::sync::{Arc, Unseen, thread};

use super::explain::{ENDER, Failure, judge, outline, table};
use super::scenario::{can_be_run, ending_of};
use super::{BUDGET, Ending, History, Op, Operation, Order, Ret, Scenario, Sequential, Shape, Subject};
use super::{check, shrink};
use crate::{Backend, cover, runner};

/// How often the main thread lets the others run before it ends them.
const TURNS_BEFORE_ENDING: usize = if cfg!(reweave_loom) { 1 } else { 30 };

/// How many smaller scenarios are searched for a failure.
const MOST_CANDIDATES: usize = 60;

const ORDER: Order = if cfg!(reweave_loom) { Order::Program } else { Order::RealTime };

/// What a scenario's threads have done, in order of time.
struct Log<M: Sequential> {
    /// Every operation of the scenario with the number of its thread.
    planned: Vec<(usize, M::Op)>,
    events: Unseen<Vec<Event<M>>>,
}

enum Event<M: Sequential> {
    Invoked(usize),
    Returned(usize, M::Ret),
    /// The subject's hook was called: what returns from here on does not count.
    Ended,
}

impl<M: Sequential> Clone for Log<M> {
    fn clone(&self) -> Self {
        Self { planned: self.planned.clone(), events: self.events.clone() }
    }
}

impl<M: Sequential> Log<M> {
    /// The log of a scenario that has not begun.
    fn new<S: Subject<Model = M>>(scenario: &Scenario<M::Op>) -> Self {
        let threads = (1..).zip(&scenario.threads);
        let threads = threads.flat_map(|(thread, list)| list.iter().map(move |op| (thread, op.clone())));
        let mut planned: Vec<_> = scenario.before.iter().map(|op| (0, op.clone())).collect();
        planned.extend(threads);
        planned.extend(scenario.after.iter().map(|op| (0, op.clone())));
        if let Ending::Operation(op) = ending_of::<S>(scenario) {
            planned.push((ENDER, op));
        }
        Self { planned, events: Unseen::new(Vec::new()) }
    }

    fn history(&self) -> History<M> {
        let mut operations: Vec<Option<Operation<M>>> = self.planned.iter().map(|_| None).collect();
        self.events.with(|events| {
            for (at, event) in (0..).zip(events.iter()) {
                match event {
                    Event::Invoked(i) => {
                        let (thread, op) = self.planned[*i].clone();
                        operations[*i] = Some(Operation { thread, op, invoked: at, returned: None });
                    }
                    Event::Returned(i, result) => {
                        let operation = operations[*i].as_mut().expect("an operation is invoked before it returns");
                        operation.returned = Some((at, result.clone()));
                    }
                    Event::Ended => break,
                }
            }
        });
        History::new(operations.into_iter().flatten().collect(), ORDER)
    }
}

/// Performs the operations of one thread and records them; they are those from `first` on in the log.
fn perform<S: Subject>(subject: &S, thread: usize, first: usize, operations: &[Op<S>], log: &Log<S::Model>) {
    for (i, op) in (first..).zip(operations) {
        log.events.with(|events| events.push(Event::Invoked(i)));
        let result: Ret<S> = subject.perform(thread, op);
        log.events.with(|events| events.push(Event::Returned(i, result)));
    }
}

/// The scenarios of these seeds as the body of a model: every execution runs one of them, which the schedule chooses.
///
/// # Panics
/// When the history of the execution is not linearizable. Under loom also when there is more than one seed, as loom
/// would explore every combination.
pub fn explore<S: Subject>(shape: &Shape, seeds: &[u64]) {
    let one = seeds.len() == 1;
    assert!(
        one || Backend::BUILT == Backend::Shuttle,
        "under loom a model has one scenario, and this has {}",
        seeds.len()
    );
    let seed = if one { seeds[0] } else { seeds[runner::choose(seeds.len())] };
    run::<S>(&Scenario::generate::<S>(shape, seed), &format!("the scenario of seed {seed:#x}"));
}

/// One scenario as the body of a model.
///
/// # Panics
/// When the history of the execution is not linearizable; under loom, not sequentially consistent.
pub fn explore_one<S: Subject>(scenario: &Scenario<Op<S>>) {
    run::<S>(scenario, "a scenario written by hand");
}

/// Runs one scenario in this execution, and panics if its history is not linearizable.
fn run<S: Subject>(scenario: &Scenario<Op<S>>, origin: &str) {
    let log = Log::new::<S>(scenario);
    let (told, origin_told) = (log.clone(), origin.to_owned());
    let tell = move |message: &str| match message.contains(S::NAME) {
        // It is our own, and has the table.
        true => String::new(),
        false => format!("the history so far of {}, {origin_told}:\n{}", S::NAME, table(&told.history(), None)),
    };
    let pursued = scenario.clone();
    let pursue = move |message: &str| smaller_failure::<S>(pursued, message);
    runner::leave_word(tell, pursue);
    if let Some(failure) = failure_of::<S>(scenario, &log) {
        panic!("{failure}this was {origin}");
    }
    runner::take_word_back();
}

/// Runs one scenario in this execution and says what is wrong with its history, if anything is.
fn failure_of<S: Subject>(scenario: &Scenario<Op<S>>, log: &Log<S::Model>) -> Option<Failure> {
    let ended_by_hook = play::<S>(scenario, log);
    let history = log.history();
    if history.overlapped() {
        cover("operations overlapped");
    }
    if ended_by_hook {
        cover("ended from outside");
    }
    let verdict = check(S::model(), &history, BUDGET);
    if verdict.is_linearizable() {
        return None;
    }
    runner::on_a_deep_stack(move || judge::<S>(&history, &verdict, BUDGET))
}

/// Performs the scenario on a fresh subject; tells whether its hook was called.
fn play<S: Subject>(scenario: &Scenario<Op<S>>, log: &Log<S::Model>) -> bool {
    let ending = &ending_of::<S>(scenario);
    let subject = Arc::new(S::fresh());
    perform(&*subject, 0, 0, &scenario.before, log);
    let mut first = scenario.before.len();
    let mut bodies = Vec::new();
    for (thread, list) in (1..).zip(&scenario.threads) {
        if !list.is_empty() {
            let (subject, list, log) = (subject.clone(), list.clone(), log.clone());
            bodies.push(move || perform(&*subject, thread, first, &list, &log));
        }
        first += list.len();
    }
    // Where nobody has to be ended the last thread runs on the main one, which leaves less to explore.
    let here = if ending.is_needed() { None } else { bodies.pop() };
    let others: Vec<_> = bodies.into_iter().map(thread::spawn).collect();
    if let Some(body) = here {
        body();
    } else if ending.is_needed() {
        (0..TURNS_BEFORE_ENDING).for_each(|_| thread::yield_now());
    }
    match ending {
        Ending::NotNeeded => {}
        Ending::Operation(op) => {
            let last = log.planned.len() - 1;
            log.events.with(|events| events.push(Event::Invoked(last)));
            let result = subject.perform(0, op);
            log.events.with(|events| events.push(Event::Returned(last, result)));
        }
        Ending::Hook => {
            log.events.with(|events| events.push(Event::Ended));
            subject.end();
        }
    }
    for other in others {
        other.join().expect("a panic in a modelled thread ends the execution");
    }
    let ended = matches!(ending, Ending::Hook);
    // Behind the hook the object does what the model does not describe.
    if !ended {
        perform(&*subject, 0, first, &scenario.after, log);
    }
    ended
}

/// Searches smaller scenarios for the same kind of failure, and describes the smallest.
fn smaller_failure<S: Subject>(scenario: Scenario<Op<S>>, message: &str) -> String {
    let kind = kind_of(message);
    let size = scenario.len();
    let (mut candidates, mut last) = (0, None);
    let small = shrink(scenario, |candidate| {
        candidates += 1;
        if candidates > MOST_CANDIDATES || !can_be_run::<S>(candidate) {
            return false;
        }
        let candidate = candidate.clone();
        let found = runner::search(move || {
            let log = Log::new::<S>(&candidate);
            let told = log.clone();
            runner::leave_word(move |_| table(&told.history(), None), |_| String::new());
            let failure = failure_of::<S>(&candidate, &log);
            runner::take_word_back();
            failure.map(|failure| failure.to_string())
        });
        let same = found.filter(|found| kind_of(found) == kind);
        let fails = same.is_some();
        last = same.or(last.take());
        fails
    });
    match last {
        Some(found) => {
            format!("of its {size} operations {} are enough:\n{}{found}", small.len(), outline::<S>(&small))
        }
        None => format!("of its {size} operations none could be left out"),
    }
}

/// What a failure is compared by.
fn kind_of(message: &str) -> &'static str {
    ["is not linearizable", "deadlock"].into_iter().find(|kind| message.contains(kind)).unwrap_or("another")
}
