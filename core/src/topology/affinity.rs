//! Which cpus a thread may run on, and pinning it to some of them.
//!
//! A thread that the scheduler moves from cpu to cpu leaves its cache behind, and two threads that it puts on one cpu do
//! not run in parallel at all. So workers, and threads that are measured, are pinned. Where pinning is refused or does
//! not exist, work goes on without.
//!
//! Linux only; elsewhere nothing is known and nothing is pinned.

/// The cpus that the calling thread may run on, in ascending order; empty where the system does not say.
///
/// What a cgroup or the command `taskset` takes away is not in it. Empty, too, on a machine with more than 1,024 cpus.
///
/// # Examples
/// ```
/// use reweave_core::topology::affinity;
///
/// println!("{} cpus may be used", affinity::allowed().len());
/// ```
pub fn allowed() -> Vec<usize> {
    os::allowed()
}

/// The cpu that the calling thread runs on, at some moment during the call; `None` where the system does not say.
///
/// Some tens of nanoseconds where the kernel answers without being entered (x86-64 and others), a system call elsewhere.
///
/// # Examples
/// ```
/// use reweave_core::topology::{Topology, affinity};
///
/// let machine = Topology::detect();
/// let node = affinity::current().and_then(|cpu| machine.node_of(cpu));
/// println!("here is node {:?}", node.map(|node| node.id()));
/// ```
pub fn current() -> Option<usize> {
    os::current()
}

/// Pins the calling thread to one cpu, and says whether the system agreed.
pub fn pin(cpu: usize) -> bool {
    pin_to(&[cpu])
}

/// Pins the calling thread to some cpus, such as those of a node, and says whether the system agreed.
///
/// It does if at least one of them can be used. Threads that this one starts from now on inherit it.
///
/// # Examples
/// ```
/// use reweave_core::sync::thread;
/// use reweave_core::topology::{Topology, affinity};
///
/// let node = Topology::detect().nodes()[0].clone();
/// thread::spawn(move || println!("pinned to node {}: {}", node.id(), affinity::pin_to(node.cpus()))).join().unwrap();
/// ```
pub fn pin_to(cpus: &[usize]) -> bool {
    os::pin_to(cpus)
}

#[cfg(target_os = "linux")]
mod os {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_getcpu, sched_setaffinity};

    pub(super) fn allowed() -> Vec<usize> {
        match sched_getaffinity(None) {
            Ok(set) => (0..CpuSet::MAX_CPU).filter(|&cpu| set.is_set(cpu)).collect(),
            Err(_) => Vec::new(),
        }
    }

    pub(super) fn current() -> Option<usize> {
        Some(sched_getcpu())
    }

    pub(super) fn pin_to(cpus: &[usize]) -> bool {
        let mut set = CpuSet::new();
        for &cpu in cpus {
            if cpu >= CpuSet::MAX_CPU {
                return false;
            }
            set.set(cpu);
        }
        sched_setaffinity(None, &set).is_ok()
    }
}

#[cfg(not(target_os = "linux"))]
mod os {
    pub(super) fn allowed() -> Vec<usize> {
        Vec::new()
    }

    pub(super) fn current() -> Option<usize> {
        None
    }

    pub(super) fn pin_to(_cpus: &[usize]) -> bool {
        false
    }
}
