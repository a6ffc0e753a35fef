//! The control routes, for tests in other languages.
//!
//! The [module's documentation](super) describes them.

use std::sync::Arc;

use axum::extract::RawQuery;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use axum::{Extension, Router};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::assertion_dto::AssertionData;
use super::control_path::CONTROL;
use super::fault_dto::FaultData;
use super::manage_worlds::WorldsSlot;
use super::model::CompletionData;
use super::state::FakeState;
use super::{Call, FakeError};
use crate::server::api_error::{ApiError, OrApiError};
use crate::server::app::{App, blocking};
use crate::server::dto::{InputsData, Timestamp, UnsignedInteger};
use crate::server::request::AnyJsonBody as ControlBody;
use crate::server::response::{ApiResponse, ResponseOutcome};
use crate::server::{Fixtures, middleware, routes};
use crate::{EnvironmentName, VersionId};

type StateExtension = Extension<Arc<FakeState>>;

/// Returns the control routes, which require the key: a web page must not be able to use them.
pub(super) fn routes(state: &Arc<FakeState>, slot: &WorldsSlot) -> Router<Arc<App>> {
    let routes = Router::new()
        .route("/", get(list_routes))
        .route("/reset", post(reset))
        .route("/clock", get(clock).put(set_clock))
        .route("/faults", get(faults).post(add_fault).delete(clear_faults))
        .route(
            "/completions",
            get(completions)
                .post(add_completion)
                .delete(clear_completions),
        )
        .route("/calls", get(calls).delete(forget_calls))
        .route("/calls/assert", post(assert_called))
        .route("/fixtures", get(fixtures).put(set_fixtures))
        .route("/inputs", post(record_inputs))
        .route("/worlds", get(worlds).post(create_world).delete(end_world))
        .method_not_allowed_fallback(routes::wrong_method);
    Router::new()
        .nest(CONTROL, routes)
        // A nested route `/` does not have the path with a slash at its end.
        .route(&format!("{CONTROL}/"), get(list_routes))
        .route_layer(from_fn_with_state(
            Arc::clone(&state.app),
            middleware::authorize,
        ))
        .layer(Extension(Arc::clone(state)))
        .layer(Extension(slot.clone()))
}

/// The control routes, as the root of their paths lists them.
const ROUTES: [&str; 18] = [
    "POST reset",
    "GET clock",
    "PUT clock {now} or {advance_ms}",
    "GET faults",
    "POST faults {kind, …}",
    "DELETE faults",
    "GET completions",
    "POST completions {text, …}",
    "DELETE completions",
    "GET calls?route=",
    "DELETE calls",
    "POST calls/assert {route, json, gateway, times, only} or {order, only}",
    "GET fixtures",
    "PUT fixtures {prompts}",
    "POST inputs {version_id, request_id, inputs, environment}",
    "GET worlds",
    "POST worlds {key}",
    "DELETE worlds",
];

#[derive(Serialize)]
struct RoutesData<'a> {
    control: &'a [&'a str],
    api: Vec<&'a str>,
}

async fn list_routes(Extension(state): StateExtension) -> ResponseOutcome {
    ApiResponse::data(RoutesData {
        control: &ROUTES,
        api: state.route_names().all().collect(),
    })
}

#[derive(Serialize)]
struct WorldData {
    url: String,
    key: String,
    control: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewWorld {
    key: Option<String>,
}

async fn worlds(Extension(worlds): Extension<WorldsSlot>) -> ResponseOutcome {
    let worlds = worlds.get().map(|worlds| worlds.keys());
    ApiResponse::data(worlds.unwrap_or_default())
}

/// Creates a world with a key of its own, which begins as this one does after a reset.
async fn create_world(
    Extension(state): StateExtension,
    Extension(worlds): Extension<WorldsSlot>,
    ControlBody(new): ControlBody<NewWorld>,
) -> ResponseOutcome {
    let created = blocking(move || {
        let worlds = worlds.get().ok_or_else(stopping)?;
        let key = worlds.create_like(&state, new.key)?;
        let url = worlds.url().to_owned();
        let control = format!("{url}{CONTROL}");
        Ok::<_, ApiError>(WorldData { url, key, control })
    });
    Ok(ApiResponse::data(created.await??)?.with_status(StatusCode::CREATED))
}

/// Ends the world of the request's key.
async fn end_world(
    Extension(state): StateExtension,
    Extension(worlds): Extension<WorldsSlot>,
) -> ResponseOutcome {
    worlds.get().ok_or_else(stopping)?.end(&state)?;
    ApiResponse::empty()
}

fn stopping() -> ApiError {
    ApiError::Rules("the fake is stopping".into())
}

async fn reset(Extension(state): StateExtension) -> ResponseOutcome {
    blocking(move || state.reset()).await??;
    ApiResponse::empty()
}

#[derive(Serialize)]
struct ClockData {
    now: Timestamp,
}

async fn clock(Extension(state): StateExtension) -> ResponseOutcome {
    let now = Timestamp(state.clock.now());
    ApiResponse::data(ClockData { now })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetClock {
    now: Option<String>,
    advance_ms: Option<UnsignedInteger>,
}

async fn set_clock(
    Extension(state): StateExtension,
    ControlBody(request): ControlBody<SetClock>,
) -> ResponseOutcome {
    let now = match (request.now, request.advance_ms) {
        (Some(text), None) => state.clock.set(moment(&text)?),
        (None, Some(UnsignedInteger(millis))) => state
            .clock
            .advance(std::time::Duration::from_millis(millis)),
        _ => return Err(ApiError::Shape("expected either now or advance_ms".into())),
    };
    ApiResponse::data(ClockData {
        now: Timestamp(now),
    })
}

fn moment(text: &str) -> Result<DateTime<Utc>, ApiError> {
    let parsed = DateTime::parse_from_rfc3339(text);
    parsed.map(|at| at.to_utc()).map_err(|_| {
        ApiError::Shape(format!(
            "now: {text:?} is not a time in RFC 3339, such as 2025-01-01T00:00:00Z"
        ))
    })
}

async fn faults(Extension(state): StateExtension) -> ResponseOutcome {
    let faults = state.faults.list();
    ApiResponse::data(faults.into_iter().map(FaultData::from).collect::<Vec<_>>())
}

async fn add_fault(
    state: StateExtension,
    ControlBody(fault): ControlBody<FaultData>,
) -> ResponseOutcome {
    state.fault(fault.try_into()?)?;
    faults(state).await
}

async fn clear_faults(Extension(state): StateExtension) -> ResponseOutcome {
    state.faults.clear();
    ApiResponse::empty()
}

async fn completions(Extension(state): StateExtension) -> ResponseOutcome {
    let pending = state.model.pending().into_iter();
    ApiResponse::data(pending.map(CompletionData::from).collect::<Vec<_>>())
}

async fn add_completion(
    state: StateExtension,
    ControlBody(completion): ControlBody<CompletionData>,
) -> ResponseOutcome {
    state.model.add(completion.try_into()?)?;
    completions(state).await
}

async fn clear_completions(Extension(state): StateExtension) -> ResponseOutcome {
    state.model.clear();
    ApiResponse::empty()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RouteQuery {
    route: Option<String>,
}

#[derive(Serialize)]
struct CallsData {
    calls: Vec<Call>,
    /// The number of calls that are no longer recorded.
    dropped: u64,
}

async fn calls(Extension(state): StateExtension, RawQuery(query): RawQuery) -> ResponseOutcome {
    let of: RouteQuery = serde_urlencoded::from_str(query.as_deref().unwrap_or_default())
        .map_err(|error| ApiError::Shape(format!("the query: {error}")))?;
    // Listing parses the recorded bodies, so it runs on a blocking thread.
    let found = blocking(move || {
        let calls = state.calls(of.route.as_deref())?;
        let dropped = state.calls.dropped();
        Ok::<_, FakeError>(CallsData { calls, dropped })
    });
    ApiResponse::data(found.await??)
}

async fn forget_calls(Extension(state): StateExtension) -> ResponseOutcome {
    state.calls.clear();
    ApiResponse::empty()
}

#[derive(Serialize)]
struct CountData {
    count: u64,
}

async fn assert_called(
    Extension(state): StateExtension,
    ControlBody(request): ControlBody<AssertionData>,
) -> ResponseOutcome {
    let found = blocking(move || {
        let assertion = request.into_assertion(state.route_names())?;
        let count = state.check(&assertion).map_err(ApiError::Rules)?;
        Ok::<_, ApiError>(CountData { count })
    });
    ApiResponse::data(found.await??)
}

async fn fixtures(Extension(state): StateExtension) -> ResponseOutcome {
    let answer = state.app.read(|store| {
        let text = RawValue::from_string(Fixtures::of(store)?.to_json());
        ApiResponse::data(text.map_err(|error| ApiError::Internal(error.to_string().into()))?)
    });
    answer.await?
}

async fn set_fixtures(
    Extension(state): StateExtension,
    ControlBody(text): ControlBody<Box<RawValue>>,
) -> ResponseOutcome {
    let set = blocking(move || {
        let fixtures = Fixtures::from_json(text.get()).map_err(FakeError::from)?;
        state.reset_to(&fixtures)
    });
    set.await??;
    ApiResponse::empty()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordInputs {
    version_id: VersionId,
    request_id: String,
    inputs: Map<String, Value>,
    environment: Option<EnvironmentName>,
}

async fn record_inputs(
    Extension(state): StateExtension,
    ControlBody(new): ControlBody<RecordInputs>,
) -> ResponseOutcome {
    let recorded = state.app.write(None, move |store| {
        store.record_inputs(new.version_id, new.request_id, new.inputs, new.environment)
    });
    // This error is a 404 in both status modes.
    let recorded = recorded.await?.or_refuse(ApiError::VersionOfBody)?;
    ApiResponse::data(InputsData::from(&recorded))
}
