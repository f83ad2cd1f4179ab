//! Thread-local storage under all three backends.

/// Declares a thread-local variable, as [`std::thread_local!`] does.
///
/// `const { .. }` initialisers are used as such under std, where they save the check for initialisation, and evaluated
/// lazily under a model checker, whose types have no const constructors.
#[doc(hidden)]
#[macro_export]
macro_rules! __thread_local {
    ($(#[$attr:meta])* $vis:vis static $name:ident: $t:ty = const { $init:expr };) => {
        $crate::__thread_local_const!($(#[$attr])* $vis static $name: $t = $init);
    };
    ($(#[$attr:meta])* $vis:vis static $name:ident: $t:ty = $init:expr;) => {
        $crate::sync::raw_thread_local! { $(#[$attr])* $vis static $name: $t = $init; }
    };
}

#[cfg(not(any(reweave_loom, reweave_shuttle)))]
#[doc(hidden)]
#[macro_export]
macro_rules! __thread_local_const {
    ($(#[$attr:meta])* $vis:vis static $name:ident: $t:ty = $init:expr) => {
        $crate::sync::raw_thread_local! { $(#[$attr])* $vis static $name: $t = const { $init }; }
    };
}

#[cfg(any(reweave_loom, reweave_shuttle))]
#[doc(hidden)]
#[macro_export]
macro_rules! __thread_local_const {
    ($(#[$attr:meta])* $vis:vis static $name:ident: $t:ty = $init:expr) => {
        $crate::sync::raw_thread_local! { $(#[$attr])* $vis static $name: $t = $init; }
    };
}

#[doc(inline)]
pub use crate::__thread_local as thread_local;
