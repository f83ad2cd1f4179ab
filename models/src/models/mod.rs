//! The registry: every component of the product and the models that answer for it.
//!
//! A new model goes into the `MODELS` of its subject's file; a new subject gets a file here and a line in [`ALL`].

use crate::model::{Component, Rule, Waiver};

pub mod agenda;
pub mod atom;
pub mod books;
pub mod bounds;
pub mod cancel;
pub mod channel;
pub mod declarations;
pub mod deque;
pub mod ends;
pub mod event;
pub mod groups;
pub mod injector;
pub mod join;
mod kernels;
pub mod linearizability;
pub mod lock;
pub mod nursery;
pub mod par;
pub mod pool;
pub mod promise;
pub mod reclaim;
pub mod scope;
pub mod sleep;
pub mod stm;
pub mod sync;
pub mod task;
pub mod team;
pub mod time;
pub mod trace;
pub mod trigger;
pub mod waitfor;
mod wakers;

/// All components, in the order of the matrix.
pub static ALL: &[Component] = &[
    Component {
        name: "sync",
        package: "reweave-core",
        models: &[sync::MODELS],
        waived: &[],
        trusted: &[
            "the standard library's atomics and threads, which the facade re-exports outside the checkers",
            "fence_after_rmw and fence_after_load on x86-64: a compiler fence there, a full fence under loom",
        ],
    },
    Component {
        name: "trigger",
        package: "reweave-core",
        models: &[trigger::MODELS, linearizability::trigger::MODELS],
        waived: &[],
        trusted: &["that a parked thread is woken by unpark, and that the wakers it is given wake"],
    },
    Component { name: "event", package: "reweave-core", models: event::MODELS, waived: &[], trusted: &[] },
    Component {
        name: "cancel",
        package: "reweave-core",
        models: &[cancel::MODELS, linearizability::cancel::MODELS],
        waived: &[],
        trusted: &[],
    },
    Component {
        name: "time",
        package: "reweave-core",
        models: &[time::MODELS, linearizability::time::MODELS],
        waived: &[],
        trusted: &["the system's clock, and that a thread parked until a deadline is woken then"],
    },
    Component {
        name: "lock",
        package: "reweave-core",
        models: lock::MODELS,
        waived: &[],
        trusted: &["the facade's Mutex, which guards a lock's line of waiters"],
    },
    Component {
        name: "waitfor",
        package: "reweave-core",
        models: &[waitfor::MODELS, declarations::MODELS],
        waived: &[],
        trusted: &[
            "that guards stay with the agent that acquired: the type system's part in the proof",
            "what a program declares: who uses a handle that is held, who ends the waits of a scope, whose end is joined",
        ],
    },
    Component {
        name: "reclaim",
        package: "reweave-core",
        models: &[reclaim::MODELS],
        waived: &[],
        trusted: &["under shuttle: crossbeam-epoch, whose own atomics are instrumented under loom only"],
    },
    Component {
        name: "topology",
        package: "reweave-core",
        models: &[],
        waived: &[
            Waiver { rule: Rule::LoomRow, reason: "plain data that does not change: no step is shared" },
            Waiver { rule: Rule::ShuttleRow, reason: "plain data that does not change: no step is shared" },
            Waiver { rule: Rule::SeededRow, reason: "has no model; its tests read trees that are broken on purpose" },
        ],
        trusted: &["with the feature `numa`: libnuma, which no test of this matrix links"],
    },
    Component {
        name: "arena",
        package: "reweave-core",
        models: &[],
        waived: &[
            Waiver { rule: Rule::LoomRow, reason: "one thread at a time, by type: nothing to interleave" },
            Waiver { rule: Rule::ShuttleRow, reason: "one thread at a time, by type: nothing to interleave" },
            Waiver {
                rule: Rule::SeededRow,
                reason: "has no model; misuse is refused by the compiler, as its doc tests show",
            },
        ],
        trusted: &["bumpalo, whose memory is handed out uninstrumented"],
    },
    Component {
        name: "promise",
        package: "reweave-core",
        models: &[promise::MODELS, linearizability::promise::MODELS],
        waived: &[],
        trusted: &[],
    },
    Component {
        name: "atom",
        package: "reweave-core",
        models: atom::MODELS,
        waived: &[],
        trusted: &[
            "arc-swap: under the checkers a stand-in with its contract (core/src/sync/arc_cell.rs) takes its place",
            "how long a version lives: the stand-in keeps every version until the atom ends",
        ],
    },
    Component {
        name: "channel",
        package: "reweave-core",
        models: channel::MODELS,
        waived: &[],
        trusted: &[
            "on x86-64: that the look for waiters behind the move of a channel's end needs no fence (see sync)",
            "containment of destructors that panic, which is off under the checkers and tested on real threads",
        ],
    },
    Component {
        name: "stm",
        package: "reweave-stm",
        models: stm::MODELS,
        waived: &[],
        trusted: &[
            "outside the models named for reclamation: that what is unlinked stays until the end (an engine that keeps everything)",
            "on Linux for x86-64: that membarrier makes up for the compiler fence of those who announce themselves (see sync)",
            "that a commit overlooks a variable that is wanted for a bounded time: the request is not in the models",
            "the thread that runs rounds over idle variables; the rounds are in the models, and it is tested on real threads",
        ],
    },
    Component {
        name: "histories",
        package: "reweave-models",
        models: &[linearizability::mailbox::MODELS],
        waived: &[],
        trusted: &["on real threads: that the system's monotonic clock agrees among processors"],
    },
    Component {
        name: "deque",
        package: "reweave-sched",
        models: &[deque::MODELS, linearizability::deque::MODELS],
        waived: &[],
        trusted: &[
            "on x86-64: that an exchange is a fence, and that loads keep their order (see sync)",
            "that a thief's read of a place stays before its compare-and-swap: loom explores no load buffering",
        ],
    },
    Component {
        name: "sleep",
        package: "reweave-sched",
        models: &[sleep::MODELS],
        waived: &[],
        trusted: &["on x86-64: that the looks behind a change of the counts need no fence (see sync)"],
    },
    Component { name: "join", package: "reweave-sched", models: &[join::MODELS], waived: &[], trusted: &[] },
    Component { name: "scope", package: "reweave-sched", models: &[scope::MODELS], waived: &[], trusted: &[] },
    Component { name: "nursery", package: "reweave-sched", models: nursery::MODELS, waived: &[], trusted: &[] },
    Component {
        name: "task",
        package: "reweave-sched",
        models: &[task::MODELS, books::MODELS, groups::MODELS, bounds::MODELS],
        waived: &[],
        trusted: &["dashmap: under the checkers a map under a lock (core/src/sync/sharded_map.rs) takes its place"],
    },
    Component { name: "agenda", package: "reweave-sched", models: &[agenda::MODELS], waived: &[], trusted: &[] },
    Component { name: "injector", package: "reweave-sched", models: &[injector::MODELS], waived: &[], trusted: &[] },
    Component {
        name: "pool",
        package: "reweave-sched",
        models: &[pool::MODELS, ends::MODELS],
        waived: &[],
        trusted: &[
            "that a worker which dies of a panic is replaced, which is off under the checkers and tested on real threads",
            "that the system says on which cpu a thread runs, and keeps it there",
        ],
    },
    Component {
        name: "par",
        package: "reweave-sched",
        models: &[par::MODELS],
        waived: &[],
        trusted: &[
            "that results are written and read in their own places: plain memory, which the checkers do not see",
        ],
    },
    Component {
        name: "trace",
        package: "reweave-sched",
        models: &[trace::MODELS],
        waived: &[],
        trusted: &[
            "that what is recorded of a pool is in order by the system's clock, which stands still under the checkers",
        ],
    },
    Component { name: "team", package: "reweave-sched", models: &[team::MODELS], waived: &[], trusted: &[] },
];

#[cfg(test)]
mod tests {
    use super::ALL;
    use crate::model::slips;

    #[test]
    fn models_are_declared_without_slips() {
        assert_eq!(slips(ALL), Vec::<String>::new());
    }
}
