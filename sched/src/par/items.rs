//! What a parallel operation works on: items that can be divided.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;
use std::ptr::NonNull;

/// A run of items that can be cut in two: a slice, shared or exclusive, a range of indices, or what is [drained](drain) from a
/// vector.
///
/// Sealed: the operations rely on the counts that it gives.
pub trait Items: sealed::Divide + Send + Sized {}

/// What can be turned into [`Items`]: those themselves, and references to vectors and arrays.
pub trait IntoItems {
    /// Into which.
    type Items: Items<Item = Self::Item>;
    /// What each is.
    type Item;

    /// The items.
    fn into_items(self) -> Self::Items;
}

pub(super) mod sealed {
    /// A run of items.
    ///
    /// # Safety
    /// `len` tells how many there are, and `take(n)`, for an `n` that is no greater, yields `n`.
    pub unsafe trait Divide {
        /// What each is.
        type Item;

        /// How many there are.
        fn len(&self) -> usize;

        /// The next `n`, of which there are so many.
        fn take(&mut self, n: usize) -> impl Iterator<Item = Self::Item>;

        /// Cuts off all but the next `keep`, of which there are so many.
        fn cut(&mut self, keep: usize) -> Self;
    }
}

use sealed::Divide;

impl<I: Items> IntoItems for I {
    type Items = I;
    type Item = I::Item;

    #[inline]
    fn into_items(self) -> I {
        self
    }
}

impl<T: Sync> Items for &[T] {}

// SAFETY: those are the lengths of slices.
unsafe impl<'a, T: Sync> Divide for &'a [T] {
    type Item = &'a T;

    #[inline]
    fn len(&self) -> usize {
        <[T]>::len(self)
    }

    #[inline]
    fn take(&mut self, n: usize) -> impl Iterator<Item = &'a T> {
        let (taken, left) = self.split_at(n);
        *self = left;
        taken.iter()
    }

    #[inline]
    fn cut(&mut self, keep: usize) -> Self {
        let (kept, cut) = self.split_at(keep);
        *self = kept;
        cut
    }
}

impl<T: Send> Items for &mut [T] {}

// SAFETY: those are the lengths of slices.
unsafe impl<'a, T: Send> Divide for &'a mut [T] {
    type Item = &'a mut T;

    #[inline]
    fn len(&self) -> usize {
        <[T]>::len(self)
    }

    #[inline]
    fn take(&mut self, n: usize) -> impl Iterator<Item = &'a mut T> {
        let (taken, left) = std::mem::take(self).split_at_mut(n);
        *self = left;
        taken.iter_mut()
    }

    #[inline]
    fn cut(&mut self, keep: usize) -> Self {
        let (kept, cut) = std::mem::take(self).split_at_mut(keep);
        *self = kept;
        cut
    }
}

impl Items for Range<usize> {}

// SAFETY: a range yields as many as its length, and a taken part is that long.
unsafe impl Divide for Range<usize> {
    type Item = usize;

    #[inline]
    fn len(&self) -> usize {
        ExactSizeIterator::len(self)
    }

    #[inline]
    fn take(&mut self, n: usize) -> impl Iterator<Item = usize> {
        let begin = self.start;
        self.start += n;
        begin..self.start
    }

    #[inline]
    fn cut(&mut self, keep: usize) -> Self {
        let middle = self.start + keep;
        let cut = middle..self.end;
        self.end = middle;
        cut
    }
}

macro_rules! as_slice {
    ($([$($generic:tt)*] $from:ty => $to:ty, $item:ty;)*) => {$(
        impl<$($generic)*> IntoItems for $from {
            type Items = $to;
            type Item = $item;

            #[inline]
            fn into_items(self) -> $to {
                self
            }
        }
    )*};
}

as_slice! {
    ['a, T: Sync] &'a Vec<T> => &'a [T], &'a T;
    ['a, T: Send] &'a mut Vec<T> => &'a mut [T], &'a mut T;
    ['a, T: Sync, const N: usize] &'a [T; N] => &'a [T], &'a T;
    ['a, T: Send, const N: usize] &'a mut [T; N] => &'a mut [T], &'a mut T;
}

/// The items of a vector, by value. The vector is empty afterwards, and keeps its memory.
///
/// Items that are not taken, because the operation panics or is stopped, are dropped with it.
///
/// # Examples
/// ```
/// use reweave_sched::par::{self, par_map};
///
/// let mut words = vec!["by".to_owned(), "value".to_owned()];
/// let bytes = par_map(par::drain(&mut words), String::into_bytes);
/// assert_eq!(bytes, [b"by".to_vec(), b"value".to_vec()]);
/// assert!(words.is_empty());
/// ```
pub fn drain<T: Send>(items: &mut Vec<T>) -> Drain<'_, T> {
    let left = items.len();
    // SAFETY: no longer than it was; what it forgets belongs to the drain from now on.
    unsafe { items.set_len(0) };
    let next = NonNull::new(items.as_mut_ptr()).expect("a vector's pointer is not null");
    Drain { next, left, _items: PhantomData }
}

/// See [`drain`].
pub struct Drain<'a, T> {
    /// The next of the items that it owns, which follow each other in the memory of the vector.
    next: NonNull<T>,
    left: usize,
    _items: PhantomData<&'a mut [T]>,
}

// SAFETY: it owns its items, and nobody else has access to them.
unsafe impl<T: Send> Send for Drain<'_, T> {}

impl<T: Send> Items for Drain<'_, T> {}

// SAFETY: `take` pops so many, and each lowers `left`.
unsafe impl<T: Send> Divide for Drain<'_, T> {
    type Item = T;

    #[inline]
    fn len(&self) -> usize {
        self.left
    }

    #[inline]
    fn take(&mut self, n: usize) -> impl Iterator<Item = T> {
        (0..n).map(|_| self.pop())
    }

    #[inline]
    fn cut(&mut self, keep: usize) -> Self {
        // SAFETY: within the items, or at their end.
        let next = unsafe { self.next.add(keep) };
        let cut = Self { next, left: self.left - keep, _items: PhantomData };
        self.left = keep;
        cut
    }
}

impl<T> Drain<'_, T> {
    #[inline]
    fn pop(&mut self) -> T {
        debug_assert!(self.left > 0);
        let next = self.next;
        // SAFETY: within the items, or at their end.
        self.next = unsafe { next.add(1) };
        self.left -= 1;
        // SAFETY: it owned this one, and does not any more.
        unsafe { next.read() }
    }
}

impl<T> Drop for Drain<'_, T> {
    fn drop(&mut self) {
        let left = std::ptr::slice_from_raw_parts_mut(self.next.as_ptr(), self.left);
        // SAFETY: it owns them, and they follow each other.
        unsafe { left.drop_in_place() };
    }
}

impl<T> fmt::Debug for Drain<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Drain").field("left", &self.left).finish_non_exhaustive()
    }
}
