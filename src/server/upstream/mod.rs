//! The upstream: an OpenAI-compatible server to which merged requests are forwarded.

mod client;
mod connector;
mod event_body;
mod options;
mod passed_headers;

pub(super) use self::client::Upstream;
pub(super) use self::options::UpstreamOptions;
