//! The bodies and contracts that a write transaction compares, as of the transaction itself.

use std::sync::Arc;

use super::writer::WriteTransaction;
use crate::engine::contract::Contract;
use crate::model::body::Body;
use crate::model::error::Result;
use crate::model::id::BlobId;

impl WriteTransaction<'_> {
    /// Reads a body of a version of this transaction.
    fn read_body(&self, id: BlobId) -> Result<Body> {
        let added = self.bulk.as_ref().map(|bulk| bulk.get(id));
        if let Some(body) = added.transpose()?.flatten() {
            return Ok(body);
        }
        match self.prefetched.take() {
            Some((prefetched, stored)) if prefetched == id => {
                self.bodies.read_once_from(stored, id)
            }
            _ => self.bodies.read_once(self.transaction.snapshot(), id),
        }
    }

    /// Returns the contract of a body, with its partials as of this transaction.
    ///
    /// Returns `None` if the partials have more than `max_bytes` bytes.
    pub(crate) fn contract(&self, body: &Body, max_bytes: u64) -> Result<Option<Arc<Contract>>> {
        let read = |id| self.read_body(id);
        let (snapshot, targets) = (self.transaction.snapshot(), &mut Vec::new());
        self.context
            .contract(snapshot, &read, body, max_bytes, targets)
    }

    /// Returns the contract of a stored body.
    pub(crate) fn contract_of(
        &self,
        blob: BlobId,
        max_bytes: u64,
    ) -> Result<Option<Arc<Contract>>> {
        let known = self.context.contracts.get(blob);
        if let Some(contract) = known.filter(|contract| contract.partials.is_empty()) {
            return Ok(Some(contract));
        }
        // The contract is cached, so the body is not needed again soon and is not cached.
        let body = self.read_body(blob)?;
        self.contract(&body, max_bytes)
    }
}
