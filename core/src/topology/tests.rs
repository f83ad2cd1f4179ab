//! Machines of 1, 2 and 8 nodes, broken ones, and the laws that hold for any tree.

use quickcheck::{Arbitrary, Gen, QuickCheck};

use super::fixture::{Machine, Sysfs};
use super::*;
use crate::sync::thread;

fn rings(topology: &Topology, cpu: usize) -> Vec<(Nearness, Vec<usize>)> {
    topology.victims(cpu).iter().map(|ring| (ring.nearness(), ring.cpus().to_vec())).collect()
}

/// What holds for every topology, whatever it was read from. `some` cpus are asked for their rings.
fn check(topology: &Topology, some: usize) {
    let cpus = topology.cpus();
    assert!(!cpus.is_empty() && cpus.is_sorted_by(|a, b| a < b));
    assert!(!topology.nodes().is_empty() && topology.nodes().is_sorted_by_key(Node::id));
    let each_once = |sets: Vec<&[usize]>| {
        let mut all = sets.concat();
        all.sort_unstable();
        assert!(sets.iter().all(|set| set.is_sorted()));
        assert_eq!(all, cpus, "not every cpu exactly once");
    };
    each_once(topology.cores().iter().map(Core::cpus).collect());
    each_once(topology.nodes().iter().map(Node::cpus).collect());
    each_once(topology.last_level_groups().iter().map(|group| &group[..]).collect());
    assert!(!topology.allowed().is_empty() && topology.allowed().iter().all(|cpu| cpus.binary_search(cpu).is_ok()));
    for (at, cache) in topology.caches().iter().enumerate() {
        let alike = |other: &&Cache| (other.level(), other.kind()) == (cache.level(), cache.kind());
        for twin in topology.caches()[at + 1..].iter().filter(alike) {
            assert!(cache.cpus().iter().all(|cpu| !twin.cpus().contains(cpu)), "{cache:?} and {twin:?} overlap");
        }
    }
    for &cpu in cpus.iter().take(some) {
        assert!(topology.core_of(cpu).unwrap().cpus().contains(&cpu));
        assert!(topology.node_of(cpu).unwrap().cpus().contains(&cpu));
        let rings = topology.victims(cpu);
        assert!(rings.is_sorted_by_key(Ring::nearness) && rings.iter().all(|ring| !ring.cpus().is_empty()));
        let mut others: Vec<usize> = rings.iter().flat_map(|ring| ring.cpus().to_vec()).collect();
        others.push(cpu);
        others.sort_unstable();
        assert_eq!(others, cpus, "the rings of {cpu} are no partition of the others");
    }
}

#[test]
fn one_node() {
    let tree = Machine { nodes: 1, cores: 2, threads: 1, cores_to_l3: 2, distance: |_, _| 20 }.write();
    let topology = Topology::from_root(tree.root());
    check(&topology, 9);
    assert_eq!((topology.fallback(), topology.remarks()), (None, &[][..]));
    assert!(topology.cpus_known());
    assert_eq!((topology.cpus(), topology.allowed()), (&[0, 1][..], &[0, 1][..]));
    let node = &topology.nodes()[0];
    assert_eq!((node.id(), node.cpus(), node.memory(), node.distances()), (0, &[0, 1][..], Some(1 << 30), &[10][..]));
    let told: Vec<_> =
        topology.caches().iter().map(|it| (it.level(), it.kind().name(), it.size(), it.cpus().len())).collect();
    let (data, instructions) = ((1, "Data", Some(32 << 10), 1), (1, "Instruction", Some(32 << 10), 1));
    let (second, third) = ((2, "Unified", Some(1 << 20), 1), (3, "Unified", Some(32 << 20), 2));
    assert_eq!(told, [data, data, instructions, instructions, second, second, third]);
    assert!(topology.caches().iter().all(|it| it.line_size() == Some(64)));
    assert_eq!(rings(&topology, 0), [(Nearness::SameCache, vec![1])]);
    assert!(topology.shares_l3(0, 1) && topology.shares_l3(1, 1) && !topology.shares_l3(0, 2));
}

#[test]
fn two_nodes_with_two_threads_a_core() {
    // Cores 0 to 3 on node 0, 4 to 7 on node 1, two cores to an L3; the second threads are 8 to 15.
    let tree = Machine { nodes: 2, cores: 4, threads: 2, cores_to_l3: 2, distance: |_, _| 21 }.write();
    let topology = Topology::from_root(tree.root());
    check(&topology, 99);
    assert_eq!(topology.cores().len(), 8);
    assert_eq!((topology.core_of(5).unwrap().cpus(), topology.core_of(13).unwrap().package()), (&[5, 13][..], Some(1)));
    assert!(topology.siblings(13).eq([5]));
    assert_eq!(topology.last_level_groups()[3], [6, 7, 14, 15]);
    assert!(topology.shares_last_level_cache(0, 9) && !topology.shares_last_level_cache(0, 2));
    assert_eq!(
        (topology.node_of(7).unwrap().id(), topology.distance(0, 1), topology.distance(1, 1)),
        (1, Some(21), Some(10))
    );
    let of_five = [
        (Nearness::SameCore, vec![13]),
        (Nearness::SameCache, vec![4, 12]),
        (Nearness::SameNode, vec![6, 7, 14, 15]),
        (Nearness::OtherNode { distance: 21 }, vec![0, 1, 2, 3, 8, 9, 10, 11]),
    ];
    assert_eq!(rings(&topology, 5), of_five);
    let some = topology.victims_among(5, &[0, 13, 5, 6, 6, 77]);
    assert_eq!(some.iter().map(Ring::cpus).collect::<Vec<_>>(), [&[13][..], &[6], &[0]]);
}

#[test]
fn eight_nodes_on_two_chips() {
    // Four nodes to a chip: 12 within it, 32 across; but from node 7 back to node 0 it is 40.
    let distance = |from, to| {
        if (from, to) == (7, 0) {
            40
        } else if from / 4 == to / 4 {
            12
        } else {
            32
        }
    };
    let tree = Machine { nodes: 8, cores: 2, threads: 1, cores_to_l3: 1, distance }.write();
    let topology = Topology::from_root(tree.root());
    check(&topology, 99);
    assert_eq!((topology.distance(0, 7), topology.distance(7, 0), topology.distance(0, 8)), (Some(32), Some(40), None));
    let near = |distance, cpus: std::ops::Range<usize>| (Nearness::OtherNode { distance }, cpus.collect::<Vec<_>>());
    assert_eq!(
        rings(&topology, 3),
        [(Nearness::SameNode, vec![2]), near_without(12, &[0, 1, 4, 5, 6, 7]), near(32, 8..16)]
    );
    assert_eq!(rings(&topology, 15), [(Nearness::SameNode, vec![14]), near(12, 8..14), near(32, 2..8), near(40, 0..2)]);
}

fn near_without(distance: u32, cpus: &[usize]) -> (Nearness, Vec<usize>) {
    (Nearness::OtherNode { distance }, cpus.to_vec())
}

#[test]
fn cpus_that_are_offline_and_numbers_with_holes() {
    let tree = Machine { nodes: 2, cores: 2, threads: 2, cores_to_l3: 2, distance: |_, _| 20 }.write();
    // 1 and 4 are offline; a kernel leaves them in no list, but a tree may be read while it changes.
    tree.write("cpu/online", "0,2-3,5-7\n");
    tree.write("node/node0/cpulist", "0,5\n");
    let topology = Topology::from_root(tree.root());
    check(&topology, 99);
    assert_eq!(topology.cpus(), [0, 2, 3, 5, 6, 7]);
    assert_eq!(topology.core_of(5).unwrap().cpus(), [5], "its sibling is offline");
    assert_eq!(rings(&topology, 0)[0], (Nearness::SameCache, vec![5]));
    assert_eq!((topology.node_of(1), topology.victims(1)), (None, vec![]));
    assert_eq!(topology.remarks(), [""; 0]);
}

#[test]
fn distances_are_for_the_nodes_that_exist() {
    let tree =
        Machine { nodes: 3, cores: 1, threads: 1, cores_to_l3: 1, distance: |a, b| 10 + (a * 3 + b) as u32 }.write();
    // Nodes 0, 2 and 5: a row has three numbers, not six.
    for (old, new) in [(2, 5), (1, 2)] {
        std::fs::rename(tree.path(&format!("node/node{old}")), tree.path(&format!("node/node{new}"))).unwrap();
    }
    let topology = Topology::from_root(tree.root());
    check(&topology, 9);
    assert_eq!(topology.nodes().iter().map(Node::id).collect::<Vec<_>>(), [0, 2, 5]);
    assert_eq!(
        (topology.distance(0, 5), topology.distance(5, 2), topology.distance(2, 2)),
        (Some(12), Some(17), Some(10))
    );
    assert_eq!(topology.distance(0, 1), None);
    // A row of the wrong length belongs to other nodes; the usual distances take its place.
    tree.write("node/node2/distance", "10 20\n");
    let topology = Topology::from_root(tree.root());
    assert_eq!(
        (topology.nodes()[1].distances(), topology.distance(2, 0), topology.distance(2, 2)),
        (&[][..], Some(20), Some(10))
    );
    assert!(topology.remarks()[0].contains("node2/distance"), "{:?}", topology.remarks());
}

#[test]
fn a_node_of_memory_alone() {
    let tree = Machine { nodes: 2, cores: 2, threads: 1, cores_to_l3: 2, distance: |_, _| 17 }.write();
    tree.write("node/node0/cpulist", "\n");
    tree.write("node/node1/cpulist", "0-3\n");
    let topology = Topology::from_root(tree.root());
    check(&topology, 9);
    assert_eq!((topology.nodes()[0].cpus(), topology.nodes()[0].memory()), (&[][..], Some(1 << 30)));
    assert_eq!((topology.node_of(0).unwrap().id(), topology.distance(1, 0)), (1, Some(17)));
    assert_eq!((topology.fallback(), topology.remarks()), (None, &[][..]));
}

#[test]
fn one_flat_node_and_the_reason_where_nodes_cannot_be_read() {
    let regular = Machine { nodes: 2, cores: 2, threads: 1, cores_to_l3: 2, distance: |_, _| 20 };
    let flat = |spoil: &dyn Fn(&Sysfs), reason: &str| {
        let tree = regular.write();
        spoil(&tree);
        let topology = Topology::from_root(tree.root());
        check(&topology, 9);
        assert_eq!((topology.nodes().len(), topology.nodes()[0].cpus()), (1, &[0, 1, 2, 3][..]));
        assert_eq!((topology.nodes()[0].distances(), topology.distance(0, 0)), (&[10][..], Some(10)));
        let told = topology.fallback().unwrap_or_default();
        assert!(told.contains(reason) && told.ends_with("one node with all cpus is assumed"), "{told}");
        // The caches are known all the same.
        assert_eq!(rings(&topology, 0), [(Nearness::SameCache, vec![1]), (Nearness::SameNode, vec![2, 3])]);
    };
    flat(&|tree| tree.remove("node"), "No such file");
    flat(&|tree| ["node/node0", "node/node1"].map(|it| tree.remove(it)).into_iter().collect(), "no nodes");
    flat(
        &|tree| ["node/node0", "node/node1"].map(|it| tree.write(&format!("{it}/cpulist"), "")).into_iter().collect(),
        "no node has a cpu",
    );
    flat(
        &|tree| {
            tree.remove("node");
            tree.write("node", "a file where a folder should be");
        },
        "ot a directory",
    );
}

#[test]
fn contradictions_are_settled_and_told() {
    let tree = Machine { nodes: 2, cores: 2, threads: 1, cores_to_l3: 2, distance: |_, _| 20 }.write();
    // Cpu 1 is on both nodes and cpu 3 on none; 0 says that it is one core with 1, and 1 with 2.
    tree.write("node/node0/cpulist", "0-1");
    tree.write("node/node1/cpulist", "1-2");
    tree.write("cpu/cpu0/topology/core_cpus_list", "0-1");
    tree.write("cpu/cpu1/topology/core_cpus_list", "1-2");
    tree.write("cpu/cpu1/cache/index3/shared_cpu_list", "1-3");
    let topology = Topology::from_root(tree.root());
    check(&topology, 9);
    assert_eq!(topology.nodes().iter().map(Node::cpus).collect::<Vec<_>>(), [&[0, 1, 3][..], &[2]]);
    assert_eq!(topology.cores().iter().map(Core::cpus).collect::<Vec<_>>(), [&[0, 1][..], &[2], &[3]]);
    assert_eq!(topology.last_level_groups(), [vec![0, 1], vec![2, 3]]);
    let remarks = topology.remarks().join("\n");
    assert!(remarks.contains("cpu 1 is on two nodes, of which node 1 is ignored"), "{remarks}");
    assert!(remarks.contains("no node has cpus 3; node 0 is assumed"), "{remarks}");
}

#[test]
fn the_cpus_are_found_some_other_way() {
    let regular = Machine { nodes: 1, cores: 4, threads: 1, cores_to_l3: 4, distance: |_, _| 20 };
    // By their folders, without those that say that they are offline, and what is no folder of a cpu.
    let tree = regular.write();
    tree.write("cpu/online", "0-3,x");
    tree.write("cpu/cpu2/online", "0\n");
    tree.write("cpu/cpu3/online", "1\n");
    for name in ["cpu01", "cpu+1", "cpu", "cpu99999999", "cpuidle"] {
        tree.write(&format!("cpu/{name}/nothing"), "");
    }
    let topology = Topology::from_root_allowing(tree.root(), &[3, 1, 1, 9]);
    check(&topology, 9);
    assert_eq!((topology.cpus(), topology.cpus_known(), topology.allowed()), (&[0, 1, 3][..], true, &[1, 3][..]));
    assert!(topology.remarks()[0].contains("`x` is neither a number"), "{:?}", topology.remarks());
    // By those that may be used.
    let tree = Sysfs::new();
    let topology = Topology::from_root_allowing(tree.root(), &[5, 4]);
    check(&topology, 9);
    assert_eq!((topology.cpus(), topology.cpus_known(), topology.allowed()), (&[4, 5][..], false, &[4, 5][..]));
    // Not at all.
    let topology = Topology::from_root(tree.root());
    assert_eq!((topology.cpus(), topology.cpus_known()), (&[0][..], false));
}

#[test]
fn allowed_cpus_are_a_part_of_those_online() {
    let tree = Machine { nodes: 1, cores: 4, threads: 1, cores_to_l3: 4, distance: |_, _| 20 }.write();
    let allowing = |cpus: &[usize]| Topology::from_root_allowing(tree.root(), cpus);
    assert_eq!(allowing(&[2, 0, 17]).allowed(), [0, 2]);
    assert_eq!(allowing(&[2]).cpus(), [0, 1, 2, 3], "the others are known all the same");
    let contradiction = allowing(&[17]);
    assert_eq!(contradiction.allowed(), [0, 1, 2, 3]);
    assert!(contradiction.remarks()[0].contains("none of the cpus 17"), "{:?}", contradiction.remarks());
}

#[test]
fn caches_that_are_missing_or_broken() {
    let regular = Machine { nodes: 1, cores: 3, threads: 1, cores_to_l3: 3, distance: |_, _| 20 };
    let tree = regular.write();
    for cpu in 0..3 {
        tree.remove(&format!("cpu/cpu{cpu}/cache"));
    }
    let topology = Topology::from_root(tree.root());
    check(&topology, 9);
    assert!(topology.caches().is_empty() && topology.last_level_cache(0).is_none());
    assert!(!topology.shares_l3(0, 0) && !topology.shares_last_level_cache(0, 0));
    assert_eq!(rings(&topology, 0), [(Nearness::SameNode, vec![1, 2])]);
    assert_eq!(topology.last_level_groups(), [[0], [1], [2]]);
    // A hole in the numbering, an unknown kind, a level of zero, sizes that are none, and an L3 that 2 does not see.
    let tree = regular.write();
    tree.remove("cpu/cpu0/cache/index1");
    tree.write("cpu/cpu0/cache/index2/type", "Victim\n");
    tree.write("cpu/cpu1/cache/index2/level", "0\n");
    tree.write("cpu/cpu0/cache/index3/size", "lots\n");
    tree.write("cpu/cpu0/cache/index3/coherency_line_size", "-64\n");
    tree.write("cpu/cpu0/cache/index3/shared_cpu_list", "0-1\n");
    tree.remove("cpu/cpu2/cache/index3");
    let topology = Topology::from_root(tree.root());
    check(&topology, 9);
    let third = topology.last_level_cache(1).unwrap();
    assert_eq!((third.level(), third.size(), third.line_size(), third.cpus()), (3, None, None, &[0, 1][..]));
    assert_eq!(topology.last_level_cache(2).unwrap().level(), 2);
    assert_eq!(rings(&topology, 2), [(Nearness::SameNode, vec![0, 1])]);
}

#[test]
fn a_hostile_tree_takes_neither_long_nor_much() {
    let tree = Sysfs::new();
    // As many cpus as can be, each named thousands of times.
    let everything = vec!["0-65535"; 7000].join(",");
    tree.write("cpu/online", &everything);
    for path in ["cpu/cpu0/topology/core_cpus_list", "node/node0/cpulist", "node/node1/cpulist"] {
        tree.write(path, &everything);
    }
    tree.write("cpu/cpu1/topology/core_cpus_list", vec![b'1'; 1 << 20]);
    tree.write("node/node0/meminfo", "MemTotal: 99999999999999999999 kB");
    tree.write("node/node1/distance", [0xff, 0xfe]);
    let topology = Topology::from_root(tree.root());
    check(&topology, 2);
    assert_eq!((topology.cpus().len(), topology.cores().len()), (cpulist::LIMIT, 1));
    assert!(topology.remarks().len() <= 17, "{} remarks", topology.remarks().len());
    assert!(topology.remarks().last().unwrap().contains("more of this kind"), "{:?}", topology.remarks().last());
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_not_opened() {
    let tree = Machine { nodes: 1, cores: 2, threads: 1, cores_to_l3: 2, distance: |_, _| 20 }.write();
    // Endless, and a folder. Opened and read to the end, the first would never come back.
    tree.remove("cpu/online");
    std::os::unix::fs::symlink("/dev/zero", tree.path("cpu/online")).unwrap();
    tree.remove("node/node0/cpulist");
    tree.write("node/node0/cpulist/inner", "");
    // A tree that leads back into itself.
    std::os::unix::fs::symlink(tree.root(), tree.path("node/node1")).unwrap();
    let topology = Topology::from_root(tree.root());
    check(&topology, 9);
    assert_eq!(topology.cpus(), [0, 1]);
    assert!(topology.remarks()[0].contains("not a file"), "{:?}", topology.remarks());
    assert!(topology.fallback().is_some());
}

#[test]
fn made_up_machines() {
    let topology = Topology::flat([7, 3, 3]);
    check(&topology, 9);
    assert_eq!((topology.cpus(), topology.fallback(), topology.cpus_known()), (&[3, 7][..], None, true));
    let nobody = Topology::flat([]);
    check(&nobody, 9);
    assert_eq!((nobody.cpus(), nobody.victims(0)), (&[0][..], vec![]));
}

#[test]
fn this_machine() {
    let topology = Topology::detect();
    check(&topology, 16);
    let allowed = affinity::allowed();
    assert!(allowed.is_empty() || topology.allowed() == allowed, "{allowed:?} {topology:?}");
}

#[test]
fn a_pinned_thread_may_use_its_cpus_only() {
    let cpus = affinity::allowed();
    let Some(&last) = cpus.last() else { return };
    // In threads of their own: the pin must not stick to the test runner's.
    let pinned = thread::spawn(move || affinity::pin(last).then(affinity::allowed)).join().unwrap();
    assert!(pinned.is_none_or(|now| now == [last]));
    let all = cpus.clone();
    let pinned = thread::spawn(move || affinity::pin_to(&all).then(affinity::allowed)).join().unwrap();
    assert!(pinned.is_none_or(|now| now == cpus));
    assert!(!affinity::pin(usize::MAX) && !affinity::pin_to(&[]));
}

#[test]
fn lists_are_read_and_refused() {
    assert_eq!(cpulist::parse(" 0-3,8,10-11\n"), Ok(vec![0, 1, 2, 3, 8, 10, 11]));
    assert_eq!(cpulist::parse("5,1-3,2-4,5"), Ok(vec![1, 2, 3, 4, 5]));
    assert_eq!(cpulist::parse("\n"), Ok(vec![]));
    for wrong in ["x", "2,,3", "3-", "-3", "9-7", "+1", "0-65536", "0-99999999999999999999", "0x3", "1 2", "0-31:2/4"] {
        assert!(cpulist::parse(wrong).is_err(), "{wrong} was read as {:?}", cpulist::parse(wrong));
    }
    let message = cpulist::parse("1,9-7").unwrap_err().to_string();
    assert!(message.starts_with("`9-7` is neither"), "{message}");
    assert_eq!(
        (cpulist::print(&[]), cpulist::print(&[7]), cpulist::print(&[0, 1, 3])),
        (String::new(), "7".into(), "0-1,3".into())
    );
}

#[test]
fn sizes_are_read() {
    assert_eq!(read::size("48K"), Some(48 << 10));
    assert_eq!((read::size("1M"), read::size("2G"), read::size("512")), (Some(1 << 20), Some(2 << 30), Some(512)));
    for wrong in ["1Q", "K", "", "99999999999999999999G", "-1K"] {
        assert_eq!(read::size(wrong), None, "{wrong}");
    }
}

#[test]
fn lists_come_back_as_they_were_printed() {
    fn law(numbers: Vec<u16>) -> bool {
        let mut numbers: Vec<usize> = numbers.into_iter().map(usize::from).collect();
        numbers.sort_unstable();
        numbers.dedup();
        cpulist::parse(&cpulist::print(&numbers)) == Ok(numbers)
    }
    QuickCheck::new().quickcheck(law as fn(Vec<u16>) -> bool);
}

#[test]
fn any_text_is_read_or_refused_as_a_list() {
    fn law(text: String) -> bool {
        cpulist::parse(&text).is_ok_and(|list| cpulist::parse(&cpulist::print(&list)) == Ok(list))
            || cpulist::parse(&text).is_err_and(|error| error.to_string().len() < 300)
    }
    QuickCheck::new().quickcheck(law as fn(String) -> bool);
}

/// A file of a generated tree: a path that is looked at, and something plausible, wrong or absurd in it.
#[derive(Clone, Debug)]
struct Planted {
    path: String,
    content: Vec<u8>,
}

impl Arbitrary for Planted {
    fn arbitrary(g: &mut Gen) -> Self {
        let number = |g: &mut Gen| u8::arbitrary(g) % 7;
        let (cpu, index) = (number(g), number(g) % 4);
        let pick = |g: &mut Gen, from: &[&str]| (*g.choose(from).unwrap()).to_owned();
        let path = match number(g) {
            0 => pick(g, &["cpu/online", "cpu", "node", "node/node0", "cpu/cpu0/cache", "cpu/cpu1"]),
            1 => format!(
                "cpu/cpu{cpu}/topology/{}",
                pick(g, &["core_cpus_list", "thread_siblings_list", "physical_package_id"])
            ),
            2..5 => {
                let name =
                    pick(g, &["level", "type", "shared_cpu_list", "shared_cpu_list", "size", "coherency_line_size"]);
                format!("cpu/cpu{cpu}/cache/index{index}/{name}")
            }
            5 => format!("cpu/cpu{cpu}/online"),
            _ => format!("node/node{index}/{}", pick(g, &["cpulist", "cpulist", "meminfo", "distance"])),
        };
        let content = match number(g) {
            0 => Vec::arbitrary(g),
            1 => String::arbitrary(g).into_bytes(),
            2 => format!("{}-{}", number(g), number(g)).into_bytes(),
            3 => format!("{}-{},{}", number(g), number(g) + 6, number(g)).into_bytes(),
            4 => number(g).to_string().into_bytes(),
            _ => pick(g, &["Data", "Unified", "3", "0-5", "1,3,5", "10 20", "10 20 30", "", "48K", "300"]).into_bytes(),
        };
        Self { path, content }
    }
}

#[test]
fn any_tree_gives_a_consistent_machine() {
    fn law(planted: Vec<Planted>, regular: bool, allowed: Vec<u8>) -> bool {
        // From nothing, or from a good machine that is then spoilt.
        let tree = match regular {
            true => Machine { nodes: 2, cores: 2, threads: 2, cores_to_l3: 1, distance: |_, _| 20 }.write(),
            false => Sysfs::new(),
        };
        for Planted { path, content } in &planted {
            // Not possible where a file is in the way of a folder, or the other way round.
            tree.try_write(path, content);
        }
        let allowed: Vec<usize> = allowed.into_iter().map(usize::from).collect();
        check(&Topology::from_root(tree.root()), 8);
        check(&Topology::from_root_allowing(tree.root(), &allowed), 8);
        true
    }
    QuickCheck::new().rng(Gen::new(40)).tests(150).quickcheck(law as fn(Vec<Planted>, bool, Vec<u8>) -> bool);
}

#[test]
fn any_machine_that_is_made_up_is_consistent() {
    fn law(nodes: Vec<Vec<Vec<u8>>>, distance: u8, allowed: Vec<u8>) -> bool {
        let nodes: Vec<Vec<Vec<usize>>> = nodes
            .into_iter()
            .map(|groups| {
                groups.into_iter().map(|group| group.into_iter().map(|cpu| usize::from(cpu % 40)).collect()).collect()
            })
            .collect();
        let groups: Vec<Vec<&[usize]>> =
            nodes.iter().map(|groups| groups.iter().map(Vec::as_slice).collect()).collect();
        let nodes: Vec<&[&[usize]]> = groups.iter().map(Vec::as_slice).collect();
        let allowed: Vec<usize> = allowed.into_iter().map(usize::from).collect();
        let topology = Topology::of_nodes(&nodes, |_, _| u32::from(distance)).allowing(&allowed);
        check(&topology, 8);
        topology.caches().is_sorted_by_key(|cache| cache.cpus()[0])
    }
    QuickCheck::new().rng(Gen::new(6)).tests(300).quickcheck(law as fn(Vec<Vec<Vec<u8>>>, u8, Vec<u8>) -> bool);
}

#[test]
fn a_thread_that_is_pinned_is_where_it_says() {
    for cpu in affinity::allowed() {
        let there = thread::spawn(move || affinity::pin(cpu).then(affinity::current)).join().unwrap();
        // Where the system refuses, there is nothing to see.
        assert!(there.is_none_or(|there| there == Some(cpu)), "pinned to {cpu}, and on {there:?}");
    }
}
