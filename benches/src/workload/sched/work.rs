//! What tasks and items are made of: arithmetic that takes its time, with a result that can be checked.

/// A number that has nothing to do with `x`, except that it follows from it: a few nanoseconds.
#[inline]
pub(super) fn mix(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// The same in so many steps, each of which needs the one before: a nanosecond or two each.
#[inline]
pub(super) fn churn(x: u64, steps: u32) -> u64 {
    (0..steps).fold(x, |x, _| (x ^ (x >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_told_apart() {
        let mixed: std::collections::HashSet<u64> = (0..1000).map(mix).collect();
        assert_eq!(mixed.len(), 1000);
        assert_eq!(churn(7, 0), 7);
        assert_ne!(churn(7, 1), churn(8, 1));
        assert_ne!(churn(7, 1), churn(7, 2));
    }
}
