//! [`Bucket`], a bucket with calls that block their thread.
//!
//! The calls run on the background thread of the Postgres connections.

use std::collections::HashMap;
use std::future::Future;
use std::ops::Range;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use rustls::ClientConfig;

use super::client;
use super::error::{failure, is_beyond_end, is_missing};
use super::place::ObjectPlace;
use super::read_waits::ReadWaits;
use crate::storage::postgres::runtime;
use crate::storage::{StorageError, StorageErrorKind, StorageResult};

/// How long a call may take in total, its repetitions included. A listing has no limit.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);
/// The time after a failure for which the server is assumed to be unreachable.
const SUSPECT_TIME: Duration = Duration::from_secs(10);
/// The number of times that a part of an object is requested if the answer is too short.
const READ_ATTEMPTS: usize = 3;

/// A bucket, and a prefix in it.
#[derive(Debug)]
pub(in crate::storage) struct Bucket {
    client: Arc<dyn ObjectStore>,
    place: ObjectPlace,
    /// The time and the message of the last failure, until a call succeeds.
    failed: Mutex<Option<(Instant, String)>>,
    reads: ReadWaits,
}

/// A put whose answer has not been waited for.
#[derive(Debug)]
pub(in crate::storage) struct StartedPut {
    key: String,
    answer: Receiver<object_store::Result<()>>,
}

/// The answer to a request for a part of an object.
enum ReadPart {
    Whole(Bytes),
    Missing,
    /// The object ends before the part does, and has this size.
    BeyondEnd(u64),
}

impl Bucket {
    /// Returns a bucket, without calling the server.
    pub(in crate::storage) fn open(place: &ObjectPlace, tls: ClientConfig) -> StorageResult<Self> {
        Ok(Self {
            client: client::connect(place, tls)?,
            place: place.clone(),
            failed: Mutex::default(),
            reads: ReadWaits::default(),
        })
    }

    /// Puts, reads and deletes a small object, so that wrong settings are noticed at once.
    pub(in crate::storage) fn probe(&self, key: &str) -> StorageResult<()> {
        let contents = Bytes::from_static(b"promptbook");
        let started = self.start_put(key, contents.clone())?;
        self.finish_put(started)?;
        let found = self.get(key, 0..contents.len() as u64)?;
        if found.as_ref() != Some(&contents) {
            let reason = format!("{}: an object that was just put cannot be read", self.place);
            return Err(StorageError::new(StorageErrorKind::Other, reason));
        }
        self.delete(&[key.to_owned()])
    }

    /// Returns the message of a failure so recent that another call is likely to fail too.
    ///
    /// A read that gives up because many others wait is such a failure: none was answered meanwhile.
    pub(in crate::storage) fn recent_failure(&self) -> Option<String> {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let recent = failed
            .as_ref()
            .filter(|(at, _)| at.elapsed() < SUSPECT_TIME);
        recent.map(|(_, message)| message.clone())
    }

    /// Begins to put an object.
    pub(in crate::storage) fn start_put(
        &self,
        key: &str,
        bytes: Bytes,
    ) -> StorageResult<StartedPut> {
        let (client, path) = (Arc::clone(&self.client), self.path(key));
        let answer = start(async move { client.put(&path, bytes.into()).await.map(drop) })?;
        Ok(StartedPut {
            key: key.to_owned(),
            answer,
        })
    }

    /// Waits until an object is stored.
    ///
    /// # Errors
    ///
    /// After a failure the object may be stored or not, now or later.
    pub(in crate::storage) fn finish_put(&self, started: StartedPut) -> StorageResult<()> {
        let doing = format!("putting object {}", started.key);
        self.answered(doing, &started.answer, CALL_TIMEOUT)
    }

    /// Returns a part of an object; `None` if the object does not exist.
    ///
    /// # Errors
    ///
    /// [`Corrupt`](StorageErrorKind::Corrupt) if the object ends before the part does.
    pub(in crate::storage) fn get(
        &self,
        key: &str,
        range: Range<u64>,
    ) -> StorageResult<Option<Bytes>> {
        let (client, path) = (Arc::clone(&self.client), self.path(key));
        let length = range.end - range.start;
        if length == 0 {
            return Ok(Some(Bytes::new()));
        }
        let read = async move {
            let mut attempt = 1;
            loop {
                match client.get_range(&path, range.clone()).await {
                    Ok(bytes) if bytes.len() as u64 == length => return Ok(ReadPart::Whole(bytes)),
                    // The client repeats what fails, but trusts the length of an answer.
                    Ok(_) if attempt < READ_ATTEMPTS => attempt += 1,
                    Err(error) if is_missing(&error) => return Ok(ReadPart::Missing),
                    Err(error) if !is_beyond_end(&error) => return Err(error),
                    short => {
                        let size = match client.head(&path).await {
                            Err(error) if is_missing(&error) => return Ok(ReadPart::Missing),
                            meta => meta?.size,
                        };
                        if size < range.end {
                            return Ok(ReadPart::BeyondEnd(size));
                        }
                        let bytes = short?;
                        let reason = format!("{} bytes instead of {length}", bytes.len());
                        return Err(object_store::Error::Generic {
                            store: "S3",
                            source: reason.into(),
                        });
                    }
                }
            }
        };
        let answer = start(read)?;
        let received = self.reads.wait(&answer, CALL_TIMEOUT);
        let received = received.map_err(|error| error.to_string());
        match self.noted(format!("reading object {key}"), received)? {
            ReadPart::Whole(bytes) => Ok(Some(bytes)),
            ReadPart::Missing => Ok(None),
            ReadPart::BeyondEnd(size) => {
                let reason = format!("object {key} is cut short: it has only {size} bytes");
                Err(StorageError::new(StorageErrorKind::Corrupt, reason))
            }
        }
    }

    /// Deletes objects. Those that do not exist are ignored.
    pub(in crate::storage) fn delete(&self, keys: &[String]) -> StorageResult<()> {
        let client = Arc::clone(&self.client);
        let paths: Vec<_> = keys.iter().map(|key| Ok(self.path(key))).collect();
        let deleted = async move {
            let mut answers = client.delete_stream(futures_util::stream::iter(paths).boxed());
            while let Some(answer) = answers.next().await {
                match answer {
                    Err(error) if !is_missing(&error) => return Err(error),
                    _ => {}
                }
            }
            Ok(())
        };
        let answer = start(deleted)?;
        self.answered(
            format!("deleting {} objects", keys.len()),
            &answer,
            CALL_TIMEOUT,
        )
    }

    /// Returns the keys and sizes of all objects below the prefix.
    pub(in crate::storage) fn list(&self) -> StorageResult<HashMap<String, u64>> {
        let client = Arc::clone(&self.client);
        let prefix = (!self.place.prefix.is_empty()).then(|| Path::from(self.place.prefix.clone()));
        let listed = async move {
            let metas: Vec<_> = client.list(prefix.as_ref()).try_collect().await?;
            Ok(metas)
        };
        let answer = start(listed)?;
        let metas = self.answered("listing objects".into(), &answer, Duration::MAX)?;
        let length = match self.place.prefix.len() {
            0 => 0,
            length => length + 1,
        };
        let key = |meta: object_store::ObjectMeta| {
            let key = meta.location.as_ref().get(length..)?.to_owned();
            Some((key, meta.size))
        };
        Ok(metas.into_iter().filter_map(key).collect())
    }

    fn path(&self, key: &str) -> Path {
        if self.place.prefix.is_empty() {
            Path::from(key)
        } else {
            Path::from(format!("{}/{key}", self.place.prefix))
        }
    }

    /// Waits for the answer of a call, and notes whether the server answers.
    fn answered<T>(
        &self,
        doing: String,
        answer: &Receiver<object_store::Result<T>>,
        limit: Duration,
    ) -> StorageResult<T> {
        let received = if limit == Duration::MAX {
            answer.recv().map_err(|error| error.to_string())
        } else {
            answer
                .recv_timeout(limit)
                .map_err(|error| error.to_string())
        };
        self.noted(doing, received)
    }

    /// Notes whether the server answered a call.
    fn noted<T>(
        &self,
        doing: String,
        received: Result<object_store::Result<T>, String>,
    ) -> StorageResult<T> {
        let doing = format!("{}: {doing}", self.place);
        let result = match received {
            Ok(answer) => answer.map_err(|error| failure(doing, error)),
            Err(error) => Err(StorageError::new(StorageErrorKind::Busy, doing).because(error)),
        };
        let is_busy = |error: &&StorageError| error.kind() == StorageErrorKind::Busy;
        let failure = result.as_ref().err().filter(is_busy);
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) =
            failure.map(|error| (Instant::now(), error.to_string()));
        result
    }
}

/// Starts a call on the background thread.
fn start<T: Send + 'static>(
    call: impl Future<Output = object_store::Result<T>> + Send + 'static,
) -> StorageResult<Receiver<object_store::Result<T>>> {
    let (send, receive) = sync_channel(1);
    runtime::handle()?.spawn(async move {
        // The caller may have given up.
        let _ = send.send(call.await);
    });
    Ok(receive)
}
