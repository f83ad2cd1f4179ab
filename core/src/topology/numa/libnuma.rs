//! The unsafe calls, each made safe: libnuma, and the two system calls behind it that report their errors.
//!
//! libnuma's own `numa_alloc_onnode` and `numa_bind` print to the standard error when the kernel refuses (as it does in
//! many containers) and return as if nothing had happened. `mbind` and `set_mempolicy` say so.

use std::ffi::{c_int, c_uint, c_ulong};
use std::ptr::NonNull;

use libnuma_sys as libnuma;

use crate::sync::Lazy;

/// `MPOL_PREFERRED` of the kernel's interface: this node if it has memory left, else the nearest.
const PREFERRED: c_int = 1;
const NO_FLAGS: c_uint = 0;
/// As many nodes as the kernel can be built for.
const NODES: usize = 1024;
const WORD: usize = c_ulong::BITS as usize;

/// libnuma must be asked this before anything else, and once suffices.
static AVAILABLE: Lazy<bool> = Lazy::new(|| {
    // SAFETY: it has no precondition.
    unsafe { libnuma::numa_available() >= 0 }
});

pub(super) fn available() -> bool {
    *AVAILABLE.get()
}

/// The node's number as libnuma takes it, if libnuma may be used and knows it.
fn known(node: usize) -> Option<c_int> {
    // SAFETY: `numa_available` was asked first, and said yes.
    let exists = available() && node < NODES && node as c_int <= unsafe { libnuma::numa_max_node() };
    exists.then_some(node as c_int)
}

pub(super) fn run_on(node: usize) -> bool {
    // SAFETY: libnuma is available (`known`); the call changes the affinity of this thread only.
    known(node).is_some_and(|node| unsafe { libnuma::numa_run_on_node(node) } == 0)
}

pub(super) fn prefer(node: usize) -> bool {
    let Some((mask, bits)) = mask(node) else { return false };
    // SAFETY: the mask has as many bits as the call is told, less the one that the kernel takes off.
    unsafe { libnuma::set_mempolicy(PREFERRED, mask.as_ptr(), bits) == 0 }
}

/// Zeroed pages that will come from the node, or nothing if the kernel does not promise that.
pub(super) fn map(len: usize, node: usize) -> Option<NonNull<u8>> {
    let (mask, bits) = mask(node)?;
    // SAFETY: libnuma is available (`mask`). It maps fresh anonymous pages, or returns null.
    let start = unsafe { libnuma::numa_alloc(len) };
    let pages = NonNull::new(start.cast::<u8>())?;
    // SAFETY: the range is the mapping just made, and the mask as in `prefer`. No page was touched yet, so all of them
    // follow the policy.
    let bound = unsafe { libnuma::mbind(start, len as c_ulong, PREFERRED, mask.as_ptr(), bits, NO_FLAGS) == 0 };
    if bound {
        return Some(pages);
    }
    // SAFETY: mapped above with this length, and given to nobody.
    unsafe { unmap(pages, len) };
    None
}

/// Gives pages back.
///
/// # Safety
/// `start` must come from `map(len, _)`, and neither be used nor unmapped again.
pub(super) unsafe fn unmap(start: NonNull<u8>, len: usize) {
    // SAFETY: promised by the caller.
    unsafe { libnuma::numa_free(start.as_ptr().cast(), len) }
}

/// A set of this one node as the system calls take it, with its size in bits plus one: the kernel takes one off.
fn mask(node: usize) -> Option<([c_ulong; NODES / WORD], c_ulong)> {
    known(node)?;
    let mut mask = [0; NODES / WORD];
    mask[node / WORD] |= 1 << (node % WORD);
    Some((mask, NODES as c_ulong + 1))
}
