//! Random families in whole pools: nurseries and supervisors within each other, as closures and as futures, some of which fail.

use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::task::{Context, Waker};

use reweave_core::cancel::{Token, shield};
use reweave_core::sync::{Arc, thread};
use reweave_sched::nursery::{Options, Refused};
use reweave_sched::{Failed, Nursery, NurseryError, nursery, nursery_async, spawn_async, supervisor};

use super::{Count, LOST};
use crate::histories::Random;
use crate::models::pool::pool;
use crate::runner::choose;
use crate::{Model, Run, Seeded, cover};

pub(super) const MODELS: &[Model] = &[Model {
    name: "random-families",
    property: "families of nurseries and supervisors fail exactly if a failure reaches the root, and leave nobody behind",
    runs: &[Run::shuttle_pct(3, 2_000), Run::shuttle_random(2_000)],
    covers: &["failed", "panicked", "cancelled", "dropped", "supervised", "awaited", "calm", "cancelled from outside"],
    seeded: &[
        Seeded { bug: "nursery/leave-early", run: Run::shuttle_random(2_000), expect: ALIVE },
        Seeded { bug: "nursery/drop-and-leave", run: Run::shuttle_random(2_000), expect: ALIVE },
    ],
    body: random_families,
}];

const ALIVE: &str = "a child was left behind";

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
