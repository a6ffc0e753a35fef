//! [`Remotes`], the remotes of a store.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::error::RemoteError;
use super::helicone::Helicone;
use super::http::{HttpClient, RemoteKey, RemoteUrl, RetryPolicy, StopFlag};
use super::options::StatusOptions;
use super::pull::{PullOptions, PullSummary, TransferTarget, pull};
use super::push::{PushOptions, PushSummary, SyncStatus, push, status};
use super::state::{RemoteFolder, RemoteLock, RemoteSettings, RemoteState};
use crate::Store;

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
    /// The number of prompts that both sides have, as last seen.
    pub prompts: u64,
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
    /// - [`RemoteError::Stopped`].
    /// - [`RemoteError::Store`] if the store cannot be changed.
    ///
    /// A failure leaves what was pulled until then: whole prompts, each as one operation. The next
    /// pull continues from there. A prompt that cannot be read is in
    /// [`failed`](PullSummary::failed) instead.
    pub fn pull(&self, name: &str, options: PullOptions<'_>) -> Result<PullSummary, RemoteError> {
        let lock = self.folder.lock()?;
        let state = self.state(name)?;
        let remote = self.connect(
            &state,
            options.status.key.clone(),
            options.status.stop.clone(),
        )?;
        pull(&self.target(name, &lock, &remote), state, options)
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
        let state = self.state(name)?;
        let (key, stop) = (options.status.key.clone(), options.status.stop.clone());
        let remote = self.connect(&state, key, stop)?;
        push(&self.target(name, &lock, &remote), state, options)
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
        let state = self.state(name)?;
        let remote = self.connect(&state, options.key.clone(), options.stop.clone())?;
        status(&self.target(name, &lock, &remote), state, options)
    }

    fn target<'a>(
        &'a self,
        name: &'a str,
        lock: &'a RemoteLock,
        remote: &'a Helicone,
    ) -> TransferTarget<'a> {
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

    fn connect(
        &self,
        state: &RemoteState,
        key: Option<RemoteKey>,
        stop: StopFlag,
    ) -> Result<Helicone, RemoteError> {
        let allow_http = state.settings.allow_http;
        let url = RemoteUrl::parse(&state.settings.url, allow_http)?;
        connect(url, key, stop, allow_http)
    }
}

/// Returns the service at a URL. Nothing is sent yet.
pub(super) fn connect(
    url: RemoteUrl,
    key: Option<RemoteKey>,
    stop: StopFlag,
    allow_http: bool,
) -> Result<Helicone, RemoteError> {
    let http = HttpClient::new(url, key, RetryPolicy::default(), stop, allow_http)?;
    Ok(Helicone::new(http))
}

fn info(name: &str, state: &RemoteState) -> RemoteInfo {
    RemoteInfo {
        name: name.to_owned(),
        url: state.settings.url.clone(),
        added_at: state.settings.added_at,
        prompts: state.prompts.len() as u64,
    }
}
