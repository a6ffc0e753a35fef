//! Recognition of URLs in places where a directory is expected.

use std::path::Path;

use crate::model::invalid_argument::InvalidArgument;

/// Returns the URL that a path is, if it begins like one: `postgres://host/db`.
///
/// A directory whose path looks like a URL can be named all the same, as `./postgres:/…`.
pub(crate) fn url_in(path: &Path) -> Option<&str> {
    let text = path.to_str()?;
    let (scheme, _) = text.split_once("://")?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    is_scheme.then_some(text)
}

/// Fails if a path is a URL, so that no directory is created under its name.
///
/// # Errors
///
/// The error shows the URL without its user and password.
pub(crate) fn refuse_url(path: &Path) -> Result<(), InvalidArgument> {
    let Some(url) = url_in(path) else {
        return Ok(());
    };
    Err(InvalidArgument::new(
        "directory",
        &without_credentials(url),
        reason(url),
    ))
}

/// Returns whether a URL names a Postgres database.
pub(crate) fn is_postgres(url: &str) -> bool {
    let scheme = url.split("://").next().unwrap_or_default();
    scheme.eq_ignore_ascii_case("postgres") || scheme.eq_ignore_ascii_case("postgresql")
}

fn reason(url: &str) -> &'static str {
    if !is_postgres(url) {
        "it is a URL; a store is in a directory"
    } else if cfg!(feature = "postgres") {
        "it is the URL of a store in Postgres, and this operation needs a directory"
    } else {
        "it is the URL of a store in Postgres, and this build does not include the feature `postgres`; \
         build it with that feature, or name a directory"
    }
}

/// Returns a URL for messages: without its user and password, and with no parameter but the schema.
pub(crate) fn without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let (place, parameters) = rest.split_once(['?', '#']).unwrap_or((rest, ""));
    let place = place.rsplit_once('@').map_or(place, |(_, place)| place);
    let mut parameters = parameters.split(['&', '#']);
    match parameters.find(|parameter| parameter.starts_with("schema=")) {
        Some(schema) => format!("{scheme}://{place}?{schema}"),
        None => format!("{scheme}://{place}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_distinguished_from_paths() {
        for url in [
            "postgres://host/db",
            "postgresql://u:p@h/d",
            "s3://bucket",
            "x+y.z-1://",
        ] {
            assert_eq!(url_in(Path::new(url)), Some(url));
        }
        for path in [
            "prompts",
            "./postgres://host/db",
            "/a://b",
            "://",
            "1a://b",
            "postgres:/db",
        ] {
            assert_eq!(url_in(Path::new(path)), None, "{path}");
            refuse_url(Path::new(path)).unwrap();
        }
    }

    #[test]
    fn an_error_shows_no_credentials() {
        let url = "postgres://user:p@ss@host/db?password=secret&schema=one#secret";
        let error = refuse_url(Path::new(url)).unwrap_err().to_string();
        assert!(
            error.contains("\"postgres://host/db?schema=one\""),
            "{error}"
        );
        for secret in ["user", "p@ss", "secret"] {
            assert!(!error.contains(secret), "{error}");
        }
    }
}
