//! A map that many threads use at once: dashmap's, or under the checkers, which cannot see into it, one under a lock.
//!
//! Only operations that take a value out, or a copy of it: no guard of a shard is held while anything else is done, which under a
//! checker might not return. The contract of dashmap that the stand-in keeps: each operation on one key is atomic, and
//! [`values`](ShardedMap::values) yields each value that is there during the whole call.

use std::fmt;
use std::hash::Hash;

#[cfg(not(any(reweave_loom, reweave_shuttle)))]
type Inner<K, V> = dashmap::DashMap<K, V>;
#[cfg(any(reweave_loom, reweave_shuttle))]
type Inner<K, V> = super::Mutex<std::collections::BTreeMap<K, V>>;

/// A map that is shared among threads: only values are taken out, or copies of them.
pub struct ShardedMap<K, V>(Inner<K, V>);

impl<K: Hash + Ord + Clone, V: Clone> ShardedMap<K, V> {
    /// An empty one.
    pub fn new() -> Self {
        Self(Inner::default())
    }

    /// Puts a value there; returns the one that was there before.
    pub fn insert(&self, key: K, value: V) -> Option<V> {
        #[cfg(not(any(reweave_loom, reweave_shuttle)))]
        return self.0.insert(key, value);
        #[cfg(any(reweave_loom, reweave_shuttle))]
        return self.0.lock().insert(key, value);
    }

    /// Takes a value out.
    pub fn remove(&self, key: &K) -> Option<V> {
        #[cfg(not(any(reweave_loom, reweave_shuttle)))]
        return self.0.remove(key).map(|(_, value)| value);
        #[cfg(any(reweave_loom, reweave_shuttle))]
        return self.0.lock().remove(key);
    }

    /// A copy of a value.
    pub fn get(&self, key: &K) -> Option<V> {
        #[cfg(not(any(reweave_loom, reweave_shuttle)))]
        return self.0.get(key).map(|value| value.clone());
        #[cfg(any(reweave_loom, reweave_shuttle))]
        return self.0.lock().get(key).cloned();
    }

    /// Copies of all values, in no particular order.
    pub fn values(&self) -> Vec<V> {
        #[cfg(not(any(reweave_loom, reweave_shuttle)))]
        return self.0.iter().map(|entry| entry.value().clone()).collect();
        #[cfg(any(reweave_loom, reweave_shuttle))]
        return self.0.lock().values().cloned().collect();
    }
}

impl<K: Hash + Ord + Clone, V: Clone> Default for ShardedMap<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K, V> fmt::Debug for ShardedMap<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShardedMap").finish_non_exhaustive()
    }
}
