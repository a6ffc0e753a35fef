//! A site: what one listening socket serves.

use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderMap, Uri};

use super::app::App;

/// A state and the routes on it.
#[derive(Clone, Debug)]
pub(crate) struct RoutedApp {
    pub(crate) app: Arc<App>,
    pub(crate) router: Router,
}

/// Selects the app that a request is for, if it is not the main one.
pub(crate) trait SelectApp: Send + Sync {
    /// Returns the app that a request with this URI and these headers is for.
    fn select(&self, uri: &Uri, headers: &HeaderMap) -> Option<RoutedApp>;
}

/// The app that a listening socket serves, and others beside it.
pub(crate) struct Site {
    main: RoutedApp,
    others: Option<Arc<dyn SelectApp>>,
}

impl Site {
    /// Returns a site of one app.
    pub(crate) fn of(main: RoutedApp) -> Self {
        let others = None;
        Self { main, others }
    }

    /// Adds other apps.
    pub(crate) fn with_others(mut self, others: Arc<dyn SelectApp>) -> Self {
        self.others = Some(others);
        self
    }

    /// Returns the main app, whose limits apply to the connections.
    pub(crate) fn main(&self) -> &RoutedApp {
        &self.main
    }

    /// Returns the app that a request is for.
    pub(super) fn route(&self, uri: &Uri, headers: &HeaderMap) -> RoutedApp {
        let other = self.others.as_ref();
        other
            .and_then(|others| others.select(uri, headers))
            .unwrap_or_else(|| self.main.clone())
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Site")
            .field("main", &self.main)
            .finish_non_exhaustive()
    }
}
