//! Signals that stop a server.

use tokio::signal;

use crate::cli::error::{CommandResult, Failure};

/// A listener for SIGINT and SIGTERM, or for Ctrl-C on Windows. It listens as soon as it exists.
pub(super) struct Signals {
    #[cfg(unix)]
    kinds: [signal::unix::Signal; 2],
    #[cfg(windows)]
    interrupt: signal::windows::CtrlC,
}

impl Signals {
    /// Starts listening. Must be called inside a runtime.
    pub(super) fn listen() -> CommandResult<Self> {
        let failure = |error: std::io::Error| Failure::io("signals cannot be received", &error);
        #[cfg(unix)]
        {
            use signal::unix::{SignalKind, signal};
            let interrupt = signal(SignalKind::interrupt()).map_err(failure)?;
            let terminate = signal(SignalKind::terminate()).map_err(failure)?;
            let kinds = [interrupt, terminate];
            Ok(Self { kinds })
        }
        #[cfg(windows)]
        {
            let interrupt = signal::windows::ctrl_c().map_err(failure)?;
            Ok(Self { interrupt })
        }
    }

    /// Waits for the next signal.
    pub(super) async fn next(&mut self) {
        #[cfg(unix)]
        {
            let [interrupt, terminate] = &mut self.kinds;
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        }
        #[cfg(windows)]
        self.interrupt.recv().await;
    }
}
