//! Random choices from a seed.

/// A generator of random choices: the same seed gives the same choices, in every version of this project.
///
/// Models list seeds, and a seed must go on meaning the same scenario; so this is not a dependency's generator, whose
/// sequence may change with its version. The algorithm is SplitMix64 (Steele, Lea and Flood, "Fast splittable
/// pseudorandom number generators", OOPSLA 2014).
///
/// # Examples
/// ```
/// use reweave_models::histories::Random;
/// let (mut one, mut same) = (Random::new(7), Random::new(7));
/// assert_eq!(one.below(100), same.below(100));
/// assert_ne!(one.unique(), one.unique());
/// ```
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
    unique: u64,
}

impl Random {
    /// The choices of this seed.
    pub fn new(seed: u64) -> Self {
        Self { state: seed, unique: 0 }
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A number below `limit`, all equally likely (to one part in 2^64 / `limit`).
    ///
    /// # Panics
    /// When `limit` is zero.
    pub fn below(&mut self, limit: usize) -> usize {
        assert!(limit > 0, "there is no number below zero to choose");
        (self.bits() % limit as u64) as usize
    }

    /// One of the numbers from `least` to `most`, both included.
    ///
    /// # Panics
    /// When `most` is less than `least`.
    pub fn between(&mut self, least: usize, most: usize) -> usize {
        assert!(least <= most, "there is no number from {least} to {most} to choose");
        least + self.below(most - least + 1)
    }

    /// A number that this generator has not given before: 1, 2, 3 and so on.
    ///
    /// Values that occur once make a history tell more: it is clear which send a receive belongs to.
    pub fn unique(&mut self) -> u64 {
        self.unique += 1;
        self.unique
    }
}
