//! The start of a fake: its store, its routes, and its server.

use std::sync::Arc;

use axum::middleware::from_fn_with_state;

use super::baseline::Baseline;
use super::clock::FakeTime;
use super::fake_server::Fake;
use super::options::FakeOptions;
use super::recorder::record_and_script;
use super::route_names::RouteNames;
use super::state::FakeState;
use super::{FakeError, control};
use crate::server::service::Server;
use crate::server::signature::Signer;
use crate::server::{options, routes, service};

/// The default key. It is not secret, because then only this machine can reach the fake.
const KEY: &str = "sk-helicone-fake";

impl FakeOptions {
    /// Starts the fake.
    ///
    /// # Errors
    ///
    /// [`Server`](FakeError::Server) if the address cannot be bound, if other machines can reach it
    /// and no key was given, or if an option is malformed; [`Fixtures`](FakeError::Fixtures) if the
    /// fixtures contradict themselves; [`Store`](FakeError::Store) if the directory contains
    /// something else or cannot be written. A store that was created before the error remains in
    /// the directory.
    pub fn start(&self) -> Result<Fake, FakeError> {
        let (listener, address) = service::listen_on(&self.address)?;
        let keys = if self.server.uses_own_key(address)? {
            vec![KEY.into()]
        } else {
            self.server.keys.clone()
        };
        let key = keys.first().cloned().unwrap_or_default();

        let clock = Arc::new(FakeTime::new(self.clock));
        let ticks = Arc::clone(&clock);
        let options = self.store.clone().clock(move || ticks.tick());
        let (baseline, store) = Baseline::new(
            options,
            self.seed,
            self.clock,
            self.directory.as_deref(),
            &self.fixtures,
        )?;
        clock.restore(baseline.start());

        let signer = Signer::new(&format!("fake {}", self.seed));
        let mut app = options::app(store, &self.server, &keys, signer)?;
        let now = Arc::clone(&clock);
        app.clock = Box::new(move || now.now());
        let app = Arc::new(app);

        let (api, described) = routes::all();
        let state = Arc::new(FakeState::new(
            Arc::clone(&app),
            clock,
            RouteNames::of(&described),
            baseline,
        ));
        let api = api.layer(from_fn_with_state(Arc::clone(&state), record_and_script));
        let routes = api.merge(control::routes(&state));
        let router = options::with_state(routes, &app, &self.server)?;
        let server = Server::new(listener, address, app, router, key);
        Ok(Fake {
            state,
            server: server.start()?,
        })
    }
}
