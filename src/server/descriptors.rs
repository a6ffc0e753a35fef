//! Division of the process's open files between connections and the store.

/// The division of the process's open files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DescriptorShares {
    /// Maximum number of connections.
    pub(super) connections: usize,
    /// Maximum number of concurrent reads of the store.
    pub(super) readers: usize,
}

/// Files that a read has open: the index, its log, a body's file or pack, and its directory.
const FILES_OF_READER: usize = 4;

/// Files for other purposes: the store's other files, and connections that are turned away.
const FILES_BESIDE: usize = 16;

/// Maximum number of files that the store ever needs.
const MAX_FILES_OF_STORE: usize = 64 * FILES_OF_READER + FILES_BESIDE;

impl DescriptorShares {
    /// Returns the division for the process's current limit and open files.
    pub(super) fn now() -> Self {
        match limit() {
            Some(limit) => Self::of(limit, open()),
            None => Self::of(usize::MAX, 0),
        }
    }

    /// Gives the store half of the remaining files, up to the number that it can use.
    fn of(limit: usize, open: usize) -> Self {
        let left = limit.saturating_sub(open);
        let store = (left / 2).min(MAX_FILES_OF_STORE);
        Self {
            connections: (left - store).max(1),
            readers: (store.saturating_sub(FILES_BESIDE) / FILES_OF_READER).max(1),
        }
    }
}

/// Returns the maximum number of files that the process may have open, if there is one.
#[cfg(unix)]
fn limit() -> Option<usize> {
    use rustix::process::{Resource, getrlimit};
    let current = getrlimit(Resource::Nofile).current?;
    Some(usize::try_from(current).unwrap_or(usize::MAX))
}

#[cfg(not(unix))]
fn limit() -> Option<usize> {
    None
}

/// Returns the number of files that the process has open, or an estimate.
fn open() -> usize {
    const USUAL: usize = 24;
    std::fs::read_dir("/dev/fd").map_or(USUAL, Iterator::count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_store_gets_half_of_few_files_and_all_it_needs_of_many() {
        for (limit, open, connections, readers) in [
            (0, 10, 1, 1),
            (64, 14, 25, 2),
            (256, 20, 118, 25),
            (1024, 24, 728, 64),
            (1 << 20, 24, (1 << 20) - 24 - 272, 64),
            (usize::MAX, 0, usize::MAX - 272, 64),
        ] {
            let shares = DescriptorShares {
                connections,
                readers,
            };
            assert_eq!(DescriptorShares::of(limit, open), shares, "{limit} {open}");
        }
        assert!(DescriptorShares::now().readers > 0);
    }
}
