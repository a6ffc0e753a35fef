//! A fake of Helicone's service for tests: the same routes and responses, under the test's control.
//!
//! ```
//! use promptbook::server::fake::{Fake, Fault};
//! use promptbook::server::Fixtures;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let fixtures = Fixtures::from_json(
//!     r#"{"name": "greeting", "versions": [{"body": {"messages": []}, "environments": ["production"]}]}"#,
//! )?;
//! let fake = Fake::options().fixtures(fixtures).start()?;
//! fake.fault(Fault::fail(503, "Try again").on("POST /v1/prompt-2025/query/production-version"))?;
//!
//! // The client under test is given fake.url() and fake.key(), and repeats what fails.
//!
//! fake.assert_called("POST /v1/prompt-2025/query/production-version", 0);
//! fake.reset()?;
//! # Ok(())
//! # }
//! ```
//!
//! # Determinism
//!
//! Ids are generated from a seed. The clock is stopped, and advances by a millisecond with each
//! change. URLs of bodies are signed with a key that is derived from the seed, and `x-request-id`
//! counts from 1. So the same sequence of calls, one after the other, returns the same bytes in
//! each run and after each reset, except for the header `date` and the port in URLs.
//!
//! # Use from other languages
//!
//! `promptbook fake` starts a fake and prints its URL, its key and the URL of its control routes.
//! Only a fake has these routes. Their paths begin with `/__promptbook/`, and they require the same
//! header `Authorization: Bearer KEY`. Requests are JSON of any content type. Responses have the API's
//! envelope, `{"data": …, "error": null}` or `{"data": null, "error": "text"}`. A member that is
//! not listed here, or that has another type, is refused with 400.
//!
//! | call | request | data |
//! |---|---|---|
//! | `POST reset` | | `null`; the fake is as at its start |
//! | `GET clock` | | `{now}` |
//! | `PUT clock` | `{now}`, a time in RFC 3339, or `{advance_ms}` | `{now}` |
//! | `GET faults` | | the pending faults: `[{kind, …, route, times}]` |
//! | `POST faults` | `{kind: "fail", status, error}`, with `json` or `text` instead of `error` for another body, and optionally with `headers`; `{kind: "timeout"}`, `{kind: "delay", delay_ms}`, `{kind: "close"}` or `{kind: "cut"}`, as in [`Fault`]; each optionally with `route`, and with `times`: 1 by default, `null` for all calls | the pending faults |
//! | `DELETE faults` | | `null`; no fault is pending |
//! | `GET completions` | | the pending answers to requests for models |
//! | `POST completions` | `{text}`, `{tool_calls: [{id, name, arguments}]}`, `{refusal}`, `{json}` or `{status, error}`, as in [`Completion`]; optionally with `finish_reason`, `usage`, `headers`, `delay_ms`, `token_delay_ms`, `cut`; with `prompt`, `model` and `content`, which a request must match; and with `times`: 1 by default, `null` for all requests | the pending answers |
//! | `DELETE completions` | | `null`; no answer is pending |
//! | `GET calls?route=` | | `{calls: [{number, method, path, query, route, json, text, status, fault, gateway}], dropped}`, as in [`Call`] |
//! | `DELETE calls` | | `null`; no call is recorded |
//! | `POST calls/assert` | `{route}`, optionally with `times`: a number, or `{at_least, at_most}`, by default at least 1; with `json`: members that the request's body must contain, among others; and with `gateway`: members of [`GatewayCall`]; then only calls that are still recorded count | `{count}`; 409 with a list of the calls, what they sent, and the first difference |
//! | `POST calls/assert` | `{order: [{route, json, gateway}]}`: such calls were made in this order, with any others between them | `{count}`; 409 as above |
//! | | `only: true` in either: no other calls were made | |
//! | `GET fixtures` | | the store's current contents, in the format of [`Fixtures`](crate::server::Fixtures) |
//! | `PUT fixtures` | fixtures | `null`; the fake is reset to these fixtures |
//! | `POST worlds` | `{key}` or nothing | `{url, key, control}` of a new world; 409 if the key has one |
//! | `GET worlds` | | the keys of all worlds |
//! | `DELETE worlds` | | `null`; the world of the request's key has ended. 409 for the world of the fake's first key |
//! | `POST inputs` | `{version_id, request_id, inputs}`, optionally with `environment` | the recorded inputs |
//!
//! `GET` of the control URL itself lists the routes. Routes are named as in `/openapi.json`: `GET
//! /v1/prompt-2025/id/{promptId}`. URLs of bodies are `GET /prompt-bodies/{promptVersionId}`.
//!
//! # Models
//!
//! The routes of Helicone's AI Gateway, such as `POST /v1/chat/completions`, merge the stored prompt
//! that a request names into it, and answer as a model would: by the first pending completion that
//! matches, else by a text that names the prompt and its version. A token is a word. `GET calls`
//! shows the request that a model would have got. The inputs of a request are recorded under the id
//! in the answer's header `helicone-id`.
//!
//! # Worlds
//!
//! Each key selects a world: a store, faults, calls and a clock. Tests that run at the same time use
//! a key each, and do not see each other. A new world is in memory, and begins as the world that it
//! was requested from begins after a reset.

mod assertion;
mod assertion_dto;
mod baseline;
mod calls;
mod clock;
mod control;
mod control_path;
mod cut;
mod difference;
mod error;
mod fake_server;
mod fault_dto;
mod faults;
mod gateway_call;
mod manage_worlds;
mod model;
mod options;
mod paced_body;
mod recorder;
mod route_names;
mod script_queue;
mod start;
mod state;
mod world;
mod worlds;

pub use self::assertion::CallCount;
pub use self::calls::Call;
pub use self::clock::FakeClock;
pub use self::error::FakeError;
pub use self::fake_server::Fake;
pub use self::faults::Fault;
pub use self::gateway_call::GatewayCall;
pub use self::model::Completion;
pub use self::options::FakeOptions;
