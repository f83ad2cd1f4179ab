//! Binding threads and memory to nodes, where that can be had.
//!
//! With the feature `numa`, on Linux, this is libnuma: a thread can be kept on a node's cpus ([`run_on_node`]) and take
//! its memory there, too ([`bind_current_thread`]), and memory can be asked for on a node ([`alloc_on_node`], [`NodeBox`]).
//! Without the feature, on another system, and where the kernel refuses, everything here still works: threads stay where
//! they are, memory is ordinary memory, and the answer says so ([`available`], `false`, [`NodeMemory::is_bound`]). None of
//! it is an error, because where memory lies changes how fast a program is and not what it does.
//!
//! *Bound* means preferred: pages come from the node while it has any, and from the nearest other one then, which is
//! libnuma's own default. A program does not die because one node is full.
//!
//! Without libnuma, a thread can still be kept on a node's cpus:
//! `affinity::pin_to(topology.nodes()[0].cpus())`; see [`affinity`](super::affinity).
//!
//! # Source
//! libnuma and `mbind(2)` (Kleen, *A NUMA API for Linux*, 2004).

mod memory;

#[cfg_attr(all(feature = "numa", target_os = "linux"), path = "libnuma.rs")]
#[cfg_attr(not(all(feature = "numa", target_os = "linux")), path = "absent.rs")]
mod os;

#[cfg(all(test, not(any(reweave_loom, reweave_shuttle))))]
mod tests;

pub use memory::{ALIGNMENT, NodeBox, NodeMemory, alloc_on_node};

/// Whether threads and memory can be bound: the feature `numa` is on, and the kernel knows nodes.
///
/// True on most machines of one node, too.
pub fn available() -> bool {
    os::available()
}

/// Keeps the calling thread on the cpus of a node, and says whether the system agreed.
///
/// It does not where there is no such node, where the node has no cpus, or where [`available`] is false. Threads that this
/// one starts from now on inherit it.
///
/// # Examples
/// ```
/// use reweave_core::sync::thread;
/// use reweave_core::topology::numa;
///
/// thread::spawn(|| println!("on node 0: {}", numa::run_on_node(0))).join().unwrap();
/// ```
pub fn run_on_node(node: usize) -> bool {
    os::run_on(node)
}

/// Keeps the calling thread on the cpus of a node, lets it take its memory there by preference, and says whether the
/// system agreed to both.
///
/// If it agrees to the first only, that is not undone. Threads that this one starts from now on inherit it.
pub fn bind_current_thread(node: usize) -> bool {
    os::run_on(node) && os::prefer(node)
}
