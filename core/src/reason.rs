//! Why something was closed, cancelled or refused: a text that travels with the error. And the text of a panic.

use std::any::Any;
use std::borrow::Cow;
use std::fmt;

/// A short text that says why: `"the user pressed Ctrl-C"`, `"shard 3 moved away"`.
///
/// # Examples
/// ```
/// use reweave_core::Reason;
///
/// let fixed: Reason = "no more input".into();
/// let made: Reason = format!("shard {} moved away", 3).into();
/// assert_eq!(fixed.to_string(), "no more input");
/// assert_eq!(made.as_str(), "shard 3 moved away");
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Reason(Cow<'static, str>);

impl Reason {
    /// A fixed text, for constants.
    pub const fn fixed(text: &'static str) -> Self {
        Self(Cow::Borrowed(text))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&'static str> for Reason {
    fn from(text: &'static str) -> Self {
        Self::fixed(text)
    }
}

impl From<String> for Reason {
    fn from(text: String) -> Self {
        Self(Cow::Owned(text))
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

/// The text that a panic carries: that of `panic!` and of failed assertions. `None` for any other payload.
///
/// # Examples
/// ```
/// use reweave_core::panic_text;
///
/// let panic = std::panic::catch_unwind(|| panic!("shard {} is gone", 3)).unwrap_err();
/// assert_eq!(panic_text(&*panic), Some("shard 3 is gone"));
/// ```
pub fn panic_text(panic: &(dyn Any + Send)) -> Option<&str> {
    panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str))
}
