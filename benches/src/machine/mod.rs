//! What figures are measured on: processor, cores, caches, memory nodes, kernel, compiler and versions.
//!
//! Everything is read from `/proc` and `/sys`. What is missing there (another operating system, a container that hides
//! it) is missing here; nothing is an error.

use std::fs;
use std::path::Path;

use reweave_core::topology::{Topology, affinity};
use serde::Serialize;
use serde_json::{Map, Value, json};

mod topology;

pub use topology::{Cache, Node};

/// Features of a processor that matter to concurrent programs, as the kernel names them.
const TELLING_FEATURES: [&str; 12] = [
    // x86: wide compare-and-swap, transactional memory (two), a clock that keeps its pace (two), waiting for a write to
    // a cache line (two), being a virtual machine.
    "cx16",
    "hle",
    "rtm",
    "constant_tsc",
    "nonstop_tsc",
    "waitpkg",
    "monitorx",
    "hypervisor",
    // Arm: atomic read-modify-writes in one instruction, cheaper acquiring loads, atomicity of unaligned accesses, and
    // wide atomics.
    "atomics",
    "lrcpc",
    "uscat",
    "lse128",
];

/// A machine, and the build that runs on it.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Machine {
    /// The processor's name.
    pub cpu: Option<String>,
    /// The architecture that the program is compiled for.
    pub architecture: &'static str,
    /// How many logical cores are online.
    pub logical_cores: Option<usize>,
    /// How many physical cores they are on.
    pub physical_cores: Option<usize>,
    /// The cores that this process may use; empty where the system does not say.
    pub allowed_cpus: Vec<usize>,
    /// The caches, from the first level up, data before instructions.
    pub caches: Vec<Cache>,
    /// The memory nodes: one with all cores where the machine has no others or does not tell.
    pub numa_nodes: Vec<Node>,
    /// What was not to be had from the system or contradicted itself, and what is assumed instead.
    pub topology_remarks: Vec<String>,
    /// What all this was taken from, for questions such as which cores are near to which; `None` if nothing is known.
    #[serde(skip)]
    pub topology: Option<Topology>,
    /// Features of the processor that matter to concurrent programs.
    pub features: Vec<String>,
    /// Operating system and release of its kernel.
    pub kernel: String,
    /// What the kernel reads the time from; a slow one makes every look at the clock expensive.
    pub clock_source: Option<String>,
    /// The compiler and what it was asked for.
    pub build: Build,
    /// Versions of this project and of the systems that it is compared with.
    pub versions: Map<String, Value>,
}

/// How the program was compiled.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Build {
    /// The compiler's version.
    pub rustc: &'static str,
    /// The target triple.
    pub target: &'static str,
    /// The optimisation level: `3` in a release build.
    pub opt_level: &'static str,
    /// Whether debug assertions are compiled in, which cost time.
    pub debug_assertions: bool,
}

impl Build {
    /// Whether figures of this build mean anything.
    pub fn is_optimised(&self) -> bool {
        !self.debug_assertions && matches!(self.opt_level, "2" | "3")
    }
}

impl Machine {
    /// The machine that this program runs on.
    pub fn here() -> Self {
        Self::read(Path::new("/"), affinity::allowed())
    }

    /// A machine as described by the files below `root`, of which the process may use the cores `allowed_cpus`.
    pub fn read(root: &Path, allowed_cpus: Vec<usize>) -> Self {
        let cpuinfo = fs::read_to_string(root.join("proc/cpuinfo")).unwrap_or_default();
        let processors = cpuinfo.lines().filter(|line| line.starts_with("processor")).count();
        let processors: Vec<usize> = (0..processors).collect();
        let assumed = if processors.is_empty() { &allowed_cpus } else { &processors };
        let topology = Topology::from_root_allowing(root.join("sys"), assumed);
        // With nothing to go by, the topology is one made up, and not reported.
        let known = topology.cpus_known() || !assumed.is_empty();
        Self {
            cpu: info(&cpuinfo, &["model name", "Model", "Hardware", "cpu model", "uarch"]),
            architecture: std::env::consts::ARCH,
            logical_cores: known.then(|| topology.cpus().len()),
            physical_cores: known.then(|| topology.cores().len()),
            caches: topology::caches(&topology),
            numa_nodes: if known { topology::nodes(&topology, root) } else { Vec::new() },
            topology_remarks: topology
                .fallback()
                .into_iter()
                .map(str::to_owned)
                .chain(topology.remarks().to_vec())
                .collect(),
            topology: known.then_some(topology),
            features: features(&cpuinfo),
            kernel: kernel(root),
            clock_source: line(&root.join("sys/devices/system/clocksource/clocksource0/current_clocksource")),
            build: build(),
            versions: versions(),
            allowed_cpus,
        }
    }

    /// Whether `threads` threads have a core each.
    pub fn has_cores_for(&self, threads: usize) -> bool {
        let cores = if self.allowed_cpus.is_empty() { self.logical_cores } else { Some(self.allowed_cpus.len()) };
        cores.is_none_or(|cores| threads <= cores)
    }
}

/// The content of a file of one line.
fn line(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// The first value that `/proc/cpuinfo` gives for one of these keys.
fn info(cpuinfo: &str, keys: &[&str]) -> Option<String> {
    keys.iter().find_map(|key| {
        cpuinfo.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            (name.trim() == *key && !value.trim().is_empty()).then(|| value.trim().to_owned())
        })
    })
}

fn features(cpuinfo: &str) -> Vec<String> {
    let all = info(cpuinfo, &["flags", "Features"]).unwrap_or_default();
    let all: Vec<&str> = all.split_whitespace().collect();
    TELLING_FEATURES.iter().filter(|name| all.contains(name)).map(|&name| name.to_owned()).collect()
}

fn kernel(root: &Path) -> String {
    let kind = line(&root.join("proc/sys/kernel/ostype")).unwrap_or_else(|| std::env::consts::OS.to_owned());
    match line(&root.join("proc/sys/kernel/osrelease")) {
        Some(release) => format!("{kind} {release}"),
        None => kind,
    }
}

fn build() -> Build {
    Build {
        rustc: env!("REWEAVE_RUSTC_VERSION"),
        target: env!("REWEAVE_TARGET"),
        opt_level: env!("REWEAVE_OPT_LEVEL"),
        debug_assertions: cfg!(debug_assertions),
    }
}

fn versions() -> Map<String, Value> {
    let own = ("reweave".to_owned(), json!(env!("CARGO_PKG_VERSION")));
    let peers = env!("REWEAVE_PEERS").split(',').filter_map(|peer| peer.split_once('='));
    std::iter::once(own).chain(peers.map(|(name, version)| (name.to_owned(), json!(version)))).collect()
}

#[cfg(test)]
mod tests;
