//! The rules for the next version number, as pure functions of the numbers that a prompt has used.
//!
//! Deleted versions count too: a number that was written down somewhere must never refer to another
//! version. All rules return `None` when the 32 bits of a number are used up.

use crate::model::version_number::VersionNumber;

/// Returns the next minor: the base's major, and that major's highest minor ever + 1.
///
/// The minor follows the highest one, not the base's, because a newer minor of that major may exist
/// already.
pub(crate) fn next_minor(base: VersionNumber, highest_minor_ever: u32) -> Option<VersionNumber> {
    let minor = highest_minor_ever.max(base.minor).checked_add(1)?;
    Some(VersionNumber::new(base.major, minor))
}

/// Returns the next major: the prompt's highest major ever + 1, and minor 0.
///
/// The number is `first` for a prompt that never had a version.
pub(crate) fn next_major(
    highest_major_ever: Option<u32>,
    first: VersionNumber,
) -> Option<VersionNumber> {
    match highest_major_ever {
        Some(highest) => Some(VersionNumber::new(highest.checked_add(1)?, 0)),
        None => Some(first),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    const FIRST: VersionNumber = VersionNumber::new(1, 0);

    #[test]
    fn a_minor_follows_the_highest_minor_of_its_bases_major() {
        let base = VersionNumber::new(2, 1);
        assert_eq!(next_minor(base, 1), Some(VersionNumber::new(2, 2)));
        assert_eq!(next_minor(base, 7), Some(VersionNumber::new(2, 8)));
    }

    #[test]
    fn a_major_follows_the_highest_major() {
        assert_eq!(next_major(Some(2), FIRST), Some(VersionNumber::new(3, 0)));
        assert_eq!(next_major(Some(0), FIRST), Some(VersionNumber::new(1, 0)));
    }

    #[test]
    fn the_first_version_has_the_first_number_of_the_store() {
        for first in [FIRST, VersionNumber::new(0, 0)] {
            assert_eq!(next_major(None, first), Some(first));
        }
    }

    #[test]
    fn the_last_number_has_no_successor() {
        assert_eq!(next_minor(FIRST, u32::MAX), None);
        assert_eq!(next_major(Some(u32::MAX), FIRST), None);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Minor { base: prop::sample::Index },
        Major,
        Delete { version: prop::sample::Index },
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => any::<prop::sample::Index>().prop_map(|base| Step::Minor { base }),
            1 => Just(Step::Major),
            2 => any::<prop::sample::Index>().prop_map(|version| Step::Delete { version }),
        ]
    }

    proptest! {
        #[test]
        fn no_number_is_assigned_twice(
            zero_first in any::<bool>(),
            steps in prop::collection::vec(step(), 1..80),
        ) {
            let first = if zero_first { VersionNumber::new(0, 0) } else { FIRST };
            let mut live: Vec<VersionNumber> = Vec::new();
            let mut given = BTreeSet::new();
            let mut highest: BTreeMap<u32, u32> = BTreeMap::new();
            for step in steps {
                let next = match step {
                    Step::Delete { version } => {
                        if !live.is_empty() {
                            live.swap_remove(version.index(live.len()));
                        }
                        continue;
                    }
                    Step::Minor { base } if !live.is_empty() => {
                        let base = live[base.index(live.len())];
                        next_minor(base, highest[&base.major])
                    }
                    Step::Minor { .. } | Step::Major => {
                        next_major(highest.keys().next_back().copied(), first)
                    }
                };
                let next = next.unwrap();
                prop_assert!(given.insert(next), "{next} was assigned before");
                live.push(next);
                let minor = highest.entry(next.major).or_default();
                *minor = next.minor.max(*minor);
            }
        }
    }
}
