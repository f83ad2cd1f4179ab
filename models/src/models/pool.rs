//! Pools as a whole: their threads, who is called when one blocks, and how they end.
//!
//! Here the threads are the pool's own, which look for work, sleep, are called and end. Random trees of joins, scopes,
//! tasks and panics are run, and everybody must get what the tree yields by itself. A job that is left behind is
//! a deadlock: somebody waits for it, or the pool's end does. Where there is a spare thread that goes on looking for work, its deadline
//! passing at any moment, it shows as an execution without end.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use reweave_core::promise;
use reweave_core::sync::atomic::{AtomicU32, Ordering};
use reweave_core::sync::{Arc, Unseen, thread};
use reweave_sched::kernel::Kernel;
use reweave_sched::{Failed, Pool, join, scope, spawn, spawn_async};

use super::kernels::Slate;
use crate::histories::Random;
use crate::runner::choose;
use crate::{Model, Run, Seeded, cover};

/// The models of pools.
pub const MODELS: &[Model] = &[
    Model {
        name: "spawn-and-end",
        property: "what was spawned in a pool has ended when the pool has",
        runs: &[Run::loom_bounded(3), Run::shuttle_pct(3, 5_000), Run::shuttle_random(5_000)],
        covers: &["ended"],
        seeded: &[
            Seeded { bug: "sleep/sleep-without-looking", run: Run::loom_bounded(1), expect: "deadlock" },
            Seeded { bug: "sleep/sleep-without-looking", run: Run::shuttle_pct(3, 5_000), expect: "deadlock" },
        ],
        body: spawn_and_end,
    },
    Model {
        name: "quiet",
        property: "a pool is found quiet only when every job has ended",
        runs: &[Run::loom(), Run::shuttle_pct(4, 10_000)],
        covers: &["quiet", "busy"],
        seeded: &[
            Seeded { bug: "pool/count-queued-first", run: Run::loom(), expect: "Causality violation" },
            Seeded { bug: "pool/count-queued-first", run: Run::shuttle_pct(4, 10_000), expect: "before all had ended" },
        ],
        body: quiet,
    },
    Model {
        name: "late-spawn",
        property: "a task that comes while its pool ends runs or is cancelled, and nobody waits for it for ever",
        runs: &[Run::shuttle_pct(3, 5_000)],
        covers: &["ran", "came too late"],
        seeded: &[Seeded { bug: "pool/turn-nobody-away", run: Run::shuttle_pct(3, 5_000), expect: "deadlock" }],
        body: late_spawn,
    },
    Model {
        name: "late-wake",
        property: "a task that is woken while its pool ends goes on or is cancelled",
        runs: &[
            Run::loom_bounded(1),
            Run::loom_bounded(2).deep().may_be_cut_off("not seen to end in 12 seconds"),
            Run::shuttle_pct(3, 5_000),
        ],
        covers: &["went on", "woken too late"],
        seeded: &[Seeded { bug: "pool/turn-nobody-away", run: Run::shuttle_pct(3, 5_000), expect: "deadlock" }],
        body: late_wake,
    },
    Model {
        name: "dropped-inside",
        property: "a pool that one of its own tasks drops ends, and turns away what comes after",
        runs: &[Run::shuttle_pct(3, 5_000)],
        covers: &["ran", "came too late"],
        seeded: &[Seeded { bug: "pool/turn-nobody-away", run: Run::shuttle_pct(3, 5_000), expect: "deadlock" }],
        body: dropped_inside,
    },
    Model {
        name: "blocked-for-a-later-task",
        property: "a task that waits for a later one is made up for",
        runs: &[Run::shuttle_pct(3, 3_000), Run::shuttle_random(3_000)],
        covers: &["made up for"],
        seeded: &[Seeded { bug: "pool/block-without-hiring", run: Run::shuttle_pct(3, 3_000), expect: "deadlock" }],
        body: blocked_for_a_later_task,
    },
    Model {
        name: "blocked-for-its-own-half",
        property: "who blocks shares what it has kept to itself, for it may be what is waited for",
        runs: &[Run::shuttle_pct(3, 3_000), Run::shuttle_random(3_000)],
        covers: &["made up for"],
        seeded: &[Seeded {
            bug: "pool/block-without-sharing",
            run: Run::shuttle_pct(3, 3_000),
            expect: "exceeded max_steps",
        }],
        body: blocked_for_its_own_half,
    },
    Model {
        name: "spares-come-and-go",
        property: "a thread that makes up for another may go and another come in its place",
        runs: &[Run::shuttle_pct(3, 10_000), Run::shuttle_random(10_000)],
        covers: &["ended"],
        seeded: &[Seeded {
            bug: "pool/free-before-leaving",
            run: Run::shuttle_pct(3, 10_000),
            expect: "one thread at a time",
        }],
        body: spares_come_and_go,
    },
    Model {
        name: "random-trees",
        property: "trees of joins, scopes, tasks and panics yield what they are worth",
        runs: &[Run::shuttle_pct(3, 3_000), Run::shuttle_random(3_000)],
        covers: &["join", "scope", "task", "future", "panic"],
        seeded: &[
            Seeded { bug: "task/end-silently", run: Run::shuttle_random(3_000), expect: "exceeded max_steps" },
            Seeded { bug: "scope/lose-panic", run: Run::shuttle_random(3_000), expect: "is worth" },
        ],
        body: random_trees,
    },
];

/// The trees.
const SEEDS: &[u64] = &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24];

fn pool(threads: usize, spare: usize) -> Pool {
    Pool::builder().threads(threads).spare_threads(spare).build().expect("the checkers refuse no thread")
}

fn spawn_and_end() {
    let pool = pool(1, 0);
    let ended = Unseen::new(false);
    pool.spawn({
        let ended = ended.clone();
        move || ended.with(|ended| *ended = true)
    })
    .detach();
    drop(pool);
    assert!(ended.with(|ended| *ended), "a task was left behind");
    cover("ended");
}

/// On a kernel: a job that runs another, while somebody asks whether all is done.
fn quiet() {
    let kernel = Arc::new(Kernel::new(2));
    let end = Slate::new();
    let root = end.clone();
    kernel
        .handle()
        .spawn(move || {
            // Ends before the task that has started it, so that as many have ended as were queued before it.
            scope(|s| s.spawn(|| {}));
            root.mark();
        })
        .detach();
    let other = thread::spawn({
        let kernel = kernel.clone();
        move || {
            if !kernel.close_if_done() {
                return cover("busy");
            }
            assert_eq!(end.marks(), 1, "the pool was quiet before all had ended");
            cover("quiet");
        }
    });
    kernel.work(0, |desk| assert!(desk.work_once()));
    other.join().unwrap();
}

fn told(result: Result<u32, Failed>, ran: &'static str, late: &'static str) {
    match result {
        Ok(7) => cover(ran),
        Err(Failed::Cancelled(_)) => cover(late),
        other => panic!("it ended with {other:?}"),
    }
}

fn late_spawn() {
    let pool = pool(2, 0);
    let handle = pool.handle();
    let other = thread::spawn(move || told(handle.spawn(|| 7).join(), "ran", "came too late"));
    drop(pool);
    other.join().unwrap();
}

fn late_wake() {
    let pool = pool(1, 0);
    let (promise, eventual) = promise::pair::<u32, ()>();
    let task = pool.spawn_async(async move { eventual.await.unwrap() });
    let other = thread::spawn(move || promise.fulfil(7));
    drop(pool);
    told(task.join(), "went on", "woken too late");
    other.join().unwrap();
}

fn dropped_inside() {
    let pool = pool(1, 0);
    let handle = pool.handle();
    let dropping = handle.spawn(move || drop(pool));
    told(handle.spawn(|| 7).join(), "ran", "came too late");
    dropping.join().unwrap();
}

fn blocked_for_a_later_task() {
    let pool = pool(1, 1);
    let (promise, eventual) = promise::pair::<u32, ()>();
    let first = pool.spawn(move || *eventual.wait().unwrap());
    let second = pool.spawn(move || promise.fulfil(7));
    assert_eq!(first.join().unwrap(), 7);
    second.join().unwrap();
    cover("made up for");
    drop(pool);
}

fn blocked_for_its_own_half() {
    let pool = pool(1, 1);
    let (promise, eventual) = promise::pair::<u32, ()>();
    let (first, ()) = pool.install(move || join(move || *eventual.wait().unwrap(), move || promise.fulfil(7)));
    assert_eq!(first, 7);
    cover("made up for");
    drop(pool);
}

fn spares_come_and_go() {
    let pool = pool(1, 1);
    for _ in 0..2 {
        let (promise, eventual) = promise::pair::<u32, ()>();
        let blocked = pool.spawn(move || *eventual.wait().unwrap());
        let other = pool.spawn(move || promise.fulfil(7));
        assert_eq!(blocked.join().unwrap(), 7);
        other.join().unwrap();
    }
    drop(pool);
    cover("ended");
}

/// A tree of what can be done in a pool. A leaf is worth 1, everything else what it is made of.
enum Tree {
    Leaf,
    Panic,
    Join([Arc<Tree>; 2]),
    Scope(Vec<Arc<Tree>>),
    Task(Arc<Tree>),
    Future(Arc<Tree>),
}

impl Tree {
    fn grow(random: &mut Random, depth: usize) -> Arc<Self> {
        let part = |random: &mut Random| Self::grow(random, depth - 1);
        Arc::new(match random.below(if depth == 0 { 6 } else { 14 }) {
            0..=4 => Self::Leaf,
            5 => Self::Panic,
            6..=8 => Self::Join([part(random), part(random)]),
            9 | 10 => Self::Scope((0..random.between(1, 2)).map(|_| part(random)).collect()),
            11 | 12 => Self::Task(part(random)),
            _ => Self::Future(part(random)),
        })
    }

    /// What it is worth; `None`: a panic.
    fn worth(&self) -> Option<u32> {
        match self {
            Self::Leaf => Some(1),
            Self::Panic => None,
            // All parts are done, whatever becomes of the others.
            Self::Join(parts) => parts.iter().map(|part| part.worth()).sum(),
            Self::Scope(parts) => parts.iter().map(|part| part.worth()).sum(),
            Self::Task(part) | Self::Future(part) => part.worth(),
        }
    }

    fn run(&self) -> u32 {
        match self {
            Self::Leaf => 1,
            Self::Panic => {
                cover("panic");
                resume_unwind(Box::new(()))
            }
            Self::Join([first, second]) => {
                cover("join");
                let (first, second) = join(|| first.run(), || second.run());
                first + second
            }
            Self::Scope(parts) => {
                cover("scope");
                let sum = AtomicU32::new(0);
                scope(|s| {
                    for part in parts {
                        s.spawn(|| {
                            sum.fetch_add(part.run(), Ordering::Relaxed);
                        });
                    }
                });
                sum.load(Ordering::Relaxed)
            }
            Self::Task(part) => {
                cover("task");
                let part = part.clone();
                or_panic(spawn(move || part.run()).join())
            }
            Self::Future(part) => {
                cover("future");
                let part = part.clone();
                let task = spawn_async(async move { or_panic(spawn(move || part.run()).await) });
                or_panic(task.join())
            }
        }
    }
}

/// The result of a task; its panic goes on.
fn or_panic(result: Result<u32, Failed>) -> u32 {
    match result {
        Ok(worth) => worth,
        Err(Failed::Panicked(panic)) => resume_unwind(panic),
        Err(failed) => panic!("nobody cancels or stops it: {failed}"),
    }
}

fn random_trees() {
    let tree = Tree::grow(&mut Random::new(SEEDS[choose(SEEDS.len())]), 3);
    let pool = pool(2, 1);
    let worth = catch_unwind(AssertUnwindSafe(|| pool.install(|| tree.run()))).ok();
    assert_eq!(worth, tree.worth(), "what it came to is not what it is worth");
    drop(pool);
}
