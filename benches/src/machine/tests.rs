//! Machines described in a temporary folder: a big one, and one that tells nothing.

use std::path::PathBuf;

use super::*;

/// A folder that is removed with its value.
struct Fixture(PathBuf);

impl Fixture {
    fn new(name: &str, files: &[(&str, &str)]) -> Self {
        let root = std::env::temp_dir().join(format!("reweave-machine-{name}-{}", std::process::id()));
        for (path, content) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        Self(root)
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        // Left behind where it cannot be removed: not what is tested.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_machine_of_two_nodes() {
    let mut files = vec![
        ("proc/cpuinfo".to_owned(), "processor\t: 0\nmodel name\t: Big One 9000\nflags\t\t: fpu cx16 rtm\n"),
        ("proc/sys/kernel/ostype".to_owned(), "Linux\n"),
        ("proc/sys/kernel/osrelease".to_owned(), "6.1.2\n"),
        ("sys/devices/system/cpu/online".to_owned(), "0-3\n"),
        ("sys/devices/system/clocksource/clocksource0/current_clocksource".to_owned(), "tsc\n"),
        ("sys/devices/system/node/possible".to_owned(), "0-1\n"),
        ("sys/devices/system/node/node0/cpulist".to_owned(), "0-1\n"),
        ("sys/devices/system/node/node0/distance".to_owned(), "10 21 21\n"),
        ("sys/devices/system/node/node0/meminfo".to_owned(), "Node 0 MemTotal:   2048000 kB\nNode 0 MemFree: 1 kB\n"),
        ("sys/devices/system/node/node1/cpulist".to_owned(), "2-3\n"),
        ("sys/devices/system/node/node2/cpulist".to_owned(), "\n"),
    ];
    for (core, pair) in [(0, "0-1"), (1, "0-1"), (2, "2-3"), (3, "2-3")] {
        let own = ["0", "1", "2", "3"][core];
        for (index, level, kind, size, shared) in
            [(0, "1", "Data", "48K", own), (1, "1", "Instruction", "32K", own), (2, "3", "Unified", "32M", pair)]
        {
            let folder = format!("sys/devices/system/cpu/cpu{core}/cache/index{index}");
            for (name, content) in [
                ("level", level),
                ("type", kind),
                ("size", size),
                ("shared_cpu_list", shared),
                ("coherency_line_size", "64"),
            ] {
                files.push((format!("{folder}/{name}"), content));
            }
        }
    }
    let files: Vec<(&str, &str)> = files.iter().map(|(path, content)| (&**path, *content)).collect();
    let fixture = Fixture::new("big", &files);
    let machine = Machine::read(&fixture.0, vec![0, 2]);

    assert_eq!(machine.cpu.as_deref(), Some("Big One 9000"));
    assert_eq!(machine.features, ["cx16", "rtm"]);
    assert_eq!((machine.logical_cores, &machine.allowed_cpus), (Some(4), &vec![0, 2]));
    assert_eq!(machine.physical_cores, Some(4));
    assert!(machine.has_cores_for(2) && !machine.has_cores_for(3));
    assert_eq!((&*machine.kernel, machine.clock_source.as_deref()), ("Linux 6.1.2", Some("tsc")));
    let cache = |level, kind: &str, size_kib, instances, shared_by| Cache {
        level,
        kind: kind.to_owned(),
        size_kib,
        line_bytes: Some(64),
        instances,
        shared_by,
    };
    assert_eq!(
        machine.caches,
        [cache(1, "Data", 48, 4, 1), cache(1, "Instruction", 32, 4, 1), cache(3, "Unified", 32 * 1024, 2, 2)]
    );
    assert_eq!(
        machine.numa_nodes,
        [
            Node { id: 0, cpus: vec![0, 1], memory_mib: Some(2000), distances: vec![10, 21, 21] },
            Node { id: 1, cpus: vec![2, 3], memory_mib: None, distances: vec![] },
            Node { id: 2, cpus: vec![], memory_mib: None, distances: vec![] },
        ]
    );
}

#[test]
fn a_machine_that_tells_nothing_is_no_error() {
    let machine = Machine::read(Path::new("/nowhere/at/all"), vec![]);
    assert_eq!((machine.cpu.as_ref(), machine.logical_cores), (None, None));
    assert!(machine.caches.is_empty() && machine.numa_nodes.is_empty() && machine.features.is_empty());
    assert!(machine.has_cores_for(7), "who knows");
    // With no more than the cores known, they are one flat node.
    let machine = Machine::read(Path::new("/nowhere/at/all"), vec![4, 5]);
    assert_eq!(machine.logical_cores, Some(2));
    assert_eq!(machine.numa_nodes.len(), 1);
    assert_eq!(machine.numa_nodes[0].cpus, [4, 5]);
    assert!(machine.topology_remarks[0].contains("/nowhere/at/all/sys"), "{:?}", machine.topology_remarks);
}

#[test]
fn this_machine_names_its_build() {
    let machine = Machine::here();
    assert!(!machine.build.rustc.is_empty() && !machine.build.target.is_empty());
    assert_eq!(machine.versions["reweave"], env!("CARGO_PKG_VERSION"));
    let json = serde_json::to_value(&machine).unwrap();
    assert!(json["caches"].is_array() && json["numa_nodes"].is_array() && json["build"]["rustc"].is_string());
}
