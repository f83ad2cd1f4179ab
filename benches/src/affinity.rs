//! Which cores this process may use, and pinning a thread to one of them.
//!
//! A thread that the scheduler moves from core to core leaves its cache behind, and two threads that it puts on one
//! core do not run in parallel at all. So measured threads are pinned. Where pinning is refused or does not exist the
//! measurement goes on without.

/// The cores that the calling thread may run on, in ascending order; empty where the system does not say.
pub fn allowed() -> Vec<usize> {
    os::allowed()
}

/// Pins the calling thread to one core, and says whether the system agreed.
pub fn pin(core: usize) -> bool {
    os::pin(core)
}

#[cfg(target_os = "linux")]
mod os {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    pub(super) fn allowed() -> Vec<usize> {
        match sched_getaffinity(None) {
            Ok(set) => (0..CpuSet::MAX_CPU).filter(|&core| set.is_set(core)).collect(),
            Err(_) => Vec::new(),
        }
    }

    pub(super) fn pin(core: usize) -> bool {
        if core >= CpuSet::MAX_CPU {
            return false;
        }
        let mut set = CpuSet::new();
        set.set(core);
        sched_setaffinity(None, &set).is_ok()
    }
}

#[cfg(not(target_os = "linux"))]
mod os {
    pub(super) fn allowed() -> Vec<usize> {
        Vec::new()
    }

    pub(super) fn pin(_core: usize) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use reweave_core::sync::thread;

    #[test]
    fn a_pinned_thread_may_use_its_core_only() {
        let cores = super::allowed();
        let Some(&last) = cores.last() else { return };
        // In a thread of its own: the pin must not stick to the test runner's.
        let pinned = thread::spawn(move || super::pin(last).then(super::allowed)).join().unwrap();
        assert!(pinned.is_none_or(|now| now == [last]));
        assert!(!super::pin(usize::MAX));
    }
}
