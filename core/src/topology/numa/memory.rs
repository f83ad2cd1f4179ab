//! Memory on a node, and its owners.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

use super::os;

/// The alignment of all memory from [`alloc_on_node`], bound or not: a page, or a part of one where pages are larger.
pub const ALIGNMENT: usize = 4096;

/// Zeroed bytes, on a node if that could be had; freed when dropped. Made by [`alloc_on_node`].
pub struct NodeMemory {
    start: NonNull<u8>,
    len: usize,
    source: Source,
}

/// Where memory came from, and so where it goes back to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    /// There is none: the length is zero.
    Nowhere,
    /// The allocator.
    Allocator,
    /// Pages that were bound to the node.
    Node,
}

// SAFETY: the memory is bytes that this value alone owns.
unsafe impl Send for NodeMemory {}
// SAFETY: as above; a shared reference only reads them.
unsafe impl Sync for NodeMemory {}

/// `len` zeroed bytes, on `node` if that can be had, aligned to [`ALIGNMENT`].
///
/// Ordinary memory where it cannot be had: see [`NodeMemory::is_bound`]. Bound memory comes in whole pages, and each
/// allocation is a mapping of its own: some microseconds and up to a page of waste. It is for arenas, queues and tables, not
/// for single values.
///
/// # Panics
/// When `len` is above `isize::MAX` less a page. Aborts, as a `Box` does, when there is no memory left.
///
/// # Examples
/// ```
/// use reweave_core::topology::numa;
///
/// let mut memory = numa::alloc_on_node(1 << 16, 0);
/// memory[17] = 1;
/// assert_eq!((memory.len(), memory[16], memory[17]), (1 << 16, 0, 1));
/// println!("on node 0: {}", memory.is_bound());
/// ```
pub fn alloc_on_node(len: usize, node: usize) -> NodeMemory {
    if len == 0 {
        let start = NonNull::without_provenance(const { std::num::NonZero::new(ALIGNMENT).unwrap() });
        return NodeMemory { start, len, source: Source::Nowhere };
    }
    let layout = layout(len);
    if let Some(start) = os::map(len, node) {
        return NodeMemory { start, len, source: Source::Node };
    }
    // SAFETY: the layout's size is not zero.
    let start = unsafe { alloc_zeroed(layout) };
    let Some(start) = NonNull::new(start) else { handle_alloc_error(layout) };
    NodeMemory { start, len, source: Source::Allocator }
}

/// The layout of memory from the allocator.
fn layout(len: usize) -> Layout {
    match Layout::from_size_align(len, ALIGNMENT) {
        Ok(layout) => layout,
        Err(_) => panic!("{len} bytes are more than an allocation can have"),
    }
}

impl NodeMemory {
    /// Whether the kernel has agreed to take this memory from the node that was asked for. Empty memory is nowhere.
    pub fn is_bound(&self) -> bool {
        self.source == Source::Node
    }
}

impl Deref for NodeMemory {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: `len` bytes at `start` are initialised (zeroed), and this value's alone.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl DerefMut for NodeMemory {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as for `deref`; `self` is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

impl Drop for NodeMemory {
    fn drop(&mut self) {
        match self.source {
            Source::Nowhere => {}
            // SAFETY: allocated with this layout by `alloc_on_node`, and freed here only.
            Source::Allocator => unsafe { dealloc(self.start.as_ptr(), layout(self.len)) },
            // SAFETY: mapped with this length by `alloc_on_node`, and unmapped here only.
            Source::Node => unsafe { os::unmap(self.start, self.len) },
        }
    }
}

impl fmt::Debug for NodeMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeMemory").field("len", &self.len).field("source", &self.source).finish()
    }
}

/// A value in memory of its own on a node, if that could be had: a `Box` with a place.
///
/// # Examples
/// ```
/// use reweave_core::topology::numa::NodeBox;
///
/// let mut queue = NodeBox::new_on(0, vec![1, 2]);
/// queue.push(3);
/// assert_eq!(queue.into_inner(), [1, 2, 3]);
/// ```
pub struct NodeBox<T> {
    /// Holds an initialised `T` at its start.
    memory: NodeMemory,
    owns: PhantomData<T>,
}

impl<T> NodeBox<T> {
    /// Moves a value to `node`. What the value itself points to stays where it is.
    ///
    /// Takes at least a page where it is bound; see [`alloc_on_node`]. A type that is aligned to more than [`ALIGNMENT`] is
    /// refused when the call is compiled.
    ///
    /// # Panics
    /// As [`alloc_on_node`].
    pub fn new_on(node: usize, value: T) -> Self {
        const { assert!(align_of::<T>() <= ALIGNMENT, "memory on a node is not aligned to more than `ALIGNMENT`") }
        let memory = alloc_on_node(size_of::<T>(), node);
        // SAFETY: the memory is as large as a `T`, aligned for it by the assertion, and nobody else's.
        unsafe { memory.start.cast::<T>().write(value) };
        Self { memory, owns: PhantomData }
    }

    /// Whether the kernel has agreed to take the memory from the node. That of a value without size is nowhere.
    pub fn is_bound(&self) -> bool {
        self.memory.is_bound()
    }

    /// Moves the value out, and frees its memory.
    pub fn into_inner(self) -> T {
        let this = ManuallyDrop::new(self);
        // SAFETY: the memory holds a `T`, which is moved out here; `this` is not dropped, so no destructor sees it again.
        let value = unsafe { this.memory.start.cast::<T>().read() };
        // SAFETY: `this` is not dropped or used again, so the memory is moved, not copied.
        drop(unsafe { std::ptr::read(&raw const this.memory) });
        value
    }
}

impl<T> Deref for NodeBox<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the memory holds a `T` until `self` is dropped or consumed.
        unsafe { self.memory.start.cast().as_ref() }
    }
}

impl<T> DerefMut for NodeBox<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as for `deref`; `self` is borrowed exclusively.
        unsafe { self.memory.start.cast().as_mut() }
    }
}

impl<T> Drop for NodeBox<T> {
    fn drop(&mut self) {
        // SAFETY: the memory holds a `T`, which nobody sees again; the memory itself is freed after this, also if the
        // value's destructor panics.
        unsafe { self.memory.start.cast::<T>().drop_in_place() }
    }
}

impl<T: fmt::Debug> fmt::Debug for NodeBox<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
