//! A web server that resolves prompts in its handlers: `cargo run --features server --example web -- prompts`.

use std::error::Error;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use promptbook::{ErrorKind, Store, VersionSpec};

/// Returns the body of a version, such as `/greeting@production`.
///
/// Memory answers if it can, without waiting. Otherwise a thread that may block reads the disk.
async fn body(
    State(store): State<Store>,
    Path(spec): Path<String>,
) -> Result<Vec<u8>, (StatusCode, String)> {
    let spec: VersionSpec = spec
        .parse()
        .map_err(|error| (StatusCode::BAD_REQUEST, format!("{error}")))?;
    if let Some(resolved) = store.try_resolve_cached(&spec) {
        return Ok(resolved.body.as_bytes().to_vec());
    }
    let resolved = tokio::task::spawn_blocking(move || store.resolve(&spec))
        .await
        .map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?
        .map_err(|error| (status(error.kind()), error.to_string()))?;
    Ok(resolved.body.as_bytes().to_vec())
}

fn status(kind: ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::Ambiguous => StatusCode::CONFLICT,
        ErrorKind::Busy => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn app(store: Store) -> Router {
    Router::new().route("/{spec}", get(body)).with_state(store)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let directory = std::env::args().nth(1).unwrap_or_else(|| "prompts".into());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    axum::serve(listener, app(Store::open(directory)?)).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use promptbook::NewPrompt;

    use super::*;

    #[tokio::test]
    async fn a_body_is_served_from_the_disk_and_from_memory() -> Result<(), Box<dyn Error>> {
        let store = Store::in_memory()?;
        let text = r#"{"messages": []}"#;
        store.create_prompt(NewPrompt::new("greeting", text))?;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        tokio::spawn(async { axum::serve(listener, app(store)).await });
        let answers = tokio::task::spawn_blocking(move || {
            let get = |path: &str| {
                let request = ureq::get(format!("{url}/{path}")).config();
                let response = request.http_status_as_error(false).build().call()?;
                let status = response.status().as_u16();
                Ok::<_, ureq::Error>((status, response.into_body().read_to_string()?))
            };
            let paths = ["greeting@production", "greeting@production", "other"];
            paths.map(|path| get(path).map_err(|error| error.to_string()))
        });
        let [first, second, other] = answers.await?;
        assert_eq!(first?, (200, text.to_owned()));
        assert_eq!(second?, (200, text.to_owned()));
        assert_eq!(other?.0, 404);
        Ok(())
    }
}
