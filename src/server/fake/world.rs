//! A world of a fake: what one key sees.

use std::sync::Arc;

use axum::middleware::from_fn_with_state;

use super::baseline::Baseline;
use super::clock::FakeTime;
use super::manage_worlds::WorldsSlot;
use super::model::ScriptedModel;
use super::options::FakeOptions;
use super::recorder::record_and_script;
use super::route_names::RouteNames;
use super::state::FakeState;
use super::{FakeError, control};
use crate::server::gateway::AnswerModel;
use crate::server::signature::Signer;
use crate::server::site::RoutedApp;
use crate::server::{options, routes};

/// The default key. It is not secret, because then only this machine can reach the fake.
pub(super) const DEFAULT_KEY: &str = "sk-helicone-fake";

/// A world and the key that selects it.
pub(super) struct World {
    pub(super) key: String,
    pub(super) routed: RoutedApp,
    pub(super) state: Arc<FakeState>,
    pub(super) slot: WorldsSlot,
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
    let model = Arc::new(ScriptedModel::new(Arc::clone(&clock), options.seed));
    app.gateway.model = Some(Arc::clone(&model) as Arc<dyn AnswerModel>);
    app.gateway.records_inputs = true;
    let app = Arc::new(app);

    let slot = WorldsSlot::default();
    let (api, described) = routes::of_fake();
    let state = Arc::new(FakeState::new(
        Arc::clone(&app),
        clock,
        model,
        RouteNames::of(&described),
        baseline,
    ));
    let api = api.layer(from_fn_with_state(Arc::clone(&state), record_and_script));
    let routes = api.merge(control::routes(&state, &slot));
    let router = options::with_state(routes, &app, &options.server)?;
    Ok(World {
        key: key.to_owned(),
        routed: RoutedApp { app, router },
        state,
        slot,
    })
}
