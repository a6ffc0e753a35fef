//! TLS with the system's certificates.

use std::sync::Arc;

use rustls::crypto::ring;
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};

/// Returns the configuration of TLS, or the reason why there is none.
///
/// Certificates are always verified. `SSL_CERT_FILE` names others than the system's.
pub(super) fn config(is_needed: bool) -> Result<TlsConfig, String> {
    let mut certificates: Vec<Certificate<'static>> = Vec::new();
    if is_needed {
        let found = rustls_native_certs::load_native_certs();
        let loaded = found.certs.iter();
        certificates.extend(loaded.map(|one| Certificate::from_der(one.as_ref()).to_owned()));
        if certificates.is_empty() {
            let reasons = found.errors.iter().map(ToString::to_string);
            let reasons = reasons.collect::<Vec<_>>().join("; ");
            return Err(format!("the system has no certificates {reasons}"));
        }
    }
    Ok(TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .root_certs(RootCerts::from(certificates))
        .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
        .build())
}
