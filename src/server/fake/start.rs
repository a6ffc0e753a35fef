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
use super::worlds::{World, Worlds};
use super::{FakeError, control};
use crate::server::service::{Server, reachable_url};
use crate::server::signature::Signer;
use crate::server::site::{RoutedApp, SelectApp, Site};
use crate::server::{options, routes, service};

/// The default key. It is not secret, because then only this machine can reach the fake.
pub(super) const DEFAULT_KEY: &str = "sk-helicone-fake";

impl FakeOptions {
    /// Starts the fake.
    ///
    /// # Errors
    ///
    /// [`Server`](FakeError::Server) if the address cannot be bound, if other machines can reach it
    /// and no key was given, or if an option is malformed; [`Fixtures`](FakeError::Fixtures) if the
    /// fixtures contradict themselves; [`Store`](FakeError::Store) if the directory contains
    /// something else or cannot be written; [`World`](FakeError::World) if a key is given twice. A
    /// store that was created before the error remains in the directory.
    pub fn start(&self) -> Result<Fake, FakeError> {
        let (listener, address) = service::listen_on(&self.address)?;
        let keys = if self.server.uses_own_key(address)? {
            vec![DEFAULT_KEY.into()]
        } else {
            self.server.keys.clone()
        };
        let (key, others) = match keys.split_first() {
            Some((key, others)) => (key.clone(), others),
            None => (String::new(), &[][..]),
        };
        let main = world(self, &key, address.port(), false)?;
        let url = reachable_url(&main.routed.app, address);
        let worlds = Worlds::new(self.clone(), url, address.port(), main);
        for key in others {
            worlds.create(key.clone())?;
        }
        let main = worlds.main();
        let state = Arc::clone(&main.state);
        let site =
            Site::of(main.routed.clone()).with_others(Arc::clone(&worlds) as Arc<dyn SelectApp>);
        let server = Server::new(listener, address, site, key);
        Ok(Fake {
            state,
            worlds,
            server: server.start()?,
        })
    }
}

/// Creates a world: a store with the fixtures, and the routes on it.
///
/// `beside` says that it is not the main world, whose URLs of bodies have other signatures.
pub(super) fn world(
    options: &FakeOptions,
    key: &str,
    port: u16,
    beside: bool,
) -> Result<World, FakeError> {
    let clock = Arc::new(FakeTime::new(options.clock));
    let ticks = Arc::clone(&clock);
    let store = options.store.clone().clock(move || ticks.tick());
    let (baseline, store) = Baseline::new(
        store,
        options.seed,
        options.clock,
        options.directory.as_deref(),
        &options.fixtures,
    )?;
    clock.restore(baseline.start());

    let secret = format!("fake {}", options.seed);
    let signer = Signer::new(&if beside {
        format!("{secret} {key}")
    } else {
        secret
    });
    let mut app = options::app(store, &options.server, &[key.to_owned()], signer)?;
    app.port = port;
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
    let router = options::with_state(routes, &app, &options.server)?;
    Ok(World {
        key: key.to_owned(),
        routed: RoutedApp { app, router },
        state,
    })
}
