//! An open scope: what can be allocated in it.

use std::cell::Ref;
use std::fmt;
use std::mem::{ManuallyDrop, needs_drop};

use bumpalo::Bump;

use super::{Arena, Owned};

/// An open scope of an [`Arena`]; see the [module](super).
///
/// A scope is only ever lent to the closure that was given to [`Arena::scope`], [`Scope::scope`] or
/// [`local`](super::local). All methods panic when the system has no memory left.
///
/// # What does not compile
///
/// A value that escapes from its scope:
/// ```compile_fail,E0521
/// # use reweave_core::arena::Arena;
/// let arena = Arena::new();
/// let mut kept = None;
/// arena.scope(|scope| kept = Some(scope.alloc(7)));
/// ```
///
/// A value used after its scope was reset:
/// ```compile_fail
/// # use reweave_core::arena::Arena;
/// let arena = Arena::new();
/// let number = arena.scope(|scope| scope.alloc(7));
/// arena.scope(|scope| { scope.alloc(8); });
/// assert_eq!(*number, 7);
/// ```
///
/// A value of an inner scope kept in the outer one:
/// ```compile_fail
/// # use reweave_core::arena::Arena;
/// # use std::cell::Cell;
/// let arena = Arena::new();
/// arena.scope(|outer| {
///     let cell: &Cell<Option<&mut i32>> = outer.alloc(Cell::new(None));
///     outer.scope(|inner| cell.set(Some(inner.alloc(7))));
/// });
/// ```
///
/// A scope sent to another thread:
/// ```compile_fail,E0277
/// # use reweave_core::arena::Arena;
/// let arena = Arena::new();
/// arena.scope(|scope| std::thread::scope(|threads| {
///     threads.spawn(|| { scope.alloc(7); });
/// }));
/// ```
///
/// The same programs with nothing wrong in them do:
/// ```
/// # use reweave_core::arena::Arena;
/// # use std::cell::Cell;
/// let arena = Arena::new();
/// let mut kept = None;
/// arena.scope(|scope| kept = Some(*scope.alloc(7)));
/// arena.scope(|outer| {
///     let cell: &Cell<Option<&mut i32>> = outer.alloc(Cell::new(None));
///     outer.scope(|_inner| cell.set(Some(outer.alloc(7))));
/// });
/// arena.scope(|scope| {
///     let number = scope.alloc(7);
///     std::thread::scope(|threads| { threads.spawn(|| *number += 1); });
///     assert_eq!(*number, 8);
/// });
/// assert_eq!(kept, Some(7));
/// ```
pub struct Scope<'a> {
    arena: &'a Arena,
    bump: Ref<'a, Bump>,
}

impl<'a> Scope<'a> {
    #[inline]
    pub(super) fn new(arena: &'a Arena, bump: Ref<'a, Bump>) -> Self {
        Self { arena, bump }
    }

    /// Opens a scope inside this one; the same as [`Arena::scope`] on its arena.
    ///
    /// # Panics
    /// Passes on a panic of `body`.
    ///
    /// # Examples
    /// ```
    /// # reweave_core::arena::local(|outer| {
    /// let total = outer.alloc(0);
    /// for round in 1..=3 {
    ///     // What a round allocates is free again before the next.
    ///     *total += outer.scope(|inner| inner.alloc_slice_fill_with(round, |_| round).iter().sum::<usize>());
    /// }
    /// assert_eq!(*total, 1 + 4 + 9);
    /// # });
    /// ```
    #[inline]
    pub fn scope<R>(&self, body: impl FnOnce(&Scope<'_>) -> R) -> R {
        self.arena.scope(body)
    }

    /// Moves a value without a destructor into the scope.
    ///
    /// # Examples
    /// ```
    /// # reweave_core::arena::local(|scope| {
    /// struct Node<'s> { value: u32, next: Option<&'s Node<'s>> }
    /// let last = scope.alloc(Node { value: 2, next: None });
    /// let first = scope.alloc(Node { value: 1, next: Some(last) });
    /// assert_eq!(first.value + first.next.unwrap().value, 3);
    /// # });
    /// ```
    ///
    /// A type that needs to be dropped is refused when the call is compiled; use [`Scope::alloc_owned`] for it:
    /// ```compile_fail,E0080
    /// # reweave_core::arena::local(|scope| {
    /// scope.alloc(String::from("would leak"));
    /// # });
    /// ```
    #[inline]
    pub fn alloc<T>(&self, value: T) -> &mut T {
        const { without_destructor::<T>() }
        self.bump.alloc(value)
    }

    /// Makes a value without a destructor in the scope, where the compiler can do so without moving it.
    ///
    /// `make` may allocate in the scope itself. If it panics, its memory stays taken until the scope ends.
    ///
    /// # Panics
    /// Passes on a panic of `make`.
    #[inline]
    pub fn alloc_with<T>(&self, make: impl FnOnce() -> T) -> &mut T {
        const { without_destructor::<T>() }
        self.bump.alloc_with(make)
    }

    /// Copies a slice into the scope.
    #[inline]
    pub fn alloc_slice_copy<T: Copy>(&self, values: &[T]) -> &mut [T] {
        self.bump.alloc_slice_copy(values)
    }

    /// Makes a slice of `len` values, the one at `index` by `make(index)`, of a type without a destructor.
    ///
    /// # Panics
    /// Passes on a panic of `make`; and when the size of the slice is above `isize::MAX`.
    #[inline]
    pub fn alloc_slice_fill_with<T>(&self, len: usize, make: impl FnMut(usize) -> T) -> &mut [T] {
        const { without_destructor::<T>() }
        self.bump.alloc_slice_fill_with(len, make)
    }

    /// Copies a string into the scope.
    #[inline]
    pub fn alloc_str(&self, text: &str) -> &mut str {
        self.bump.alloc_str(text)
    }

    /// Moves a value into the scope and makes its destructor the business of the [`Owned`] that is returned.
    ///
    /// # Examples
    /// ```
    /// # reweave_core::arena::local(|scope| {
    /// let mut name = scope.alloc_owned(String::from("arena"));
    /// name.push('s');
    /// assert_eq!(*name, "arenas");
    /// # });
    /// ```
    #[inline]
    pub fn alloc_owned<T>(&self, value: T) -> Owned<'_, T> {
        Owned::new(self.bump.alloc(ManuallyDrop::new(value)))
    }

    /// What this scope alone has taken from its chunks: values, padding, and the ends of chunks that were too short.
    pub fn used_bytes(&self) -> usize {
        self.bump.allocated_bytes() - self.bump.chunk_capacity()
    }
}

/// Stops the compilation for a type whose destructor would never run.
const fn without_destructor<T>() {
    assert!(
        !needs_drop::<T>(),
        "the end of a scope runs no destructors, and this type has one: use `Scope::alloc_owned`"
    );
}

impl fmt::Debug for Scope<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("used_bytes", &self.used_bytes()).finish_non_exhaustive()
    }
}
