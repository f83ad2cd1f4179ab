//! Teams whose members are pinned, one to a core as far as cores reach.

use std::any::Any;

use reweave_core::panic_text;
use reweave_core::topology::affinity;
use reweave_sched::team;

/// Runs `body(0)` to `body(members - 1)`, each on a thread of its own, and returns their results in this order. They
/// start together.
///
/// Member *i* is pinned to the *i*-th core that the caller may use, from the first again when there are more members
/// than cores; where pinning is refused it runs unpinned.
///
/// # Errors
/// A line that says what happened when a thread cannot be started or panics. The others have ended by then.
pub(crate) fn run<R: Send + 'static>(
    members: usize,
    body: impl Fn(usize) -> R + Send + Sync + 'static,
) -> Result<Vec<R>, String> {
    let cores = affinity::allowed();
    let pin = move |member: usize| {
        if !cores.is_empty() {
            affinity::pin(cores[member % cores.len()]);
        }
    };
    let results = team::run(members, pin, body).map_err(|error| error.to_string())?;
    results.into_iter().map(|result| result.map_err(|panic| describe(&*panic))).collect()
}

/// A line that says what a panic carried.
pub(crate) fn describe(panic: &(dyn Any + Send)) -> String {
    format!("a thread panicked: {}", panic_text(panic).unwrap_or("no message"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_have_a_core_each_as_far_as_cores_reach() {
        let cores = affinity::allowed();
        let members = cores.len() + 1;
        let mine = run(members, |_| affinity::allowed()).unwrap();
        // Where pinning is refused, a member still sees them all.
        for (member, seen) in mine.iter().enumerate().filter(|(_, seen)| **seen != cores) {
            assert_eq!(*seen, [cores[member % cores.len()]]);
        }
        assert_eq!(affinity::allowed(), cores, "the caller is not pinned");
    }

    #[test]
    fn a_panic_is_an_error() {
        let results = run(2, |member| assert!(member != 1, "on purpose, by {member}"));
        assert_eq!(results, Err("a thread panicked: on purpose, by 1".to_owned()));
    }
}
