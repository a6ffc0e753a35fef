//! Iterators over the rows of a list, which is read page by page.

use std::fmt;
use std::vec;

use crate::model::error::Result;

/// The number of rows that an iterator reads at once.
pub(super) const PAGE_ROWS: usize = 256;

/// Reads the page after a row, or the first one.
type NextPage<T> = dyn FnMut(Option<&T>) -> Result<Vec<T>> + Send;

/// The rows of a list, read in pages as the iterator advances.
///
/// Each page is read from a snapshot of its own. So a row that is changed between two pages is
/// listed as it was or as it is; a row that moves within the order may be listed twice or not at
/// all. A [view of an earlier moment](crate::View::at) never changes. After an error, the iterator
/// ends.
pub struct Rows<T> {
    next_page: Box<NextPage<T>>,
    page: vec::IntoIter<T>,
    /// The last row of the page before, if it was full.
    last: Option<T>,
    is_over: bool,
}

impl<T> fmt::Debug for Rows<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows")
            .field("is_over", &self.is_over)
            .finish_non_exhaustive()
    }
}

impl<T: Clone> Rows<T> {
    pub(super) fn new(
        next_page: impl FnMut(Option<&T>) -> Result<Vec<T>> + Send + 'static,
    ) -> Self {
        Self {
            next_page: Box::new(next_page),
            page: Vec::new().into_iter(),
            last: None,
            is_over: false,
        }
    }
}

impl<T: Clone> Iterator for Rows<T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        if let Some(row) = self.page.next() {
            return Some(Ok(row));
        }
        if self.is_over {
            return None;
        }
        match (self.next_page)(self.last.as_ref()) {
            Ok(page) => {
                self.is_over = page.len() < PAGE_ROWS;
                self.last = page.last().cloned();
                self.page = page.into_iter();
                self.page.next().map(Ok)
            }
            Err(error) => {
                self.is_over = true;
                Some(Err(error))
            }
        }
    }
}
