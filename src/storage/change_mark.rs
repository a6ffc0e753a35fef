//! [`ChangeMark`], by which a change of an index is noticed.

/// An opaque value that differs after every commit.
///
/// [`Index::change_mark`](super::Index::change_mark) says what it means. Marks of different index
/// values cannot be compared, even if both have the same store open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangeMark {
    bytes: [u8; Self::MAX_BYTES],
    length: usize,
}

impl ChangeMark {
    /// The maximum length of a mark.
    pub const MAX_BYTES: usize = 48;

    /// Creates the mark that an index represents as these bytes.
    ///
    /// Returns `None` if they are more than [`MAX_BYTES`](Self::MAX_BYTES).
    #[inline]
    #[must_use]
    pub fn new(mark: impl AsRef<[u8]>) -> Option<Self> {
        let mark = mark.as_ref();
        let mut bytes = [0; Self::MAX_BYTES];
        bytes.get_mut(..mark.len())?.copy_from_slice(mark);
        Some(Self {
            bytes,
            length: mark.len(),
        })
    }
}
