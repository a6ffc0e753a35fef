//! The control routes, for tests in other languages.
//!
//! The [module's documentation](super) describes them.

use std::sync::Arc;

use axum::extract::RawQuery;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use axum::{Extension, Router};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::control_path::CONTROL;
use super::fault_dto::FaultData;
use super::state::FakeState;
use super::{Call, FakeError};
use crate::server::api_error::{ApiError, OrApiError};
use crate::server::app::{App, blocking};
use crate::server::dto::{InputsData, Timestamp, UnsignedInteger};
use crate::server::request::JsonBody;
use crate::server::response::{ApiResponse, ResponseOutcome};
use crate::server::{Fixtures, middleware, routes};
use crate::{EnvironmentName, VersionId};

type StateExtension = Extension<Arc<FakeState>>;

/// Returns the control routes, which require the key: a web page must not be able to use them.
pub(super) fn routes(state: &Arc<FakeState>) -> Router<Arc<App>> {
    let routes = Router::new()
        .route("/reset", post(reset))
        .route("/clock", get(clock).put(set_clock))
        .route("/faults", get(faults).post(add_fault).delete(clear_faults))
        .route("/calls", get(calls).delete(forget_calls))
        .route("/calls/assert", post(assert_called))
        .route("/fixtures", get(fixtures).put(set_fixtures))
        .route("/inputs", post(record_inputs))
        .method_not_allowed_fallback(routes::wrong_method)
        .route_layer(from_fn_with_state(
            Arc::clone(&state.app),
            middleware::authorize,
        ))
        .layer(Extension(Arc::clone(state)));
    Router::new().nest(CONTROL, routes)
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
    JsonBody(request, _share): JsonBody<SetClock>,
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
    JsonBody(fault, _share): JsonBody<FaultData>,
) -> ResponseOutcome {
    state.fault(fault.try_into()?)?;
    faults(state).await
}

async fn clear_faults(Extension(state): StateExtension) -> ResponseOutcome {
    state.faults.clear();
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Assertion {
    route: String,
    times: UnsignedInteger,
    json: Option<Value>,
}

#[derive(Serialize)]
struct CountData {
    count: u64,
}

async fn assert_called(
    Extension(state): StateExtension,
    JsonBody(request, _share): JsonBody<Assertion>,
) -> ResponseOutcome {
    let found = blocking(move || {
        let Assertion { route, times, json } = request;
        let count = state.count(&route, json.as_ref())?;
        if count == times.0 {
            Ok(CountData { count })
        } else {
            let message = state.miscounted(&route, json.is_some(), count, times.0);
            Err(ApiError::Rules(message))
        }
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
    JsonBody(text, _share): JsonBody<Box<RawValue>>,
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
    JsonBody(new, share): JsonBody<RecordInputs>,
) -> ResponseOutcome {
    let recorded = state.app.write(share, move |store| {
        store.record_inputs(new.version_id, new.request_id, new.inputs, new.environment)
    });
    // This error is a 404 in both status modes.
    let recorded = recorded.await?.or_refuse(ApiError::VersionOfBody)?;
    ApiResponse::data(InputsData::from(&recorded))
}
