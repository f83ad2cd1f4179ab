//! Bump arenas: memory for a step of work, given back as a whole when the step ends.
//!
//! An [`Arena`] belongs to one thread, typically to a worker. [`Arena::scope`] opens a scope and hands it to a closure;
//! what the closure allocates in it ([`Scope::alloc`] and its kin) lives until the closure returns or panics, and costs a
//! few instructions instead of a call to the allocator. [`local`] does the same with an arena of the calling thread.
//!
//! # Nothing outlives its scope, by type
//!
//! The closure must accept a scope of *any* lifetime, and what is allocated carries that lifetime. So the closure can
//! neither return it nor store it outside: such a program does not compile, and there is no run-time check to pay for.
//! [`Scope`] and [`local`] show the programs that are refused.
//!
//! # Scopes nest
//!
//! A scope opened while another one is open ([`Scope::scope`], or [`Arena::scope`] and [`local`] again) is the next
//! *level*. Each level has chunks of its own, so the end of an inner scope takes only what was allocated in that scope;
//! the outer scope's values stay, and both can be allocated from meanwhile. Levels are closed in the reverse order of their
//! opening, because closures return in that order. A level that is closed keeps its largest chunk for the next scope at
//! that level, as long as all closed levels together keep no more than the arena's limit ([`Arena::keeping`]); above it
//! the chunks go back to the allocator.
//!
//! | step | level *d* = number of open scopes | cost |
//! |---|---|---|
//! | open | borrows the bump allocator of level *d* | a walk over *d* levels |
//! | allocate | moves the pointer of its chunk down | a few instructions; a new chunk, twice as large, when it is full |
//! | close | notes the high-water mark, resets the level or gives it back | a walk over *d* levels, the chunks but one |
//!
//! # Destructors
//!
//! The end of a scope runs no destructors. [`Scope::alloc`] and [`Scope::alloc_with`] therefore refuse, when they are
//! compiled, types that have one; [`Scope::alloc_owned`] takes them and returns an [`Owned`], which runs the
//! destructor when it is dropped.
//!
//! # Source
//!
//! The allocator is bumpalo (Fitzgerald), which allocates downwards because that takes one comparison less. Regions with
//! a scope that the type system keeps are those of Tofte and Talpin; the closure with a lifetime it cannot choose is
//! the `ST` monad's trick (Launchbury and Peyton Jones).

mod owned;
mod scope;

#[cfg(all(test, not(any(reweave_loom, reweave_shuttle))))]
mod tests;

use std::cell::{Cell, OnceCell, RefCell};
use std::fmt;

use bumpalo::Bump;

pub use owned::Owned;
pub use scope::Scope;

/// How many bytes an arena keeps between scopes unless told otherwise: 1 MiB.
pub const DEFAULT_KEEP: usize = 1 << 20;

/// A stack of scopes to allocate in, for one thread at a time. See the [module](self).
///
/// An arena without open scopes can be moved to another thread. It cannot be shared: `Arena` is not `Sync`.
///
/// # Examples
/// ```
/// use reweave_core::arena::Arena;
///
/// let arena = Arena::new();
/// for step in 0..3 {
///     let sum: u32 = arena.scope(|scope| {
///         let numbers = scope.alloc_slice_fill_with(100, |index| index as u32 + step);
///         numbers.iter().sum()
///     });
///     assert_eq!(sum, 4950 + 100 * step);
/// }
/// // One chunk served all three steps.
/// assert_eq!((arena.stats().used_bytes, arena.stats().chunks), (0, 1));
/// ```
pub struct Arena {
    first: Level,
    /// How many scopes are open, which is the level of the next one.
    depth: Cell<usize>,
    /// The most that closed levels may keep together.
    keep: usize,
    /// What closed levels keep now; never above `keep`.
    kept: Cell<usize>,
    high_water: Cell<usize>,
}

/// The memory of the scopes at one depth. Only its own scope allocates in it, and borrows it for as long as it is open.
#[derive(Default)]
struct Level {
    bump: RefCell<Bump>,
    /// The next level; boxed, so that levels stay where they are while deeper ones are added.
    next: OnceCell<Box<Level>>,
}

/// What an arena uses and holds, in bytes and chunks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// How many scopes are open.
    pub open_scopes: usize,
    /// What the open scopes have taken from their chunks: values, padding, and the ends of chunks that were too short.
    pub used_bytes: usize,
    /// The most that `used_bytes` has ever been, up to the last scope that ended.
    pub high_water_bytes: usize,
    /// The size of all chunks, of open scopes and kept ones.
    pub held_bytes: usize,
    /// How many chunks there are.
    pub chunks: usize,
}

impl Level {
    fn next(&self) -> &Level {
        self.next.get_or_init(Box::default)
    }

    fn used(&self) -> usize {
        let bump = self.bump.borrow();
        bump.allocated_bytes() - bump.chunk_capacity()
    }
}

impl Arena {
    /// An arena that keeps at most [`DEFAULT_KEEP`] bytes between scopes. Allocates nothing yet.
    pub fn new() -> Self {
        Self::keeping(DEFAULT_KEEP)
    }

    /// An arena that keeps at most `bytes` bytes between scopes; with 0 every scope starts with nothing.
    ///
    /// The limit is on what is kept, not on what an open scope may use. A level whose largest chunk does not fit any
    /// more gives back all it has.
    ///
    /// # Examples
    /// ```
    /// use reweave_core::arena::Arena;
    ///
    /// let arena = Arena::keeping(4096);
    /// arena.scope(|scope| scope.alloc_str(&"long ".repeat(10_000)).len());
    /// assert_eq!(arena.stats().held_bytes, 0);
    /// assert!(arena.stats().high_water_bytes >= 50_000);
    /// ```
    pub fn keeping(bytes: usize) -> Self {
        Self { first: Level::default(), depth: Cell::new(0), keep: bytes, kept: Cell::new(0), high_water: Cell::new(0) }
    }

    /// Opens a scope, runs `body` with it, and frees all that was allocated in it; also when `body` panics.
    ///
    /// While another scope of this arena is open the new one nests in it. The order of allocation and the address of
    /// what is allocated are not specified.
    ///
    /// # Panics
    /// Passes on a panic of `body`.
    ///
    /// # Examples
    /// ```
    /// use reweave_core::arena::Arena;
    ///
    /// let arena = Arena::new();
    /// let longest = arena.scope(|scope| {
    ///     let words = scope.alloc_slice_copy(&["one", "three", "two"]);
    ///     arena.scope(|inner| {
    ///         let lengths = inner.alloc_slice_fill_with(words.len(), |word| words[word].len());
    ///         *lengths.iter().max().unwrap()
    ///     })
    /// });
    /// assert_eq!(longest, 5);
    /// ```
    #[inline]
    pub fn scope<R>(&self, body: impl FnOnce(&Scope<'_>) -> R) -> R {
        // The order matters: the scope ends its borrow of the level before `open` resets it, on return and on panic.
        let open = self.open();
        let scope = Scope::new(self, open.level.bump.borrow());
        body(&scope)
    }

    #[inline]
    fn open(&self) -> Open<'_> {
        let depth = self.depth.get();
        let mut level = &self.first;
        for _ in 0..depth {
            level = level.next();
        }
        self.depth.set(depth + 1);
        // What the level has kept is in use now, and no longer counts as kept.
        self.kept.set(self.kept.get() - level.bump.borrow().allocated_bytes());
        Open { arena: self, level }
    }

    /// Gives the memory that is kept for later scopes back to the allocator.
    ///
    /// # Examples
    /// ```
    /// # use reweave_core::arena::Arena;
    /// let mut arena = Arena::new();
    /// arena.scope(|scope| *scope.alloc(7));
    /// assert!(arena.stats().held_bytes > 0);
    /// arena.trim();
    /// assert_eq!(arena.stats().held_bytes, 0);
    /// ```
    pub fn trim(&mut self) {
        // `&mut self` says that no scope is open.
        self.first = Level::default();
        self.kept.set(0);
    }

    /// What is used and held right now. Walks over all levels and chunks.
    pub fn stats(&self) -> Stats {
        let mut stats =
            Stats { open_scopes: self.depth.get(), high_water_bytes: self.high_water.get(), ..Stats::default() };
        let mut next = Some(&self.first);
        while let Some(level) = next {
            let bump = level.bump.borrow();
            stats.used_bytes += level.used();
            stats.held_bytes += bump.allocated_bytes();
            // SAFETY: the chunks are counted and not looked into, and nothing is allocated meanwhile.
            stats.chunks += unsafe { bump.iter_allocated_chunks_raw() }.count();
            next = level.next.get().map(|level| &**level);
        }
        stats
    }
}

impl Default for Arena {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Arena {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arena").field("keep", &self.keep).field("stats", &self.stats()).finish()
    }
}

/// An open scope's claim to its level; dropping it closes the scope.
struct Open<'a> {
    arena: &'a Arena,
    level: &'a Level,
}

impl Drop for Open<'_> {
    #[inline]
    fn drop(&mut self) {
        let arena = self.arena;
        let depth = arena.depth.get() - 1;
        // Scopes only grow while they are open, so usage is at a peak just before one of them closes.
        let mut used = self.level.used();
        let mut outer = &arena.first;
        for _ in 0..depth {
            used += outer.used();
            outer = outer.next();
        }
        if used > arena.high_water.get() {
            arena.high_water.set(used);
        }
        arena.depth.set(depth);
        let mut bump = self.level.bump.borrow_mut();
        bump.reset();
        let kept = arena.kept.get().saturating_add(bump.allocated_bytes());
        if kept <= arena.keep {
            arena.kept.set(kept);
        } else {
            *bump = Bump::new();
        }
    }
}

crate::sync::thread_local! {
    static LOCAL: Arena = Arena::new();
}

/// Runs `body` with a scope in the calling thread's own arena, which keeps up to [`DEFAULT_KEEP`] bytes.
///
/// Called again from inside `body`, directly or from whatever it calls, it opens a nested scope. In a destructor that runs
/// after the thread's own variables are gone, the scope is one of a fresh arena.
///
/// # Panics
/// Passes on a panic of `body`.
///
/// # Examples
/// ```
/// use reweave_core::arena;
///
/// fn digits(mut number: u32) -> usize {
///     arena::local(|scope| {
///         let digits = scope.alloc([0; 10]);
///         let mut count = 0;
///         while number > 0 {
///             digits[count] = number % 10;
///             (number, count) = (number / 10, count + 1);
///         }
///         count
///     })
/// }
/// assert_eq!(arena::local(|scope| *scope.alloc(digits(12_345))), 5);
/// ```
///
/// What is allocated cannot be kept:
/// ```compile_fail
/// let number = reweave_core::arena::local(|scope| scope.alloc(1));
/// ```
#[inline]
pub fn local<R>(body: impl FnOnce(&Scope<'_>) -> R) -> R {
    let mut body = Some(body);
    let result = LOCAL.try_with(|arena| arena.scope(body.take().expect("filled above")));
    match (result, body) {
        (Ok(result), _) => result,
        (Err(_), Some(body)) => Arena::new().scope(body),
        (Err(_), None) => unreachable!("the body is taken only where the thread-local is still there"),
    }
}

/// What the calling thread's own arena uses and holds; nothing once the thread's own variables are gone.
pub fn local_stats() -> Stats {
    LOCAL.try_with(Arena::stats).unwrap_or_default()
}
