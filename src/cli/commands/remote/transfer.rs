//! Transfers: what stops them.

use std::sync::Arc;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::cli::error::{CommandResult, Failure};
use crate::cli::exit::Exit;
use crate::remote::StopFlag;

/// Returns a flag that Ctrl-C sets. A second Ctrl-C ends the process at once.
pub(super) fn stop_on_signals() -> CommandResult<StopFlag> {
    let stop = StopFlag::new();
    for signal in [SIGINT, SIGTERM] {
        let atomic = stop.as_atomic();
        // The order matters: the first signal only sets the flag.
        let set = flag::register_conditional_shutdown(
            signal,
            i32::from(Exit::Failure as u8),
            Arc::clone(&atomic),
        )
        .and_then(|_| flag::register(signal, atomic));
        set.map_err(|error| Failure::io("signals cannot be handled", &error))?;
    }
    Ok(stop)
}
