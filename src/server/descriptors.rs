//! Open files: how many of those that the process may have are for connections, and how many are left to the store.

/// How the open files of the process are shared out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shares {
    /// Connections at most.
    pub(super) connections: usize,
    /// Reads of the store at once.
    pub(super) readers: usize,
}

/// Files that a read has open at once: the index, its log, and a body's file or pack, with its folder.
const FILES_OF_READER: usize = 4;

/// Files that the store has open beside those of its readers, and connections that are turned away.
const FILES_BESIDE: usize = 16;

/// Files beyond this are never needed for the store.
const MOST_FOR_STORE: usize = 64 * FILES_OF_READER + FILES_BESIDE;

impl Shares {
    /// As the process stands now.
    pub(super) fn now() -> Self {
        match limit() {
            Some(limit) => Self::of(limit, open()),
            None => Self::of(usize::MAX, 0),
        }
    }

    /// Half of what is left is the store's, as far as it can use it.
    fn of(limit: usize, open: usize) -> Self {
        let left = limit.saturating_sub(open);
        let store = (left / 2).min(MOST_FOR_STORE);
        Self {
            connections: (left - store).max(1),
            readers: (store.saturating_sub(FILES_BESIDE) / FILES_OF_READER).max(1),
        }
    }
}

/// How many files the process may have open, if that is limited.
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

/// How many files the process has open, or a guess.
fn open() -> usize {
    const USUAL: usize = 24;
    std::fs::read_dir("/dev/fd").map_or(USUAL, Iterator::count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_store_has_its_share_of_few_files_and_enough_of_many() {
        for (limit, open, connections, readers) in [
            (0, 10, 1, 1),
            (64, 14, 25, 2),
            (256, 20, 118, 25),
            (1024, 24, 728, 64),
            (1 << 20, 24, (1 << 20) - 24 - 272, 64),
            (usize::MAX, 0, usize::MAX - 272, 64),
        ] {
            let shares = Shares {
                connections,
                readers,
            };
            assert_eq!(Shares::of(limit, open), shares, "{limit} {open}");
        }
        assert!(Shares::now().readers > 0);
    }
}
