//! HTTP for remotes: where requests may go, how they are repeated, and how many are sent at once.

mod client;
mod pause;
mod stop;
mod tls;
mod url;
mod workers;

pub(super) use self::client::{HttpAnswer, HttpClient, HttpContent, HttpMethod};
pub(super) use self::pause::RetryPolicy;
pub use self::stop::StopFlag;
pub use self::url::RemoteKey;
pub(super) use self::url::RemoteUrl;
pub(super) use self::workers::in_parallel;
