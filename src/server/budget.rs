//! The memory of requests and answers under way, bounded in sum.
//!
//! Two amounts are apart, so that a request that has come whole never waits for one that is still coming: what *passes*
//! (bodies of requests as they come, answers until the client has taken them) and what is *worked on* (requests parsed,
//! and written to the store). Up to [`FREE`] bytes of each request are not counted: their number is bounded by that of
//! connections, and small requests are served whatever large ones take.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::api_error::Refusal;
use crate::model::body::Shape;

/// What is left to requests and answers under way.
#[derive(Debug)]
pub(super) struct Budget {
    passing: Amount,
    working: Amount,
    /// How long a request that has come waits for others to be worked on.
    patience: Duration,
}

/// Bytes of a request or an answer that are not counted.
pub(super) const FREE: usize = 64 * 1024;

/// Bytes that are counted as one: a semaphore has no more than 2^32 permits at once.
const UNIT: usize = 1024;

/// How often a request's text is in memory while it is worked on: as it came, as a body, and in the index's cache and log.
const COPIES: usize = 4;

impl Budget {
    /// A budget of this many bytes: a third passes, the rest is worked on.
    pub(super) fn new(bytes: usize) -> Self {
        Self {
            passing: Amount::new(bytes / 3),
            working: Amount::new(bytes - bytes / 3),
            patience: Duration::from_secs(10),
        }
    }

    /// A share of what passes, which is empty and grows.
    pub(super) fn passing(&self) -> Share {
        self.passing.share()
    }

    /// A share of what passes, for this many bytes.
    pub(super) fn pass(&self, bytes: usize) -> Result<Share, Refusal> {
        let mut share = self.passing();
        share.grow_to(bytes)?;
        Ok(share)
    }

    /// An answer that is counted until the client has taken it.
    pub(super) fn counted(&self, answer: Bytes) -> Result<Bytes, Refusal> {
        let share = self.pass(answer.len())?;
        Ok(share.with(answer))
    }

    /// Waits for a share of what is worked on, for a request of this text.
    pub(super) async fn work_on(&self, text: &[u8]) -> Result<Share, Refusal> {
        let mut share = self.working.share();
        if text.len() > FREE {
            let parsed = Shape::of(text).parsed_bytes();
            let units = share.units(COPIES * text.len() + parsed);
            let permits = Arc::clone(&share.amount.permits);
            let waited = timeout(self.patience, permits.acquire_many_owned(units)).await;
            // The semaphore is never closed.
            share.permit = Some(waited.ok().and_then(Result::ok).ok_or(Refusal::Loaded)?);
        }
        Ok(share)
    }
}

/// An amount of memory that shares are taken of.
#[derive(Clone, Debug)]
struct Amount {
    permits: Arc<Semaphore>,
    units: u32,
}

impl Amount {
    fn new(bytes: usize) -> Self {
        let most = u32::try_from(Semaphore::MAX_PERMITS).unwrap_or(u32::MAX);
        let units = u32::try_from(bytes / UNIT).unwrap_or(most).clamp(1, most);
        Self {
            permits: Arc::new(Semaphore::new(units as usize)),
            units,
        }
    }

    fn share(&self) -> Share {
        Share {
            amount: self.clone(),
            permit: None,
        }
    }
}

/// A share of an amount, given back when this is dropped.
#[derive(Debug)]
pub(super) struct Share {
    amount: Amount,
    permit: Option<OwnedSemaphorePermit>,
}

impl Share {
    /// Grows the share for this many bytes in all, if it is smaller. Never waits.
    pub(super) fn grow_to(&mut self, bytes: usize) -> Result<(), Refusal> {
        if bytes <= FREE {
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
        let got = Arc::clone(&self.amount.permits).try_acquire_many_owned(more);
        let got = got.map_err(|_| Refusal::Loaded)?;
        match &mut self.permit {
            Some(permit) => permit.merge(got),
            none => *none = Some(got),
        }
        Ok(())
    }

    /// How many units are counted for this many bytes. What is larger than the whole amount takes the whole: it is
    /// served when nothing else is under way.
    fn units(&self, bytes: usize) -> u32 {
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX);
        units.min(self.amount.units)
    }

    /// Bytes that hold the share for as long as they are in memory.
    pub(super) fn with(self, bytes: impl AsRef<[u8]> + Send + 'static) -> Bytes {
        struct Held<B>(
            B,
            #[allow(dead_code, reason = "it is given back when dropped")] Share,
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
    fn what_passes_is_bounded_in_sum_and_given_back() {
        let budget = Budget::new(9 * MIB);
        let mut first = budget.passing();
        first.grow_to(2 * MIB).unwrap();
        first.grow_to(MIB).unwrap();
        let second = budget.pass(MIB).unwrap();
        assert!(matches!(first.grow_to(2 * MIB + 1), Err(Refusal::Loaded)));
        assert!(matches!(budget.pass(MIB), Err(Refusal::Loaded)));
        let small: Vec<Share> = (0..1000).map(|_| budget.pass(FREE).unwrap()).collect();
        let answer = second.with(vec![0; MIB]);
        let part = answer.slice(..1);
        drop(answer);
        assert!(budget.pass(MIB).is_err(), "a part holds the whole");
        drop(part);
        drop(budget.pass(MIB).unwrap());
        drop((first, small));
        drop(budget.pass(3 * MIB).unwrap());
    }

    #[test]
    fn what_is_larger_than_all_passes_alone() {
        let budget = Budget::new(3 * MIB);
        let other = budget.pass(FREE + 1).unwrap();
        assert!(budget.pass(100 * MIB).is_err());
        drop(other);
        let large = budget.pass(100 * MIB).unwrap();
        assert!(budget.pass(FREE + 1).is_err());
        drop(large);
    }

    #[tokio::test]
    async fn work_waits_for_work_that_is_done() {
        let mut budget = Budget::new(3 * MIB);
        budget.patience = Duration::from_millis(200);
        let budget = Arc::new(budget);
        let text = vec![b' '; 600 * 1024];
        let first = budget.work_on(&text).await.unwrap();
        budget.pass(MIB).unwrap();
        budget.work_on(&text[..FREE]).await.unwrap();
        let waiting = {
            let (budget, text) = (Arc::clone(&budget), text.clone());
            tokio::spawn(async move { budget.work_on(&text).await.map(drop) })
        };
        tokio::time::sleep(budget.patience / 4).await;
        assert!(!waiting.is_finished());
        drop(first);
        assert!(waiting.await.unwrap().is_ok());
        let _first = budget.work_on(&text).await.unwrap();
        let refused = budget.work_on(&text).await;
        assert!(matches!(refused, Err(Refusal::Loaded)));
    }
}
