//! Seeded bugs: faults that a model must catch, compiled in under the model checkers only.
//!
//! A model that cannot fail proves nothing. At each step that a proof rests on, the product asks `seeded("crate/fault")`
//! and, if that fault is switched on, leaves the step out or does it in the wrong order. Outside the checkers the
//! question is the constant `false` and costs nothing; under them the model runner switches at most one fault on, once,
//! before the first execution.

#[cfg(any(reweave_loom, reweave_shuttle))]
mod switch {
    use std::sync::OnceLock;

    // A plain static of the process, invisible to the checkers on purpose: it never changes while a model runs.
    pub(super) static SEEDED: OnceLock<String> = OnceLock::new();
}

/// Whether the seeded bug of this name is switched on.
#[cfg(any(reweave_loom, reweave_shuttle))]
pub fn seeded(name: &str) -> bool {
    switch::SEEDED.get().is_some_and(|seeded| seeded == name)
}

/// Whether the seeded bug of this name is switched on: never, outside the model checkers.
#[cfg(not(any(reweave_loom, reweave_shuttle)))]
#[inline(always)]
pub const fn seeded(_name: &str) -> bool {
    false
}

/// Switches one seeded bug on for the rest of the process.
///
/// # Panics
/// When another one is switched on already, or outside the model checkers, where there are none.
pub fn seed_bug(name: &str) {
    #[cfg(any(reweave_loom, reweave_shuttle))]
    assert!(switch::SEEDED.set(name.to_owned()).is_ok(), "one seeded bug a process: `{name}` came second");
    #[cfg(not(any(reweave_loom, reweave_shuttle)))]
    panic!("seeded bugs exist under loom and shuttle only, and `{name}` was asked for in a std build");
}
