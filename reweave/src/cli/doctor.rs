//! `reweave doctor`: this machine and this build, for a bug report.

use std::fmt::Write;
use std::process::ExitCode;

use clap::Args as ClapArgs;

use reweave_benches::machine::{Cache, Machine, Node};
use reweave_benches::ping_pong;
use reweave_core::topology::cpulist::print as ranges;
use reweave_core::topology::{Nearness, Topology};
use serde_json::json;

use super::{FAILED, fail, human, output};

/// Options of `reweave doctor`.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Print JSON: the same object as `machine` in the files of `reweave bench`
    #[arg(long)]
    json: bool,
}

/// Describes the machine.
pub fn main(args: &Args) -> ExitCode {
    let machine = Machine::here();
    let text = if args.json {
        // Nothing in a machine can fail to be written: its keys are strings.
        serde_json::to_string_pretty(&json!(machine)).unwrap_or_default() + "\n"
    } else {
        describe(&machine, ping_pong::measure())
    };
    match output::print(&text) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => fail(&message, FAILED),
    }
}

/// The description for people; `round_trip` is the ping-pong's result.
fn describe(machine: &Machine, round_trip: Option<f64>) -> String {
    let unknown = || "unknown".to_owned();
    let list = |parts: Vec<String>| if parts.is_empty() { unknown() } else { parts.join("\n") };
    let cores = match (machine.logical_cores, &machine.allowed_cpus[..]) {
        (None, _) => unknown(),
        (Some(cores), []) => format!("{cores} online"),
        (Some(cores), allowed) => format!("{cores} online, {} allowed ({})", allowed.len(), ranges(allowed)),
    };
    let physical = machine.physical_cores.map_or(String::new(), |cores| format!(", {cores} physical"));
    let round_trip = match (round_trip, ping_pong::cores()) {
        (Some(ns), Some([first, second])) => format!("{} ns between cores {first} and {second}", human::digits(ns)),
        _ => "not measured: it takes two cores".to_owned(),
    };
    let build = &machine.build;
    let versions = machine.versions.iter().map(|(name, version)| format!("{name} {}", version.as_str().unwrap_or("?")));
    let mut rows = vec![
        ("versions", versions.collect::<Vec<_>>().join(", ")),
        ("compiler", format!("rustc {} for {}", build.rustc, build.target)),
        ("build", optimisation(machine)),
        ("kernel", machine.kernel.clone()),
        ("clock", machine.clock_source.clone().unwrap_or_else(unknown)),
        ("processor", format!("{} ({})", machine.cpu.clone().unwrap_or_else(unknown), machine.architecture)),
        ("features", if machine.features.is_empty() { "none known".to_owned() } else { machine.features.join(" ") }),
        ("cores", cores + &physical),
        ("caches", list(machine.caches.iter().map(cache).collect())),
        ("NUMA nodes", list(machine.numa_nodes.iter().map(node).collect())),
        ("round trip", round_trip),
    ];
    let neighbours = machine.topology.as_ref().map(neighbours).unwrap_or_default();
    rows.extend((!neighbours.is_empty()).then(|| ("neighbours", neighbours.join("\n"))));
    let remarks = &machine.topology_remarks;
    rows.extend((!remarks.is_empty()).then(|| ("remarks", remarks.join("\n"))));
    let mut text = String::new();
    for (name, value) in rows {
        let mut name = name;
        for line in value.lines() {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{name:<12}{line}");
            name = "";
        }
    }
    text
}

fn optimisation(machine: &Machine) -> String {
    let build = &machine.build;
    let mut text = format!("optimisation level {}", build.opt_level);
    if build.debug_assertions {
        text.push_str(", debug assertions on");
    }
    if !build.is_optimised() {
        text.push_str(" (not for benchmarks)");
    }
    text
}

fn cache(cache: &Cache) -> String {
    let kind = match &*cache.kind {
        "Data" => "d",
        "Instruction" => "i",
        _ => "",
    };
    let mut text = format!("L{}{kind:<2} {} x {}", cache.level, human::kib(cache.size_kib), cache.instances);
    if cache.shared_by > 1 {
        let _ = write!(text, ", each shared by {} cores", cache.shared_by);
    }
    if let Some(bytes) = cache.line_bytes {
        let _ = write!(text, ", lines of {bytes} bytes");
    }
    text
}

fn node(node: &Node) -> String {
    let mut text = format!("node {}: ", node.id);
    match &node.cpus[..] {
        [] => text.push_str("no cores"),
        [core] => drop(write!(text, "core {core}")),
        cores => drop(write!(text, "cores {}", ranges(cores))),
    }
    if let Some(mib) = node.memory_mib {
        let _ = write!(text, ", {} MiB", human::grouped(usize::try_from(mib).unwrap_or(usize::MAX)));
    }
    if node.distances.len() > 1 {
        let distances: Vec<String> = node.distances.iter().map(ToString::to_string).collect();
        let _ = write!(text, ", distances {}", distances.join(" "));
    }
    text
}

/// The rings around the first core that may be used, a line each: whom a worker there would steal from.
fn neighbours(topology: &Topology) -> Vec<String> {
    let Some(&core) = topology.allowed().first() else { return Vec::new() };
    let rings = topology.victims(core);
    let lines = rings.iter().map(|ring| {
        let nearness = match ring.nearness() {
            Nearness::SameCore => "same physical core".to_owned(),
            Nearness::SameCache => "same last-level cache".to_owned(),
            Nearness::SameNode => "same node".to_owned(),
            Nearness::OtherNode { distance } => format!("nodes at distance {distance}"),
        };
        format!("of core {core}, {nearness}: {}", ranges(ring.cpus()))
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_tells_nothing_is_described_too() {
        let text = describe(&Machine::default(), None);
        assert!(text.contains("cores       unknown\n"), "{text}");
        assert!(text.contains("caches      unknown\n"), "{text}");
        assert!(text.contains("round trip  not measured"), "{text}");
        assert!(!text.contains("neighbours") && !text.contains("remarks"), "{text}");
    }

    #[test]
    fn neighbours_and_remarks_are_told_where_there_are_some() {
        let machine = Machine {
            logical_cores: Some(3),
            physical_cores: Some(3),
            topology: Some(Topology::flat([0, 1, 4])),
            topology_remarks: vec!["one thing".to_owned(), "and another".to_owned()],
            ..Machine::default()
        };
        let text = describe(&machine, None);
        assert!(text.contains("cores       3 online, 3 physical\n"), "{text}");
        assert!(text.contains("neighbours  of core 0, same node: 1,4\n"), "{text}");
        assert!(text.contains("remarks     one thing\n            and another\n"), "{text}");
    }

    #[test]
    fn caches_and_nodes_read_well() {
        let l3 = Cache {
            level: 3,
            kind: "Unified".to_owned(),
            size_kib: 32 << 10,
            line_bytes: Some(64),
            instances: 2,
            shared_by: 8,
        };
        assert_eq!(cache(&l3), "L3   32 MiB x 2, each shared by 8 cores, lines of 64 bytes");
        let far = Node { id: 1, cpus: vec![4, 5, 6], memory_mib: Some(65_536), distances: vec![21, 10] };
        assert_eq!(node(&far), "node 1: cores 4-6, 65,536 MiB, distances 21 10");
    }
}
