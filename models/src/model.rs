//! What a model is: a small closed program, the property it must have, and the runs that check it.
//!
//! A model is declared once, as a constant beside its body, and explored in as many configurations as it lists. Each
//! run becomes a row of the `cargo verify` matrix:
//!
//! - a [`Run`] must pass, must end within its time limit (unless it says beforehand that it may be cut off), and must
//!   have reached every cover point of the model at least once over all its executions;
//! - a [`Seeded`] bug must make its run fail, with a message that contains what was expected. A model that no bug can
//!   break proves nothing.
//!
//! ```
//! use reweave_models::{Model, Run, Seeded, cover};
//!
//! /// Two increments of one counter.
//! pub const MODELS: &[Model] = &[Model {
//!     name: "two-increments",
//!     property: "no increment is lost",
//!     runs: &[Run::loom(), Run::shuttle_dfs(), Run::shuttle_pct(3, 10_000).deep()],
//!     covers: &["raced"],
//!     seeded: &[Seeded { bug: "counter/load-then-store", run: Run::loom(), expect: "an increment was lost" }],
//!     body: two_increments,
//! }];
//!
//! fn two_increments() {
//!     // threads of `reweave_core::sync`, assertions, and
//!     cover("raced");
//! }
//! # assert_eq!(MODELS[0].runs.len(), 3);
//! ```

use crate::config::Config;

/// A part of the product that the matrix answers for.
#[derive(Debug)]
pub struct Component {
    /// Its name, as in `cargo verify trigger`.
    pub name: &'static str,
    /// The package whose source it is part of, and whose tests run with it.
    pub package: &'static str,
    /// Its models, file by file.
    pub models: &'static [&'static [Model]],
    /// What this component need not have, and why.
    pub waived: &'static [Waiver],
    /// What its models take on trust, one line each; printed below the matrix.
    pub trusted: &'static [&'static str],
}

impl Component {
    /// All models of the component.
    pub fn models(&self) -> impl Iterator<Item = &'static Model> + use<> {
        self.models.iter().copied().flatten()
    }
}

/// A closed concurrent program and the property that all its executions must have.
#[derive(Debug)]
pub struct Model {
    /// Its name within the component, in kebab case.
    pub name: &'static str,
    /// What holds in every execution: one sentence that a user of the component understands.
    pub property: &'static str,
    /// The configurations it is explored in; each must pass.
    pub runs: &'static [Run],
    /// The points that each run must reach at least once, marked in the body by [`cover`](crate::cover).
    pub covers: &'static [&'static str],
    /// The bugs that it must catch.
    pub seeded: &'static [Seeded],
    /// The program: run once an execution, from the start, with all its state made afresh.
    pub body: fn(),
}

/// One exploration of a model.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// Under which checker, and how far.
    pub config: Config,
    /// Whether every change runs it, or only `--deep`.
    pub tier: Tier,
    /// A limit in seconds below the one that `cargo verify` is given.
    pub limit: Option<u64>,
    /// Why reaching the time limit is no failure; `None` if it is one.
    pub may_be_cut_off: Option<&'static str>,
    /// Cover points of the model that this run cannot reach.
    pub may_miss: &'static [&'static str],
}

impl Run {
    const fn new(config: Config) -> Self {
        Self { config, tier: Tier::Ci, limit: None, may_be_cut_off: None, may_miss: &[] }
    }

    /// loom, every execution.
    pub const fn loom() -> Self {
        Self::new(Config::LoomComplete)
    }

    /// loom, every execution with at most so many preemptions.
    pub const fn loom_bounded(preemptions: usize) -> Self {
        Self::new(Config::LoomBounded { preemptions })
    }

    /// shuttle, every interleaving.
    pub const fn shuttle_dfs() -> Self {
        Self::new(Config::ShuttleDfs)
    }

    /// shuttle, probabilistic concurrency testing for bugs of this depth.
    pub const fn shuttle_pct(depth: usize, iterations: usize) -> Self {
        Self::new(Config::ShuttlePct { depth, iterations })
    }

    /// shuttle, random schedules.
    pub const fn shuttle_random(iterations: usize) -> Self {
        Self::new(Config::ShuttleRandom { iterations })
    }

    /// Only in the deep tier.
    pub const fn deep(mut self) -> Self {
        self.tier = Tier::Deep;
        self
    }

    /// At most so many seconds, if `cargo verify` allows that many.
    pub const fn at_most(mut self, seconds: u64) -> Self {
        self.limit = Some(seconds);
        self
    }

    /// Reaching the time limit is no failure, for the reason given.
    pub const fn may_be_cut_off(mut self, reason: &'static str) -> Self {
        self.may_be_cut_off = Some(reason);
        self
    }

    /// Some cover points are beyond this run, such as outcomes of weak memory under shuttle.
    pub const fn may_miss(mut self, points: &'static [&'static str]) -> Self {
        self.may_miss = points;
        self
    }
}

/// When a row runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// With every change: all these rows together take minutes.
    Ci,
    /// With `--deep` only.
    Deep,
}

impl Tier {
    /// The name, as in the matrix.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ci => "ci",
            Self::Deep => "deep",
        }
    }
}

/// A bug that the product (or the model itself) commits when told to, and that the model must catch.
#[derive(Clone, Copy, Debug)]
pub struct Seeded {
    /// Its name: what `reweave_core::seeded` is asked at the place of the fault.
    pub bug: &'static str,
    /// The run that must fail with it.
    pub run: Run,
    /// A part of the message it must fail with: of the model's own assertion, or of what the checker detects itself
    /// (`deadlock`, `Causality violation`).
    pub expect: &'static str,
}

/// A rule of the matrix from which a component is exempt.
#[derive(Clone, Copy, Debug)]
pub struct Waiver {
    /// The rule.
    pub rule: Rule,
    /// Why; shown in the matrix.
    pub reason: &'static str,
}

/// What a full run demands of every component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// At least one row under loom.
    LoomRow,
    /// At least one row under shuttle.
    ShuttleRow,
    /// At least one seeded bug that must be caught.
    SeededRow,
    /// At least one seeded bug for this very model.
    SeededFor(&'static str),
}

/// Finds a model by `component/name`.
pub fn find(components: &'static [Component], path: &str) -> Option<(&'static Component, &'static Model)> {
    let (component, name) = path.split_once('/')?;
    let component = components.iter().find(|candidate| candidate.name == component)?;
    let model = component.models().find(|model| model.name == name)?;
    Some((component, model))
}

/// What is wrong with how models are declared: names used twice, runs listed twice, a seeded bug that expects nothing.
///
/// Checked by a test over the whole registry, so that a slip shows before anything is explored.
pub fn slips(components: &'static [Component]) -> Vec<String> {
    let mut slips = Vec::new();
    for (at, component) in components.iter().enumerate() {
        if components[..at].iter().any(|other| other.name == component.name) {
            slips.push(format!("the component {} is listed twice", component.name));
        }
        let models: Vec<_> = component.models().collect();
        for (at, model) in models.iter().enumerate() {
            let path = format!("{}/{}", component.name, model.name);
            let kebab = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            if model.name.is_empty() || !model.name.chars().all(kebab) {
                slips.push(format!("{path}: a name is in kebab case"));
            }
            if models[..at].iter().any(|other| other.name == model.name) {
                slips.push(format!("{path} is declared twice"));
            }
            if model.runs.is_empty() {
                slips.push(format!("{path} has no run"));
            }
            for (at, run) in model.runs.iter().enumerate() {
                if model.runs[..at].iter().any(|other| other.config == run.config) {
                    slips.push(format!("{path} lists {} twice", run.config));
                }
                for missed in run.may_miss {
                    if !model.covers.contains(missed) {
                        slips.push(format!("{path}: may_miss names `{missed}`, which is no cover point"));
                    }
                }
            }
            for (at, seeded) in model.seeded.iter().enumerate() {
                if seeded.bug.is_empty() || seeded.expect.trim().len() < 4 {
                    slips.push(format!("{path}: the seeded bug `{}` must expect a message", seeded.bug));
                }
                let twin = |other: &Seeded| other.bug == seeded.bug && other.run.config == seeded.run.config;
                if model.seeded[..at].iter().any(twin) {
                    slips.push(format!("{path} seeds {} under {} twice", seeded.bug, seeded.run.config));
                }
            }
        }
        for waiver in component.waived {
            if let Rule::SeededFor(name) = waiver.rule
                && !models.iter().any(|model| model.name == name)
            {
                slips.push(format!("{}: a waiver names `{name}`, which is no model", component.name));
            }
        }
    }
    slips
}
