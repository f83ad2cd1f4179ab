//! Memory nodes: machines that are made up, and where the workers of a pool are on them.

use reweave_core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use reweave_core::sync::{Arc, Mutex, thread};
use reweave_core::topology::{Topology, affinity};

use crate::Pool;
use crate::kernel::Kernel;
use crate::pool::{Builder, Layout};

/// Three nodes, two caches to each of the first two: node 1 is nearer to node 0 than node 2 is.
fn three_nodes() -> Topology {
    let distance = |from: usize, to: usize| 12 + 10 * from.abs_diff(to) as u32;
    Topology::of_nodes(&[&[&[0, 1], &[2, 3]], &[&[4, 5], &[6, 7]], &[&[8, 9]]], distance)
}

fn layout(builder: Builder) -> Layout {
    builder.clone().settle().unwrap()
}

/// By round: injectors and workers.
fn rounds(layout: &Layout, place: usize) -> Vec<(Vec<usize>, Vec<usize>)> {
    let rounds = layout.rounds(layout.home(place)).iter();
    rounds.map(|round| (round.injectors.to_vec(), round.workers.to_vec())).collect()
}

#[test]
fn victims_are_near_before_they_are_far() {
    let layout = layout(Pool::builder().threads(10).topology(three_nodes()));
    assert_eq!(layout.nodes(), 3);
    let first = [(vec![], vec![0, 1]), (vec![], vec![2, 3]), (vec![1], vec![4, 5, 6, 7]), (vec![2], vec![8, 9])];
    assert_eq!(rounds(&layout, 0), first);
    assert_eq!(rounds(&layout, 1), first, "workers with a cache in common go the same way");
    // Both other nodes are equally far from the middle one.
    let middle = [(vec![], vec![6, 7]), (vec![], vec![4, 5]), (vec![0, 2], vec![0, 1, 2, 3, 8, 9])];
    assert_eq!(rounds(&layout, 6), middle);
    let last = [(vec![], vec![8, 9]), (vec![1], vec![4, 5, 6, 7]), (vec![0], vec![0, 1, 2, 3])];
    assert_eq!(rounds(&layout, 9), last);
}

#[test]
fn more_workers_than_cpus_share_them_and_spares_have_a_home() {
    let layout = layout(Pool::builder().threads(12).topology(three_nodes()));
    assert_eq!(rounds(&layout, 0)[0].1, [0, 1, 10, 11], "those on the same cpu are near");
    // The thirteenth place makes up for somebody.
    assert_eq!(layout.home(12), layout.home(0));
    assert_eq!(layout.node_number(layout.home(9).node), 2);
    assert_eq!(layout.home(8 + 12), layout.home(8));
}

#[test]
fn few_workers_are_near_each_other_and_know_of_no_more_nodes_than_they_are_on() {
    let layout = layout(Pool::builder().threads(4).topology(three_nodes()));
    assert_eq!(layout.nodes(), 1);
    assert_eq!(rounds(&layout, 3), [(vec![], vec![2, 3]), (vec![], vec![0, 1])]);
}

#[test]
fn where_all_are_equally_near_there_are_no_rounds() {
    for flat in [Topology::flat(0..4), Topology::of_nodes(&[&[&[0, 1, 2, 3]]], |_, _| 20), Topology::flat([0])] {
        for threads in [1, 4, 9] {
            let layout = layout(Pool::builder().threads(threads).topology(flat.clone()));
            assert_eq!((layout.nodes(), rounds(&layout, 0).len()), (1, 0));
        }
    }
}

#[test]
fn a_search_finds_the_near_before_the_far() {
    let elsewhere = |from: usize, to: usize| 12 + 10 * from.abs_diff(to) as u32;
    let machine = Topology::of_nodes(&[&[&[1_000, 1_001], &[1_002]], &[&[1_003]], &[&[1_004]]], elsewhere);
    let kernel = Kernel::of(Pool::builder().threads(5).topology(machine));
    let found = Arc::new(Mutex::new(Vec::new()));
    let leave = |what: &'static str| {
        let found = found.clone();
        kernel.handle().spawn(move || found.lock().push(what)).detach();
    };
    for _ in 0..50 {
        // From outside, where nobody knows: round the injectors.
        ["injector 0", "injector 1", "injector 2"].into_iter().for_each(leave);
        for (place, what) in [(4, "worker 4"), (3, "worker 3"), (2, "worker 2"), (1, "worker 1"), (0, "own")] {
            kernel.work(place, |_| leave(what));
        }
        kernel.work(0, |desk| while desk.work_once() {});
        let order = std::mem::take(&mut *found.lock());
        // Every so often the oldest goes first, wherever it is.
        let near_to_far =
            ["own", "injector 0", "worker 1", "worker 2", "injector 1", "worker 3", "injector 2", "worker 4"];
        let moved = order.iter().zip(near_to_far).position(|(found, expected)| *found != expected);
        if let Some(early) = moved {
            assert!(order[early].starts_with("injector"), "{order:?}");
            let others =
                |all: &[&'static str]| all.iter().copied().filter(|what| *what != order[early]).collect::<Vec<_>>();
            assert_eq!(others(&order), others(&near_to_far));
        }
    }
}

#[test]
fn places_go_to_physical_cores_first() {
    let sysfs = std::env::temp_dir().join(format!("reweave-smt-{}", std::process::id()));
    let write = |path: &str, text: &str| {
        let path = sysfs.join("devices/system").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    // Two cores of two threads each; cpus 0 and 1 are the same core.
    write("cpu/online", "0-3\n");
    for (cpu, core) in [(0, "0-1"), (1, "0-1"), (2, "2-3"), (3, "2-3")] {
        write(&format!("cpu/cpu{cpu}/topology/core_cpus_list"), core);
    }
    // Cores are nodes here, so that it shows where places are.
    for (node, cpus) in [(0, "0-1"), (1, "2-3")] {
        write(&format!("node/node{node}/cpulist"), cpus);
    }
    let machine = Topology::from_root(&sysfs);
    let nodes_of = |machine: &Topology, threads: usize| -> Vec<usize> {
        let layout = layout(Pool::builder().threads(threads).topology(machine.clone()));
        (0..threads).map(|place| layout.node_number(layout.home(place).node)).collect()
    };
    assert_eq!(nodes_of(&machine, 4), [0, 1, 0, 1]);
    // Of the first core only the second thread may be used: it counts as its first.
    assert_eq!(nodes_of(&machine.allowing(&[1, 2, 3]), 3), [0, 1, 1]);
    std::fs::remove_dir_all(&sysfs).unwrap();
}

#[test]
fn a_pool_is_kept_on_the_nodes_it_was_given() {
    let builder = || Pool::builder().threads(4).topology(three_nodes());
    let layout = layout(builder().nodes([1, 2]));
    let homes: Vec<usize> = (0..4).map(|place| layout.node_number(layout.home(place).node)).collect();
    assert_eq!(homes, [1, 1, 1, 1]);
    let refused = builder().nodes([3, 4]).build().unwrap_err();
    assert_eq!(refused.to_string(), "no node of those asked for (3-4) has a cpu that may be used; ask for some of 0-2");
    // Where nodes cannot be read, naming them changes nothing.
    let unknown = Topology::from_root("/no/such/folder");
    assert!(unknown.fallback().is_some());
    assert_eq!(Pool::builder().threads(2).topology(unknown).nodes([7]).build().unwrap().threads(), 2);
}

#[test]
fn a_pool_without_a_number_of_threads_has_one_for_each_cpu_of_its_nodes() {
    let machine = Topology::detect();
    let cpus = machine.allowed().len().min(thread::cores());
    let all: Vec<usize> = machine.nodes().iter().map(|node| node.id()).collect();
    assert_eq!(Pool::builder().nodes(all).build().unwrap().threads(), cpus);
    assert_eq!(Pool::builder().build().unwrap().threads(), thread::cores());
}

#[test]
fn workers_are_pinned_where_that_is_asked_for() {
    let cpus = affinity::allowed();
    let pool = Pool::builder().threads(cpus.len().max(1)).spare_threads(0).pin(true).build().unwrap();
    let all = pool.threads();
    // All at once, so that each worker runs one.
    let begun = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..all)
        .map(|_| {
            let begun = begun.clone();
            pool.spawn(move || {
                begun.fetch_add(1, Ordering::AcqRel);
                while begun.load(Ordering::Acquire) < all {
                    thread::yield_now();
                }
                affinity::allowed()
            })
        })
        .collect();
    let mut where_they_may: Vec<_> = tasks.into_iter().map(|task| task.join().unwrap()).collect();
    where_they_may.sort_unstable();
    if pool.stats().refused_bindings == 0 && !cpus.is_empty() {
        assert_eq!(where_they_may, cpus.iter().map(|&cpu| vec![cpu]).collect::<Vec<_>>());
    }
}

#[test]
fn cpus_that_are_not_there_refuse_and_the_pool_works_all_the_same() {
    let elsewhere = Topology::of_nodes(&[&[&[1_000]], &[&[1_001]]], |_, _| 20);
    let pool = Pool::builder().threads(2).pin(true).topology(elsewhere).build().unwrap();
    assert_eq!(pool.spawn(|| 7).join().unwrap(), 7);
    while pool.stats().refused_bindings < 2 {
        thread::yield_now();
    }
    let stats = pool.stats();
    assert_eq!(stats.workers.iter().map(|worker| worker.node).collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn a_job_from_outside_waits_on_the_node_of_its_caller() {
    // Node 1 is where cpu 1 is, if there is one.
    let machine = Topology::of_nodes(&[&[&[0]], &[&[1]], &[&[2]]], |_, _| 20);
    let pool = Arc::new(Pool::builder().threads(2).spare_threads(0).topology(machine).build().unwrap());
    // Both workers are kept from looking.
    let (held, go) = (Arc::new(reweave_core::lock::Latch::new(2)), Arc::new(AtomicBool::new(false)));
    let holding = [(); 2].map(|()| {
        let (held, go) = (held.clone(), go.clone());
        pool.spawn(move || {
            held.count_down();
            while !go.load(Ordering::Acquire) {
                thread::yield_now();
            }
        })
    });
    held.wait();
    let shared = pool.shared().clone();
    let mut waiting = Vec::new();
    for cpu in affinity::allowed().into_iter().filter(|cpu| *cpu < 2) {
        let (pool, shared) = (pool.clone(), shared.clone());
        let task = thread::spawn(move || {
            // A thread that cannot be pinned may be moved in between.
            let pinned = affinity::pin(cpu);
            let before = shared.injector(cpu).len();
            let task = pool.spawn(|| ());
            assert!(!pinned || shared.injector(cpu).len() == before + 1, "cpu {cpu} is on node {cpu}");
            task
        });
        waiting.push(task.join().unwrap());
    }
    assert_eq!(pool.stats().injected, waiting.len());
    go.store(true, Ordering::Release);
    for task in holding.into_iter().chain(waiting) {
        task.join().unwrap();
    }
}

#[test]
fn what_waits_on_one_node_is_found_from_another() {
    // More nodes than this machine can have callers on: their jobs come round to all.
    let machine = Topology::of_nodes(&[&[&[1_000]], &[&[1_001]], &[&[1_002]]], |_, _| 20);
    let pool = Pool::builder().threads(3).topology(machine).build().unwrap();
    let tasks: Vec<_> = (0..3_000_u64).map(|n| pool.spawn(move || n)).collect();
    assert_eq!(tasks.into_iter().map(|task| task.join().unwrap()).sum::<u64>(), 2_999 * 1_500);
    // One worker is held, and its node's jobs are others' to take.
    let (held, go) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let holding = pool.spawn({
        let (held, go) = (held.clone(), go.clone());
        move || {
            held.store(true, Ordering::Release);
            while !go.load(Ordering::Acquire) {
                thread::yield_now();
            }
        }
    });
    while !held.load(Ordering::Acquire) {
        thread::yield_now();
    }
    for task in (0..30).map(|n| pool.spawn(move || n)).collect::<Vec<_>>() {
        task.join().unwrap();
    }
    go.store(true, Ordering::Release);
    holding.join().unwrap();
}

#[test]
fn a_node_whose_workers_are_all_busy_is_not_left_behind() {
    let machine = Topology::of_nodes(&[&[&[1_000]], &[&[1_001]]], |_, _| 20);
    let pool = Pool::builder().threads(2).spare_threads(0).topology(machine).build().unwrap();
    let go = Arc::new(AtomicBool::new(false));
    // One worker is held for good; the other always has a task of its own.
    let held = Arc::new(AtomicBool::new(false));
    let holding = pool.spawn({
        let (held, go) = (held.clone(), go.clone());
        move || {
            held.store(true, Ordering::Release);
            while !go.load(Ordering::Acquire) {
                thread::yield_now();
            }
        }
    });
    while !held.load(Ordering::Acquire) {
        thread::yield_now();
    }
    fn again(go: Arc<AtomicBool>) {
        if !go.load(Ordering::Acquire) {
            crate::spawn(move || again(go)).detach();
        }
    }
    pool.spawn({
        let go = go.clone();
        move || again(go)
    })
    .detach();
    // They come round to both nodes.
    let tasks: Vec<_> = (0..20).map(|n| pool.spawn(move || n)).collect();
    for (n, task) in tasks.into_iter().enumerate() {
        assert_eq!(task.join().unwrap(), n);
    }
    go.store(true, Ordering::Release);
    holding.join().unwrap();
}
