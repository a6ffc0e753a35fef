//! Stores of the tests: an index and its objects, which can be opened again.

use std::time::Duration;

use crate::model::record::Settings;
use crate::storage::postgres::objects::ObjectBlobs;
use crate::storage::postgres::{PostgresIndex, PostgresUrl};
use crate::storage::s3::TimeLimits;

#[path = "../../../../../tests/shared/s3_proxy.rs"]
mod s3_proxy;
#[path = "../../../../../tests/shared/s3_server.rs"]
mod s3_server;

pub(super) use self::s3_proxy::{FAULTS, S3Fault, S3Proxy};
pub(super) use crate::storage::postgres::tests::postgres_server::{self, shared};

/// Returns a URL of a store that does not exist yet, or `None` if a server is missing.
pub(super) fn new_url() -> Option<PostgresUrl> {
    let objects = s3_server::s3_server()?.new_parameters();
    let url = format!("{}&{objects}", postgres_server::new_url()?);
    Some(PostgresUrl::parse(&url).unwrap())
}

/// Returns a new store, or `None` if a server is missing.
pub(in crate::storage::postgres) fn new_store() -> Option<(PostgresUrl, PostgresIndex, ObjectBlobs)>
{
    let url = new_url()?;
    assert!(PostgresIndex::create(&url, Settings::default()).unwrap());
    let (index, blobs) = opened(&url);
    Some((url, index, blobs))
}

/// Opens a store as another process does.
pub(super) fn opened(url: &PostgresUrl) -> (PostgresIndex, ObjectBlobs) {
    let index = PostgresIndex::open(url).unwrap().unwrap();
    let blobs = ObjectBlobs::of(&index, url.objects.as_ref().unwrap()).unwrap();
    (index, blobs)
}

/// Returns a URL of a store that does not exist yet, whose object store is behind a proxy
/// and is given up soon.
pub(super) fn proxied_url() -> Option<(PostgresUrl, S3Proxy)> {
    let server = s3_server::s3_server()?;
    let proxy = S3Proxy::start(&server.endpoint);
    let objects = server.new_parameters_by(&proxy.endpoint);
    let url = format!("{}&{objects}", postgres_server::new_url()?);
    let mut url = PostgresUrl::parse(&url).unwrap();
    if let Some(place) = &mut url.objects {
        // A request takes longer on a machine under load than without, a failure does not.
        place.limits = TimeLimits {
            request: Duration::from_secs(3),
            retry: Duration::from_secs(1),
        };
    }
    Some((url, proxy))
}
