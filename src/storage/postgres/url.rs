//! URLs of stores: `postgres://user@host/database?schema=prompts`.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use super::credentials;
use super::planted_fault::PlantedFault;
use crate::model::invalid_argument::InvalidArgument;
#[cfg(feature = "s3")]
use crate::storage::s3::{ObjectParameters, ObjectPlace};

/// The schema of a store whose URL names none.
const DEFAULT_SCHEMA: &str = "promptbook";

/// How long a connection may take to be established.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The place of a store in Postgres. Its text and its debug form contain no credentials.
#[derive(Clone)]
pub(crate) struct PostgresUrl {
    pub(super) config: Config,
    pub(super) schema: String,
    /// Whether a server that does not flush is accepted.
    pub(super) allows_fsync_off: bool,
    /// The file with the certificates that verify the server, instead of the system's.
    pub(super) root_certificates: Option<PathBuf>,
    pub(super) planted_fault: PlantedFault,
    /// Where bodies are objects; none if they are in the schema.
    #[cfg(feature = "s3")]
    pub(crate) objects: Option<ObjectPlace>,
    /// Whether the objects may be at another place than before.
    #[cfg(feature = "s3")]
    pub(crate) has_moved_objects: bool,
    shown: String,
}

impl PostgresUrl {
    /// Parses a URL, and looks up the password if it contains none.
    ///
    /// # Errors
    ///
    /// A parameter is unknown or has no valid value. The error shows no credentials.
    pub(crate) fn parse(url: &str) -> Result<Self, InvalidArgument> {
        let shown = without_credentials(url);
        let refused = |reason: String| InvalidArgument::new("URL of a store", &shown, reason);
        let (place, query) = url.split_once('?').unwrap_or((url, ""));
        let mut schema = DEFAULT_SCHEMA.to_owned();
        let mut allows_fsync_off = false;
        #[allow(unused_mut, reason = "only tests plant a fault")]
        let mut planted_fault = PlantedFault::default();
        let mut root_certificates = None;
        let mut blobs = BlobParameters::default();
        let mut left = Vec::new();
        for part in query.split('&').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            match name {
                "schema" => schema = decoded(value).map_err(refused)?,
                "allow_fsync_off" => allows_fsync_off = value == "1",
                "blobs" => blobs.place = Some(value),
                "endpoint" => blobs.endpoint = Some(decoded(value).map_err(refused)?),
                "region" => blobs.region = Some(decoded(value).map_err(refused)?),
                "allow_http" => blobs.allows_http = value == "1",
                "blobs_moved" => blobs.has_moved = value == "1",
                #[cfg(any(test, feature = "testing"))]
                "planted_fault" => {
                    let planted = PlantedFault::planted(value);
                    planted_fault = planted.ok_or_else(|| refused("no such fault".into()))?;
                }
                "sslrootcert" => {
                    root_certificates = Some(PathBuf::from(decoded(value).map_err(refused)?));
                }
                // The server is always verified, so libpq's stricter modes are no others.
                "sslmode" if matches!(value, "verify-ca" | "verify-full") => {
                    left.push("sslmode=require");
                }
                _ => left.push(part),
            }
        }
        check_schema(&schema).map_err(refused)?;
        #[cfg(feature = "s3")]
        let has_moved_objects = blobs.has_moved;
        #[cfg(feature = "s3")]
        let objects = blobs.parse().map_err(refused)?;
        #[cfg(not(feature = "s3"))]
        blobs.parse().map_err(refused)?;
        let has_mode = left.iter().any(|part| part.starts_with("sslmode="));
        let text = format!("{place}?{}", left.join("&"));
        let parsed = text.trim_end_matches('?').parse::<Config>();
        // The parser's causes contain names of parameters only.
        let mut config = parsed.map_err(|error| {
            refused(crate::model::causes::causes_after(
                "it is not a URL of Postgres".into(),
                std::error::Error::source(&error),
            ))
        })?;
        if config.get_hosts().is_empty() {
            return Err(refused("it names no host".into()));
        }
        if !has_mode {
            let is_local = config.get_hosts().iter().all(is_local);
            // What this machine sends to itself is not seen by others, and the usual certificate of a
            // local server is signed by itself.
            config.ssl_mode(if is_local {
                SslMode::Disable
            } else {
                SslMode::Require
            });
        }
        credentials::complete(&mut config);
        config
            .application_name("promptbook")
            .connect_timeout(CONNECT_TIMEOUT)
            .keepalives_idle(Duration::from_secs(15))
            .tcp_user_timeout(Duration::from_secs(30));
        Ok(Self {
            config,
            schema,
            allows_fsync_off,
            root_certificates,
            planted_fault,
            #[cfg(feature = "s3")]
            objects,
            #[cfg(feature = "s3")]
            has_moved_objects,
            shown,
        })
    }

    /// Returns the text of the place of objects, if there is one.
    pub(super) fn objects_text(&self) -> Option<String> {
        #[cfg(feature = "s3")]
        return self.objects.as_ref().map(ToString::to_string);
        #[cfg(not(feature = "s3"))]
        None
    }

    /// Returns whether the objects may be at another place than before.
    pub(super) fn may_move_objects(&self) -> bool {
        #[cfg(feature = "s3")]
        return self.has_moved_objects;
        #[cfg(not(feature = "s3"))]
        false
    }
}

/// The parameters of a URL that say where bodies are.
#[derive(Default)]
struct BlobParameters<'a> {
    place: Option<&'a str>,
    endpoint: Option<String>,
    region: Option<String>,
    allows_http: bool,
    has_moved: bool,
}

impl BlobParameters<'_> {
    #[cfg(feature = "s3")]
    fn parse(self) -> Result<Option<ObjectPlace>, String> {
        let Some(place) = self.place else {
            return self.check_none().map(|()| None);
        };
        // The credentials in it, if there are any, are decoded apart.
        let blobs = if place.contains("://") {
            place.to_owned()
        } else {
            decoded(place)?
        };
        let place = ObjectPlace::parse(ObjectParameters {
            blobs,
            endpoint: self.endpoint,
            region: self.region,
            allows_http: self.allows_http,
        });
        place.map(Some)
    }

    #[cfg(not(feature = "s3"))]
    fn parse(self) -> Result<(), String> {
        if self.place.is_some() {
            return Err(
                "this build does not include the feature `s3`; build it with that feature, or leave out \
                 blobs, and bodies are in Postgres"
                    .into(),
            );
        }
        self.check_none()
    }

    /// Fails if there are parameters of an object store.
    fn check_none(&self) -> Result<(), String> {
        if self.endpoint.is_some() || self.region.is_some() || self.allows_http || self.has_moved {
            return Err(
                "endpoint, region, allow_http and blobs_moved belong to blobs=s3://bucket/prefix"
                    .into(),
            );
        }
        Ok(())
    }
}

/// Returns the value of a parameter.
fn decoded(value: &str) -> Result<String, String> {
    let value = percent_decode_str(value).decode_utf8();
    value
        .map(|value| value.into_owned())
        .map_err(|error| error.to_string())
}

fn check_schema(schema: &str) -> Result<(), String> {
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if schema.is_empty() || schema.len() > 63 || !schema.chars().all(is_name) {
        return Err("a schema is named by 1 to 63 characters of a-z, 0-9 and _".into());
    }
    Ok(())
}

fn is_local(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => matches!(name.as_str(), "localhost" | "127.0.0.1" | "::1"),
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

/// Returns a URL without its user and password, and with no parameters but the schema.
fn without_credentials(url: &str) -> String {
    let (place, query) = url.split_once('?').unwrap_or((url, ""));
    let (scheme, rest) = place.split_once("://").unwrap_or(("postgres", place));
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    let schema = query.split('&').find(|part| part.starts_with("schema="));
    schema.map_or_else(
        || format!("{scheme}://{rest}"),
        |schema| format!("{scheme}://{rest}?{schema}"),
    )
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PostgresUrl").field(&self.shown).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_credentials() {
        let url = "postgres://user:hidden@host:5433/db?schema=prompts&application_name=hidden";
        let parsed = PostgresUrl::parse(url).unwrap();
        assert_eq!(parsed.to_string(), "postgres://host:5433/db?schema=prompts");
        assert_eq!(parsed.schema, "prompts");
        assert!(!format!("{parsed:?}").contains("hidden"));
        let wrong = "postgres://user:hidden@host/db?nonsense=hidden";
        let error = PostgresUrl::parse(wrong).unwrap_err();
        assert!(!error.to_string().contains("hidden"), "{error}");
    }

    #[test]
    fn tls_is_required_beyond_this_machine() {
        let mode = |url: &str| PostgresUrl::parse(url).unwrap().config.get_ssl_mode();
        assert_eq!(mode("postgres://db.example.com/a"), SslMode::Require);
        assert_eq!(mode("postgres://localhost/a"), SslMode::Disable);
        assert_eq!(mode("postgres://h/a?sslmode=verify-full"), SslMode::Require);
        assert_eq!(mode("postgres://h/a?sslmode=disable"), SslMode::Disable);
    }

    #[test]
    fn what_is_not_supported_is_refused() {
        for url in [
            "postgres://host/db?blobs=bucket",
            "postgres://host/db?endpoint=https://h",
            "postgres://host/db?blobs=s3://bucket&endpoint=http://h",
            "postgres://host/db?schema=A-b",
            "postgres:///db",
        ] {
            PostgresUrl::parse(url).unwrap_err();
        }
    }
}
