//! Skewed choices: Zipf's distribution, drawn in constant time.
//!
//! Of `n` items the one of rank *k* is drawn with a probability proportional to `1 / k^theta`: with `theta` 0 all are
//! equal, with 1 the most popular of 1,024 gets 13 % of the draws. Ranks are dealt to the items at random, since
//! popular items that lie side by side would share cache lines, which is another experiment.
//!
//! The method is the alias method (A. J. Walker 1977; the construction in linear time is M. D. Vose's of 1991): the
//! probabilities are cut into `n` slots of equal size, each shared by at most two items, so that a draw is one random
//! number, one look-up and one comparison, and exact up to the 32 bits of the coin.

/// A table to draw from.
#[derive(Debug, Clone)]
pub struct Zipf {
    slots: Vec<Slot>,
}

/// One of `n` equal shares of the probability.
#[derive(Debug, Clone, Copy)]
struct Slot {
    /// A coin below this chooses the slot's own item, any other the alias.
    own: u32,
    /// The item that fills the rest of the slot.
    alias: u32,
}

impl Zipf {
    /// A table for `items` items (at most 2^32) whose ranks are dealt by `seed`.
    pub fn new(items: usize, theta: f64, seed: u64) -> Self {
        let mut ranks: Vec<usize> = (1..=items).collect();
        fastrand::Rng::with_seed(seed).shuffle(&mut ranks);
        let mut shares: Vec<f64> = ranks.iter().map(|&rank| (rank as f64).powf(-theta)).collect();
        let total: f64 = shares.iter().sum();
        // In units of a slot: 1.0 fills one exactly.
        shares.iter_mut().for_each(|share| *share *= items as f64 / total);

        // A slot that its own item fills needs no alias, and that is what rounding leaves over at the end.
        let mut slots: Vec<Slot> = (0..items).map(|item| Slot { own: u32::MAX, alias: item as u32 }).collect();
        let (mut small, mut large): (Vec<usize>, Vec<usize>) = (0..items).partition(|&item| shares[item] < 1.0);
        while let (Some(poor), Some(&rich)) = (small.pop(), large.last()) {
            slots[poor] = Slot { own: (shares[poor] * 2_f64.powi(32)) as u32, alias: rich as u32 };
            shares[rich] -= 1.0 - shares[poor];
            if shares[rich] < 1.0 {
                large.pop();
                small.push(rich);
            }
        }
        Self { slots }
    }

    /// Draws an item.
    #[inline]
    pub fn draw(&self, rng: &mut fastrand::Rng) -> usize {
        let bits = rng.u64(..);
        // The high half, scaled to the number of slots, chooses one; the low half is the coin.
        let index = (((bits >> 32) * self.slots.len() as u64) >> 32) as usize;
        let slot = self.slots[index];
        if (bits as u32) < slot.own { index } else { slot.alias as usize }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The probability of each item that the table stands for, most popular first.
    fn probabilities(zipf: &Zipf) -> Vec<f64> {
        let n = zipf.slots.len() as f64;
        let mut sums = vec![0.0; zipf.slots.len()];
        for (item, slot) in zipf.slots.iter().enumerate() {
            let own = f64::from(slot.own) / 2_f64.powi(32);
            sums[item] += own / n;
            sums[slot.alias as usize] += (1.0 - own) / n;
        }
        sums.sort_by(|a, b| b.total_cmp(a));
        sums
    }

    #[test]
    fn the_table_stands_for_zipfs_probabilities() {
        for (items, theta) in [(1, 1.0), (2, 0.5), (10, 0.0), (1024, 0.99), (1000, 2.0)] {
            let total: f64 = (1..=items).map(|rank| f64::from(rank).powf(-theta)).sum();
            for (index, p) in probabilities(&Zipf::new(items as usize, theta, 7)).iter().enumerate() {
                let wanted = (index as f64 + 1.0).powf(-theta) / total;
                assert!((p - wanted).abs() < 1e-8, "{items} items, theta {theta}, rank {}: {p}", index + 1);
            }
        }
    }

    #[test]
    fn draws_stay_in_range_and_favour_the_popular() {
        let zipf = Zipf::new(100, 1.0, 3);
        let mut rng = fastrand::Rng::with_seed(9);
        let mut counts = vec![0_u32; 100];
        for _ in 0..100_000 {
            counts[zipf.draw(&mut rng)] += 1;
        }
        counts.sort_unstable();
        // Expected: 19,277 and 193.
        assert!((18_000..20_500).contains(&counts[99]), "{}", counts[99]);
        assert!((100..300).contains(&counts[0]), "{}", counts[0]);
    }

    #[test]
    fn the_seed_decides_who_is_popular() {
        let popular = |seed| {
            let zipf = Zipf::new(1000, 2.0, seed);
            let mut rng = fastrand::Rng::with_seed(1);
            let mut counts = vec![0; 1000];
            (0..2000).for_each(|_| counts[zipf.draw(&mut rng)] += 1);
            (0..1000).max_by_key(|&item| counts[item])
        };
        assert_eq!(popular(1), popular(1));
        assert_ne!(popular(1), popular(2));
    }
}
