//! A team: a fixed number of threads that start together and come home together.
//!
//! Every member first *prepares* (pins itself, allocates, warms its caches), then waits at a barrier until all have, so that
//! nobody works while others are still being started. The barrier spins, and yields after a while: members leave it within a
//! fraction of a microsecond of each other when each has a core, and still all arrive when several share one.
//!
//! # Protocol
//! One counter. A member adds one when it has prepared (release: its preparation is behind it) and goes to work when it reads
//! that all have (acquire: theirs is too). A team that cannot be started whole is called off by adding more than any team
//! can count, so that those who wait go home.
//!
//! Each member is an agent of its own, made before its thread is started; so the wait-for graph sees for whom the one who
//! waits for the team waits.

use std::any::Any;
use std::error::Error;
use std::{fmt, io};

use reweave_core::context::Agent;
use reweave_core::seeded;
use reweave_core::sync::atomic::{AtomicUsize, Ordering};
use reweave_core::sync::{Arc, MODELLED, hint, thread};
use reweave_core::waitfor;

/// How often a waiting member looks at the barrier before it gives its core to another.
const SPINS_BEFORE_YIELD: u32 = if MODELLED { 1 } else { 100 };

/// Arrivals that no team reaches.
const CALLED_OFF: usize = usize::MAX / 2;

/// What a member's panic carried.
pub type Panic = Box<dyn Any + Send>;

/// Runs `work(0)` to `work(members - 1)`, each on a thread of its own, and returns their results in this order.
///
/// Each member calls `prepare` with its number before any calls `work`, and what was prepared is visible to all that
/// work. A panic in either is the result of that member; the others go on.
///
/// # Errors
/// [`StartError`] when the system refuses a thread; nobody has begun to work then, and those that were started have ended.
///
/// # Examples
/// ```
/// use reweave_sched::team;
/// let squares = team::run(4, |_| (), |member| member * member).unwrap();
/// let squares: Vec<usize> = squares.into_iter().map(|result| result.unwrap()).collect();
/// assert_eq!(squares, [0, 1, 4, 9]);
/// ```
pub fn run<T: Send + 'static>(
    members: usize,
    prepare: impl Fn(usize) + Send + Sync + 'static,
    work: impl Fn(usize) -> T + Send + Sync + 'static,
) -> Result<Vec<Result<T, Panic>>, StartError> {
    let barrier = Arc::new(Barrier { arrived: AtomicUsize::new(0), members });
    let duties = Arc::new((prepare, work));
    let mut threads = Vec::with_capacity(members);
    for member in 0..members {
        let (barrier_there, duties) = (barrier.clone(), duties.clone());
        let agent = Agent::fresh();
        let body = move || {
            let preparing = std::panic::AssertUnwindSafe(|| duties.0(member));
            let prepared = std::panic::catch_unwind(preparing);
            let complete = barrier_there.meet();
            if let Err(panic) = prepared {
                std::panic::resume_unwind(panic);
            }
            complete.then(|| duties.1(member))
        };
        match thread::try_spawn(format!("team-{member}"), move || agent.run(body)) {
            Ok(handle) => threads.push((agent, handle)),
            Err(cause) => {
                barrier.call_off();
                for (_, thread) in threads {
                    drop(thread.join());
                }
                return Err(StartError { started: member, members, cause });
            }
        }
    }
    let worked = |result: Option<T>| result.expect("a team that was started whole is not called off");
    let joined = threads.into_iter().enumerate().map(|(member, (agent, thread))| {
        let what = format_args!("the end of member {member} of its team");
        waitfor::join(what, agent, || thread.join()).map(worked)
    });
    Ok(joined.collect())
}

/// Where members wait for each other.
struct Barrier {
    arrived: AtomicUsize,
    members: usize,
}

impl Barrier {
    /// Waits until all members are here; `false` when the team is called off.
    fn meet(&self) -> bool {
        let order = if seeded("team/relaxed-barrier") { Ordering::Relaxed } else { Ordering::AcqRel };
        let mut here = self.arrived.fetch_add(1, order) + 1;
        let mut spins = 0_u32;
        while here < self.members && !seeded("team/no-barrier") {
            spins += 1;
            if spins.is_multiple_of(SPINS_BEFORE_YIELD) {
                thread::yield_now()
            } else {
                hint::spin_loop()
            }
            here =
                self.arrived.load(if seeded("team/relaxed-barrier") { Ordering::Relaxed } else { Ordering::Acquire });
        }
        here < CALLED_OFF
    }

    fn call_off(&self) {
        self.arrived.fetch_add(CALLED_OFF, Ordering::AcqRel);
    }
}

/// The system refused a thread of a team.
#[derive(Debug)]
pub struct StartError {
    started: usize,
    members: usize,
    cause: io::Error,
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the system started only {} of {} threads: {}", self.started, self.members, self.cause)
    }
}

impl Error for StartError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.cause)
    }
}

#[cfg(all(test, not(any(reweave_loom, reweave_shuttle))))]
mod tests {
    use reweave_core::lock::Lock;
    use reweave_core::waitfor::{Break, Graph};

    use super::*;

    #[test]
    fn results_come_in_order_and_all_members_meet() {
        let working = Arc::new(AtomicUsize::new(0));
        // More members than cores, and each waits for all the others to be at work: only possible if they all started.
        let results = run(
            5,
            |_| (),
            move |member| {
                working.fetch_add(1, Ordering::AcqRel);
                while working.load(Ordering::Acquire) < 5 {
                    thread::yield_now();
                }
                member * 10
            },
        );
        let results: Vec<usize> = results.unwrap().into_iter().map(Result::unwrap).collect();
        assert_eq!(results, [0, 10, 20, 30, 40]);
    }

    #[test]
    fn a_panic_is_that_members_result() {
        let results = run(3, |member| assert_ne!(member, 0, "preparing"), |member| assert_ne!(member, 1, "working"));
        let panicked: Vec<bool> = results.unwrap().iter().map(Result::is_err).collect();
        assert_eq!(panicked, [true, true, false]);
    }

    #[test]
    fn a_team_of_nobody_has_no_results() {
        assert!(run(0, |_| (), |member| member).unwrap().is_empty());
    }

    #[test]
    fn whoever_waits_for_a_member_is_in_the_graph() {
        let graph = Graph::new();
        graph.switch_on();
        let (checked, lock) = (graph.clone(), Arc::new(Lock::new(())));
        let checking = thread::spawn(move || {
            loop {
                let mut report = checked.check_and(Break::One);
                if let Some(deadlock) = report.deadlocks.pop() {
                    return deadlock;
                }
                thread::yield_now();
            }
        });
        let _entered = graph.enter();
        let held = lock.lock();
        let theirs = (graph.clone(), lock.clone());
        // It waits for a lock that whoever waits for the team holds.
        let work = move |_| {
            let _entered = theirs.0.enter();
            theirs.1.acquire().is_ok()
        };
        let acquired = run(1, |_| (), work).unwrap().pop().unwrap().unwrap();
        drop(held);
        let deadlock = checking.join().unwrap();
        assert!(!acquired);
        assert!(deadlock.is_cycle());
        assert!(
            deadlock.to_string().contains("the end of member 0 of its team, which thread \"team-0\""),
            "{deadlock}"
        );
    }

    #[test]
    fn a_team_called_off_goes_home() {
        let barrier = Barrier { arrived: AtomicUsize::new(0), members: 3 };
        barrier.call_off();
        assert!(!barrier.meet());
    }
}
