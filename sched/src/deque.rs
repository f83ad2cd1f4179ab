//! A deque for one owner and many thieves: the owner pushes and pops at one end, thieves steal at the other.
//!
//! It is Chase and Lev's. The items stand in a ring of atomic words between two counters: `top`, where thieves take the
//! oldest, and `bottom`, where the owner puts and takes the newest. Items of a machine word each, in atomics, make every
//! access one that a model checker sees, and none a data race.
//!
//! # Protocol
//!
//! | step | by | what |
//! |---|---|---|
//! | push | the owner | writes the item, then raises `bottom` by an exchange |
//! | pop | the owner | lowers `bottom` by an exchange, fence, reads `top`: above it, the item is the owner's |
//! | pop, of the last | the owner | as a thief: raises `top` by compare-and-swap; puts `bottom` back |
//! | steal | a thief | reads `top`, fence, reads `bottom` and the item, raises `top` by compare-and-swap |
//! | grow | the owner | copies what is between the counters into a ring of twice the size, then shows that one |
//!
//! # Invariants
//!
//! 1. *`top` only rises*, by one, by a compare-and-swap; whoever raises it from `t` has item `t`. So no two thieves, and no
//!    thief and owner that pops as a thief, take the same.
//! 2. *The owner takes item `b` without a compare-and-swap only if `top < b` after it has lowered `bottom` to `b`.* A thief that
//!    will take `b` has read `bottom > b` after it read `top = b`. Between the owner's two steps and between the thief's two
//!    there is a sequentially consistent fence: so either the owner sees `top = b`, or the thief sees `bottom = b`.
//! 3. *A thief reads a word that was written for item `t`, or fails*: the owner reuses the place of `t` only after it has
//!    read `top > t`, and then the thief's compare-and-swap from `t` fails.
//! 4. *A ring that has been shown is kept until the deque goes*, for a thief may be reading it. All of them together are
//!    smaller than twice the last.
//!
//! A push is a read-modify-write because whoever pushes has to look for sleepers next: one
//! locked instruction serves as the fence of both.
//!
//! # Costs, on x86-64
//! A push is one locked exchange, a pop as well, and of the last item one more; a steal is one compare-and-swap, and a miss for each
//! of the two counters and the item. `top` is read by the owner at a pop, and at a push only if the ring looks full by what it
//! last knew. Nothing allocates but growing.
//!
//! # Sources
//! Chase and Lev, *Dynamic Circular Work-Stealing Deque* (SPAA 2005); the orderings are those of Lê, Pop, Cohen and Zappa Nardelli, *Correct
//! and Efficient Work-Stealing for Weak Memory Models* (PPoPP 2013), with exchanges in place of stores before the fences.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::ptr::NonNull;

use crossbeam_utils::CachePadded;
use reweave_core::seeded;
use reweave_core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use reweave_core::sync::{MODELLED, fence_after_load, fence_after_rmw, hint};

#[cfg(all(test, not(any(reweave_loom, reweave_shuttle))))]
mod tests;

/// How many items a deque has room for at first. A power of two.
const ROOM: usize = if MODELLED { 2 } else { 64 };

/// What can stand in a deque: something that fits a pointer which is not null.
///
/// # Safety
/// [`from_word`](Word::from_word) gives back what [`into_word`](Word::into_word) was given, in any thread.
pub unsafe trait Word: Send {
    /// As a word.
    fn into_word(self) -> NonNull<()>;

    /// From its word.
    ///
    /// # Safety
    /// The word is from [`into_word`](Word::into_word), and is turned back once.
    unsafe fn from_word(word: NonNull<()>) -> Self;
}

// SAFETY: a box is its pointer.
unsafe impl<T: Send> Word for Box<T> {
    fn into_word(self) -> NonNull<()> {
        NonNull::from(Box::leak(self)).cast()
    }

    unsafe fn from_word(word: NonNull<()>) -> Self {
        // SAFETY: by the contract the pointer is from `into_word`, and nobody else turns it back.
        unsafe { Self::from_raw(word.cast().as_ptr()) }
    }
}

/// What came of an attempt to steal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Steal<T> {
    /// The oldest item.
    Taken(T),
    /// There was nothing.
    Empty,
    /// Somebody else took the item that this attempt was about; there may be more.
    Lost,
}

/// The deque. See the [module](self).
pub struct Deque<T: Word> {
    /// The oldest item's number. Thieves write it.
    top: CachePadded<Counter>,
    /// One above the newest item's number. The owner writes it.
    bottom: CachePadded<Counter>,
    /// The ring in use.
    ring: AtomicPtr<Ring>,
    /// The owner's: a number that `top` has reached.
    top_seen: Cell<isize>,
    _items: PhantomData<T>,
}

// SAFETY: items are handed from thread to thread (`Word: Send`), each to one (invariants 1 and 2). `top_seen` is the owner's.
unsafe impl<T: Word> Send for Deque<T> {}
// SAFETY: as above.
unsafe impl<T: Word> Sync for Deque<T> {}

/// A number of an item. Signed, for the owner lowers `bottom` below `top` for a moment.
struct Counter(AtomicUsize);

impl Counter {
    fn new() -> Self {
        Self(AtomicUsize::new(0))
    }

    #[inline]
    fn load(&self, order: Ordering) -> isize {
        self.0.load(order) as isize
    }

    #[inline]
    fn store(&self, number: isize, order: Ordering) {
        self.0.store(number as usize, order);
    }

    #[inline]
    fn swap(&self, number: isize, order: Ordering) {
        self.0.swap(number as usize, order);
    }

    /// Raises it by one if it is `number`.
    #[inline]
    fn raise(&self, number: isize, success: Ordering) -> bool {
        let raised = (number + 1) as usize;
        self.0.compare_exchange(number as usize, raised, success, Ordering::Relaxed).is_ok()
    }
}

/// Places for items, and the ring before this one.
struct Ring {
    places: Box<[AtomicPtr<()>]>,
    previous: *mut Ring,
}

impl Ring {
    fn new(room: usize, previous: *mut Self) -> *mut Self {
        let places = (0..room).map(|_| AtomicPtr::new(std::ptr::null_mut())).collect();
        Box::into_raw(Box::new(Self { places, previous }))
    }

    /// How many items there is room for.
    #[inline]
    fn room(&self) -> isize {
        self.places.len() as isize + isize::from(seeded("deque/overwrite-oldest"))
    }

    /// The place of an item.
    #[inline]
    fn place(&self, number: isize) -> &AtomicPtr<()> {
        // The length is a power of two.
        &self.places[number as usize & (self.places.len() - 1)]
    }
}

impl<T: Word> Deque<T> {
    /// An empty deque.
    pub fn new() -> Self {
        Self {
            top: CachePadded::new(Counter::new()),
            bottom: CachePadded::new(Counter::new()),
            ring: AtomicPtr::new(Ring::new(ROOM, std::ptr::null_mut())),
            top_seen: Cell::new(0),
            _items: PhantomData,
        }
    }

    /// Puts an item at the owner's end. A full fence: what the caller reads next, it reads after the item can be stolen, given a
    /// [`fence_after_rmw`] between.
    ///
    /// # Safety
    /// The caller is the owner: no other thread pushes or pops at the same time.
    #[inline]
    pub unsafe fn push(&self, item: T) {
        let bottom = self.bottom.load(Ordering::Relaxed);
        // Relaxed: written by the owner only.
        // SAFETY: the ring in use lives as long as the deque.
        let mut ring = unsafe { &*self.ring.load(Ordering::Relaxed) };
        if bottom - self.top_seen.get() >= ring.room() {
            ring = self.make_room(bottom, ring);
        }
        ring.place(bottom).store(item.into_word().as_ptr(), Ordering::Relaxed);
        // Release publishes the item, and what it points to, to the thief that reads `bottom`.
        let order = if seeded("deque/relaxed-push") { Ordering::Relaxed } else { Ordering::AcqRel };
        self.bottom.swap(bottom + 1, order);
    }

    /// A ring with room for one more. By the owner.
    #[cold]
    fn make_room<'a>(&'a self, bottom: isize, ring: &'a Ring) -> &'a Ring {
        // Acquire: a place is used again only after the thief that raised `top` above it has read it.
        let top = self.top.load(Ordering::Acquire);
        self.top_seen.set(top);
        if bottom - top < ring.room() {
            return ring;
        }
        // The pointer itself, and not one made of the reference: the ring will be freed by it.
        let larger = Ring::new(2 * ring.places.len(), self.ring.load(Ordering::Relaxed));
        // SAFETY: just made.
        let copy = unsafe { &*larger };
        for number in top..bottom {
            let word = ring.place(number).load(Ordering::Relaxed);
            if !seeded("deque/grow-without-copy") || number == top {
                copy.place(number).store(word, Ordering::Relaxed);
            }
        }
        // Release publishes the copies.
        let order = if seeded("deque/relaxed-grow") { Ordering::Relaxed } else { Ordering::Release };
        self.ring.store(larger, order);
        copy
    }

    /// Takes the newest item.
    ///
    /// # Safety
    /// The caller is the owner: no other thread pushes or pops at the same time.
    #[inline]
    pub unsafe fn pop(&self) -> Option<T> {
        let bottom = self.bottom.load(Ordering::Relaxed) - 1;
        // `top` only rises, so one that has been reached will do to see that nothing is there.
        if bottom < self.top.load(Ordering::Relaxed) {
            return None;
        }
        self.bottom.swap(bottom, Ordering::AcqRel);
        if !seeded("deque/pop-without-fence") {
            fence_after_rmw();
        }
        let top = self.top.load(Ordering::Relaxed);
        if top > bottom {
            // Release: see below.
            self.bottom.store(bottom + 1, Ordering::Release);
            return None;
        }
        // SAFETY: the ring in use lives as long as the deque.
        let word = unsafe { &*self.ring.load(Ordering::Relaxed) }.place(bottom).load(Ordering::Relaxed);
        if top == bottom {
            let taken = seeded("deque/last-without-contest") || self.raise_top(top);
            // Release: a thief that reads this value, as if it were a push's, will read items of pushes before it.
            self.bottom.store(bottom + 1, Ordering::Release);
            if !taken {
                return None;
            }
        }
        // SAFETY: the item is ours (invariants 1 and 2), and was pushed here.
        Some(unsafe { Self::item(word) })
    }

    /// Takes the oldest item. For any thread, the owner too.
    pub fn steal(&self) -> Steal<T> {
        let top = self.top.load(Ordering::Acquire);
        if !seeded("deque/steal-without-fence") {
            fence_after_load();
        }
        // Acquire pairs with the release of the push.
        let order = if seeded("deque/steal-relaxed") { Ordering::Relaxed } else { Ordering::Acquire };
        let bottom = self.bottom.load(order);
        if top >= bottom {
            return Steal::Empty;
        }
        // Acquire pairs with the release of `make_room`.
        // SAFETY: a ring that has been shown is kept (invariant 4).
        let place = unsafe { &*self.ring.load(Ordering::Acquire) }.place(top);
        let mut word = place.load(Ordering::Relaxed);
        if seeded("deque/steal-without-contest") {
            self.top.store(top + 1, Ordering::Release);
        } else if !self.raise_top(top) {
            return Steal::Lost;
        }
        if seeded("deque/read-after-raise") {
            word = place.load(Ordering::Relaxed);
        }
        // SAFETY: the item is ours (invariant 1), and was pushed here (invariant 3).
        Steal::Taken(unsafe { Self::item(word) })
    }

    /// As [`steal`](Self::steal), and tries again where it lost; `None` if there is nothing.
    pub fn steal_one(&self) -> Option<T> {
        loop {
            match self.steal() {
                Steal::Taken(item) => return Some(item),
                Steal::Empty => return None,
                // Whoever won has taken an item, so the deque has come closer to empty.
                Steal::Lost => hint::spin_loop(),
            }
        }
    }

    /// Contends for the item of this number.
    fn raise_top(&self, top: isize) -> bool {
        // Release pairs with the acquire in `make_room` and in `len`; acquire, so that a thief's next steps come after it has
        // taken the item.
        self.top.raise(top, Ordering::AcqRel)
    }

    /// # Safety
    /// The word is of an item that is the caller's.
    unsafe fn item(word: *mut ()) -> T {
        let word = NonNull::new(word).expect("a place between the counters holds an item");
        // SAFETY: passed on to the caller.
        unsafe { T::from_word(word) }
    }

    /// How many items there are, if nobody changes them meanwhile. Otherwise it may be too many; it is zero only if at some
    /// moment during the call every item had been taken or was being taken. Two loads.
    #[inline]
    pub fn len(&self) -> usize {
        if seeded("deque/bottom-first") {
            let bottom = self.bottom.load(Ordering::Relaxed);
            return usize::try_from(bottom - self.top.load(Ordering::Relaxed)).unwrap_or(0);
        }
        // `top` first, as a thief does: read second, it may have passed the `bottom` that was read, with items there all the
        // time. Acquire, so that `bottom` is not older than the `top` that was read; it pairs with the release in `raise_top`.
        let top = self.top.load(Ordering::Acquire);
        let bottom = self.bottom.load(Ordering::Relaxed);
        usize::try_from(bottom - top).unwrap_or(0)
    }

    /// Whether there are none; as [`len`](Self::len).
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T: Word> Default for Deque<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Word> Drop for Deque<T> {
    fn drop(&mut self) {
        // SAFETY: `&mut self` is the owner.
        while let Some(item) = unsafe { self.pop() } {
            drop(item);
        }
        let mut ring = self.ring.load(Ordering::Relaxed);
        while !ring.is_null() {
            // SAFETY: made by `Ring::new`, freed here only, and nobody steals any more.
            ring = unsafe { Box::from_raw(ring) }.previous;
        }
    }
}

impl<T: Word> fmt::Debug for Deque<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deque").field("len", &self.len()).finish_non_exhaustive()
    }
}
