//! A cache of the contracts of bodies, and of pairs of contracts that are compatible.
//!
//! Successive commits on one base need the same contracts. Environments are moved between versions of
//! the same few contracts.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::engine::contract::{Breakage, Contract, ContractDigest, breakages};
use crate::model::contract_digest;
use crate::model::id::BlobId;
use crate::model::memory_size::ENTRY;

/// The contracts of bodies without their partials, by the body's address.
#[derive(Default)]
pub(crate) struct ContractCache(Mutex<CachedContracts>);

#[derive(Default)]
struct CachedContracts {
    by_body: HashMap<BlobId, Arc<Contract>>,
    /// The digests of contracts of which the second does not break callers of the first.
    compatible: HashSet<(ContractDigest, ContractDigest)>,
    /// The memory that the cached contracts take, in bytes.
    bytes: usize,
}

/// The maximum size of the cache in bytes. When a contract would exceed it, the cache is cleared.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// The maximum number of cached pairs. When there would be more, they are cleared.
const MAX_PAIRS: usize = 4096;

/// The maximum size of a cached contract: a larger one would evict all others.
const MAX_ENTRY_BYTES: usize = MAX_BYTES / 4;

impl ContractCache {
    pub(crate) fn get(&self, body: BlobId) -> Option<Arc<Contract>> {
        self.lock().by_body.get(&body).cloned()
    }

    pub(crate) fn put(&self, body: BlobId, contract: &Arc<Contract>) {
        let bytes = ENTRY + contract.weight();
        if bytes > MAX_ENTRY_BYTES {
            return;
        }
        let mut cache = self.lock();
        if cache.bytes + bytes > MAX_BYTES {
            cache.by_body.clear();
            cache.bytes = 0;
        }
        if cache.by_body.insert(body, Arc::clone(contract)).is_none() {
            cache.bytes += bytes;
        }
    }

    /// Returns whether two contracts are known to be compatible, by their digests.
    pub(crate) fn are_compatible(
        &self,
        base: Option<ContractDigest>,
        new: Option<ContractDigest>,
    ) -> bool {
        contract_digest::are_equal(base, new)
            || base
                .zip(new)
                .is_some_and(|pair| self.lock().compatible.contains(&pair))
    }

    /// Returns how the second of two contracts breaks callers of the first.
    ///
    /// Caches that it does not. `digests` are those of the contracts.
    pub(crate) fn compare(
        &self,
        digests: (Option<ContractDigest>, Option<ContractDigest>),
        base: &Contract,
        new: &Contract,
    ) -> Vec<Breakage> {
        let found = breakages(base, new);
        if found.is_empty() {
            self.put_compatible(digests.0, digests.1);
        }
        found
    }

    fn put_compatible(&self, base: Option<ContractDigest>, new: Option<ContractDigest>) {
        // A contract without a digest depends on other bodies, which may change.
        let Some(pair) = base.zip(new) else {
            return;
        };
        let mut cache = self.lock();
        if cache.compatible.len() >= MAX_PAIRS {
            cache.compatible.clear();
        }
        cache.compatible.insert(pair);
    }

    fn lock(&self) -> MutexGuard<'_, CachedContracts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for ContractCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cache = self.lock();
        f.debug_struct("ContractCache")
            .field("contracts", &cache.by_body.len())
            .field("bytes", &cache.bytes)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::template::Partials;

    fn id(number: usize) -> BlobId {
        BlobId::of(&number.to_ne_bytes())
    }

    fn contract(body: &Value) -> Arc<Contract> {
        Arc::new(Contract::of(&body.into(), &Partials::default()))
    }

    /// Counts how many copies of a contract are cached before a clearing, up to `most`.
    fn cache(contract: &Arc<Contract>, most: usize) -> usize {
        let contracts = ContractCache::default();
        for number in 0..most {
            contracts.put(id(number), contract);
            assert!(contracts.lock().bytes <= MAX_BYTES);
            if contracts.get(id(0)).is_none() {
                return number;
            }
        }
        most
    }

    #[test]
    fn cached_contracts_are_bounded_by_their_memory() {
        let tool = |n| json!({"type": "function", "function": {"name": format!("tool_{n}"), "parameters": {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "number"}}}}});
        let tools: Vec<Value> = (0..40).map(tool).collect();
        let tags: Vec<String> = (0..8000)
            .map(|n| format!("{{{{hc:v{n}:string}}}}"))
            .collect();
        let small = contract(&json!({"messages": [{"content": "Hi {{hc:name:string}}"}]}));
        assert_eq!(cache(&small, 2000), 2000);
        assert!(cache(&contract(&json!({ "tools": tools })), 10_000) < 2000);
        assert!(
            cache(
                &contract(&json!({ "messages": [{"content": tags.concat()}] })),
                2000
            ) < 20
        );
    }

    #[test]
    fn only_pairs_with_both_digests_are_cached() {
        let contracts = ContractCache::default();
        let digest = |byte| Some(ContractDigest::from_bytes([byte; 8]));
        for (base, new) in [
            (digest(1), digest(2)),
            (None, digest(3)),
            (digest(3), None),
            (None, None),
        ] {
            contracts.put_compatible(base, new);
        }
        assert!(contracts.are_compatible(digest(1), digest(2)));
        assert!(!contracts.are_compatible(digest(2), digest(1)));
        assert!(!contracts.are_compatible(None, digest(3)));
        assert!(!contracts.are_compatible(None, None));
    }

    #[test]
    fn a_contract_that_would_evict_the_others_is_not_cached() {
        let contracts = ContractCache::default();
        contracts.put(id(0), &contract(&json!({})));
        let objects = vec![json!({"": 0}); MAX_ENTRY_BYTES / 7];
        contracts.put(id(1), &contract(&json!({"response_format": objects})));
        assert!(contracts.get(id(1)).is_none());
        assert!(contracts.get(id(0)).is_some());
    }
}
