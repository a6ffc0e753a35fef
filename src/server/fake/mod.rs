//! Helicone's service in a test: the same routes and answers, and everything about it in the test's hands.
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
//! # The same each time
//!
//! Ids are drawn from a seed, the clock stands and goes on by a millisecond with each change, URLs of bodies are signed with
//! a key made of the seed, and `x-request-id` counts from 1. So the same script of calls, one after the other, gives the
//! same bytes on each run and after each reset, but for the header `date` and the port in URLs.
//!
//! # From other languages
//!
//! `promptbook fake` starts one and writes its URL, its key and the address of its control surface. That is HTTP under
//! `/__promptbook/`, which only a fake has, with the same header `Authorization: Bearer KEY`. Requests and answers are JSON;
//! answers come in the API's envelope, `{"data": …, "error": null}` or `{"data": null, "error": "text"}`. A member that is
//! not named here is refused with 400, as are members of another type.
//!
//! | call | request | data |
//! |---|---|---|
//! | `POST reset` | | `null`: all is as at the start |
//! | `GET clock` | | `{now}` |
//! | `PUT clock` | `{now}`, a moment as in RFC 3339, or `{advance_ms}` | `{now}` |
//! | `GET faults` | | those to come: `[{kind, …, route, times}]` |
//! | `POST faults` | `{kind: "fail", status, error}`, `{kind: "timeout"}`, `{kind: "delay", delay_ms}`, `{kind: "close"}` or `{kind: "cut"}`, as in [`Fault`]; each at will with `route`, and with `times`: 1 without it, `null` for all calls | those to come |
//! | `DELETE faults` | | `null`: there are none any more |
//! | `GET calls?route=` | | `{calls: [{number, method, path, query, route, json, text, status, fault}], dropped}`, as in [`Call`] |
//! | `DELETE calls` | | `null`: they are forgotten |
//! | `POST calls/assert` | `{route, times}`, at will with `json`: members that the requests' bodies had, maybe among others; of those calls that are kept | `{count}`; 409 with what was called instead |
//! | `GET fixtures` | | the store as it is now, in the format of [`Fixtures`] |
//! | `PUT fixtures` | fixtures | `null`: all is reset, to these fixtures |
//! | `POST inputs` | `{version_id, request_id, inputs}`, at will with `environment` | the recorded inputs |
//!
//! Routes are named as in `/openapi.json`: `GET /v1/prompt-2025/id/{promptId}`. URLs of bodies are
//! `GET /prompt-bodies/{promptVersionId}`.

mod baseline;
mod calls;
mod clock;
mod control;
mod cut;
mod error;
mod fake_server;
mod fault_dto;
mod faults;
mod options;
mod recorder;
mod route_names;
mod state;

pub use self::calls::Call;
pub use self::clock::FakeClock;
pub use self::error::FakeError;
pub use self::fake_server::Fake;
pub use self::faults::Fault;
pub use self::options::FakeOptions;
