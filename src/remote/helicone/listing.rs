//! Lists of versions, which the live service cuts after 50.

use std::collections::{BTreeMap, HashSet};

use super::records::ServiceVersion;
use crate::VersionId;

/// The number of versions after which the live service cuts a list.
pub(super) const CUT_AFTER: usize = 50;

/// The versions of a prompt, and those that the service may have withheld.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::remote) struct VersionListing {
    /// In commit order.
    pub(in crate::remote) versions: Vec<ServiceVersion>,
    /// The numbers that may be missing.
    pub(in crate::remote) lacking: Vec<MinorRange>,
    /// The number of versions that the service has and did not deliver.
    pub(in crate::remote) withheld: u64,
}

/// The numbers `major.from` to `major.to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::remote) struct MinorRange {
    pub(in crate::remote) major: u32,
    pub(in crate::remote) from: u32,
    pub(in crate::remote) to: u32,
}

impl std::fmt::Display for MinorRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { major, from, to } = self;
        if from == to {
            write!(f, "{major}.{from}")
        } else {
            write!(f, "{major}.{from} to {major}.{to}")
        }
    }
}

impl VersionListing {
    /// Returns the listing of the versions that several requests returned.
    ///
    /// `total` is the number of versions that the service says that the prompt has.
    pub(super) fn of(found: Vec<ServiceVersion>, total: u64) -> Self {
        let mut ids: HashSet<VersionId> = HashSet::new();
        let mut versions: Vec<ServiceVersion> = Vec::with_capacity(found.len());
        versions.extend(found.into_iter().filter(|version| ids.insert(version.id)));
        versions.sort_by_key(|version| (version.created_at, version.number));
        let withheld = total.saturating_sub(versions.len() as u64);
        let mut minors: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for version in &versions {
            let number = version.number;
            minors.entry(number.major).or_default().push(number.minor);
        }
        let mut lacking = Vec::new();
        if withheld > 0 {
            for (major, minors) in minors {
                let lowest = minors.iter().min().copied().unwrap_or_default();
                if minors.len() >= CUT_AFTER && lowest > 0 {
                    lacking.push(MinorRange {
                        major,
                        from: 0,
                        to: lowest - 1,
                    });
                }
            }
        }
        Self {
            versions,
            lacking,
            withheld,
        }
    }

    /// Returns whether the listing contains a version.
    pub(in crate::remote) fn contains(&self, id: VersionId) -> bool {
        self.versions.iter().any(|found| found.id == id)
    }

    /// Returns whether two listings show the same versions and environments.
    pub(in crate::remote) fn is_equal(&self, other: &Self) -> bool {
        // URLs of bodies are signed for a time, so they differ.
        let plain = |version: &ServiceVersion| ServiceVersion {
            url: None,
            ..version.clone()
        };
        let (one, other) = (self.versions.iter(), other.versions.iter());
        one.map(plain).eq(other.map(plain))
    }

    /// Adds a version that was found in another way than by a list.
    pub(in crate::remote) fn add(&mut self, version: ServiceVersion) {
        if !self.contains(version.id) {
            self.versions.push(version);
            let key = |version: &ServiceVersion| (version.created_at, version.number);
            self.versions.sort_by_key(key);
            self.withheld = self.withheld.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::VersionNumber;

    fn versions(major: u32, minors: std::ops::Range<u32>) -> Vec<ServiceVersion> {
        let version = |minor: u32| ServiceVersion {
            id: VersionId::from_bytes([
                major as u8,
                minor as u8,
                0,
                0,
                0,
                0,
                0,
                0,
                0,
                0,
                0,
                0,
                0,
                0,
                0,
                0,
            ]),
            number: VersionNumber::new(major, minor),
            message: String::new(),
            environments: Vec::new(),
            unusable: Vec::new(),
            created_at: chrono::DateTime::from_timestamp(i64::from(minor), 0).unwrap(),
            url: None,
        };
        minors.rev().map(version).collect()
    }

    #[test]
    fn a_full_list_says_which_numbers_it_may_lack() {
        let all = [versions(0, 10..60), versions(1, 0..3)].concat();
        let listing = VersionListing::of(all, 63);
        assert_eq!(listing.withheld, 10);
        let range = MinorRange {
            major: 0,
            from: 0,
            to: 9,
        };
        assert_eq!(listing.lacking, [range]);
    }

    #[test]
    fn a_list_of_all_versions_lacks_none() {
        let listing = VersionListing::of(versions(0, 5..55), 50);
        assert_eq!((listing.withheld, listing.lacking.len()), (0, 0));
        assert!(
            listing
                .versions
                .is_sorted_by_key(|version| version.created_at)
        );
        let twice = [versions(0, 0..3), versions(0, 0..3)].concat();
        assert_eq!(VersionListing::of(twice, 3).versions.len(), 3);
    }
}
