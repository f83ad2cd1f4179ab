//! The registry: every component of the product and the models that answer for it.
//!
//! A new model goes into the `MODELS` of its subject's file; a new subject gets a file here and a line in [`ALL`].

use crate::model::Component;

pub mod channel;
pub mod event;
pub mod reclaim;
pub mod stm;
pub mod sync;
pub mod team;
pub mod trigger;

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
        models: &[trigger::MODELS],
        waived: &[],
        trusted: &["that a parked thread is woken by unpark, and that the wakers it is given wake"],
    },
    Component { name: "event", package: "reweave-core", models: &[event::MODELS], waived: &[], trusted: &[] },
    Component {
        name: "reclaim",
        package: "reweave-core",
        models: &[reclaim::MODELS],
        waived: &[],
        trusted: &["under shuttle: crossbeam-epoch, whose own atomics are instrumented under loom only"],
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
            "outside the models named for reclamation: that what is retired stays until the end (a domain that defers)",
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
