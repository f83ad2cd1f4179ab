//! From a sysfs tree to a [`Topology`], whatever the tree looks like.
//!
//! The cpus that are online come first; everything else is about them. Physical cores, the caches of one level and kind, and
//! nodes are each read as disjoint sets of these cpus: a file that claims a cpu which an earlier file has claimed loses
//! it, and a cpu that nobody claims is a core of its own, has no cache, and is put on the first node that has cpus. So
//! the result is consistent even if the files are not.

use std::path::Path;

use super::parts::{Cache, CacheKind, Core, LOCAL_DISTANCE, Node};
use super::sysfs::Tree;
use super::{Place, Topology};

const CPUS: &str = "devices/system/cpu";
const NODES: &str = "devices/system/node";

/// The machine below `root`; where it does not say which cpus are online, they are `assumed`, or else cpu 0.
pub(super) fn read(root: &Path, assumed: &[usize]) -> Topology {
    let mut tree = Tree::new(root);
    let (cpus, cpus_known) = cpus(&mut tree, assumed);
    let mut topology = Topology::flat(cpus);
    topology.cpus_known = cpus_known;
    cores(&mut tree, &mut topology);
    caches(&tree, &mut topology);
    match nodes(&mut tree, &topology) {
        Ok(nodes) => topology.set_nodes(nodes),
        Err(reason) => topology.fallback = Some(format!("{reason}; one node with all cpus is assumed")),
    }
    topology.remarks = tree.into_remarks();
    topology
}

/// The cpus that are online, and whether that is known.
fn cpus(tree: &mut Tree<'_>, assumed: &[usize]) -> (Vec<usize>, bool) {
    let listed = tree.list(&format!("{CPUS}/online")).and_then(|cpus| match cpus[..] {
        [] => Err(format!("{}: no cpu is online", tree.path(CPUS).display())),
        _ => Ok(cpus),
    });
    let reason = match listed {
        Ok(cpus) => return (cpus, true),
        Err(reason) => reason,
    };
    let mut found = tree.numbered(CPUS, "cpu").unwrap_or_default();
    // Cpus that cannot be switched off have no such file.
    found.retain(|cpu| tree.number::<u8>(&format!("{CPUS}/cpu{cpu}/online")) != Some(0));
    if !found.is_empty() {
        tree.remark(format!("{reason}; the cpus that have a folder are taken to be online"));
        return (found, true);
    }
    let known = if assumed.is_empty() { "cpu 0 is assumed" } else { "the cpus that may be used are assumed" };
    tree.remark(format!("{reason}; {known}"));
    (assumed.to_vec(), false)
}

/// Groups the cpus into physical cores.
fn cores(tree: &mut Tree<'_>, topology: &mut Topology) {
    let mut taken = vec![false; topology.cpus.len()];
    let mut cores: Vec<Core> = Vec::new();
    let mut unknown: Vec<(usize, String)> = Vec::new();
    for at in 0..topology.cpus.len() {
        if taken[at] {
            continue;
        }
        let folder = format!("{CPUS}/cpu{}/topology", topology.cpus[at]);
        // The second is the first's name in kernels before 5.3.
        let siblings = tree
            .list(&format!("{folder}/core_cpus_list"))
            .or_else(|_| tree.list(&format!("{folder}/thread_siblings_list")));
        let members = match siblings {
            Ok(siblings) => topology.claim(&siblings, at, |other| !taken[other]),
            Err(reason) => {
                unknown.push((topology.cpus[at], reason));
                vec![at]
            }
        };
        for &member in &members {
            taken[member] = true;
            topology.places[member].core = cores.len();
        }
        let cpus = members.iter().map(|&member| topology.cpus[member]).collect();
        cores.push(Core { cpus, package: tree.number(&format!("{folder}/physical_package_id")) });
    }
    topology.cores = cores;
    if let Some((_, reason)) = unknown.first() {
        let cpus: Vec<usize> = unknown.iter().map(|&(cpu, _)| cpu).collect();
        tree.remark(format!("{reason}; a core of its own is assumed for cpus {}", super::cpulist::print(&cpus)));
    }
}

/// Finds the caches, and each cpu's last one. A machine that shows none has none here.
fn caches(tree: &Tree<'_>, topology: &mut Topology) {
    let mut caches: Vec<Cache> = Vec::new();
    // For each cpu, the caches that are known to be its own.
    let mut owned: Vec<Vec<usize>> = vec![Vec::new(); topology.cpus.len()];
    for at in 0..topology.cpus.len() {
        let folder = format!("{CPUS}/cpu{}/cache", topology.cpus[at]);
        for index in tree.numbered(&folder, "index").unwrap_or_default() {
            let folder = format!("{folder}/index{index}");
            let kind = tree.text(&format!("{folder}/type")).ok().and_then(|name| CacheKind::named(&name));
            let level = tree.number::<u32>(&format!("{folder}/level")).filter(|&level| level > 0);
            let (Some(kind), Some(level)) = (kind, level) else { continue };
            let same = |caches: &[Cache], owned: &[usize]| {
                owned.iter().any(|&cache| (caches[cache].level, caches[cache].kind) == (level, kind))
            };
            // A cache is described once by each cpu that shares it: the first description counts.
            if same(&caches, &owned[at]) {
                continue;
            }
            let sharers = tree.list(&format!("{folder}/shared_cpu_list")).unwrap_or_default();
            let members = topology.claim(&sharers, at, |other| !same(&caches, &owned[other]));
            for &member in &members {
                owned[member].push(caches.len());
            }
            caches.push(Cache {
                level,
                kind,
                size: tree.text(&format!("{folder}/size")).ok().and_then(|text| size(&text)),
                line_size: tree.number(&format!("{folder}/coherency_line_size")).filter(|&size| size > 0),
                cpus: members.iter().map(|&member| topology.cpus[member]).collect(),
            });
        }
    }
    // In the order in which they are reported: by level, data before instructions, then by their first cpu.
    let mut order: Vec<usize> = (0..caches.len()).collect();
    order.sort_by_key(|&cache| (caches[cache].level, caches[cache].kind, caches[cache].cpus[0]));
    let mut position = vec![0; caches.len()];
    for (new, &old) in order.iter().enumerate() {
        position[old] = new;
    }
    for (place, owned) in topology.places.iter_mut().zip(&owned) {
        let for_data = owned.iter().filter(|&&cache| caches[cache].kind != CacheKind::Instruction);
        let last = for_data.max_by_key(|&&cache| (caches[cache].level, caches[cache].kind));
        place.last_level = last.map(|&cache| position[cache]);
        place.caches = owned.iter().map(|&cache| position[cache]).collect();
    }
    topology.caches = order.iter().map(|&cache| caches[cache].clone()).collect();
}

/// The nodes, with every cpu on one of them, or why they cannot be known.
fn nodes(tree: &mut Tree<'_>, topology: &Topology) -> Result<Vec<Node>, String> {
    let ids = tree.numbered(NODES, "node")?;
    if ids.is_empty() {
        return Err(format!("{}: no nodes", tree.path(NODES).display()));
    }
    let mut taken = vec![false; topology.cpus.len()];
    let mut nodes = Vec::new();
    for &id in &ids {
        let folder = format!("{NODES}/node{id}");
        // A node may have memory and no cpus: then the file is there, and empty.
        let listed = tree.list(&format!("{folder}/cpulist")).unwrap_or_else(|reason| {
            tree.remark(format!("{reason}; a node without cpus is assumed"));
            Vec::new()
        });
        let mut cpus = Vec::new();
        for at in listed.iter().filter_map(|&cpu| topology.position(cpu)) {
            if std::mem::replace(&mut taken[at], true) {
                tree.remark(format!("cpu {} is on two nodes, of which node {id} is ignored", topology.cpus[at]));
            } else {
                cpus.push(topology.cpus[at]);
            }
        }
        let memory = tree.text(&format!("{folder}/meminfo")).ok().and_then(|text| total(&text));
        nodes.push(Node { id, cpus, memory, distances: distances(tree, id, ids.len()) });
    }
    let Some(first) = nodes.iter_mut().find(|node| !node.cpus.is_empty()) else {
        return Err(format!("{}: no node has a cpu that is online", tree.path(NODES).display()));
    };
    let lost: Vec<usize> =
        topology.cpus.iter().zip(&taken).filter(|(_, taken)| !**taken).map(|(&cpu, _)| cpu).collect();
    if !lost.is_empty() {
        let list = super::cpulist::print(&lost);
        tree.remark(format!("no node has cpus {list}; node {} is assumed", first.id));
        first.cpus.extend(lost);
        first.cpus.sort_unstable();
    }
    Ok(nodes)
}

/// A node's distances: one to each node that exists, in their order (not one to each number).
fn distances(tree: &mut Tree<'_>, id: usize, nodes: usize) -> Vec<u32> {
    let path = format!("{NODES}/node{id}/distance");
    let row = tree.text(&path).and_then(|text| {
        let row: Option<Vec<u32>> = text.split_whitespace().map(|word| word.parse().ok()).collect();
        row.filter(|row| row.len() == nodes)
            .ok_or_else(|| format!("{}: not a distance to each of {nodes} nodes", tree.path(&path).display()))
    });
    row.unwrap_or_else(|reason| {
        tree.remark(format!("{reason}; the usual ones are assumed"));
        Vec::new()
    })
}

/// The bytes of a line such as `Node 0 MemTotal:        4024532 kB`.
fn total(meminfo: &str) -> Option<u64> {
    let (_, rest) = meminfo.split_once("MemTotal:")?;
    rest.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

/// The bytes of a size such as `48K`, `1M` or `512`.
pub(super) fn size(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" => 1,
        "K" => 1 << 10,
        "M" => 1 << 20,
        "G" => 1 << 30,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

impl Topology {
    /// The positions of those among `cpus` that are online and that `free` leaves, and of `own` in any case; ascending.
    fn claim(&self, cpus: &[usize], own: usize, free: impl Fn(usize) -> bool) -> Vec<usize> {
        let mut members: Vec<usize> =
            cpus.iter().filter_map(|&cpu| self.position(cpu)).filter(|&at| at != own && free(at)).collect();
        members.push(own);
        members.sort_unstable();
        members
    }

    /// One node with all cpus.
    pub(super) fn set_flat(&mut self) {
        let node = Node { id: 0, cpus: self.cpus.clone(), memory: None, distances: vec![LOCAL_DISTANCE] };
        self.set_nodes(vec![node]);
    }

    /// Puts each cpu on its node; every cpu is on exactly one of them.
    pub(super) fn set_nodes(&mut self, nodes: Vec<Node>) {
        for (index, node) in nodes.iter().enumerate() {
            for at in node.cpus.iter().filter_map(|&cpu| self.cpus.binary_search(&cpu).ok()) {
                self.places[at].node = index;
            }
        }
        self.nodes = nodes;
    }

    /// The place of a cpu that shares nothing.
    pub(super) fn lonely(core: usize) -> Place {
        Place { core, node: 0, last_level: None, caches: Vec::new() }
    }
}
