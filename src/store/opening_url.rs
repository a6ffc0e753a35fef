//! Opening and creation of stores that a URL names.

#[cfg(feature = "cli")]
use std::path::Path;
#[cfg(feature = "postgres")]
use std::sync::Arc;

use super::StoreOptions;
use super::handle::Store;
#[cfg(feature = "postgres")]
use super::opening::begun;
#[cfg(feature = "postgres")]
use super::shared::StoreLocation;
#[cfg(all(feature = "cli", feature = "postgres"))]
use super::store_url::{is_postgres, url_in};
use crate::model::error::OpenError;
#[cfg(feature = "postgres")]
use crate::storage::Index as _;
#[cfg(feature = "s3")]
use crate::storage::postgres::ObjectBlobs;
#[cfg(feature = "postgres")]
use crate::storage::postgres::{PostgresBlobs, PostgresIndex, PostgresUrl};

#[cfg(feature = "postgres")]
impl StoreOptions {
    /// Opens the store at a URL with these options.
    ///
    /// The URL is `postgres://user@host/database?schema=name`. The tables of the store are in that
    /// schema, `promptbook` if none is named. Parameters of libpq such as `sslmode` and `sslrootcert` are
    /// accepted. TLS is required, and the server's certificate verified, unless the host is this
    /// machine or the URL says `sslmode=disable`. A password that the URL does not contain is taken from `PGPASSWORD`,
    /// or from the file that `PGPASSFILE` names, or from `~/.pgpass`.
    ///
    /// With `blobs=s3://bucket/prefix` (feature `s3`), bodies at rest are objects, in S3 or at the
    /// `endpoint` of another server. [`docs::scale`](crate::docs::scale) describes all parameters.
    ///
    /// # Errors
    ///
    /// - [`InvalidArgument`](OpenError::InvalidArgument) if the URL is not valid.
    /// - [`NotAStore`](OpenError::NotAStore) if the schema contains no store.
    /// - [`Storage`](OpenError::Storage) if the server cannot be reached, does not flush
    ///   (`fsync = off`), or the store has another format.
    ///
    /// No error contains the user or the password of the URL.
    pub fn open_url(&self, url: &str) -> Result<Store, OpenError> {
        let url = PostgresUrl::parse(url)?;
        self.opened(&url)?.ok_or_else(|| OpenError::NotAStore {
            path: url.to_string().into(),
        })
    }

    /// Creates a store at a URL with these options. The schema is created if it does not exist.
    ///
    /// # Errors
    ///
    /// [`StoreExists`](OpenError::StoreExists) if the schema contains a store, otherwise as
    /// [`open_url`](Self::open_url). A failure creates no table.
    pub fn create_url(&self, url: &str) -> Result<Store, OpenError> {
        let url = PostgresUrl::parse(url)?;
        let list = self.environment_list()?;
        let path = || url.to_string().into();
        if !PostgresIndex::create(&url, self.settings())? {
            return Err(OpenError::StoreExists { path: path() });
        }
        let store = self.opened(&url)?;
        begun(
            store.ok_or_else(|| OpenError::NotAStore { path: path() })?,
            list,
        )
    }

    fn opened(&self, url: &PostgresUrl) -> Result<Option<Store>, OpenError> {
        let Some(index) = PostgresIndex::open(url)? else {
            return Ok(None);
        };
        let index = Arc::new(index.with_limit(self.locks.limit));
        let settings = index.snapshot()?.settings()?;
        let place = StoreLocation::Postgres(Arc::clone(&index));
        #[cfg(feature = "s3")]
        if let Some(objects) = &url.objects {
            let blobs = Arc::new(ObjectBlobs::of(&index, objects)?);
            return Ok(Some(self.join(index, blobs, settings, place)));
        }
        let blobs = Arc::new(PostgresBlobs::of(&index));
        Ok(Some(self.join(index, blobs, settings, place)))
    }
}

#[cfg(feature = "cli")]
impl StoreOptions {
    /// Opens the store at a URL or in a directory.
    pub(crate) fn open_place(&self, place: &Path) -> Result<Store, OpenError> {
        #[cfg(feature = "postgres")]
        if let Some(url) = url_in(place).filter(|url| is_postgres(url)) {
            return self.open_url(url);
        }
        self.open(place)
    }

    /// Creates a store at a URL or in a directory.
    pub(crate) fn create_place(&self, place: &Path) -> Result<Store, OpenError> {
        #[cfg(feature = "postgres")]
        if let Some(url) = url_in(place).filter(|url| is_postgres(url)) {
            return self.create_url(url);
        }
        self.create(place)
    }
}
