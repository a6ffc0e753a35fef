//! The memory budget of requests and responses in progress.
//!
//! The budget has two separate amounts, so that a request that has arrived completely never waits
//! for one that is still arriving. The *passing* amount is for request bodies that are being
//! received, and for responses until the client has received them. The *working* amount is for
//! requests that are parsed and written to the store. Requests and responses of at most
//! [`UNCOUNTED_BYTES`] are not counted: the limit on connections bounds their number, and they are
//! served regardless of the memory that large ones take.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::api_error::ApiError;
use crate::model::body::BodySize;

/// The memory that is left for requests and responses in progress.
#[derive(Debug)]
pub(super) struct MemoryBudget {
    passing: ByteAmount,
    working: ByteAmount,
    /// Maximum time that a complete request waits for others to be processed.
    patience: Duration,
}

/// Maximum size in bytes of a request or a response that is not counted.
pub(super) const UNCOUNTED_BYTES: usize = 64 * 1024;

/// Bytes per semaphore permit, because a semaphore grants fewer than 2^32 permits per call.
const PERMIT_BYTES: usize = 1024;

/// Number of copies of a request's text while it is processed.
///
/// The copies are the text as received, the body, and those in the index's cache and in its log.
const COPIES_OF_TEXT: usize = 4;

impl MemoryBudget {
    /// Creates a budget of this many bytes: a third for passing, the rest for working.
    pub(super) fn new(bytes: usize) -> Self {
        Self {
            passing: ByteAmount::new(bytes / 3),
            working: ByteAmount::new(bytes - bytes / 3),
            patience: Duration::from_secs(10),
        }
    }

    /// Returns an empty share of the passing amount, which can grow.
    pub(super) fn passing(&self) -> BudgetShare {
        self.passing.share()
    }

    /// Takes a share of the passing amount for this many bytes.
    pub(super) fn take_passing(&self, bytes: usize) -> Result<BudgetShare, ApiError> {
        let mut share = self.passing();
        share.grow_to(bytes)?;
        Ok(share)
    }

    /// Counts a response until the client has received it.
    pub(super) fn count_response(&self, answer: Bytes) -> Result<Bytes, ApiError> {
        let share = self.take_passing(answer.len())?;
        Ok(share.with(answer))
    }

    /// Waits for a share of the working amount for a request with this text.
    pub(super) async fn take_working(&self, text: &[u8]) -> Result<BudgetShare, ApiError> {
        let mut share = self.working.share();
        if text.len() > UNCOUNTED_BYTES {
            let parsed = BodySize::of(text).parsed_bytes();
            let units = share.units(COPIES_OF_TEXT * text.len() + parsed);
            let permits = Arc::clone(&share.amount.permits);
            let waited = timeout(self.patience, permits.acquire_many_owned(units)).await;
            // The semaphore is never closed.
            share.permit = Some(waited.ok().and_then(Result::ok).ok_or(ApiError::Loaded)?);
        }
        Ok(share)
    }
}

/// An amount of memory that is divided into shares.
#[derive(Clone, Debug)]
struct ByteAmount {
    permits: Arc<Semaphore>,
    units: u32,
}

impl ByteAmount {
    fn new(bytes: usize) -> Self {
        let max_units = u32::try_from(Semaphore::MAX_PERMITS).unwrap_or(u32::MAX);
        let units = u32::try_from(bytes / PERMIT_BYTES)
            .unwrap_or(max_units)
            .clamp(1, max_units);
        Self {
            permits: Arc::new(Semaphore::new(units as usize)),
            units,
        }
    }

    fn share(&self) -> BudgetShare {
        BudgetShare {
            amount: self.clone(),
            permit: None,
        }
    }
}

/// A share of an amount, which is returned when this is dropped.
#[derive(Debug)]
pub(super) struct BudgetShare {
    amount: ByteAmount,
    permit: Option<OwnedSemaphorePermit>,
}

impl BudgetShare {
    /// Grows the share to this many bytes in total, if it is smaller. Never waits.
    pub(super) fn grow_to(&mut self, bytes: usize) -> Result<(), ApiError> {
        if bytes <= UNCOUNTED_BYTES {
            return Ok(());
        }
        let held = self
            .permit
            .as_ref()
            .map_or(0, OwnedSemaphorePermit::num_permits);
        let more = (self.units(bytes) as usize).saturating_sub(held);
        if more == 0 {
            return Ok(());
        }
        let more = u32::try_from(more).unwrap_or(u32::MAX);
        let taken = Arc::clone(&self.amount.permits)
            .try_acquire_many_owned(more)
            .map_err(|_| ApiError::Loaded)?;
        match &mut self.permit {
            Some(permit) => permit.merge(taken),
            none => *none = Some(taken),
        }
        Ok(())
    }

    /// Returns the number of units to count for this many bytes.
    ///
    /// A size above the whole amount counts as the whole amount: such a request is served when no
    /// other is in progress.
    fn units(&self, bytes: usize) -> u32 {
        let units = u32::try_from(bytes.div_ceil(PERMIT_BYTES)).unwrap_or(u32::MAX);
        units.min(self.amount.units)
    }

    /// Returns bytes that hold the share as long as they are in memory.
    pub(super) fn with(self, bytes: impl AsRef<[u8]> + Send + 'static) -> Bytes {
        struct Held<B>(
            B,
            #[allow(dead_code, reason = "dropping it returns the share")] BudgetShare,
        );

        impl<B: AsRef<[u8]>> AsRef<[u8]> for Held<B> {
            fn as_ref(&self) -> &[u8] {
                self.0.as_ref()
            }
        }

        Bytes::from_owner(Held(bytes, self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1024 * 1024;

    #[test]
    fn the_passing_amount_is_bounded_in_total_and_returned() {
        let budget = MemoryBudget::new(9 * MIB);
        let mut first = budget.passing();
        first.grow_to(2 * MIB).unwrap();
        first.grow_to(MIB).unwrap();
        let second = budget.take_passing(MIB).unwrap();
        assert!(matches!(first.grow_to(2 * MIB + 1), Err(ApiError::Loaded)));
        assert!(matches!(budget.take_passing(MIB), Err(ApiError::Loaded)));
        let small: Vec<BudgetShare> = (0..1000)
            .map(|_| budget.take_passing(UNCOUNTED_BYTES).unwrap())
            .collect();
        let answer = second.with(vec![0; MIB]);
        let part = answer.slice(..1);
        drop(answer);
        assert!(
            budget.take_passing(MIB).is_err(),
            "a slice holds the whole share"
        );
        drop(part);
        drop(budget.take_passing(MIB).unwrap());
        drop((first, small));
        drop(budget.take_passing(3 * MIB).unwrap());
    }

    #[test]
    fn a_share_above_the_whole_amount_is_granted_alone() {
        let budget = MemoryBudget::new(3 * MIB);
        let other = budget.take_passing(UNCOUNTED_BYTES + 1).unwrap();
        assert!(budget.take_passing(100 * MIB).is_err());
        drop(other);
        let large = budget.take_passing(100 * MIB).unwrap();
        assert!(budget.take_passing(UNCOUNTED_BYTES + 1).is_err());
        drop(large);
    }

    #[tokio::test]
    async fn a_request_waits_for_others_that_are_processed() {
        let mut budget = MemoryBudget::new(3 * MIB);
        budget.patience = Duration::from_millis(200);
        let budget = Arc::new(budget);
        let text = vec![b' '; 600 * 1024];
        let first = budget.take_working(&text).await.unwrap();
        budget.take_passing(MIB).unwrap();
        budget.take_working(&text[..UNCOUNTED_BYTES]).await.unwrap();
        let waiting = {
            let (budget, text) = (Arc::clone(&budget), text.clone());
            tokio::spawn(async move { budget.take_working(&text).await.map(drop) })
        };
        tokio::time::sleep(budget.patience / 4).await;
        assert!(!waiting.is_finished());
        drop(first);
        assert!(waiting.await.unwrap().is_ok());
        let _first = budget.take_working(&text).await.unwrap();
        let refused = budget.take_working(&text).await;
        assert!(matches!(refused, Err(ApiError::Loaded)));
    }
}
