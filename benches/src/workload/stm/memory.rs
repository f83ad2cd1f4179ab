//! What a transactional memory must offer to run the workloads: cells of one number, blocks that are atomic, and
//! snapshots.
//!
//! The workloads are written once against these traits. A lock around plain cells is a memory, too
//! ([`crate::systems::locked`]), so the same data structure runs under one lock and in transactions.

/// Something through which cells are read.
pub trait View {
    /// A shared number.
    type Cell;
    /// Why a block cannot go on; the memory runs it again.
    type Stop;

    /// The cell's value.
    ///
    /// # Errors
    /// When the block has to be run again; pass it on with `?`.
    fn read(&mut self, cell: &Self::Cell) -> Result<u64, Self::Stop>;

    /// To be returned by a block that has read what cannot be. A memory that is not opaque shows such states to blocks
    /// that will not commit, and has the block run again.
    ///
    /// # Panics
    /// In every other memory: there the data structure itself must be broken.
    fn torn(&self) -> Self::Stop;
}

/// Something through which cells are read and written.
pub trait Transaction: View {
    /// Sets the cell.
    ///
    /// # Errors
    /// When the block has to be run again; pass it on with `?`.
    fn write(&mut self, cell: &Self::Cell, value: u64) -> Result<(), Self::Stop>;
}

/// A transactional memory.
pub trait Memory: Send + Sync + 'static {
    /// A shared number.
    type Cell: Send + Sync + 'static;
    /// Why a block cannot go on.
    type Stop;
    /// A block that may write.
    type Tx<'t>: Transaction<Cell = Self::Cell, Stop = Self::Stop>;
    /// A block that reads a little.
    type Look<'l>: View<Cell = Self::Cell, Stop = Self::Stop>;
    /// A block that reads much.
    type Snapshot<'s>: View<Cell = Self::Cell, Stop = Self::Stop>;

    /// A memory without cells.
    fn new() -> Self;

    /// A cell of this memory.
    fn cell(&self, value: u64) -> Self::Cell;

    /// Runs a block whose reads and writes happen at one moment.
    fn atomically<R>(&self, body: impl Fn(&mut Self::Tx<'_>) -> Result<R, Self::Stop>) -> R;

    /// Runs a block whose few reads happen at one moment.
    fn look<R>(&self, body: impl Fn(&mut Self::Look<'_>) -> Result<R, Self::Stop>) -> R;

    /// Runs a block whose many reads happen at one moment.
    fn snapshot<R>(&self, body: impl Fn(&mut Self::Snapshot<'_>) -> Result<R, Self::Stop>) -> R;

    /// How many attempts were aborted so far, by cause.
    fn aborts(&self) -> Vec<(&'static str, u64)> {
        Vec::new()
    }
}
