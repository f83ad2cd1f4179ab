//! Cores, caches and memory nodes as Linux describes them below `/sys/devices/system`.

use std::fs;
use std::path::Path;

use serde::Serialize;

use super::line;

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
    /// How far the memory of each node is from here; 10 is near.
    pub distances: Vec<u32>,
}

/// The logical cores that are online.
pub(super) fn online(root: &Path) -> Option<Vec<usize>> {
    let cores = list(&line(&root.join("sys/devices/system/cpu/online"))?);
    (!cores.is_empty()).then_some(cores)
}

/// The caches of these cores.
pub(super) fn caches(root: &Path, cores: &[usize]) -> Vec<Cache> {
    let mut caches: Vec<Cache> = Vec::new();
    for core in cores {
        let folder = root.join(format!("sys/devices/system/cpu/cpu{core}/cache"));
        for index in 0.. {
            let Some(seen) = cache(&folder.join(format!("index{index}")), *core) else { break };
            // A cache is described once by each core that shares it, and counted at the first of them.
            let Seen { cache, counts } = seen;
            let known = caches.iter_mut().find(|known| {
                (known.level, &known.kind, known.size_kib, known.shared_by)
                    == (cache.level, &cache.kind, cache.size_kib, cache.shared_by)
            });
            match known {
                Some(known) => known.instances += usize::from(counts),
                None => caches.push(Cache { instances: usize::from(counts), ..cache }),
            }
        }
    }
    caches.retain(|cache| cache.instances > 0);
    caches.sort_by(|a, b| (a.level, &a.kind).cmp(&(b.level, &b.kind)));
    caches
}

/// A cache as one of its cores describes it.
struct Seen {
    cache: Cache,
    /// Whether this core is the one that stands for all that share the cache.
    counts: bool,
}

fn cache(folder: &Path, core: usize) -> Option<Seen> {
    let read = |name: &str| line(&folder.join(name));
    let sharers = read("shared_cpu_list").map(|text| list(&text)).filter(|cores| !cores.is_empty());
    let sharers = sharers.unwrap_or_else(|| vec![core]);
    let cache = Cache {
        level: read("level")?.parse().ok()?,
        kind: read("type").unwrap_or_else(|| "Unified".to_owned()),
        size_kib: size_kib(&read("size")?)?,
        line_bytes: read("coherency_line_size").and_then(|text| text.parse().ok()),
        instances: 1,
        shared_by: sharers.len(),
    };
    Some(Seen { cache, counts: sharers[0] == core })
}

/// The memory nodes; one flat node where the machine has none or does not tell.
pub(super) fn nodes(root: &Path, cores: &[usize]) -> Vec<Node> {
    let folder = root.join("sys/devices/system/node");
    let mut ids: Vec<usize> = fs::read_dir(&folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.strip_prefix("node")?.parse().ok())
        .collect();
    ids.sort_unstable();
    let nodes: Vec<Node> = ids.into_iter().filter_map(|id| node(&folder.join(format!("node{id}")), id)).collect();
    if nodes.is_empty() && !cores.is_empty() {
        return vec![Node { id: 0, cpus: cores.to_vec(), memory_mib: memory_of_all(root), distances: vec![10] }];
    }
    nodes
}

fn node(folder: &Path, id: usize) -> Option<Node> {
    // A node may have memory and no cores: then the file is there, and empty.
    let cpus = list(&fs::read_to_string(folder.join("cpulist")).ok()?);
    let meminfo = fs::read_to_string(folder.join("meminfo")).unwrap_or_default();
    let distances = line(&folder.join("distance")).unwrap_or_default();
    Some(Node {
        id,
        cpus,
        memory_mib: total(&meminfo),
        distances: distances.split_whitespace().filter_map(|text| text.parse().ok()).collect(),
    })
}

fn memory_of_all(root: &Path) -> Option<u64> {
    total(&fs::read_to_string(root.join("proc/meminfo")).ok()?)
}

/// The MiB of a line such as `Node 0 MemTotal:        4024532 kB`.
fn total(meminfo: &str) -> Option<u64> {
    let (_, rest) = meminfo.split_once("MemTotal:")?;
    let kib: u64 = rest.split_whitespace().next()?.parse().ok()?;
    Some(kib / 1024)
}

/// The KiB of a size such as `48K` or `1M`.
fn size_kib(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits.parse().ok()?;
    match &text[digits.len()..] {
        "" => Some(number / 1024),
        "K" => Some(number),
        "M" => Some(number * 1024),
        "G" => Some(number * 1024 * 1024),
        _ => None,
    }
}

/// The numbers of a list such as `0-3,8,10-11`; what cannot be read is left out.
fn list(text: &str) -> Vec<usize> {
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (usize, usize) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        // A machine with more cores than this has a broken file.
        (last < 1 << 16).then_some(first..=last)
    };
    text.trim().split(',').filter_map(range).flatten().collect()
}

/// A list of numbers as `0-3,8`: the form that [`Cache`] and [`Node`] are read from, for people.
pub fn ranges(numbers: &[usize]) -> String {
    let mut parts: Vec<(usize, usize)> = Vec::new();
    for &number in numbers {
        match parts.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => parts.push((number, number)),
        }
    }
    let part = |&(first, last): &(usize, usize)| {
        if first == last { first.to_string() } else { format!("{first}-{last}") }
    };
    parts.iter().map(part).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_and_written() {
        assert_eq!(list("0-3,8,10-11\n"), [0, 1, 2, 3, 8, 10, 11]);
        assert_eq!(list(""), Vec::<usize>::new());
        assert_eq!(list("x,2,3-,9-7"), [2]);
        assert_eq!(list("0-99999999999"), Vec::<usize>::new());
        assert_eq!(ranges(&[0, 1, 2, 3, 8, 10, 11]), "0-3,8,10-11");
        assert_eq!(ranges(&[]), "");
    }

    #[test]
    fn sizes_are_read() {
        assert_eq!(size_kib("48K"), Some(48));
        assert_eq!(size_kib("1M"), Some(1024));
        assert_eq!(size_kib("2048"), Some(2));
        assert_eq!(size_kib("1Q"), None);
        assert_eq!(size_kib("K"), None);
    }
}
