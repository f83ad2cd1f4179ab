//! Where variables live: chunks of cells, with what every access needs apart from what few do.
//!
//! ```text
//!   16 KiB, aligned to its size
//!           +----------------------------------+----------------------------------+
//!  packed:  | header | hot: record, word │ record, word │ … | cold: history, handles │ … |
//!           +----------------------------------+----------------------------------+
//!  padded:  | header | hot, cold, nothing │ hot, cold, nothing │ …                |
//!           +---------------------------------------------------------------------+
//! ```
//!
//! A reader touches the 16 hot bytes of a variable and nothing else, so four variables share a cache line and a thousand fit in
//! 16 KiB. Variables that must not share lines with others have a chunk of a wider *shape*, in which the cold part
//! lies behind the hot one on lines that a commit has fetched anyway. The cold part is found from the address of the hot
//! one: the header is at the address rounded down to the chunk's size.
//!
//! A thread carves variables from its current chunk, one after the other, without any shared access. A freed cell is not used
//! again; it is counted, and the chunk goes when all of its cells have gone (those never used are counted off when the
//! thread leaves the chunk). So one survivor keeps its chunk: at worst 16 KiB a variable.
//!
//! The size is measured: with chunks of 4 KiB a sum over a thousand variables takes a quarter longer. That hot parts at the same
//! offsets of every page crowd into half of a first-level cache's sets would explain it, but to alternate the offsets of 4 KiB
//! chunks made it slower still; so the reason is not known.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::cell::Cell;
use std::mem::{align_of, size_of};
use std::ptr::{self, NonNull};

use reweave_core::seeded;
use reweave_core::sync::atomic::{AtomicUsize, Ordering, fence};
use reweave_core::sync::{MODELLED, thread_local};

use crate::var::{Cold, Var};

/// Size and alignment of a chunk, outside the model checkers.
const CHUNK: usize = 16 * 1024;

/// How a chunk is divided.
pub(crate) struct Shape {
    /// Which of the thread's current chunks has this shape.
    index: usize,
    /// From one hot part to the next, as a power of two.
    stride: u32,
    /// Offset of the first cold part.
    cold: usize,
    /// From one cold part to the next.
    cold_stride: usize,
    cells: usize,
    /// Size and alignment of the chunk.
    bytes: usize,
}

/// Cells side by side.
pub(crate) static PACKED: Shape = Shape::new(0, PACKED_STRIDE);
/// Each cell's hot part on lines of its own: 128 bytes, as adjacent lines are fetched in pairs.
pub(crate) static PADDED: Shape = Shape::new(1, PADDED_STRIDE);

/// Under the model checkers, whose atomics have other sizes, both shapes are the same.
const PADDED_STRIDE: usize = if MODELLED { PACKED_STRIDE } else { 128 };
const PACKED_STRIDE: usize = size_of::<Var>().next_power_of_two();

impl Shape {
    const fn new(index: usize, stride: usize) -> Self {
        let hot = size_of::<Header>().next_multiple_of(64);
        // Under the model checkers, whose atomics are large, a chunk is one variable: none shares its fate with another.
        let together = stride >= size_of::<Var>() + size_of::<Cold>();
        let needed = if together { stride } else { stride + size_of::<Cold>() };
        let cells = if MODELLED { 1 } else { (CHUNK - hot) / needed };
        let behind = if together { hot + size_of::<Var>() } else { hot + cells * stride };
        let cold = behind.next_multiple_of(align_of::<Cold>());
        let cold_stride = if together { stride } else { size_of::<Cold>() };
        let bytes = (hot + cells * needed).next_multiple_of(align_of::<Cold>()).next_power_of_two();
        assert!(align_of::<Var>() <= 64 && stride.is_power_of_two() && cold_stride.is_multiple_of(align_of::<Cold>()));
        assert!(cold + (cells - 1) * cold_stride + size_of::<Cold>() <= bytes);
        Self { index, stride: stride.trailing_zeros(), cold, cold_stride, cells, bytes }
    }

    const fn hot(&self) -> usize {
        size_of::<Header>().next_multiple_of(64)
    }

    fn layout(&self) -> Layout {
        Layout::from_size_align(self.bytes, self.bytes).expect("a power of two is an alignment")
    }
}

struct Header {
    shape: &'static Shape,
    /// Cells that are in use or may still be carved.
    live: AtomicUsize,
}

/// A thread's current chunk of a shape.
struct Current {
    chunk: NonNull<Header>,
    next: usize,
}

/// The current chunks of a thread, by shape; on its exit their unused cells are counted off.
struct Carving([Cell<Option<Current>>; 2]);

impl Drop for Carving {
    fn drop(&mut self) {
        for current in &self.0 {
            if let Some(current) = current.take() {
                current.leave();
            }
        }
    }
}

thread_local! {
    static CARVING: Carving = const { Carving([Cell::new(None), Cell::new(None)]) };
}

impl Current {
    fn new(shape: &'static Shape) -> Self {
        // SAFETY: the layout is not empty.
        let chunk = unsafe { alloc(shape.layout()) }.cast::<Header>();
        let Some(chunk) = NonNull::new(chunk) else { handle_alloc_error(shape.layout()) };
        // SAFETY: fresh memory of the header's size and, being aligned to the chunk, alignment.
        unsafe { chunk.write(Header { shape, live: AtomicUsize::new(shape.cells) }) };
        Current { chunk, next: 0 }
    }

    /// Writes a variable into the next cell, if there is one left.
    #[cfg_attr(
        reweave_shuttle,
        allow(clippy::result_large_err, reason = "only with shuttle's atomics, which are large")
    )]
    fn carve(&mut self, var: Var, cold: Cold) -> Result<NonNull<Var>, (Var, Cold)> {
        // SAFETY: cells that may still be carved keep the chunk.
        let shape = unsafe { self.chunk.as_ref() }.shape;
        if self.next == shape.cells {
            return Err((var, cold));
        }
        // SAFETY: the offset is within the chunk, and the cell has not been used.
        let cell = unsafe { self.chunk.cast::<u8>().add(shape.hot() + (self.next << shape.stride)) }.cast::<Var>();
        self.next += 1;
        // SAFETY: both parts are within the chunk and aligned, and nobody else knows them yet.
        unsafe {
            cell.write(var);
            cold_part(cell).write(cold);
        }
        Ok(cell)
    }

    /// Gives up the cells that have not been carved.
    fn leave(self) {
        // SAFETY: as in `carve`; if nothing is left to carve, nothing is counted off and the chunk is not touched.
        let unused = unsafe { self.chunk.as_ref() }.shape.cells - self.next;
        if unused > 0 {
            // SAFETY: these cells are counted, and nobody else counts them off.
            unsafe { count_off(self.chunk, unused) };
        }
    }
}

/// Puts a variable into a cell of its own.
pub(crate) fn carve(shape: &'static Shape, var: Var, cold: Cold) -> NonNull<Var> {
    let mut parts = Some((var, cold));
    let carved = CARVING.try_with(|carving| {
        let place = &carving.0[shape.index];
        let (var, cold) = parts.take().expect("filled above");
        let mut current = place.take().unwrap_or_else(|| Current::new(shape));
        let cell = current.carve(var, cold).unwrap_or_else(|(var, cold)| {
            current = Current::new(shape);
            current.carve(var, cold).unwrap_or_else(|_| unreachable!("a new chunk has a free cell"))
        });
        // A full chunk is its variables' alone from now on.
        // SAFETY: the cell just carved keeps it until here.
        let full = current.next == unsafe { current.chunk.as_ref() }.shape.cells;
        place.set((!full).then_some(current));
        cell
    });
    carved.unwrap_or_else(|_| {
        // Past the end of the thread's locals: a chunk for this one variable.
        let (var, cold) = parts.take().expect("not taken, as there was nobody to take it");
        let mut current = Current::new(shape);
        let cell = current.carve(var, cold).unwrap_or_else(|_| unreachable!("a new chunk has a free cell"));
        current.leave();
        cell
    })
}

/// Frees a variable's cell.
///
/// # Safety
/// The cell came from [`carve`], and nobody can reach it any more.
pub(crate) unsafe fn release(cell: NonNull<Var>) {
    // SAFETY: by the caller both parts are alive and ours; the cell is counted once.
    unsafe {
        cold_part(cell).drop_in_place();
        cell.drop_in_place();
        count_off(header(cell), 1);
    }
}

/// The cold part of a variable.
///
/// # Safety
/// The cell came from [`carve`] and has not been released.
#[inline]
pub(crate) unsafe fn cold_part(cell: NonNull<Var>) -> NonNull<Cold> {
    let header = header(cell);
    // SAFETY: the cell keeps its chunk.
    let shape = unsafe { header.as_ref() }.shape;
    let index = (cell.addr().get() - header.addr().get() - shape.hot()) >> shape.stride;
    // SAFETY: a chunk has as many cold parts as hot ones.
    unsafe { header.cast::<u8>().add(shape.cold + index * shape.cold_stride) }.cast()
}

/// The header of a cell's chunk: chunks are aligned to their size, and both shapes have the same.
fn header(cell: NonNull<Var>) -> NonNull<Header> {
    const { assert!(PACKED_BYTES == PADDED_BYTES, "one mask finds the header in chunks of either shape") };
    let start = cell.as_ptr().map_addr(|address| address & !(PACKED_BYTES - 1));
    // SAFETY: a chunk is never at address 0.
    unsafe { NonNull::new_unchecked(start.cast()) }
}

const PACKED_BYTES: usize = Shape::new(0, PACKED_STRIDE).bytes;
const PADDED_BYTES: usize = Shape::new(1, PADDED_STRIDE).bytes;

/// Counts cells off and frees the chunk with the last.
///
/// # Safety
/// The caller owns `cells` of the chunk's count.
unsafe fn count_off(chunk: NonNull<Header>, cells: usize) {
    // SAFETY: the caller's share of the count keeps the chunk until here.
    let header = unsafe { chunk.as_ref() };
    let layout = header.shape.layout();
    // Release: our use of the cells comes before the deallocation; the fence is the deallocator's side of it.
    if header.live.fetch_sub(cells, Ordering::Release) == cells {
        fence(Ordering::Acquire);
        if seeded("stm/free-without-grace") {
            return; // As in `word`: the model's own assertion should fail.
        }
        // SAFETY: all cells are counted off, so nobody knows the chunk any more.
        unsafe {
            ptr::drop_in_place(chunk.as_ptr());
            dealloc(chunk.as_ptr().cast(), layout);
        }
    }
}

#[cfg(all(test, not(any(reweave_loom, reweave_shuttle))))]
mod tests {
    use reweave_core::sync::thread;

    use super::*;
    use crate::word;

    fn variable(shape: &'static Shape, value: i64) -> NonNull<Var> {
        carve(shape, Var::new(word::encode(value)), Cold::new())
    }

    fn value(cell: NonNull<Var>) -> i64 {
        // SAFETY: cells of these tests are alive and hold `i64`s.
        unsafe { word::borrow(cell.as_ref().word.load(Ordering::Relaxed), |value| *value) }
    }

    #[test]
    fn hot_parts_are_as_close_as_their_shape_says() {
        for (shape, distance) in [(&PACKED, 16), (&PADDED, 128)] {
            let cells: Vec<_> = (0..3).map(|number| variable(shape, number)).collect();
            assert_eq!(cells[2].addr().get() - cells[1].addr().get(), distance);
            // SAFETY: nobody else knows the cells.
            cells.into_iter().for_each(|cell| unsafe { release(cell) });
        }
    }

    #[test]
    fn parts_of_different_variables_are_apart() {
        let cells: Vec<_> = (0..1_000).map(|number| variable(&PACKED, number)).collect();
        for (number, &cell) in cells.iter().enumerate() {
            assert_eq!(value(cell), number as i64);
            // SAFETY: the cell is alive.
            let cold = unsafe { cold_part(cell).as_ref() };
            // SAFETY: nobody else knows the cell.
            assert_eq!(unsafe { cold.history.len() }, 0);
            cold.add_handle();
            assert!(!cold.remove_handle());
        }
        // Every other one first, so that chunks are half empty for a while.
        for offset in 0..2 {
            for &cell in cells.iter().skip(offset).step_by(2) {
                // SAFETY: each is released once.
                unsafe { release(cell) };
            }
        }
    }

    #[test]
    fn cells_outlive_the_thread_that_carved_them() {
        struct Sent(NonNull<Var>);
        // SAFETY: cells are made to be shared.
        unsafe impl Send for Sent {}
        let Sent(cell) = thread::spawn(|| Sent(variable(&PACKED, 7))).join().unwrap();
        let other = variable(&PACKED, 8);
        assert_eq!((value(cell), value(other)), (7, 8));
        // SAFETY: both are alive, released once.
        unsafe {
            release(other);
            release(cell);
        }
    }
}
