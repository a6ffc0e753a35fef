//! A cache of the contracts of bodies.
//!
//! Successive commits on one base need the same contracts.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::engine::contract::Contract;
use crate::model::id::BlobId;
use crate::model::memory_size::ENTRY;

/// The contracts of bodies without their partials, by the body's address.
#[derive(Default)]
pub(crate) struct ContractCache(Mutex<CachedContracts>);

#[derive(Default)]
struct CachedContracts {
    by_body: HashMap<BlobId, Arc<Contract>>,
    /// The memory that the cached contracts take, in bytes.
    bytes: usize,
}

/// The maximum size of the cache in bytes. When a contract would exceed it, the cache is cleared.
const MAX_BYTES: usize = 16 * 1024 * 1024;

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
            *cache = CachedContracts::default();
        }
        if cache.by_body.insert(body, Arc::clone(contract)).is_none() {
            cache.bytes += bytes;
        }
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
    fn a_contract_that_would_evict_the_others_is_not_cached() {
        let contracts = ContractCache::default();
        contracts.put(id(0), &contract(&json!({})));
        let objects = vec![json!({"": 0}); MAX_ENTRY_BYTES / 7];
        contracts.put(id(1), &contract(&json!({"response_format": objects})));
        assert!(contracts.get(id(1)).is_none());
        assert!(contracts.get(id(0)).is_some());
    }
}
