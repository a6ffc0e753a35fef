//! Signals that ask a server to stop.

use tokio::signal;

use crate::cli::failure::{Failure, Outcome};

/// Waits for SIGINT or SIGTERM, or for Ctrl-C where there are no signals.
pub(super) async fn stopped() -> Outcome {
    let unheard = |error: std::io::Error| Failure::io("signals can't be waited for", &error);
    #[cfg(unix)]
    {
        use signal::unix::{SignalKind, signal};
        let mut interrupt = signal(SignalKind::interrupt()).map_err(unheard)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(unheard)?;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        Ok(())
    }
    #[cfg(not(unix))]
    signal::ctrl_c().await.map_err(unheard)
}
