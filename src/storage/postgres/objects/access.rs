//! Access to the bucket of a store.

use std::sync::OnceLock;

use rustls::ClientConfig;

use super::object_key::probe_key;
use crate::storage::StorageResult;
use crate::storage::postgres::PostgresUrl;
use crate::storage::postgres::connect::verifying;
use crate::storage::s3::{Bucket, ObjectPlace};

/// Returns the bucket of a place, without calling it.
pub(super) fn bucket(place: &ObjectPlace) -> StorageResult<Bucket> {
    Bucket::open(place, tls()?)
}

/// Checks that objects can be put, read and deleted at the place that a URL names, if any.
pub(in crate::storage::postgres) fn probe(url: &PostgresUrl) -> StorageResult<()> {
    match &url.objects {
        Some(place) => bucket(place)?.probe(&probe_key()),
        None => Ok(()),
    }
}

/// Returns TLS by the system's certificates, which are read once in a process.
fn tls() -> StorageResult<ClientConfig> {
    static TLS: OnceLock<ClientConfig> = OnceLock::new();
    if let Some(tls) = TLS.get() {
        return Ok(tls.clone());
    }
    let tls = verifying(None)?;
    Ok(TLS.get_or_init(|| tls).clone())
}
