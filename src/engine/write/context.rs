//! The context of write transactions: the settings, caches and generators of a store handle.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};

use super::heads::HeadCache;
use crate::engine::cache::contracts::ContractCache;
use crate::engine::contract::Contract;
use crate::engine::read::partials::{PartialTarget, load_partials};
use crate::model::body::Body;
use crate::model::clock;
use crate::model::clock::Clock;
use crate::model::error::Result;
use crate::model::id::{BlobId, GroupId};
use crate::model::record::{BumpPolicy, Durability, Settings};
use crate::storage::Snapshot;
use crate::template::Partials;

/// The state that all write transactions of a store handle share.
pub(crate) struct WriteContext {
    pub(crate) settings: Settings,
    pub(crate) policy: BumpPolicy,
    /// The author of changes for which no other is set.
    pub(crate) author: Arc<str>,
    pub(crate) durability: Durability,
    pub(crate) clock: Clock,
    pub(crate) rng: Mutex<fastrand::Rng>,
    /// Whether ids are drawn from a given seed, so that an earlier run may have drawn the same ids.
    pub(crate) seeded: bool,
    pub(crate) contracts: ContractCache,
    pub(crate) heads: HeadCache,
}

impl fmt::Debug for WriteContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteContext")
            .field("settings", &self.settings)
            .field("policy", &self.policy)
            .field("author", &self.author)
            .field("durability", &self.durability)
            .finish_non_exhaustive()
    }
}

impl WriteContext {
    /// Returns the current time, with the precision of records.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        clock::recorded((self.clock)())
    }

    /// Returns a new id of a group.
    pub(crate) fn draw_group(&self) -> GroupId {
        let rng = self.rng.lock();
        GroupId::draw(&mut rng.unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns the contract of a body without its partials, and caches it unless it is large.
    pub(crate) fn contract_without_partials(&self, body: &Body) -> Arc<Contract> {
        if let Some(contract) = self.contracts.get(body.id()) {
            return contract;
        }
        let contract = Arc::new(contract_with(body, &Partials::default()));
        self.contracts.put(body.id(), &contract);
        contract
    }

    /// Returns the contract of a body, with its partials as of a snapshot.
    ///
    /// Returns `None` if the partials have more than `max_bytes` bytes. Adds the bodies that the contract
    /// depends on to `targets`.
    pub(crate) fn contract(
        &self,
        snapshot: &dyn Snapshot,
        read: &dyn Fn(BlobId) -> Result<Body>,
        body: &Body,
        max_bytes: u64,
        targets: &mut Vec<PartialTarget>,
    ) -> Result<Option<Arc<Contract>>> {
        let own_contract = self.contract_without_partials(body);
        if own_contract.partials.is_empty() {
            return Ok(Some(own_contract));
        }
        // Partials follow environments, so a contract that includes them holds for this snapshot only.
        let partials = load_partials(
            snapshot,
            read,
            own_contract.partials.clone(),
            max_bytes,
            targets,
        )?;
        Ok(partials.map(|partials| Arc::new(contract_with(body, &partials))))
    }
}

fn contract_with(body: &Body, partials: &Partials) -> Contract {
    Contract::of_text(body.text(), partials, |derive| body.look(derive))
}
