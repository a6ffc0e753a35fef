//! [`RemoteService`], what serves a remote, and how it is recognized.

use super::error::RemoteError;
use super::exchange::{RemoteHead, StoreService};
use super::helicone::Helicone;
use super::http::{HttpClient, RemoteKey, RemoteUrl, RetryPolicy, StopFlag};
use super::state::RemoteKind;

/// The domain of the service whose API is known to have no routes of stores.
const HELICONE: &str = "helicone.ai";

/// What serves a remote.
#[derive(Debug)]
pub(super) enum RemoteService {
    Helicone(Helicone),
    Store(StoreService),
}

impl RemoteService {
    /// Returns the service at a URL. If its kind is not known, the service is asked.
    pub(super) fn connect(
        url: RemoteUrl,
        key: Option<RemoteKey>,
        stop: StopFlag,
        allow_http: bool,
        known: Option<RemoteKind>,
    ) -> Result<Self, RemoteError> {
        let is_helicone = is_of_helicone(&url.host());
        let http = HttpClient::new(url, key, RetryPolicy::default(), stop, allow_http)?;
        match known {
            Some(RemoteKind::Store) => Ok(Self::Store(StoreService::new(http))),
            Some(RemoteKind::Helicone) => Ok(Self::Helicone(Helicone::new(http))),
            None if is_helicone => Ok(Self::Helicone(Helicone::new(http))),
            None => Ok(match StoreService::detect(http)? {
                Ok((service, _)) => Self::Store(service),
                Err(http) => Self::Helicone(Helicone::new(http)),
            }),
        }
    }

    pub(super) fn kind(&self) -> RemoteKind {
        match self {
            Self::Helicone(_) => RemoteKind::Helicone,
            Self::Store(_) => RemoteKind::Store,
        }
    }

    /// Checks that the service answers and accepts the key. Returns the head of a store.
    pub(super) fn check(&self) -> Result<Option<RemoteHead>, RemoteError> {
        match self {
            Self::Helicone(remote) => remote.check().map(|()| None),
            Self::Store(service) => service.head(0).map(Some),
        }
    }
}

fn is_of_helicone(host: &str) -> bool {
    host.strip_suffix(HELICONE)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}
