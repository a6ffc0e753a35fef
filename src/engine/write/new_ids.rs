//! The drawing of ids for new prompts and versions.

use std::sync::{MutexGuard, PoisonError};

use chrono::{DateTime, Utc};

use super::writer::WriteTransaction;
use crate::model::error::{Error, Result};
use crate::model::id::{PromptId, VersionId};

impl WriteTransaction<'_> {
    /// Returns an id that no prompt has or had: the requested one, or one drawn at random.
    pub(crate) fn draw_prompt_id(&self, requested: Option<PromptId>) -> Result<PromptId> {
        match requested {
            Some(id) if self.transaction.snapshot().prompt_id_taken(id)? => {
                Err(Error::PromptIdTaken { id })
            }
            Some(id) => Ok(id),
            None => loop {
                let id = PromptId::draw(&mut self.rng());
                let reserved = self.reserved.prompts.contains(&id);
                if !reserved && !self.transaction.snapshot().prompt_id_taken(id)? {
                    return Ok(id);
                }
            },
        }
    }

    /// Draws an id that no version has or had.
    pub(crate) fn draw_version_id(&self, at: DateTime<Utc>) -> Result<VersionId> {
        let millis = at.timestamp_millis().try_into().unwrap_or(0);
        loop {
            let id = VersionId::draw(millis, &mut self.rng());
            // The index would refuse a taken id. Only an id drawn from a given seed can be taken.
            let seeded = self.context.seeded;
            let reserved = self.reserved.versions.contains(&id);
            if !reserved
                && (!seeded
                    || self
                        .transaction
                        .snapshot()
                        .version_even_deleted(id)?
                        .is_none())
            {
                return Ok(id);
            }
        }
    }

    fn rng(&self) -> MutexGuard<'_, fastrand::Rng> {
        self.context
            .rng
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
