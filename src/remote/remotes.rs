//! [`Remotes`], the remotes of a store.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::error::RemoteError;
use super::exchange::{self, ExchangePull};
use super::http::{RemoteKey, RemoteUrl, StopFlag};
use super::options::StatusOptions;
use super::pull::{PullOptions, PullSummary, TransferTarget, pull};
use super::push::{PushOptions, PushSummary, SyncStatus, push, status};
use super::remote_service::RemoteService;
use super::state::{RemoteFolder, RemoteKind, RemoteLock, RemoteSettings, RemoteState};
use crate::Store;
use crate::error::OpenError;
use crate::history::LogPosition;

/// The name of the remote that a clone has, and that is used if none is named.
pub const DEFAULT_REMOTE: &str = "origin";

/// The remotes of a store in a directory.
///
/// ```no_run
/// use promptbook::Store;
/// use promptbook::remote::{PullOptions, RemoteKey, StatusOptions};
///
/// # fn main() -> Result<(), promptbook::remote::RemoteError> {
/// let store = Store::open("prompts")?;
/// let remotes = store.remotes()?;
/// remotes.add("origin", "https://api.helicone.ai", false)?;
/// let key = RemoteKey::new(&std::env::var("HELICONE_API_KEY").unwrap_or_default());
/// let options = key.into_iter().fold(StatusOptions::new(), StatusOptions::key);
/// let summary = remotes.pull("origin", PullOptions::new().with(options))?;
/// println!("{} versions", summary.versions);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Remotes {
    store: Store,
    folder: RemoteFolder,
}

/// A remote of a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RemoteInfo {
    /// The name.
    pub name: String,
    /// The URL.
    pub url: String,
    /// The time at which it was added.
    pub added_at: DateTime<Utc>,
    /// What serves it; none until it was asked.
    pub kind: Option<RemoteKind>,
    /// The number of prompts that both sides have, as last seen; 0 for a store.
    pub prompts: u64,
    /// The last position that both sides had; none if the remote is no store.
    pub seen: Option<LogPosition>,
}

impl Store {
    /// Returns the remotes of this store.
    ///
    /// # Errors
    ///
    /// [`RemoteError::NoDirectory`] if the store is not in a directory.
    pub fn remotes(&self) -> Result<Remotes, RemoteError> {
        let directory = self.path().ok_or(RemoteError::NoDirectory)?;
        Ok(Remotes {
            folder: RemoteFolder::of(directory),
            store: self.clone(),
        })
    }
}

impl Remotes {
    /// Adds a remote. Nothing is sent to it.
    ///
    /// `allow_http` allows plain HTTP to another machine, which shows the key and the prompts to
    /// the network.
    ///
    /// # Errors
    ///
    /// [`RemoteError::Name`], [`RemoteError::Url`]; [`RemoteError::Exists`] if the name is in use;
    /// [`RemoteError::Busy`] or [`RemoteError::State`] if the file cannot be written. No remote is
    /// added then.
    pub fn add(&self, name: &str, url: &str, allow_http: bool) -> Result<RemoteInfo, RemoteError> {
        let url = RemoteUrl::parse(url, allow_http)?;
        if let Some(existing) = self.folder.read(name)? {
            return Err(RemoteError::Exists {
                name: name.to_owned(),
                url: existing.settings.url,
            });
        }
        let state = RemoteState {
            settings: RemoteSettings {
                url: url.as_str().to_owned(),
                added_at: Utc::now(),
                allow_http,
                kind: None,
                seen: None,
                pending: None,
            },
            prompts: Default::default(),
        };
        let lock = self.folder.lock()?;
        self.folder.write(name, &state, &lock)?;
        Ok(info(name, &state))
    }

    /// Returns all remotes, sorted by name.
    ///
    /// # Errors
    ///
    /// [`RemoteError::State`] if a file cannot be read, or is damaged.
    pub fn list(&self) -> Result<Vec<RemoteInfo>, RemoteError> {
        let names = self.folder.names()?;
        let infos = names.iter().map(|name| {
            let state = self.folder.read(name)?;
            Ok(state.map(|state| info(name, &state)))
        });
        let infos: Result<Vec<Option<RemoteInfo>>, RemoteError> = infos.collect();
        Ok(infos?.into_iter().flatten().collect())
    }

    /// Removes a remote, and what was last seen of it. The prompts stay on both sides.
    ///
    /// If it is added again, what only one side deleted or changed is not known any more.
    ///
    /// # Errors
    ///
    /// [`RemoteError::NotFound`]; [`RemoteError::Busy`] or [`RemoteError::State`] if the file
    /// cannot be removed.
    pub fn remove(&self, name: &str) -> Result<(), RemoteError> {
        let lock = self.folder.lock()?;
        // A damaged file can be removed, too.
        if matches!(self.folder.read(name), Ok(None)) {
            return Err(RemoteError::NotFound { name: name.into() });
        }
        self.folder.remove(name, &lock)
    }

    /// Brings what a remote has into the store, as operations of one group.
    ///
    /// If the remote is a served store, its operations are appended as they are, so that both
    /// histories are equal. If the store has operations of its own, that is not possible, and
    /// [`pull_store`](super::pull_store()) is needed.
    ///
    /// Only what is new is downloaded. If only the remote changed a prompt, the store follows. If
    /// both sides changed the same part of a prompt, the prompt is left alone, and the summary says
    /// what each side did; [`PullOptions::settle`] takes one of the sides.
    ///
    /// # Errors
    ///
    /// - [`RemoteError::NotFound`], [`RemoteError::Busy`], [`RemoteError::State`].
    /// - [`RemoteError::Unanswered`], [`RemoteError::KeyRefused`],
    ///   [`RemoteError::TooManyRequests`], [`RemoteError::Refused`], [`RemoteError::Malformed`].
    /// - [`RemoteError::PromptNotFound`], [`RemoteError::PromptAmbiguous`] for a selected prompt.
    /// - [`RemoteError::Diverged`], [`RemoteError::Contradiction`], [`RemoteError::Selection`] for a
    ///   served store.
    /// - [`RemoteError::Stopped`].
    /// - [`RemoteError::Store`] if the store cannot be changed.
    ///
    /// A failure leaves what was pulled until then: whole prompts, each as one operation. The next
    /// pull continues from there. A prompt that cannot be read is in
    /// [`failed`](PullSummary::failed) instead.
    pub fn pull(&self, name: &str, options: PullOptions<'_>) -> Result<PullSummary, RemoteError> {
        let lock = self.folder.lock()?;
        let (key, stop) = (options.status.key.clone(), options.status.stop.clone());
        let (state, remote) = self.connect(name, &lock, key, stop)?;
        match &remote {
            RemoteService::Helicone(remote) => {
                pull(&self.target(name, &lock, remote), state, options)
            }
            RemoteService::Store(service) => {
                match exchange::pull(&self.target(name, &lock, service), state, options)? {
                    ExchangePull::Done(summary) => Ok(summary),
                    ExchangePull::Diverged(_) => Err(RemoteError::Diverged { name: name.into() }),
                }
            }
        }
    }

    /// Pulls as [`pull`](Self::pull) does, and replaces the index if both sides have new operations.
    ///
    /// The handle is closed for that, and a new one is returned.
    pub(super) fn pull_exclusively(
        self,
        open: impl Fn() -> Result<Store, OpenError>,
        name: &str,
        options: PullOptions<'_>,
    ) -> Result<(Store, PullSummary), RemoteError> {
        let lock = self.folder.lock()?;
        let (key, stop) = (options.status.key.clone(), options.status.stop.clone());
        let (mut state, remote) = self.connect(name, &lock, key, stop)?;
        let pulled = match &remote {
            RemoteService::Helicone(remote) => {
                let target = self.target(name, &lock, remote);
                ExchangePull::Done(pull(&target, state.clone(), options)?)
            }
            RemoteService::Store(service) => {
                let target = self.target(name, &lock, service);
                exchange::pull(&target, state.clone(), options)?
            }
        };
        match pulled {
            ExchangePull::Done(summary) => Ok((self.store, summary)),
            ExchangePull::Diverged(prepared) => {
                let (summary, seen) = prepared.perform(self.store)?;
                state.settings.seen = Some(seen);
                self.folder.write(name, &state, &lock)?;
                Ok((open()?, summary))
            }
        }
    }

    /// Sends what the store changed to a remote.
    ///
    /// The service assigns ids and numbers of its own, which are recorded. A prompt whose versions
    /// would get other numbers there is left alone, unless [`PushOptions::map_numbers`] accepts
    /// that; one of which something would be deleted there, unless [`PushOptions::delete`] does.
    /// So is a prompt that the remote changed since the last pull, or that is in conflict.
    ///
    /// If a request is not answered, the version is looked for, and sent again only if it was not
    /// created. The request is recorded before it is sent, so this holds for the next transfer, too.
    ///
    /// # Errors
    ///
    /// As [`pull`](Self::pull); [`RemoteError::Unclear`] if several versions there may be the one
    /// whose request was not answered. What was sent until then stays, and is recorded.
    pub fn push(&self, name: &str, options: PushOptions<'_>) -> Result<PushSummary, RemoteError> {
        let lock = self.folder.lock()?;
        let (key, stop) = (options.status.key.clone(), options.status.stop.clone());
        let (state, remote) = self.connect(name, &lock, key, stop)?;
        match &remote {
            RemoteService::Helicone(remote) => {
                push(&self.target(name, &lock, remote), state, options)
            }
            RemoteService::Store(service) => {
                exchange::push(&self.target(name, &lock, service), state, options)
            }
        }
    }

    /// Compares the store with a remote, prompt by prompt. Neither side is changed.
    ///
    /// # Errors
    ///
    /// As [`push`](Self::push).
    pub fn status(
        &self,
        name: &str,
        options: StatusOptions<'_>,
    ) -> Result<SyncStatus, RemoteError> {
        let lock = self.folder.lock()?;
        let (key, stop) = (options.key.clone(), options.stop.clone());
        let (state, remote) = self.connect(name, &lock, key, stop)?;
        match &remote {
            RemoteService::Helicone(remote) => {
                status(&self.target(name, &lock, remote), state, options)
            }
            RemoteService::Store(service) => {
                exchange::status(&self.target(name, &lock, service), &state, &options)
            }
        }
    }

    fn target<'a, R>(
        &'a self,
        name: &'a str,
        lock: &'a RemoteLock,
        remote: &'a R,
    ) -> TransferTarget<'a, R> {
        TransferTarget {
            store: &self.store,
            name,
            folder: &self.folder,
            lock,
            remote,
        }
    }

    fn state(&self, name: &str) -> Result<RemoteState, RemoteError> {
        let state = self.folder.read(name)?;
        state.ok_or_else(|| RemoteError::NotFound { name: name.into() })
    }

    /// Returns the state of a remote and its service, and records what kind of service it is.
    fn connect(
        &self,
        name: &str,
        lock: &RemoteLock,
        key: Option<RemoteKey>,
        stop: StopFlag,
    ) -> Result<(RemoteState, RemoteService), RemoteError> {
        let mut state = self.state(name)?;
        let allow_http = state.settings.allow_http;
        let url = RemoteUrl::parse(&state.settings.url, allow_http)?;
        let service = RemoteService::connect(url, key, stop, allow_http, state.settings.kind)?;
        if state.settings.kind != Some(service.kind()) {
            state.settings.kind = Some(service.kind());
            self.folder.write(name, &state, lock)?;
        }
        Ok((state, service))
    }
}

fn info(name: &str, state: &RemoteState) -> RemoteInfo {
    RemoteInfo {
        name: name.to_owned(),
        url: state.settings.url.clone(),
        added_at: state.settings.added_at,
        kind: state.settings.kind,
        prompts: state.prompts.len() as u64,
        seen: state.settings.seen,
    }
}
