//! Connections to an upstream that are opened in time, or not at all.

use std::error::Error;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::http::Uri;
use futures_util::future::BoxFuture;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower_service::Service;

/// Opens connections, each within a time that includes the name's resolution and TLS.
#[derive(Clone)]
pub(super) struct TimedConnector {
    pub(super) connector: HttpsConnector<HttpConnector>,
    pub(super) limit: Duration,
}

type BoxError = Box<dyn Error + Send + Sync>;

impl Service<Uri> for TimedConnector {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.connector.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connection = self.connector.call(uri);
        let limit = self.limit;
        Box::pin(async move {
            let connected = timeout(limit, connection).await;
            connected.unwrap_or_else(|_| Err("the connection took too long to open".into()))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use hyper_rustls::HttpsConnectorBuilder;
    use rustls::crypto::ring;

    use super::*;

    #[tokio::test]
    async fn a_server_that_says_nothing_is_not_waited_for() {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let builder = HttpsConnectorBuilder::new();
        let builder = builder
            .with_provider_and_native_roots(ring::default_provider())
            .unwrap();
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        let mut connector = TimedConnector {
            connector: builder.https_or_http().enable_http1().wrap_connector(http),
            limit: Duration::from_millis(50),
        };
        let uri = format!("https://{}", silent.local_addr().unwrap());
        let connected = connector.call(uri.parse().unwrap()).await;
        let error = connected.map(drop).unwrap_err();
        assert_eq!(error.to_string(), "the connection took too long to open");
    }
}
