//! [`HistoryRelation`], up to which position two stores have the same history.

use super::service::StoreService;
use crate::history::LogPosition;
use crate::remote::error::RemoteError;
use crate::{Result, Store};

/// The positions of two stores, and the last one that they have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HistoryRelation {
    pub(super) ours: LogPosition,
    pub(super) theirs: LogPosition,
    pub(super) common: LogPosition,
}

impl HistoryRelation {
    /// Compares a store with a served one.
    ///
    /// `seen` is a position that both had before. It saves requests, and is not needed.
    pub(super) fn find(
        store: &Store,
        service: &StoreService,
        seen: Option<LogPosition>,
    ) -> std::result::Result<Self, RemoteError> {
        let ours = store.position()?;
        let head = service.head(ours.number())?;
        let theirs = head.position;
        let of = |common| Self {
            ours,
            theirs,
            common,
        };
        if head.at == Some(ours) || ours == LogPosition::START {
            return Ok(of(ours));
        }
        if position_at(store, theirs.number())? == Some(theirs) {
            return Ok(of(theirs));
        }
        let mut same = LogPosition::START;
        if let Some(seen) = seen
            && position_at(store, seen.number())? == Some(seen)
            && service.head(seen.number())?.at == Some(seen)
        {
            same = seen;
        }
        // An id covers all operations before it, so that a binary search finds the last common one.
        let mut other = ours.number().min(theirs.number());
        while same.number() + 1 < other {
            let middle = same.number() + (other - same.number()) / 2;
            let own = position_at(store, middle)?;
            match service.head(middle)?.at {
                Some(position) if own == Some(position) => same = position,
                _ => other = middle,
            }
        }
        Ok(of(same))
    }

    /// Returns whether both sides have the same operations in another order, if the store has all of
    /// the remote's.
    pub(super) fn is_permuted(&self) -> bool {
        self.theirs.number() == self.ours.number()
    }

    /// Returns whether the remote has operations that the store lacks.
    pub(super) fn is_behind(&self) -> bool {
        self.theirs != self.common
    }

    /// Returns whether the store has operations that the remote lacks.
    pub(super) fn is_ahead(&self) -> bool {
        self.ours != self.common
    }
}

/// Returns the position after an operation of a store; none if it has no such operation.
pub(in crate::remote) fn position_at(store: &Store, number: u64) -> Result<Option<LogPosition>> {
    if number == 0 {
        return Ok(Some(LogPosition::START));
    }
    let page = store.operations().page(number.checked_add(1), 1)?;
    let position = page.first().map(LogPosition::from);
    Ok(position.filter(|position| position.number() == number))
}
