//! The client of an object store: credentials, TLS, retries and time limits.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::client::{HttpClient, HttpConnector};
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};
use rustls::ClientConfig;

use super::credentials;
use super::place::ObjectPlace;
use crate::storage::{StorageError, StorageErrorKind, StorageResult};

/// How long a connection may take to be established.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Returns the client of a bucket. It sends nothing yet.
pub(super) fn connect(
    place: &ObjectPlace,
    tls: ClientConfig,
) -> StorageResult<Arc<dyn ObjectStore>> {
    let failed =
        |reason: String| StorageError::new(StorageErrorKind::Other, format!("{place}: {reason}"));
    let mut builder = AmazonS3Builder::from_env();
    if let Some(endpoint) = &place.endpoint {
        // Of the two endpoints, this one counts.
        builder = builder.with_config(AmazonS3ConfigKey::S3Endpoint, endpoint);
    }
    for key in [AmazonS3ConfigKey::S3Endpoint, AmazonS3ConfigKey::Endpoint] {
        if let Some(endpoint) = builder.get_config_value(&key) {
            place.check_endpoint(&endpoint).map_err(failed)?;
            break;
        }
    }
    if let Some(region) = &place.region {
        builder = builder.with_region(region);
    }
    let has_none = |key| builder.get_config_value(&key).is_none();
    let needs_profile = has_none(AmazonS3ConfigKey::AccessKeyId)
        && has_none(AmazonS3ConfigKey::WebIdentityTokenFile)
        && has_none(AmazonS3ConfigKey::ContainerCredentialsRelativeUri)
        && has_none(AmazonS3ConfigKey::ContainerCredentialsFullUri);
    if let Some((id, secret)) = &place.keys {
        builder = builder
            .with_access_key_id(id)
            .with_secret_access_key(secret);
    } else if needs_profile && let Some((id, secret, token)) = credentials::profile() {
        builder = builder
            .with_access_key_id(id)
            .with_secret_access_key(secret);
        if let Some(token) = token {
            builder = builder.with_token(token);
        }
    }
    let built = builder
        .with_bucket_name(&place.bucket)
        .with_retry(RetryConfig {
            backoff: BackoffConfig {
                init_backoff: Duration::from_millis(50),
                max_backoff: Duration::from_secs(2),
                base: 2.0,
            },
            max_retries: 10,
            retry_timeout: place.limits.retry,
        })
        .with_http_connector(TlsConnector {
            tls,
            request_timeout: place.limits.request,
        })
        .build();
    let client = built.map_err(|error| failed(error.to_string()))?;
    Ok(Arc::new(client))
}

/// Connections with this crate's TLS, by the system's certificates.
#[derive(Debug)]
struct TlsConnector {
    tls: ClientConfig,
    request_timeout: Duration,
}

impl HttpConnector for TlsConnector {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(self.tls.clone())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(self.request_timeout)
            // A redirect would be followed without a valid signature.
            .redirect(reqwest::redirect::Policy::none())
            .build();
        let client = client.map_err(|error| object_store::Error::Generic {
            store: "S3",
            source: error.into(),
        })?;
        Ok(HttpClient::new(client))
    }
}
