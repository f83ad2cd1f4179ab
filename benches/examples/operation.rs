//! One operation, over and over, on one thread: for tools that count instructions instead of time.
//!
//! ```text
//! operation OPERATION SYSTEM COUNT
//! ```
//!
//! What is repeated stands alone in a function called `measured`, so that a tool can leave out everything around it. See
//! the README of this folder's crate for how to get from there to the instructions of one operation.

use std::env;
use std::hint::black_box;
use std::process::ExitCode;

use reweave_benches::systems::locked::Locked;
use reweave_benches::systems::place::{Packed, Padded};
use reweave_benches::systems::{atomics, fast_stm, mutex, reweave, rwlock, stm, two_phase};
use reweave_benches::workload::bank::Bank;
use reweave_benches::workload::stm::counters::{Cells, Counters, SUMMED};
use reweave_benches::workload::stm::memory::{Memory, Transaction};
use reweave_benches::workload::stm::sets::Set;
use reweave_benches::workload::stm::sets::chains::Chains;
use reweave_benches::workload::stm::sets::skip::SkipList;
use reweave_benches::workload::stm::sets::tree::Tree;
use reweave_sched::{Pool, join, scope, spawn};

const USAGE: &str = "usage: operation OPERATION SYSTEM COUNT, where
  OPERATION  empty, read1, counter, transfer, audit (1,000 variables),
             large (reads as many variables as COUNT and writes a tenth of them, once),
             bank-audit10 (nine transfers and an audit of 1,000 accounts in ten operations),
             hash, list, rbtree, skip (a look-up), each also with -update (an insertion or a removal)
             join, scoped-job, spawn-join (by one worker of a pool)
  SYSTEM     reweave, mutex, rwlock, 2pl, stm, fast-stm, atomics; of those by a worker: reweave, and with a
             recorder traced-off, traced-on
  COUNT      how often";

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words[..] {
        [operation, system, count] => count.parse().is_ok_and(|count| repeat(operation, system, count)),
        _ => false,
    };
    if done {
        return ExitCode::SUCCESS;
    }
    eprintln!("{USAGE}");
    ExitCode::from(2)
}

/// Repeats an operation on a system; says whether there are such.
fn repeat(operation: &str, system: &str, count: u64) -> bool {
    match system {
        "reweave" => {
            on_memory::<reweave::Memory<Padded>>(operation, count)
                || on_set::<reweave::Memory<Packed>>(operation, count)
                || on_bank::<reweave::Accounts<Padded>>(operation, count)
                || on_pool(operation, count, None)
        }
        "mutex" => {
            on_memory::<Locked<mutex::Alone, Padded>>(operation, count)
                || on_set::<Locked<mutex::Alone, Packed>>(operation, count)
                || on_bank::<mutex::Accounts<Padded>>(operation, count)
        }
        "rwlock" => {
            on_memory::<Locked<rwlock::Shared, Padded>>(operation, count)
                || on_set::<Locked<rwlock::Shared, Packed>>(operation, count)
                || on_bank::<rwlock::Accounts<Padded>>(operation, count)
        }
        "2pl" => {
            on_counters::<two_phase::Counters>(operation, count)
                || on_bank::<two_phase::Accounts<Padded>>(operation, count)
        }
        "stm" => {
            on_memory::<stm::Memory>(operation, count)
                || on_set::<stm::Memory>(operation, count)
                || on_bank::<stm::Accounts>(operation, count)
        }
        "fast-stm" => {
            on_memory::<fast_stm::Memory>(operation, count)
                || on_set::<fast_stm::Memory>(operation, count)
                || on_bank::<fast_stm::Accounts>(operation, count)
        }
        "traced-off" => on_pool(operation, count, Some(false)),
        "traced-on" => on_pool(operation, count, Some(true)),
        "atomics" => on_counters::<atomics::Counters>(operation, count),
        _ => false,
    }
}

/// The loop, which a tool finds by its name. The operation gets the number of the round.
#[inline(never)]
fn measured(count: u64, mut operation: impl FnMut(u64)) {
    for round in 0..count {
        operation(round);
    }
}

/// Runs it once beforehand, so that what happens only the first time stays outside.
fn warmed_up(count: u64, mut operation: impl FnMut(u64)) {
    operation(0);
    measured(count, operation);
}

fn on_memory<M: Memory>(operation: &str, count: u64) -> bool {
    let memory = M::new();
    match operation {
        "empty" => warmed_up(count, |round| {
            black_box(memory.atomically(|_| Ok(round)));
        }),
        "large" => {
            let cells: Vec<_> = (0..count).map(|value| memory.cell(value)).collect();
            warmed_up(1, |_| {
                black_box(memory.atomically(|tx| read_all_and_write_tenth(tx, &cells)));
            });
        }
        _ => return on_counters::<Cells<M>>(operation, count),
    }
    true
}

fn read_all_and_write_tenth<T: Transaction>(tx: &mut T, cells: &[T::Cell]) -> Result<u64, T::Stop> {
    let mut sum = 0_u64;
    for cell in cells {
        sum = sum.wrapping_add(tx.read(cell)?);
    }
    for cell in cells.iter().step_by(10) {
        tx.write(cell, sum)?;
    }
    Ok(sum)
}

fn on_counters<C: Counters>(operation: &str, count: u64) -> bool {
    let counters = C::new(SUMMED);
    match operation {
        "read1" => warmed_up(count, |_| {
            black_box(counters.get(0));
        }),
        "counter" => warmed_up(count, |_| counters.add(0)),
        "audit" => warmed_up(count, |_| {
            black_box(counters.sum());
        }),
        _ => return false,
    }
    true
}

fn on_bank<B: Bank>(operation: &str, count: u64) -> bool {
    let audits = match operation {
        "transfer" => false,
        "bank-audit10" => true,
        _ => return false,
    };
    let bank = B::open(SUMMED, i64::MAX / 2 / SUMMED as i64);
    let mut rng = fastrand::Rng::with_seed(1);
    warmed_up(count, |round| {
        if audits && round % 10 == 9 {
            black_box(bank.audit());
            return;
        }
        let from = rng.usize(..SUMMED - 1);
        black_box(bank.transfer(from, from + 1, 1));
    });
    true
}

/// Events that a recorder keeps.
const RECORDED: usize = 1 << 12;
/// Jobs of a scope: its own cost is theirs.
const JOBS: u64 = 100;

/// What one worker does for itself. `recorder`: whether there is one, and whether it is on.
fn on_pool(operation: &str, count: u64, recorder: Option<bool>) -> bool {
    let operation: fn(u64) = match operation {
        "join" => |count| {
            warmed_up(count, |round| {
                black_box(join(|| black_box(round), || black_box(round)));
            });
        },
        "scoped-job" => |count| {
            warmed_up(count / JOBS, |_| {
                scope(|scope| {
                    for job in 0..JOBS {
                        scope.spawn(move || {
                            black_box(job);
                        });
                    }
                });
            });
        },
        "spawn-join" => |count| {
            warmed_up(count, |round| {
                black_box(spawn(move || round).join().expect("it does not fail"));
            });
        },
        _ => return false,
    };
    let builder = Pool::builder().threads(1).spare_threads(0);
    let builder = if recorder.is_some() { builder.trace(RECORDED) } else { builder };
    let pool = builder.build().expect("the system starts a thread");
    if recorder == Some(true) {
        pool.trace().expect("it is built for it").start();
    }
    pool.install(|| operation(count));
    true
}

/// As in `reweave bench stm`, with a quarter of the numbers: filling a large set under such a tool takes minutes.
fn on_set<M: Memory>(operation: &str, count: u64) -> bool {
    let memory = M::new();
    let cell = |value| memory.cell(value);
    let (shape, update) = operation.strip_suffix("-update").map_or((operation, false), |shape| (shape, true));
    match shape {
        "hash" => on(&memory, &Chains::new(1 << 13, 12, cell), 1 << 13, update, count),
        "list" => on(&memory, &Chains::new(512, 0, cell), 512, update, count),
        "rbtree" => on(&memory, &Tree::new(1 << 14, cell), 1 << 14, update, count),
        "skip" => on(&memory, &SkipList::new(1 << 14, cell), 1 << 14, update, count),
        _ => return false,
    }
    true
}

fn on<M: Memory, S: Set<M::Cell>>(memory: &M, set: &S, keys: u32, update: bool, count: u64) {
    let mut rng = fastrand::Rng::with_seed(1);
    let mut all: Vec<u32> = (1..=keys).collect();
    rng.shuffle(&mut all);
    for &key in &all[..keys as usize / 2] {
        memory.atomically(|tx| set.insert(tx, key));
    }
    if !update {
        return warmed_up(count, |_| {
            let key = rng.u32(1..=keys);
            black_box(memory.look(|view| set.contains(view, key)));
        });
    }
    // Every update changes something: a number that is missing comes, and the next time it goes.
    warmed_up(count, |round| {
        let key = all[(round / 2) as usize % (keys as usize / 2) + keys as usize / 2];
        if round % 2 == 0 {
            memory.atomically(|tx| set.insert(tx, key));
        } else {
            memory.atomically(|tx| set.remove(tx, key));
        }
    });
}
