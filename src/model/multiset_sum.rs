//! [`MultisetSum`], which compares two large multisets in constant memory.

use std::hash::{BuildHasher, Hash, RandomState};

/// The keys of sums. Only sums with the same keys can be combined.
///
/// They are random, so no data is known in advance for which a difference would go unnoticed.
#[derive(Clone, Debug, Default)]
pub(crate) struct SumKeys(RandomState, RandomState);

/// The sum of the hashes of a multiset's values, in any order.
///
/// Added and removed values cancel each other. A sum that is zero then shows that the same values
/// were added and removed, except with a probability of about 2⁻¹²⁸.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct MultisetSum(u64, u64);

impl SumKeys {
    /// Returns the sum of one value.
    pub(crate) fn of(&self, value: impl Hash) -> MultisetSum {
        MultisetSum(self.0.hash_one(&value), self.1.hash_one(&value))
    }
}

impl MultisetSum {
    /// Adds the values of another sum, each this number of times.
    pub(crate) fn add(&mut self, other: Self, times: u64) {
        self.0 = self.0.wrapping_add(other.0.wrapping_mul(times));
        self.1 = self.1.wrapping_add(other.1.wrapping_mul(times));
    }

    /// Removes the values of another sum, each this number of times.
    pub(crate) fn remove(&mut self, other: Self, times: u64) {
        self.add(other, times.wrapping_neg());
    }

    /// Returns the sum of all pairs of a value of this sum and one of the other.
    pub(crate) fn pairs(self, other: Self) -> Self {
        Self(self.0.wrapping_mul(other.0), self.1.wrapping_mul(other.1))
    }

    /// Returns whether the same values were added and removed.
    pub(crate) fn is_zero(self) -> bool {
        self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_values_cancel_each_other_in_any_order() {
        let keys = SumKeys::default();
        let mut sum = MultisetSum::default();
        for number in 0..100_u32 {
            sum.add(keys.of(number), 3);
        }
        for number in (0..100_u32).rev() {
            sum.remove(keys.of(number), 1);
            sum.remove(keys.of(number), 2);
        }
        assert!(sum.is_zero());
    }

    #[test]
    fn each_difference_shows() {
        let keys = SumKeys::default();
        let sum = |values: &[u32]| {
            let mut sum = MultisetSum::default();
            for value in values {
                sum.add(keys.of(value), 1);
            }
            sum
        };
        let all = sum(&[1, 2, 3]);
        for other in [&[1, 2][..], &[1, 2, 4], &[1, 2, 3, 3], &[], &[1, 1, 3]] {
            let mut difference = all;
            difference.remove(sum(other), 1);
            assert!(!difference.is_zero(), "{other:?}");
        }
    }

    #[test]
    fn pairs_of_sums_are_the_sum_of_pairs() {
        let keys = SumKeys::default();
        let (mut one, mut other) = (keys.of(1), keys.of("a"));
        one.add(keys.of(2), 1);
        other.add(keys.of("b"), 1);
        let mut pairs = one.pairs(other);
        for number in [1, 2] {
            for text in ["a", "b"] {
                pairs.remove(keys.of(number).pairs(keys.of(text)), 1);
            }
        }
        assert!(pairs.is_zero());
    }
}
