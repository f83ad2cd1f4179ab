//! The same promises with libnuma and without; what binding does is looked up in the kernel's own account.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use super::*;
use crate::sync::thread;

/// No machine has it.
const NOWHERE: usize = 99_999;

#[test]
fn memory_is_zeroed_aligned_and_ones_own() {
    for node in [0, NOWHERE, usize::MAX] {
        for len in [1, 100, ALIGNMENT, ALIGNMENT + 1, 3 << 20] {
            let mut memory = alloc_on_node(len, node);
            assert_eq!((memory.len(), memory.as_ptr().addr() % ALIGNMENT), (len, 0));
            assert!(memory.iter().all(|&byte| byte == 0));
            memory.fill(7);
            assert!(memory.iter().all(|&byte| byte == 7));
            assert!(node == 0 || !memory.is_bound(), "{memory:?} is bound to a node that is not there");
        }
        let empty = alloc_on_node(0, node);
        assert!(empty.is_empty() && !empty.is_bound());
    }
}

#[test]
fn too_much_is_a_panic() {
    let panic = catch_unwind(|| alloc_on_node(usize::MAX, 0)).unwrap_err();
    assert!(panic.downcast_ref::<String>().unwrap().contains("more than an allocation can have"));
}

#[test]
fn boxes_drop_their_value_once() {
    struct Noted<'a>(&'a Cell<u32>);
    impl Drop for Noted<'_> {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }
    let drops = Cell::new(0);
    let boxed = NodeBox::new_on(0, Noted(&drops));
    assert_eq!(drops.get(), 0);
    drop(boxed);
    assert_eq!(drops.get(), 1);
    let value = NodeBox::new_on(0, Noted(&drops)).into_inner();
    assert_eq!(drops.get(), 1);
    drop(value);
    assert_eq!(drops.get(), 2);
    // A value without size, too.
    struct Unit;
    impl Drop for Unit {
        fn drop(&mut self) {
            DROPS.with(|drops| drops.set(drops.get() + 1));
        }
    }
    crate::sync::thread_local! {
        static DROPS: Cell<u32> = const { Cell::new(0) };
    }
    drop(NodeBox::new_on(0, Unit));
    assert_eq!(DROPS.with(Cell::get), 1);
}

#[test]
fn a_destructor_that_panics_frees_the_memory_all_the_same() {
    struct Bad(#[expect(dead_code, reason = "gives the value a size")] u64);
    impl Drop for Bad {
        fn drop(&mut self) {
            resume_unwind(Box::new("on purpose"));
        }
    }
    // What it frees is seen by a leak checker; what is seen here is that the panic passes and nothing happens twice.
    assert!(catch_unwind(AssertUnwindSafe(|| drop(NodeBox::new_on(0, Bad(1))))).is_err());
}

#[test]
fn boxes_go_where_their_values_may() {
    let boxed = NodeBox::new_on(0, vec![1, 2, 3]);
    let mut boxed = thread::spawn(move || boxed).join().unwrap();
    boxed.push(4);
    assert_eq!(*boxed, [1, 2, 3, 4]);
    #[repr(align(4096))]
    struct Wide(u8);
    let wide = NodeBox::new_on(0, Wide(1));
    assert_eq!((&raw const *wide).addr() % 4096, 0);
    assert_eq!(wide.0, 1);
}

#[test]
fn a_node_that_is_not_there_is_refused() {
    thread::spawn(|| {
        let before = crate::topology::affinity::allowed();
        for node in [NOWHERE, usize::MAX, usize::MAX / 2 + 1, 1 << 32] {
            assert!(!run_on_node(node) && !bind_current_thread(node), "{node}");
        }
        assert_eq!(crate::topology::affinity::allowed(), before);
    })
    .join()
    .unwrap();
}

#[cfg(not(all(feature = "numa", target_os = "linux")))]
#[test]
fn without_libnuma_nothing_is_bound() {
    assert!(!available() && !run_on_node(0) && !bind_current_thread(0));
    assert!(!alloc_on_node(1, 0).is_bound() && !NodeBox::new_on(0, 1).is_bound());
}

#[cfg(all(feature = "numa", target_os = "linux"))]
#[test]
fn a_bound_thread_runs_on_its_node() {
    use crate::topology::{Topology, affinity};

    if !available() {
        return;
    }
    // The first node with a cpu and memory that this thread may use.
    let topology = Topology::detect();
    let node = topology.node_of(topology.allowed()[0]).unwrap().clone();
    let bound = thread::spawn(move || (run_on_node(node.id()).then(affinity::allowed), node));
    let (cpus, node) = bound.join().unwrap();
    if let Some(cpus) = cpus {
        assert!(!cpus.is_empty() && cpus.iter().all(|cpu| node.cpus().contains(cpu)), "{cpus:?} on {node:?}");
    }
    // What the thread is told is what the kernel does: its policy stands in the account of its own pages.
    let maps = || std::fs::read_to_string("/proc/thread-self/numa_maps").unwrap_or_default();
    let bound = thread::spawn(move || (bind_current_thread(node.id()), maps()));
    let (agreed, maps) = bound.join().unwrap();
    assert!(maps.is_empty() || agreed == maps.contains(" prefer"), "agreed: {agreed}\n{maps}");
    assert_eq!(affinity::allowed(), topology.allowed(), "the caller is not bound");
}

#[cfg(all(feature = "numa", target_os = "linux"))]
#[test]
fn bound_memory_is_bound_by_the_kernels_account() {
    let memory = alloc_on_node(1 << 16, 0);
    let Ok(maps) = std::fs::read_to_string("/proc/self/numa_maps") else { return };
    let start = format!("{:08x} ", memory.as_ptr().addr());
    let policy = maps.lines().find_map(|line| line.strip_prefix(&start)).and_then(|rest| rest.split(' ').next());
    assert_eq!(memory.is_bound(), policy.is_some_and(|policy| policy.starts_with("prefer")), "{policy:?}");
}
