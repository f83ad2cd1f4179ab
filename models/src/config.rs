//! Configurations: under which checker, and how far, a model is explored.
//!
//! | configuration | written | what its passing means |
//! |---|---|---|
//! | [`Config::LoomComplete`] | `loom-complete` | every execution the C11 memory model allows, as far as loom knows it |
//! | [`Config::LoomBounded`] | `loom-bounded-3` | the same with at most three preemptions an execution |
//! | [`Config::ShuttleDfs`] | `shuttle-dfs` | every interleaving, sequentially consistent memory |
//! | [`Config::ShuttlePct`] | `shuttle-pct-3x2000` | 2,000 schedules that would find a bug of depth three with a known probability |
//! | [`Config::ShuttleRandom`] | `shuttle-random-2000` | 2,000 uniformly random schedules |
//!
//! Only the two complete ones prove; the others search. The distinction travels with every result as
//! [`Completeness`].

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The checkers, and the plain build that has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// The standard library: real threads, nothing explored.
    Std,
    /// loom: weak memory, partial-order reduction.
    Loom,
    /// shuttle: sequentially consistent, scales to whole subsystems.
    Shuttle,
}

impl Backend {
    /// The backend that this build was compiled for.
    pub const BUILT: Self = if cfg!(reweave_loom) {
        Self::Loom
    } else if cfg!(reweave_shuttle) {
        Self::Shuttle
    } else {
        Self::Std
    };

    /// The name, as in `--only loom`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Std => "std",
            Self::Loom => "loom",
            Self::Shuttle => "shuttle",
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How one run explores its model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Config {
    /// loom, every execution.
    LoomComplete,
    /// loom, every execution with at most so many preemptions.
    LoomBounded {
        /// How often a thread that could go on is interrupted, at most.
        preemptions: usize,
    },
    /// shuttle, every interleaving by depth-first search. There is no partial-order reduction: for tiny kernels only.
    ShuttleDfs,
    /// shuttle, probabilistic concurrency testing (Burckhardt et al., ASPLOS 2010), from a fixed seed.
    ShuttlePct {
        /// The bug depth searched for: how many ordering constraints the bug needs.
        depth: usize,
        /// How many schedules.
        iterations: usize,
    },
    /// shuttle, uniformly random schedules from a fixed seed.
    ShuttleRandom {
        /// How many schedules.
        iterations: usize,
    },
}

impl Config {
    /// The checker that it runs under.
    pub const fn backend(self) -> Backend {
        match self {
            Self::LoomComplete | Self::LoomBounded { .. } => Backend::Loom,
            Self::ShuttleDfs | Self::ShuttlePct { .. } | Self::ShuttleRandom { .. } => Backend::Shuttle,
        }
    }

    /// What a run that comes to its end has shown.
    pub fn completeness(self) -> Completeness {
        match self {
            Self::LoomComplete | Self::ShuttleDfs => Completeness::Complete,
            Self::LoomBounded { preemptions: 1 } => Completeness::Bounded("1 preemption".into()),
            Self::LoomBounded { preemptions } => Completeness::Bounded(format!("{preemptions} preemptions")),
            Self::ShuttlePct { iterations, .. } | Self::ShuttleRandom { iterations } => {
                Completeness::Bounded(format!("{iterations} schedules"))
            }
        }
    }

    /// The configuration in words, without the name of its backend.
    pub fn words(self) -> String {
        match self {
            Self::LoomComplete => "unbounded".into(),
            Self::LoomBounded { preemptions: 1 } => "1 preemption".into(),
            Self::LoomBounded { preemptions } => format!("{preemptions} preemptions"),
            Self::ShuttleDfs => "depth-first".into(),
            Self::ShuttlePct { depth, .. } => format!("pct, depth {depth}"),
            Self::ShuttleRandom { .. } => "random".into(),
        }
    }
}

impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LoomComplete => f.write_str("loom-complete"),
            Self::LoomBounded { preemptions } => write!(f, "loom-bounded-{preemptions}"),
            Self::ShuttleDfs => f.write_str("shuttle-dfs"),
            Self::ShuttlePct { depth, iterations } => write!(f, "shuttle-pct-{depth}x{iterations}"),
            Self::ShuttleRandom { iterations } => write!(f, "shuttle-random-{iterations}"),
        }
    }
}

impl FromStr for Config {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let positive = |number: &str| number.parse().ok().filter(|&number: &usize| number > 0);
        let parsed = if text == "loom-complete" {
            Some(Self::LoomComplete)
        } else if text == "shuttle-dfs" {
            Some(Self::ShuttleDfs)
        } else if let Some(bound) = text.strip_prefix("loom-bounded-") {
            bound.parse().ok().map(|preemptions| Self::LoomBounded { preemptions })
        } else if let Some(bound) = text.strip_prefix("shuttle-random-") {
            positive(bound).map(|iterations| Self::ShuttleRandom { iterations })
        } else if let Some(bounds) = text.strip_prefix("shuttle-pct-") {
            bounds.split_once('x').and_then(|(depth, iterations)| {
                Some(Self::ShuttlePct { depth: positive(depth)?, iterations: positive(iterations)? })
            })
        } else {
            None
        };
        parsed.ok_or_else(|| {
            "allowed are loom-complete, loom-bounded-N, shuttle-dfs, shuttle-pct-DEPTHxN and shuttle-random-N".into()
        })
    }
}

/// How much of a model's behaviour a run has seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Completeness {
    /// All of it: a proof, within what the checker models.
    Complete,
    /// All of it, or as much of it, up to the bound in words.
    Bounded(String),
    /// What fitted into the time limit.
    CutOff,
}

impl fmt::Display for Completeness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Complete => f.write_str("complete"),
            Self::Bounded(bound) => write!(f, "bounded({bound})"),
            Self::CutOff => f.write_str("cut off"),
        }
    }
}

impl From<Completeness> for String {
    fn from(completeness: Completeness) -> Self {
        completeness.to_string()
    }
}

impl TryFrom<String> for Completeness {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "complete" => Ok(Self::Complete),
            "cut off" => Ok(Self::CutOff),
            other => other
                .strip_prefix("bounded(")
                .and_then(|rest| rest.strip_suffix(')'))
                .map(|bound| Self::Bounded(bound.into()))
                .ok_or_else(|| format!("`{other}` is neither complete, bounded(..) nor cut off")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configurations_are_read_back_as_written() {
        for config in [
            Config::LoomComplete,
            Config::LoomBounded { preemptions: 3 },
            Config::ShuttleDfs,
            Config::ShuttlePct { depth: 2, iterations: 500 },
            Config::ShuttleRandom { iterations: 7 },
        ] {
            assert_eq!(config.to_string().parse(), Ok(config));
        }
    }

    #[test]
    fn anything_else_is_refused_with_what_is_allowed() {
        for wrong in ["", "loom", "loom-bounded-", "shuttle-pct-2", "shuttle-pct-0x5", "shuttle-random-0"] {
            let refusal = wrong.parse::<Config>().unwrap_err();
            assert!(refusal.starts_with("allowed are loom-complete"), "{wrong}: {refusal}");
        }
    }

    #[test]
    fn only_exhaustive_searches_call_themselves_complete() {
        assert_eq!(Config::LoomComplete.completeness(), Completeness::Complete);
        assert_eq!(Config::ShuttleDfs.completeness(), Completeness::Complete);
        assert_eq!(Config::LoomBounded { preemptions: 2 }.completeness().to_string(), "bounded(2 preemptions)");
        assert_eq!(Config::ShuttleRandom { iterations: 9 }.completeness().to_string(), "bounded(9 schedules)");
    }

    #[test]
    fn completeness_survives_json() {
        for completeness in
            [Completeness::Complete, Completeness::Bounded("2 preemptions".into()), Completeness::CutOff]
        {
            let json = serde_json::to_string(&completeness).unwrap();
            assert_eq!(serde_json::from_str::<Completeness>(&json).unwrap(), completeness);
        }
        assert!(serde_json::from_str::<Completeness>("\"perhaps\"").is_err());
    }
}
