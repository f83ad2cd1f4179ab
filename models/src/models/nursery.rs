//! Nurseries: children here and there, failures that race, late spawns, cancellation from outside, and futures that are dropped early.
//!
//! On a [`Kernel`] of two workers: the main thread has the nursery, another looks for children. What a child writes is read
//! behind the nursery, from an instrumented cell. The last model runs random families in whole pools.

use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::task::{Context, Waker};

use reweave_core::cancel::{Token, current, shield};
use reweave_core::context::Agent;
use reweave_core::event::Waiting;
use reweave_core::sync::{Arc, Unseen, thread};
use reweave_sched::kernel::Kernel;
use reweave_sched::nursery::{Failure, Options, Refused};
use reweave_sched::{Failed, Nursery, NurseryError, nursery, nursery_async, spawn_async, supervisor};

use super::kernels::{Slate, look, work_off};
use super::pool::pool;
use super::scope::{beside_another, mark};
use crate::histories::Random;
use crate::runner::choose;
use crate::{Model, Run, Seeded, cover};

/// The models of nurseries.
pub const MODELS: &[Model] = &[
    Model {
        name: "one-child",
        property: "a nursery is left behind the end of its child, and what that did is visible",
        runs: &[Run::loom_bounded(3), Run::loom_bounded(4).deep(), Run::shuttle_pct(3, 5_000)],
        covers: &["ran here", "ran there"],
        seeded: &[
            Seeded { bug: "nursery/leave-early", run: Run::loom_bounded(2), expect: "Causality violation" },
            Seeded { bug: "nursery/leave-early", run: Run::shuttle_pct(3, 5_000), expect: LEFT },
            Seeded { bug: "nursery/end-silently", run: Run::loom_bounded(2), expect: "deadlock" },
            Seeded { bug: "nursery/end-silently", run: Run::shuttle_pct(3, 5_000), expect: "deadlock" },
        ],
        body: one_child,
    },
    Model {
        name: "sibling",
        property: "a nursery waits for the children that its children start",
        runs: &[Run::loom_bounded(2), Run::loom_bounded(3).deep(), Run::shuttle_pct(3, 5_000)],
        covers: &["ran here", "ran there"],
        seeded: &[
            Seeded { bug: "nursery/leave-early", run: Run::loom_bounded(2), expect: "Causality violation" },
            Seeded { bug: "nursery/leave-early", run: Run::shuttle_pct(3, 5_000), expect: LEFT },
        ],
        body: sibling,
    },
    Model {
        name: "two-failures",
        property: "of two children that fail one comes out, and the other beside it",
        runs: &[Run::loom_bounded(2), Run::loom_bounded(3).deep(), Run::shuttle_pct(3, 5_000)],
        covers: &["one failed", "both failed"],
        seeded: &[
            Seeded { bug: "nursery/lose-error", run: Run::loom_bounded(2), expect: LOST },
            Seeded { bug: "nursery/lose-error", run: Run::shuttle_random(10_000), expect: LOST },
        ],
        body: two_failures,
    },
    Model {
        name: "first-failure",
        property: "the first failure cancels the others and comes out, whatever they answer",
        runs: &[Run::loom_bounded(2), Run::shuttle_pct(3, 5_000)],
        covers: &["answered", "never began"],
        seeded: &[
            Seeded { bug: "nursery/cancel-nobody", run: Run::loom_bounded(1), expect: "deadlock" },
            Seeded { bug: "nursery/cancel-nobody", run: Run::shuttle_pct(3, 5_000), expect: "deadlock" },
            Seeded { bug: "nursery/last-comes-first", run: Run::loom_bounded(1), expect: LATER },
            Seeded { bug: "nursery/last-comes-first", run: Run::shuttle_pct(3, 5_000), expect: LATER },
        ],
        body: first_failure,
    },
    Model {
        name: "cancel-against-failure",
        property: "what comes out is what cancelled the nursery: a cancellation from outside, or a failure",
        runs: &[Run::loom_bounded(3), Run::loom().deep(), Run::shuttle_pct(3, 5_000)],
        covers: &["failed first", "cancelled first", "never began"],
        seeded: &[
            Seeded { bug: "nursery/last-comes-first", run: Run::loom_bounded(2), expect: LATER },
            Seeded { bug: "nursery/last-comes-first", run: Run::shuttle_pct(3, 5_000), expect: LATER },
        ],
        body: cancel_against_failure,
    },
    Model {
        name: "late-spawn",
        property: "a child that comes as its nursery ends is waited for, or refused",
        runs: &[Run::loom_bounded(3), Run::loom_bounded(4).deep(), Run::shuttle_pct(3, 5_000)],
        covers: &["in time", "refused"],
        seeded: &[
            Seeded { bug: "nursery/spawn-after-end", run: Run::loom_bounded(2), expect: "Causality violation" },
            Seeded { bug: "nursery/spawn-after-end", run: Run::shuttle_pct(3, 5_000), expect: AFTER },
        ],
        body: late_spawn,
    },
    Model {
        name: "dropped-early",
        property: "the future of a nursery that is dropped early ends its children before it goes",
        runs: &[Run::loom_bounded(3), Run::shuttle_pct(3, 5_000)],
        covers: &["ran to its end", "never began"],
        seeded: &[
            Seeded { bug: "nursery/drop-and-leave", run: Run::loom_bounded(2), expect: "Causality violation" },
            Seeded { bug: "nursery/drop-and-leave", run: Run::shuttle_pct(3, 5_000), expect: AFTER },
        ],
        body: dropped_early,
    },
    Model {
        name: "end-against-suspend",
        property: "a task that waits for its children goes on when the last of them ends",
        runs: &[Run::loom_bounded(3), Run::loom_bounded(4).deep(), Run::shuttle_pct(3, 5_000)],
        covers: &["ran here", "ran there"],
        seeded: &[
            Seeded { bug: "nursery/end-silently", run: Run::loom_bounded(2), expect: "was not woken" },
            Seeded { bug: "nursery/end-silently", run: Run::shuttle_pct(3, 5_000), expect: "was not woken" },
        ],
        body: end_against_suspend,
    },
    Model {
        name: "supervised",
        property: "behind a supervisor the tasks of its children tell what came of them",
        runs: &[Run::loom_bounded(3), Run::loom_bounded(4).deep(), Run::shuttle_pct(3, 5_000)],
        covers: &["ran here", "ran there"],
        seeded: &[
            Seeded { bug: "nursery/end-before-published", run: Run::loom_bounded(2), expect: UNTOLD },
            Seeded { bug: "nursery/end-before-published", run: Run::shuttle_pct(3, 20_000), expect: UNTOLD },
        ],
        body: supervised,
    },
    Model {
        name: "cancelled-while-it-waits",
        property: "a task that is cancelled while it waits in a nursery waits on, and its worker runs the children",
        runs: &[Run::loom_bounded(2), Run::shuttle_pct(3, 5_000)],
        covers: &["ended well", "cancelled"],
        seeded: &[
            Seeded { bug: "nursery/drop-and-block", run: Run::loom_bounded(1), expect: "deadlock" },
            Seeded { bug: "nursery/drop-and-block", run: Run::shuttle_pct(3, 5_000), expect: "deadlock" },
        ],
        body: cancelled_while_it_waits,
    },
    Model {
        name: "suspended-at-the-end",
        property: "a pool ends in which a task is suspended in a nursery",
        runs: &[Run::shuttle_pct(3, 5_000)],
        covers: &["ended"],
        seeded: &[Seeded { bug: "pool/end-while-telling", run: Run::shuttle_pct(3, 5_000), expect: "deadlock" }],
        body: suspended_at_the_end,
    },
    Model {
        name: "random-families",
        property: "families of nurseries and supervisors fail exactly if a failure reaches the root, and leave nobody behind",
        runs: &[Run::shuttle_pct(3, 2_000), Run::shuttle_random(2_000)],
        covers: &[
            "failed",
            "panicked",
            "cancelled",
            "dropped",
            "supervised",
            "awaited",
            "calm",
            "cancelled from outside",
        ],
        seeded: &[
            Seeded { bug: "nursery/leave-early", run: Run::shuttle_random(2_000), expect: ALIVE },
            Seeded { bug: "nursery/drop-and-leave", run: Run::shuttle_random(2_000), expect: ALIVE },
        ],
        body: random_families,
    },
];

const LEFT: &str = "the nursery was left before its child had ended";
const LOST: &str = "a failure was lost";
const LATER: &str = "a later failure came out";
const AFTER: &str = "a child ran after its nursery was left";
const ALIVE: &str = "a child was left behind";

const UNTOLD: &str = "a supervisor was left before its child told of its end";

fn one_child() {
    let slate = Slate::new();
    beside_another(1, |here| {
        let value = nursery(|n: &Nursery<()>| {
            let slate = slate.clone();
            n.spawn(move || {
                mark(&slate, here);
                Ok(())
            })
            .map(|()| 7)
            .map_err(|_| ())
        });
        assert_eq!(slate.marks(), 1, "{LEFT}");
        assert_eq!(value.unwrap(), 7);
    });
}

fn sibling() {
    let slate = Slate::new();
    beside_another(2, |here| {
        let value = nursery(|n: &Nursery<Refused>| {
            let (siblings, slate) = (n.clone(), slate.clone());
            n.spawn(move || {
                siblings.spawn(move || {
                    mark(&slate, here);
                    Ok(())
                })
            })
        });
        assert_eq!(slate.marks(), 1, "{LEFT}");
        value.unwrap();
    });
}

/// A count that the checkers do not see.
#[derive(Clone)]
struct Count(Unseen<usize>);

impl Count {
    fn new() -> Self {
        Self(Unseen::new(0))
    }

    fn add(&self) {
        self.0.with(|count| *count += 1);
    }

    fn get(&self) -> usize {
        self.0.with(|count| *count)
    }
}

fn two_failures() {
    let failed = Count::new();
    beside_another(1, |_| {
        let error = nursery(|n: &Nursery<usize>| {
            for number in 0..2 {
                let failed = failed.clone();
                // The second may come too late.
                drop(n.spawn(move || {
                    failed.add();
                    Err(number)
                }));
            }
            Ok(())
        });
        let error = error.expect_err("one has failed at least");
        assert_eq!(1 + error.suppressed.len(), failed.get(), "{LOST}");
        assert!(matches!(error.cause, Failure::Failed(_)), "{LOST}");
        cover(if failed.get() == 1 { "one failed" } else { "both failed" });
    });
}

fn first_failure() {
    beside_another(1, |_| {
        let error = nursery(|n: &Nursery<&str>| {
            // The other worker takes this one first. Were it polled here while the other fails there, it would have to wait for a worker.
            let later = async {
                let token = current().expect("a child has a token");
                Waiting::unstoppable(token.cancelled()).await.expect("nothing else stops it");
                Err("later")
            };
            n.spawn_async(later).expect("nothing has failed so far");
            n.spawn(|| Err("first")).expect("nothing has failed so far");
            Ok(())
        });
        let error = error.expect_err("one has failed");
        assert!(matches!(error.cause, Failure::Failed("first")), "{LATER}");
        match &error.suppressed[..] {
            [] => cover("never began"),
            [Failure::Failed("later")] => cover("answered"),
            more => panic!("{LOST}: {more:?}"),
        }
    });
}

fn cancel_against_failure() {
    let failed = Count::new();
    let outer = Token::new();
    let other = thread::spawn({
        let outer = outer.clone();
        move || outer.cancel("from outside")
    });
    let mut token = None;
    let error = Kernel::new(1).work(0, |_| {
        outer.run(|| {
            nursery(|n: &Nursery<()>| {
                token = Some(n.token());
                let failed = failed.clone();
                drop(n.spawn(move || {
                    failed.add();
                    Err(())
                }));
                Ok(())
            })
        })
    });
    let error = error.expect_err("it has failed, or was cancelled");
    let verdict = token.and_then(|token| token.reason()).expect("something cancelled it");
    match &error.cause {
        Failure::Failed(()) => {
            assert!(!verdict.source.inherited, "{LATER}");
            cover("failed first");
        }
        Failure::Cancelled(cancelled) => {
            assert_eq!(cancelled, &verdict);
            assert_eq!(error.suppressed.len(), failed.get(), "{LOST}");
            cover(if failed.get() == 0 { "never began" } else { "cancelled first" });
        }
        other => panic!("it ended with {other:?}"),
    }
    other.join().unwrap();
}

fn late_spawn() {
    let kernel = Arc::new(Kernel::new(2));
    let slate = Slate::new();
    kernel.work(0, |_| {
        let here = Agent::current();
        let other = nursery(|n: &Nursery<()>| {
            let (late, kernel, slate) = (n.clone(), kernel.clone(), slate.clone());
            Ok(thread::spawn(move || {
                kernel.work(1, |worker| {
                    let child = move || {
                        mark(&slate, here);
                        Ok(())
                    };
                    match late.spawn(child) {
                        Ok(()) => {
                            cover("in time");
                            while worker.work_once() {}
                        }
                        Err(refused) => {
                            assert_eq!(refused, Refused::Ended);
                            cover("refused");
                        }
                    }
                });
            }))
        });
        let seen = slate.marks();
        other.expect("nothing fails").join().unwrap();
        assert_eq!(slate.marks(), seen, "{AFTER}");
    });
}

fn dropped_early() {
    let slate = Slate::new();
    let seen = Unseen::new(0);
    beside_another(1, |here| {
        let mut future = Box::pin(nursery_async(|n: Nursery<()>| {
            let slate = slate.clone();
            async move {
                let child = move || {
                    mark(&slate, here);
                    Ok(())
                };
                n.spawn(child).expect("nothing has cancelled it");
                pending::<Result<(), ()>>().await
            }
        }));
        assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        drop(future);
        let read = slate.marks();
        seen.with(|seen| *seen = read);
        cover(if read == 0 { "never began" } else { "ran to its end" });
    });
    assert_eq!(slate.marks(), seen.with(|seen| *seen), "{AFTER}");
}

fn end_against_suspend() {
    let kernel = Arc::new(Kernel::new(2));
    let slate = Slate::new();
    let mut task = kernel.work(0, |worker| {
        let here = Agent::current();
        let slate = slate.clone();
        let task = kernel.handle().spawn_async(nursery_async(move |n: Nursery<Refused>| async move {
            n.spawn(move || {
                mark(&slate, here);
                Ok(())
            })
        }));
        assert!(worker.work_once(), "it has begun");
        let other = thread::spawn({
            let kernel = kernel.clone();
            move || {
                kernel.work(1, |worker| {
                    worker.work_once();
                });
            }
        });
        while worker.work_once() {}
        other.join().unwrap();
        while worker.work_once() {}
        task
    });
    task.take().expect("the task of the nursery was not woken").unwrap().unwrap();
    assert_eq!(slate.marks(), 1, "{LEFT}");
}

fn supervised() {
    let slate = Slate::new();
    beside_another(1, |here| {
        let task = supervisor(|s| {
            let slate = slate.clone();
            s.spawn(move || mark(&slate, here))
        });
        let ended = task.expect("nothing fails").take();
        ended.expect(UNTOLD).unwrap();
        assert_eq!(slate.marks(), 1, "{LEFT}");
    });
}

/// A family: what a child does, or a nursery of more of them.
#[derive(Debug)]
enum Family {
    Leaf,
    Fails,
    Panics,
    /// Fails if a member does.
    Nursery(Vec<Arc<Family>>),
    /// The same as a future.
    Awaited(Vec<Arc<Family>>),
    /// Does not fail.
    Supervisor(Vec<Arc<Family>>),
    /// Is cancelled by its own body, and ends early.
    Cancelled(Vec<Arc<Family>>),
    /// Is a future that is dropped early.
    Dropped(Vec<Arc<Family>>),
}

/// Counts the members of one nursery that run.
struct Alive(Count);

impl Alive {
    fn new(count: &Count) -> Self {
        count.add();
        Self(count.clone())
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.0.with(|count| *count -= 1);
    }
}

impl Family {
    fn grow(random: &mut Random, depth: usize) -> Arc<Self> {
        if depth == 0 {
            return Arc::new(match random.below(8) {
                0 => Self::Fails,
                1 => Self::Panics,
                _ => Self::Leaf,
            });
        }
        let members = (0..random.between(1, 2)).map(|_| Self::grow(random, depth - 1)).collect();
        Arc::new(match random.below(6) {
            0 | 1 => Self::Nursery(members),
            2 => Self::Awaited(members),
            3 => Self::Supervisor(members),
            4 => Self::Cancelled(members),
            _ => Self::Dropped(members),
        })
    }

    fn fails(&self) -> bool {
        match self {
            Self::Fails | Self::Panics => true,
            Self::Nursery(members) | Self::Awaited(members) => members.iter().any(|member| member.fails()),
            Self::Leaf | Self::Supervisor(_) | Self::Cancelled(_) | Self::Dropped(_) => false,
        }
    }

    /// Starts the members, until one is refused.
    fn start(n: &Nursery<()>, members: &[Arc<Self>], alive: &Count, calm: bool) {
        for (place, member) in members.iter().enumerate() {
            let (member, alive) = (member.clone(), alive.clone());
            // Every other is a future.
            let started = if place % 2 == 0 {
                n.spawn(move || {
                    let _alive = Alive::new(&alive);
                    member.live(calm)
                })
            } else {
                n.spawn_async(async move {
                    let _alive = Alive::new(&alive);
                    member.live(calm)
                })
            };
            if started.is_err() {
                return;
            }
        }
    }

    /// `calm`: nothing is cancelled from outside.
    fn live(&self, calm: bool) -> Result<(), ()> {
        let alive = Count::new();
        let outcome = catch_unwind(AssertUnwindSafe(|| self.live_among(&alive, calm)));
        assert_eq!(alive.get(), 0, "{ALIVE}");
        assert!(!(self.fails() && matches!(outcome, Ok(Ok(())))), "{LOST}");
        outcome.unwrap_or_else(|panic| resume_unwind(panic))
    }

    fn live_among(&self, alive: &Count, calm: bool) -> Result<(), ()> {
        match self {
            Self::Leaf => Ok(()),
            Self::Fails => {
                cover("failed");
                Err(())
            }
            Self::Panics => {
                cover("panicked");
                resume_unwind(Box::new(()))
            }
            Self::Nursery(members) => come_out(nursery(|n| {
                Self::start(n, members, alive, calm);
                Ok(())
            })),
            Self::Awaited(members) => {
                let (members, alive) = (members.clone(), alive.clone());
                let task = spawn_async(nursery_async(move |n| async move {
                    Self::start(&n, &members, &alive, calm);
                    cover("awaited");
                    Ok(())
                }));
                // It is no part of what surrounds it, so it is waited for in any case.
                match shield(|| task.join()) {
                    Ok(result) => come_out(result),
                    Err(Failed::Panicked(panic)) => resume_unwind(panic),
                    Err(_) => Err(()),
                }
            }
            Self::Supervisor(members) => {
                let tasks = supervisor(|s| {
                    let start = |member: &Arc<Self>| {
                        let (member, alive) = (member.clone(), alive.clone());
                        s.spawn(move || {
                            let _alive = Alive::new(&alive);
                            member.live(calm)
                        })
                    };
                    members.iter().map(start).collect::<Result<Vec<_>, Refused>>()
                });
                let Ok(tasks) = tasks else { return Err(()) };
                for (mut task, member) in tasks.into_iter().zip(members) {
                    let ended = task.take().expect(ALIVE);
                    // Nothing has cancelled it.
                    let failed = !matches!(ended, Ok(Ok(())));
                    assert!(!calm || failed == member.fails(), "a member is not what it should be");
                }
                cover("supervised");
                Ok(())
            }
            Self::Cancelled(members) => {
                // A member may have panicked before.
                let result: Result<(), NurseryError<()>> = Options::new().keep_panics().nursery(|n| {
                    Self::start(n, members, alive, calm);
                    n.cancel("early");
                    Ok(())
                });
                assert!(result.is_err(), "it was cancelled, or a member has failed before");
                cover("cancelled");
                Ok(())
            }
            Self::Dropped(members) => {
                let mut future = pin!(Some(nursery_async(|n: Nursery<()>| async move {
                    Self::start(&n, members, alive, calm);
                    pending::<Result<(), ()>>().await
                })));
                let poll = future.as_mut().as_pin_mut().expect("not dropped so far");
                let _ = poll.poll(&mut Context::from_waker(Waker::noop()));
                future.set(None);
                cover("dropped");
                Ok(())
            }
        }
    }
}

/// The result of a nursery, for the one around it.
fn come_out(result: Result<(), NurseryError<()>>) -> Result<(), ()> {
    result.map_err(|_| ())
}

/// The families.
const SEEDS: &[u64] = &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24];

fn random_families() {
    let family = Family::grow(&mut Random::new(SEEDS[choose(SEEDS.len())]), 3);
    let calm = choose(3) > 0;
    let (pool, outer) = (pool(2, 4), Token::new());
    let other = (!calm).then(|| {
        let outer = outer.clone();
        thread::spawn(move || outer.cancel("from outside"))
    });
    let root = catch_unwind(AssertUnwindSafe(|| outer.run(|| pool.install(|| family.live(calm)))));
    if calm {
        assert_eq!(!matches!(root, Ok(Ok(()))), family.fails(), "the family is not what it should be: {family:?}");
    }
    if let Some(other) = other {
        other.join().unwrap();
    }
    drop(pool);
    cover(if calm { "calm" } else { "cancelled from outside" });
}

/// On a kernel with one worker, which is to run the child after its parent was cancelled.
fn cancelled_while_it_waits() {
    let kernel = Arc::new(Kernel::new(1));
    let task = kernel.handle().spawn_async(nursery_async(|n: Nursery<()>| async move {
        n.spawn_async(pending::<Result<(), ()>>()).map_err(|_| ())
    }));
    let other = thread::spawn(move || {
        task.cancel("not needed");
        task
    });
    kernel.work(0, |desk| look(desk, 2));
    let task = other.join().unwrap();
    kernel.work(0, work_off);
    match task.join() {
        Ok(result) => {
            assert!(result.is_err(), "nobody has ended the child but the cancellation");
            cover("ended well");
        }
        Err(Failed::Cancelled(_)) => cover("cancelled"),
        Err(failed) => panic!("{failed}"),
    }
}

fn suspended_at_the_end() {
    let pool = pool(1, 0);
    let task = pool.spawn_async(nursery_async(|n: Nursery<()>| async move {
        n.spawn_async(pending::<Result<(), ()>>()).map_err(|_| ())?;
        pending::<Result<(), ()>>().await
    }));
    drop(pool);
    assert!(task.is_ended());
    cover("ended");
}
