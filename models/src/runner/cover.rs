//! Cover points: proof that the executions went where the model meant them to go.
//!
//! A property over nothing holds. A model marks the situations that it is about, and a run that never reached one of
//! them fails as vacuous.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

static REACHED: Mutex<BTreeMap<&'static str, u64>> = Mutex::new(BTreeMap::new());

/// Marks that an execution reached the situation named.
///
/// Neither loom nor shuttle sees the call: it is no scheduling point and orders nothing.
pub fn cover(point: &'static str) {
    let mut reached = REACHED.lock().unwrap_or_else(PoisonError::into_inner);
    *reached.entry(point).or_insert(0) += 1;
}

/// How often each point was reached so far.
pub(super) fn reached() -> BTreeMap<String, u64> {
    let reached = REACHED.lock().unwrap_or_else(PoisonError::into_inner);
    reached.iter().map(|(point, times)| ((*point).to_owned(), *times)).collect()
}
