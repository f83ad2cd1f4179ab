//! Caches and memory nodes as a report has them: what [`reweave_core::topology`] finds, in the report's units.

use std::fs;
use std::path::Path;

use reweave_core::topology::Topology;
use serde::Serialize;

/// Caches of one kind: all of the same level, type and size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cache {
    /// 1 is the nearest to the core.
    pub level: u32,
    /// `Data`, `Instruction` or `Unified`.
    pub kind: String,
    /// The size of one in KiB.
    pub size_kib: u64,
    /// The size of a line in bytes.
    pub line_bytes: Option<u64>,
    /// How many of them there are.
    pub instances: usize,
    /// How many logical cores share one.
    pub shared_by: usize,
}

/// A memory node: cores, and the memory that is near to them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Node {
    /// Its number.
    pub id: usize,
    /// Its logical cores.
    pub cpus: Vec<usize>,
    /// Its memory in MiB.
    pub memory_mib: Option<u64>,
    /// How far the memory of each node is from here, in the order of the nodes; 10 is near.
    pub distances: Vec<u32>,
}

/// The caches, like ones together; those of unknown size are left out.
pub(super) fn caches(topology: &Topology) -> Vec<Cache> {
    let mut caches: Vec<Cache> = Vec::new();
    for one in topology.caches() {
        let Some(bytes) = one.size() else { continue };
        let cache = Cache {
            level: one.level(),
            kind: one.kind().name().to_owned(),
            size_kib: bytes / 1024,
            line_bytes: one.line_size().map(u64::from),
            instances: 1,
            shared_by: one.cpus().len(),
        };
        let like = |known: &&mut Cache| Cache { instances: 1, ..(*known).clone() } == cache;
        match caches.iter_mut().find(like) {
            Some(known) => known.instances += 1,
            None => caches.push(cache),
        }
    }
    caches
}

/// The memory nodes. Where one flat node stands for all, its memory is that of the machine below `root`.
pub(super) fn nodes(topology: &Topology, root: &Path) -> Vec<Node> {
    let whole = topology.fallback().and_then(|_| memory(root));
    let nodes = topology.nodes().iter().map(|node| Node {
        id: node.id(),
        cpus: node.cpus().to_vec(),
        memory_mib: node.memory().map(|bytes| bytes >> 20).or(whole),
        distances: node.distances().to_vec(),
    });
    nodes.collect()
}

/// The MiB of all memory, from a line such as `MemTotal:        4024532 kB`.
fn memory(root: &Path) -> Option<u64> {
    let meminfo = fs::read_to_string(root.join("proc/meminfo")).ok()?;
    let (_, rest) = meminfo.split_once("MemTotal:")?;
    let kib: u64 = rest.split_whitespace().next()?.parse().ok()?;
    Some(kib / 1024)
}
