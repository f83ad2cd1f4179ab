//! Small sysfs trees in a temporary folder, for tests.

use std::fs;
use std::path::{Path, PathBuf};

use super::cpulist;
use crate::sync::atomic::{AtomicUsize, Ordering};

/// A tree that is removed with its value.
pub(super) struct Sysfs(PathBuf);

/// A regular machine: what a tree is made from.
pub(super) struct Machine {
    pub(super) nodes: usize,
    /// Physical cores of each node.
    pub(super) cores: usize,
    /// Cpus of each core. Their numbers are apart, as Linux numbers them: all first ones, then all second ones.
    pub(super) threads: usize,
    /// Physical cores to an L3.
    pub(super) cores_to_l3: usize,
    /// How far two different nodes are.
    pub(super) distance: fn(usize, usize) -> u32,
}

impl Sysfs {
    /// An empty tree.
    pub(super) fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let root = std::env::temp_dir().join(format!("reweave-sysfs-{}-{number}", std::process::id()));
        fs::create_dir_all(&root).unwrap();
        Self(root)
    }

    pub(super) fn root(&self) -> &Path {
        &self.0
    }

    /// Writes a file below `devices/system`, and returns whether that was possible.
    pub(super) fn try_write(&self, path: &str, content: impl AsRef<[u8]>) -> bool {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).is_ok() && fs::write(path, content).is_ok()
    }

    pub(super) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        assert!(self.try_write(path, content), "{path} cannot be written");
    }

    pub(super) fn remove(&self, path: &str) {
        let path = self.path(path);
        if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
    }

    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.0.join("devices/system").join(path)
    }
}

impl Drop for Sysfs {
    fn drop(&mut self) {
        // Left behind where it cannot be removed: not what is tested.
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Machine {
    /// The cpus of some physical cores, numbered through all nodes.
    fn cpus_of(&self, cores: std::ops::Range<usize>) -> Vec<usize> {
        let all = self.nodes * self.cores;
        (0..self.threads).flat_map(|thread| cores.clone().map(move |core| thread * all + core)).collect()
    }

    pub(super) fn write(&self) -> Sysfs {
        let tree = Sysfs::new();
        let cores = self.nodes * self.cores;
        tree.write("cpu/online", format!("0-{}\n", cores * self.threads - 1));
        // Kernels have more in this folder than cpus.
        tree.write("cpu/cpufreq/boost", "1\n");
        for core in 0..cores {
            let own = cpulist::print(&self.cpus_of(core..core + 1));
            let l3 = core - core % self.cores_to_l3;
            let l3 = cpulist::print(&self.cpus_of(l3..l3 + self.cores_to_l3));
            for cpu in self.cpus_of(core..core + 1) {
                let folder = format!("cpu/cpu{cpu}");
                tree.write(&format!("{folder}/topology/core_cpus_list"), format!("{own}\n"));
                tree.write(&format!("{folder}/topology/physical_package_id"), format!("{}\n", core / self.cores));
                for (index, level, kind, size, shared) in [
                    (0, 1, "Data", "32K", &own),
                    (1, 1, "Instruction", "32K", &own),
                    (2, 2, "Unified", "1024K", &own),
                    (3, 3, "Unified", "32M", &l3),
                ] {
                    let folder = format!("{folder}/cache/index{index}");
                    tree.write(&format!("{folder}/level"), format!("{level}\n"));
                    tree.write(&format!("{folder}/type"), format!("{kind}\n"));
                    tree.write(&format!("{folder}/size"), format!("{size}\n"));
                    tree.write(&format!("{folder}/coherency_line_size"), "64\n");
                    tree.write(&format!("{folder}/shared_cpu_list"), format!("{shared}\n"));
                }
            }
        }
        for node in 0..self.nodes {
            let folder = format!("node/node{node}");
            let cpus = cpulist::print(&self.cpus_of(node * self.cores..(node + 1) * self.cores));
            tree.write(&format!("{folder}/cpulist"), format!("{cpus}\n"));
            tree.write(
                &format!("{folder}/meminfo"),
                format!("Node {node} MemTotal:  1048576 kB\nNode {node} MemFree: 1 kB\n"),
            );
            let row = (0..self.nodes).map(|to| if to == node { 10 } else { (self.distance)(node, to) });
            tree.write(&format!("{folder}/distance"), row.map(|it| it.to_string()).collect::<Vec<_>>().join(" "));
        }
        tree.write("node/possible", "0-127\n");
        tree
    }
}
