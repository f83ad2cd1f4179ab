//! Mapping: results are written straight to where they belong.
//!
//! All parts share the memory of the vector that is to be returned, each has the places of its own items, and owns the results that are
//! in them: if there is a panic, every part drops what it has written. At the end the parts are put together to one, which is the vector.

use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;

use super::divide::{Part, divide};
use super::items::Items;
use super::watch::Watch;

/// The results of `f`, in the order of the items; `None` if the watch has stopped it before all were there.
pub(super) fn map<I: Items, R: Send, W: Watch>(items: I, f: impl Fn(I::Item) -> R + Sync, watch: &W) -> Option<Vec<R>> {
    let all = items.len();
    let mut results: Vec<R> = Vec::with_capacity(all);
    let places = NonNull::new(results.as_mut_ptr()).expect("a vector's pointer is not null");
    if all > 0 {
        let made = divide(Mapping { items, f: &f, written: Written::none(places) }, watch);
        if made.count < all {
            return None;
        }
        std::mem::forget(made);
    }
    // SAFETY: the capacity is at least `all`, and so many have been written, from the first place on; nobody else owns them.
    unsafe { results.set_len(all) };
    Some(results)
}

/// A part of a mapping.
struct Mapping<'f, I, F, R> {
    items: I,
    f: &'f F,
    /// Right after these are the places for the results of `items`, which are this part's alone.
    written: Written<R>,
}

impl<I: Items, F: Fn(I::Item) -> R + Sync, R: Send> Part for Mapping<'_, I, F, R> {
    type Made = Written<R>;

    #[inline]
    fn left(&self) -> usize {
        self.items.len()
    }

    #[inline]
    fn advance(&mut self, n: usize) -> usize {
        let (f, n) = (self.f, n.min(self.items.len()));
        for item in self.items.take(n) {
            let result = f(item);
            // SAFETY: there is a place for each item (above), and `take` yields no more than there are (contract of `Divide`).
            unsafe { self.written.end().write(result) };
            self.written.count += 1;
        }
        n
    }

    fn cut(&mut self) -> Self {
        let keep = self.items.len().div_ceil(2);
        // SAFETY: the places of the kept items come first, and those of the others follow them.
        let places = unsafe { self.written.end().add(keep) };
        Self { items: self.items.cut(keep), f: self.f, written: Written::none(places) }
    }

    fn made(self) -> Written<R> {
        self.written
    }

    fn together(first: Written<R>, second: Written<R>) -> Written<R> {
        if first.end() != second.start {
            // The first was stopped, and nobody wants the second.
            return first;
        }
        let [first, second] = [first, second].map(ManuallyDrop::new);
        Written { start: first.start, count: first.count + second.count, _owned: PhantomData }
    }
}

/// Results that follow each other in memory which is somebody else's, and are dropped with this.
struct Written<R> {
    start: NonNull<R>,
    count: usize,
    _owned: PhantomData<R>,
}

// SAFETY: it owns the results.
unsafe impl<R: Send> Send for Written<R> {}

impl<R> Written<R> {
    fn none(places: NonNull<R>) -> Self {
        Self { start: places, count: 0, _owned: PhantomData }
    }

    /// The place after the last.
    #[inline]
    fn end(&self) -> NonNull<R> {
        // SAFETY: within the memory, or at its end.
        unsafe { self.start.add(self.count) }
    }
}

impl<R> Drop for Written<R> {
    fn drop(&mut self) {
        let written = std::ptr::slice_from_raw_parts_mut(self.start.as_ptr(), self.count);
        // SAFETY: they have been written, and are owned.
        unsafe { written.drop_in_place() };
    }
}
