//! Scenarios on real threads: many repetitions of each, the threads started together.
//!
//! # What time means
//! An operation's interval is taken by its own thread, from the system's monotonic clock; it is recorded outside the
//! interval, in a log that nobody else touches meanwhile. The alternatives order the subject's memory: a shared counter
//! is a read-modify-write of one cache line by everybody, which makes every operation happen before all that are begun
//! later. Bugs of a missing order between operations cannot show behind it.
//!
//! A clock alone would raise false alarms: a store may sit in the processor's buffer when the operation has returned
//! and the clock has been read, and an operation begun later elsewhere does not see it; no object without fences is
//! linearizable in that time. So a sequentially consistent fence stands inside the interval at both ends: behind the
//! reading of the clock at the beginning (what the operation loads, it loads after that reading) and before the one at
//! the end (what it stored, others see before that reading). A fence is local to its processor, so the subject's
//! operations are ordered by nothing that was not between them before, but for the store buffer being drained between
//! two of them. Equal readings order nothing. That the clock agrees among processors is *trusted*; Linux and macOS
//! promise it.
//!
//! The price is that threads keep less in step than a contended counter makes them. In one measurement on two shared
//! cores, of 180,000 histories of five additions and reads by two threads, a counter whose addition is a load and a
//! store failed in 569; stamped by a shared counter, in 1,601. A round took 40 to 60 microseconds with either: what it
//! costs is to wake threads, not to stamp operations. So a narrow race that needs no weak memory is sooner found under
//! shuttle.
//!
//! # Protocol of a round
//! The threads of a scenario live through all its repetitions, called rounds. The main thread makes a subject, performs
//! what comes before, puts the subject where the threads find it, and opens the round by its number. Each thread takes
//! the subject, reports ready, and spins until all are: they start within a fraction of a microsecond of each other if
//! each has a core. Each performs its operations and reports that it has ended; the last wakes the main thread. All
//! counters only grow, so that nothing is reset between rounds.
//!
//! A thread that does not return within [the patience of the plan](Plan::patience) is stuck. It is left behind, as
//! nothing can end it, and with it the subject.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use reweave_core::panic_text;
use reweave_core::sync::atomic::{AtomicUsize, Ordering, fence};
use reweave_core::sync::{Arc, Mutex, hint, thread};

use super::explain::{ENDER, Failure, Kind, judge, outline, table};
use super::scenario::{can_be_run, ending_of};
use super::{BUDGET, Ending, History, Op, Operation, Order, Plan, Random, Ret, Scenario, Shape, Subject, Tally};
use super::{check, shrink};
use crate::cover;

/// How long nothing has to move before a scenario that may stick is ended. Too early is no mistake, only less of a
/// test.
const QUIET: Duration = Duration::from_micros(200);

/// How often a waiting thread looks before it gives its core to another.
const SPINS_BEFORE_YIELD: u32 = 100;

/// The same at the start of a round: a system call here would let the others begin, and end, without this thread.
const SPINS_AT_THE_START: u32 = 2_000;

/// The number of the round after the last.
const NO_MORE: usize = usize::MAX;

/// How many smaller scenarios are tried for a failure.
const MOST_CANDIDATES: usize = 60;

/// Runs scenarios on real threads and checks every history.
///
/// # Errors
/// The first [`Failure`], of the smallest scenario that was found to fail in the same way.
///
/// # Panics
/// When the system refuses a thread, or no scenario can be generated.
pub fn stress<S: Subject>(plan: &Plan) -> Result<Tally, Failure> {
    let begun = Instant::now();
    let mut tally = Tally::default();
    for number in 0..plan.scenarios {
        if begun.elapsed() >= plan.limit {
            break;
        }
        let seed = if plan.only { plan.seed } else { seed_of(plan.seed, number) };
        let scenario = Scenario::generate::<S>(&plan.shape, seed);
        tally.scenarios += 1;
        let until = begun + plan.limit;
        if let Err(failure) = repeat::<S>(&scenario, plan, until, &mut tally) {
            let origin = format!(
                "This was the scenario of seed {seed:#x}; to run it again: \
                 Plan::only({seed:#x}).shape({:?}).repetitions({})\n",
                plan.shape, plan.repetitions
            );
            return Err(smallest::<S>(scenario, failure, plan, &origin));
        }
    }
    Ok(tally)
}

/// The seed of the scenario of this number in a run from `seed`.
fn seed_of(seed: u64, number: u64) -> u64 {
    Random::new(seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15)).bits()
}

/// Runs one scenario on real threads, as often and as long as the plan says, and checks every history.
///
/// # Errors
/// The first [`Failure`].
///
/// # Panics
/// When the system refuses a thread.
pub fn stress_one<S: Subject>(scenario: &Scenario<Op<S>>, plan: &Plan) -> Result<Tally, Failure> {
    let mut tally = Tally { scenarios: 1, ..Tally::default() };
    repeat::<S>(scenario, plan, Instant::now() + plan.limit, &mut tally).map(|()| tally)
}

/// Makes the scenario smaller as long as it fails in the same way, and describes the last failure.
fn smallest<S: Subject>(scenario: Scenario<Op<S>>, first: Failure, plan: &Plan, origin: &str) -> Failure {
    let size = scenario.len();
    let (mut candidates, mut last) = (0, first);
    let (kind, until) = (last.kind, Instant::now() + plan.limit);
    let twice = plan.clone().repetitions(2 * plan.repetitions);
    let small = shrink(scenario, |candidate| {
        candidates += 1;
        // What is stuck leaves its threads behind: once is enough.
        if kind == Kind::Stuck || candidates > MOST_CANDIDATES || !can_be_run::<S>(candidate) {
            return false;
        }
        let again = repeat::<S>(candidate, &twice, until, &mut Tally::default());
        match again {
            Err(failure) if failure.kind == kind => last = failure,
            _ => return false,
        }
        true
    });
    if small.len() < size {
        last.text += &format!("Of the scenario's {size} operations {} are enough to fail:\n", small.len());
        last.text += &outline::<S>(&small);
    }
    last.text += origin;
    last
}

/// An operation as its thread recorded it.
struct Entry<S: Subject> {
    invoked: Instant,
    returned: Instant,
    result: Ret<S>,
}

/// What the main thread shares with those of a scenario.
struct Rounds<S: Subject> {
    lists: Vec<(usize, Vec<Op<S>>)>,
    main: thread::Thread,
    /// The subject of the round that is open.
    subject: Mutex<Option<Arc<S>>>,
    /// The number of the round that is open.
    round: AtomicUsize,
    /// How many threads have taken their subject, over all rounds.
    ready: AtomicUsize,
    /// How many have performed their operations, over all rounds.
    ended: AtomicUsize,
    /// What each has recorded in this round. Its own thread alone takes the lock while the round lasts, unless it is
    /// slow.
    logs: Vec<Mutex<Vec<Entry<S>>>>,
    panicked: Mutex<Option<String>>,
}

/// Performs operations and records them; stops at one that panics.
fn perform<S: Subject>(rounds: &Rounds<S>, subject: &S, thread: usize, list: &[Op<S>], log: &Mutex<Vec<Entry<S>>>) {
    for op in list {
        let invoked = Instant::now();
        // The clock was read before anything below is loaded; pairs with the fence of whoever stored it.
        fence(Ordering::SeqCst);
        let outcome = catch_unwind(AssertUnwindSafe(|| subject.perform(thread, op)));
        // What was stored above is seen by everybody before the clock is read.
        fence(Ordering::SeqCst);
        let returned = Instant::now();
        match outcome {
            Ok(result) => log.lock().push(Entry { invoked, returned, result }),
            Err(panic) => {
                let message = panic_text(&*panic).unwrap_or("without a message");
                *rounds.panicked.lock() = Some(format!("{op:?} of thread {thread} panicked: {message}"));
                return;
            }
        }
    }
}

/// Spins until `counter` is at least `wanted`, and returns it. Acquire: what was done before it was raised is behind
/// us.
fn await_at_least(counter: &AtomicUsize, wanted: usize, spins_before_yield: u32) -> usize {
    let mut spins = 0_u32;
    loop {
        let now = counter.load(Ordering::Acquire);
        if now >= wanted {
            return now;
        }
        spins += 1;
        if spins.is_multiple_of(spins_before_yield) { thread::yield_now() } else { hint::spin_loop() }
    }
}

/// The life of a scenario's thread; it is the one of this index.
fn live<S: Subject>(rounds: &Rounds<S>, index: usize) {
    let threads = rounds.lists.len();
    let (thread, list) = &rounds.lists[index];
    for round in 1.. {
        if await_at_least(&rounds.round, round, SPINS_BEFORE_YIELD) == NO_MORE {
            return;
        }
        let subject = rounds.subject.lock().clone().expect("a round is opened with a subject");
        // Release and acquire: a barrier orders all that came before it.
        rounds.ready.fetch_add(1, Ordering::AcqRel);
        await_at_least(&rounds.ready, round * threads, SPINS_AT_THE_START);
        perform(rounds, &*subject, *thread, list, &rounds.logs[index]);
        drop(subject);
        // Release: what was done is behind whoever reads that all have ended.
        if rounds.ended.fetch_add(1, Ordering::AcqRel) + 1 == round * threads {
            rounds.main.unpark();
        }
    }
}

/// Runs the scenario as often as the plan says, or `until` then, and checks every history.
fn repeat<S: Subject>(
    scenario: &Scenario<Op<S>>,
    plan: &Plan,
    until: Instant,
    tally: &mut Tally,
) -> Result<(), Failure> {
    let lists = (1..).zip(&scenario.threads).filter(|(_, list)| !list.is_empty());
    let lists: Vec<_> = lists.map(|(thread, list)| (thread, list.clone())).collect();
    let rounds: Arc<Rounds<S>> = Arc::new(Rounds {
        main: thread::current(),
        subject: Mutex::new(None),
        round: AtomicUsize::new(0),
        ready: AtomicUsize::new(0),
        ended: AtomicUsize::new(0),
        logs: lists.iter().map(|_| Mutex::new(Vec::new())).collect(),
        panicked: Mutex::new(None),
        lists,
    });
    let spawn = |index: usize| {
        let there = rounds.clone();
        let started = thread::try_spawn(format!("history-{index}"), move || live(&there, index));
        started.expect("the system starts a thread for each list of operations")
    };
    let threads: Vec<_> = (0..rounds.lists.len()).map(spawn).collect();
    let ending = ending_of::<S>(scenario);
    let mut outcome = Ok(false);
    for round in 1..=plan.repetitions {
        if Instant::now() >= until {
            break;
        }
        outcome = play(&rounds, scenario, &ending, plan.patience, round);
        match &outcome {
            Ok(overlapped) => {
                tally.histories += 1;
                tally.overlapped += u64::from(*overlapped);
            }
            Err(_) => break,
        }
    }
    // Release pairs with the acquire in `await_at_least`.
    rounds.round.store(NO_MORE, Ordering::Release);
    // Those of a stuck round cannot be waited for.
    if !matches!(&outcome, Err(failure) if failure.kind == Kind::Stuck) {
        for thread in threads {
            thread.join().expect("panics of operations are caught, and there are no others");
        }
    }
    outcome.map(|_| ())
}

/// One round; tells whether operations overlapped.
fn play<S: Subject>(
    rounds: &Rounds<S>,
    scenario: &Scenario<Op<S>>,
    ending: &Ending<Op<S>>,
    patience: Duration,
    round: usize,
) -> Result<bool, Failure> {
    let origin = Instant::now();
    let subject = Arc::new(S::fresh());
    let main = Mutex::new(Vec::new());
    rounds.logs.iter().for_each(|log| log.lock().clear());
    perform(rounds, &*subject, 0, &scenario.before, &main);
    *rounds.subject.lock() = Some(subject.clone());
    // Release opens the round: the subject and what was done to it are behind whoever sees the number.
    rounds.round.store(round, Ordering::Release);

    let all_ended = || rounds.ended.load(Ordering::Acquire) == round * rounds.lists.len();
    let mut enders = Vec::new();
    let mut hooked = None;
    let mut came_home = wait(rounds, &all_ended, if ending.is_needed() { QUIET } else { patience });
    if !came_home {
        match ending {
            Ending::NotNeeded => {}
            Ending::Operation(op) => {
                let log = Mutex::new(Vec::new());
                perform(rounds, &*subject, 0, std::slice::from_ref(op), &log);
                enders = into_inner(&log);
                came_home = wait(rounds, &all_ended, patience);
            }
            Ending::Hook => {
                hooked = Some(Instant::now());
                subject.end();
                came_home = wait(rounds, &all_ended, patience);
            }
        }
    }
    let finished = came_home && hooked.is_none();
    let panicked = || rounds.panicked.lock().take();
    let mut broken = panicked();
    if finished && broken.is_none() {
        perform(rounds, &*subject, 0, &scenario.after, &main);
        broken = panicked();
    }
    rounds.subject.lock().take();

    // Everything that was recorded, and of each thread that was not finished the operation it is in.
    let time = |at: Instant| u64::try_from(at.duration_since(origin).as_nanos()).unwrap_or(u64::MAX);
    let mut operations = Vec::new();
    let mut add = |thread: usize, list: &[Op<S>], entries: Vec<Entry<S>>, started: bool| {
        let mut last = 0;
        let recorded = entries.len();
        for (op, entry) in list.iter().zip(entries) {
            let counts = hooked.is_none_or(|hooked| entry.returned < hooked);
            last = time(entry.returned);
            let returned = counts.then_some((last, entry.result));
            operations.push(Operation { thread, op: op.clone(), invoked: time(entry.invoked), returned });
        }
        if started && let Some(op) = list.get(recorded) {
            operations.push(Operation { thread, op: op.clone(), invoked: last, returned: None });
        }
    };
    let alone = into_inner(&main);
    add(0, &[&scenario.before[..], &scenario.after[..]].concat(), alone, false);
    for ((thread, list), log) in rounds.lists.iter().zip(&rounds.logs) {
        add(*thread, list, into_inner(log), true);
    }
    if let Ending::Operation(op) = ending {
        add(ENDER, std::slice::from_ref(op), enders, false);
    }
    let history = History::new(operations, Order::RealTime);
    if let Some(message) = broken {
        let text = format!("an operation of {} panicked\n{}{message}\n", S::NAME, table(&history, None));
        return Err(Failure { kind: Kind::Panicked, text });
    }
    let history = if came_home { history } else { history.stuck() };
    let verdict = check(S::model(), &history, BUDGET);
    if let Some(mut failure) = judge::<S>(&history, &verdict, BUDGET) {
        if !came_home {
            failure.kind = Kind::Stuck;
        }
        return Err(failure);
    }
    if !came_home {
        let text = format!(
            "threads of {} did not return within {} s after they were to be ended: its `ending` does not end them\n{}",
            S::NAME,
            patience.as_secs(),
            table(&history, None)
        );
        return Err(Failure { kind: Kind::Stuck, text });
    }
    Ok(history.overlapped())
}

fn into_inner<S: Subject>(log: &Mutex<Vec<Entry<S>>>) -> Vec<Entry<S>> {
    std::mem::take(&mut *log.lock())
}

/// Waits until all have ended; `false` when nothing was recorded for as long as `patience`.
fn wait<S: Subject>(rounds: &Rounds<S>, all_ended: &impl Fn() -> bool, patience: Duration) -> bool {
    let recorded = || rounds.logs.iter().map(|log| log.lock().len()).sum::<usize>();
    let mut seen = 0;
    let mut deadline = Instant::now() + patience;
    loop {
        if all_ended() {
            return true;
        }
        if !thread::park_until(deadline) {
            continue;
        }
        let now = recorded();
        if all_ended() {
            return true;
        }
        if now == seen {
            return false;
        }
        seen = now;
        deadline = Instant::now() + patience;
    }
}

/// The scenarios of these seeds as the body of a model: outside the checkers 100 repetitions of each on real threads.
///
/// Under shuttle every execution runs one of them, which the schedule chooses.
///
/// # Panics
/// When a history is not linearizable.
pub fn explore<S: Subject>(shape: &Shape, seeds: &[u64]) {
    for &seed in seeds {
        let tally = stress::<S>(&Plan::only(seed).shape(*shape).repetitions(100));
        note(tally);
    }
}

/// One scenario as the body of a model: outside the checkers 100 repetitions on real threads.
///
/// # Panics
/// When a history is not linearizable.
pub fn explore_one<S: Subject>(scenario: &Scenario<Op<S>>) {
    note(stress_one::<S>(scenario, &Plan::new(0).repetitions(100)));
}

fn note(outcome: Result<Tally, Failure>) {
    match outcome {
        Ok(tally) if tally.overlapped > 0 => cover("operations overlapped"),
        Ok(_) => {}
        Err(failure) => panic!("{failure}"),
    }
}
