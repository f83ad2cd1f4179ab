//! Values as machine words: in place where the type allows it, otherwise behind a pointer.
//!
//! A variable holds one word. For the plain primitives that fit it, the word *is* the value: reading copies it, replacing
//! it allocates nothing and leaves nothing to reclaim. Every other type lives in a box of its own that is never written again; the
//! word is its address, replacing it retires the old box, and a reader borrows the value for as long as it is announced.
//!
//! Which of the two holds is a property of the type, decided at compile time. Only types without padding, without niches
//! that a stray bit pattern could violate in flight, and without `Drop` are kept in place; a word is always written and read
//! whole, so no reader ever sees half of one.

use std::any::TypeId;
use std::mem::{ManuallyDrop, size_of};
use std::ptr;

use reweave_core::seeded;
use reweave_core::sync::UnsafeCell;

/// A value of a variable: its bits (without provenance), or the address of the box that holds it.
pub(crate) type Word = *mut ();

/// Destroys what a word stands for.
pub(crate) type Destroy = unsafe fn(Word);

/// Whether values of `T` are kept in place. A constant in optimised code.
#[inline(always)]
pub(crate) fn in_place<T: 'static>() -> bool {
    macro_rules! is_one_of {
        ($($plain:ty),*) => { $(TypeId::of::<T>() == TypeId::of::<$plain>())||* };
    }
    size_of::<T>() <= size_of::<Word>()
        && is_one_of!(u8, u16, u32, u64, usize, i8, i16, i32, i64, isize, f32, f64, bool, char, ())
}

/// The box of a value that is not kept in place. The facade's cell makes loom watch over its lifetime.
type Payload<T> = UnsafeCell<T>;

/// Turns a value into a word, which owns it from now on.
#[inline(always)]
pub(crate) fn encode<T: 'static>(value: T) -> Word {
    if in_place::<T>() {
        let value = ManuallyDrop::new(value);
        let mut bits = 0_usize;
        // SAFETY: an in-place type fits a word and has no padding, so all of its bytes are initialised.
        unsafe {
            ptr::copy_nonoverlapping((&raw const value).cast::<u8>(), (&raw mut bits).cast::<u8>(), size_of::<T>());
        }
        ptr::without_provenance_mut(bits)
    } else {
        Box::into_raw(Box::new(Payload::new(value))).cast()
    }
}

/// Lends out the value of a word.
///
/// # Safety
/// `word` came from `encode::<T>`, and what it owns is not destroyed before `use_value` returns.
#[inline(always)]
pub(crate) unsafe fn borrow<T: 'static, R>(word: Word, use_value: impl FnOnce(&T) -> R) -> R {
    if in_place::<T>() {
        let bits = word.addr();
        // SAFETY: the first bytes of `bits` are those of the value that `encode` copied, and `T` is plain data.
        let value = unsafe { ptr::read((&raw const bits).cast::<T>()) };
        use_value(&value)
    } else {
        // SAFETY: by the caller the box is alive; nobody writes to it, and nobody else frees it meanwhile.
        unsafe { (*word.cast::<Payload<T>>()).with(|value| use_value(&*value)) }
    }
}

/// How to destroy a word of type `T`; `None` if there is nothing to do.
#[inline(always)]
pub(crate) fn destroyer<T: 'static>() -> Option<Destroy> {
    /// # Safety
    /// `word` came from `encode::<T>` for a type that is not kept in place, and nobody uses it any more.
    unsafe fn destroy<T>(word: Word) {
        let payload = word.cast::<Payload<T>>();
        // Through the cell, so that loom sees an access: one that overlaps a reader's is a use after free.
        // SAFETY: the word came from `encode::<T>` for a type that is not kept in place, and is destroyed once.
        unsafe { (*payload).with_mut(|value| ptr::drop_in_place(value)) };
        if seeded("stm/free-without-grace") {
            return; // A reader that comes too late should fail by its assertion, not by a fault.
        }
        // SAFETY: the value is gone; what is left is the memory of its box.
        drop(unsafe { Box::from_raw(payload.cast::<ManuallyDrop<Payload<T>>>()) });
    }
    if in_place::<T>() { None } else { Some(destroy::<T>) }
}

#[cfg(all(test, not(any(reweave_loom, reweave_shuttle))))]
mod tests {
    use super::*;

    fn round_trip<T: Clone + PartialEq + std::fmt::Debug + 'static>(value: T) {
        let word = encode(value.clone());
        // SAFETY: just encoded, destroyed below.
        unsafe { borrow::<T, _>(word, |seen| assert_eq!(*seen, value)) };
        if let Some(destroy) = destroyer::<T>() {
            // SAFETY: the only owner.
            unsafe { destroy(word) };
        }
    }

    #[test]
    fn every_value_survives_its_word() {
        round_trip(u8::MAX);
        round_trip(i16::MIN);
        round_trip(u64::MAX);
        round_trip(-1_isize);
        round_trip(f64::MIN_POSITIVE);
        round_trip(true);
        round_trip('\u{10ffff}');
        round_trip(());
        round_trip(u128::MAX);
        round_trip(String::from("behind a pointer"));
        round_trip(Some(3_u32));
        round_trip((1_u8, 2_u32));
    }

    #[test]
    fn only_plain_primitives_are_kept_in_place() {
        assert!(in_place::<i64>() && in_place::<bool>() && in_place::<()>());
        assert!(!in_place::<u128>(), "too large");
        assert!(!in_place::<(u8, u32)>(), "padding");
        assert!(!in_place::<std::num::NonZeroU32>(), "a niche");
        assert!(!in_place::<std::cell::Cell<u32>>(), "interior mutability");
        assert!(!in_place::<&'static str>() && !in_place::<Box<u8>>());
    }
}
