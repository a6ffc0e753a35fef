//! Signed URLs of bodies: they work without a key, for one version, until they expire.
//!
//! The format is `/prompt-bodies/{version}?expires={seconds since 1970}&signature={64 hex digits}`.
//! The signature is BLAKE3, keyed with a secret of the store, over the texts of the version and the
//! expiry in the URL.

use chrono::{DateTime, Utc};

use crate::VersionId;

/// The path of bodies, to which a version's id is appended.
pub(super) const PREFIX: &str = "/prompt-bodies/";

/// Minimum time that a URL works, in seconds.
const LIFETIME_SECONDS: i64 = 60 * 60;

/// Expiries are multiples of this many seconds, so that a version's URL is stable for a while.
const EXPIRY_STEP_SECONDS: i64 = 15 * 60;

/// Signs URLs and verifies their signatures.
pub(super) struct Signer {
    key: [u8; 32],
}

impl Signer {
    /// Creates a signer whose key is derived from this secret.
    pub(super) fn new(secret: &str) -> Self {
        let key = blake3::derive_key("promptbook 2026-11-22 URLs of bodies", secret.as_bytes());
        Self { key }
    }

    /// Returns when a URL that is created now expires, in seconds since 1970.
    pub(super) fn expiry(now: DateTime<Utc>) -> i64 {
        let soonest = now.timestamp().saturating_add(LIFETIME_SECONDS);
        soonest.saturating_add(EXPIRY_STEP_SECONDS - 1) / EXPIRY_STEP_SECONDS * EXPIRY_STEP_SECONDS
    }

    /// Returns the path and query of a version's body, which work until `expires`.
    pub(super) fn path(&self, version: VersionId, expires: i64) -> String {
        let (version, expires) = (version.to_string(), expires.to_string());
        let signature = self.sign(&version, &expires).to_hex();
        format!("{PREFIX}{version}?expires={expires}&signature={signature}")
    }

    /// Returns the version that a URL was signed for.
    ///
    /// The texts are compared as they are, because another spelling has another signature.
    pub(super) fn check(
        &self,
        version: &str,
        query: &str,
        now: DateTime<Utc>,
    ) -> Result<VersionId, &'static str> {
        const WRONG: &str = "The URL of the prompt body does not have a valid signature";
        let (expires, signature) = query
            .strip_prefix("expires=")
            .and_then(|query| query.split_once("&signature="))
            .ok_or(WRONG)?;
        let given = blake3::Hash::from_hex(signature).map_err(|_| WRONG)?;
        // Hashes are compared in constant time. Upper case hex digits would be another spelling.
        if given != self.sign(version, expires) || signature.bytes().any(|b| b.is_ascii_uppercase())
        {
            return Err(WRONG);
        }
        let expires: i64 = expires.parse().map_err(|_| WRONG)?;
        if expires <= now.timestamp() {
            return Err("The URL of the prompt body has expired");
        }
        version.parse().map_err(|_| WRONG)
    }

    fn sign(&self, version: &str, expires: &str) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        // Neither text contains the separator.
        hasher
            .update(version.as_bytes())
            .update(b"?")
            .update(expires.as_bytes());
        hasher.finalize()
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    fn check(signer: &Signer, path: &str, now: i64) -> Result<VersionId, &'static str> {
        let (version, query) = path.strip_prefix(PREFIX).unwrap().split_once('?').unwrap();
        signer.check(version, query, at(now))
    }

    const VERSION: VersionId = VersionId::from_bytes([0xab; 16]);

    #[test]
    fn a_url_works_until_it_expires() {
        let signer = Signer::new("secret");
        let path = signer.path(VERSION, Signer::expiry(at(1_000_000_000)));
        assert_eq!(check(&signer, &path, 1_000_000_000), Ok(VERSION));
        assert_eq!(
            check(&signer, &path, 1_000_000_000 + LIFETIME_SECONDS - 1),
            Ok(VERSION)
        );
        let late = 1_000_000_000 + LIFETIME_SECONDS + EXPIRY_STEP_SECONDS;
        assert_eq!(
            check(&signer, &path, late),
            Err("The URL of the prompt body has expired")
        );
    }

    #[test]
    fn a_url_stays_the_same_for_a_while() {
        let signer = Signer::new("secret");
        assert_eq!(
            signer.path(VERSION, Signer::expiry(at(900_001))),
            signer.path(VERSION, Signer::expiry(at(900_899)))
        );
        assert_ne!(
            signer.path(VERSION, Signer::expiry(at(900_000))),
            signer.path(VERSION, Signer::expiry(at(900_901)))
        );
    }

    #[test]
    fn no_character_can_be_changed() {
        let signer = Signer::new("secret");
        let path = signer.path(VERSION, Signer::expiry(at(1_000_000_000)));
        let (start, rest) = path.split_at(PREFIX.len());
        for position in 0..rest.len() {
            for other in ('!'..='~').filter(|&c| Some(c) != rest.chars().nth(position)) {
                let mut changed: Vec<char> = rest.chars().collect();
                changed[position] = other;
                let changed: String = changed.into_iter().collect();
                if let Some((version, query)) = changed.split_once('?') {
                    let checked = signer.check(version, query, at(1_000_000_000));
                    assert!(checked.is_err(), "{start}{changed}");
                }
            }
        }
    }

    #[test]
    fn another_secret_gives_another_signature() {
        let path = Signer::new("secret").path(VERSION, Signer::expiry(at(0)));
        assert!(check(&Signer::new("other"), &path, 0).is_err());
    }
}
