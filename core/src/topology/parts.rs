//! What a machine is made of: physical cores, caches, memory nodes.

/// The distance of a node from itself, where the firmware does not say otherwise. Linux's, and that of ACPI.
pub const LOCAL_DISTANCE: u32 = 10;
/// The distance between two nodes, where the firmware does not say.
pub const REMOTE_DISTANCE: u32 = 20;

/// A physical core: the cpus that share its execution units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Core {
    pub(super) cpus: Vec<usize>,
    pub(super) package: Option<usize>,
}

impl Core {
    /// Its cpus in ascending order: one, or several with simultaneous multithreading (SMT).
    pub fn cpus(&self) -> &[usize] {
        &self.cpus
    }

    /// The number of the chip that it is on, where the system says.
    pub fn package(&self) -> Option<usize> {
        self.package
    }
}

/// What a cache holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CacheKind {
    /// Data only.
    Data,
    /// Instructions only.
    Instruction,
    /// Both.
    Unified,
}

impl CacheKind {
    /// Its name as Linux writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Data => "Data",
            Self::Instruction => "Instruction",
            Self::Unified => "Unified",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        [Self::Data, Self::Instruction, Self::Unified].into_iter().find(|kind| kind.name() == name)
    }
}

/// One cache and the cpus that share it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cache {
    pub(super) level: u32,
    pub(super) kind: CacheKind,
    pub(super) size: Option<u64>,
    pub(super) line_size: Option<u32>,
    pub(super) cpus: Vec<usize>,
}

impl Cache {
    /// How far it is from the core; 1 is the nearest.
    pub fn level(&self) -> u32 {
        self.level
    }

    /// What it holds.
    pub fn kind(&self) -> CacheKind {
        self.kind
    }

    /// Its size in bytes, where the system says.
    pub fn size(&self) -> Option<u64> {
        self.size
    }

    /// The size of a line in bytes, where the system says.
    pub fn line_size(&self) -> Option<u32> {
        self.line_size
    }

    /// The cpus that share it, in ascending order.
    pub fn cpus(&self) -> &[usize] {
        &self.cpus
    }
}

/// A memory node: memory, and the cpus that it is near to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    pub(super) id: usize,
    pub(super) cpus: Vec<usize>,
    pub(super) memory: Option<u64>,
    pub(super) distances: Vec<u32>,
}

impl Node {
    /// Its number. Numbers may have holes.
    pub fn id(&self) -> usize {
        self.id
    }

    /// Its cpus in ascending order; empty for a node of memory alone.
    pub fn cpus(&self) -> &[usize] {
        &self.cpus
    }

    /// Its memory in bytes, where the system says.
    pub fn memory(&self) -> Option<u64> {
        self.memory
    }

    /// How far each node is from this one, in the order of [`Topology::nodes`](super::Topology::nodes); empty where the
    /// system does not say. [`Topology::distance`](super::Topology::distance) fills the gap.
    pub fn distances(&self) -> &[u32] {
        &self.distances
    }
}
