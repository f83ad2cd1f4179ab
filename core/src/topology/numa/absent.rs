//! No libnuma: nothing is bound.

use std::ptr::NonNull;

pub(super) fn available() -> bool {
    false
}

pub(super) fn run_on(_node: usize) -> bool {
    false
}

pub(super) fn prefer(_node: usize) -> bool {
    false
}

pub(super) fn map(_len: usize, _node: usize) -> Option<NonNull<u8>> {
    None
}

/// Nothing was mapped, so there is nothing to do.
///
/// # Safety
/// None needed.
pub(super) unsafe fn unmap(_start: NonNull<u8>, _len: usize) {}
