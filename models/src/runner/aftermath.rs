//! What a model has to tell about an execution that failed.
//!
//! A checker that finds a deadlock knows which threads wait, not what they were about. A model that does leaves word
//! before it starts. The panic hook prints it behind the checker's own message, before anything unwinds, as a failure
//! under loom often aborts the process. Once the checker is gone, if it goes in peace, the model may pursue the failure
//! in smaller programs.

use std::sync::{Mutex, PoisonError};

use super::on_a_deep_stack;

/// Makes of the message of a failure what is to be printed.
pub(super) type Say = Box<dyn FnOnce(&str) -> String + Send>;

/// What a model tells, and how it goes on.
struct Word {
    tell: Say,
    pursue: Say,
}

static WORD: Mutex<Option<Word>> = Mutex::new(None);
static PURSUIT: Mutex<Option<Say>> = Mutex::new(None);

/// Leaves word for the case that this execution fails: both closures are given the message of the failure, and what
/// they return is printed.
///
/// `tell` is called at once, on a deep stack; `pursue` after the checker has ended, so it may
/// [`search`](super::search), but under loom most failures leave no chance for it. Neither uses the facade. Word left
/// by an earlier execution is forgotten. The checkers do not see the call.
pub fn leave_word(
    tell: impl FnOnce(&str) -> String + Send + 'static,
    pursue: impl FnOnce(&str) -> String + Send + 'static,
) {
    replace(&WORD, Some(Word { tell: Box::new(tell), pursue: Box::new(pursue) }));
}

/// Takes back the word that was left: the execution went well.
pub fn take_word_back() {
    replace(&WORD, None);
}

/// What there is to tell of the execution that has failed with this message. The pursuit is laid ready.
pub(super) fn told(message: &str) -> Option<String> {
    let word = replace(&WORD, None)?;
    replace(&PURSUIT, Some(word.pursue));
    let text = on_a_deep_stack(|| (word.tell)(message));
    (!text.is_empty()).then_some(text)
}

/// The pursuit, if one was laid ready.
#[cfg_attr(not(reweave_shuttle), allow(dead_code))]
pub(super) fn pursuit() -> Option<Say> {
    replace(&PURSUIT, None)
}

/// The message of a panic.
pub(super) fn message(panic: &(dyn std::any::Any + Send)) -> &str {
    reweave_core::panic_text(panic).unwrap_or("a panic without a message")
}

fn replace<T>(slot: &Mutex<Option<T>>, with: Option<T>) -> Option<T> {
    std::mem::replace(&mut *slot.lock().unwrap_or_else(PoisonError::into_inner), with)
}
