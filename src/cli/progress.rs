//! Progress bars of long commands, on standard error and for people only.

use std::io::IsTerminal;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::session::Session;
use crate::maintenance;

const TICK_INTERVAL: Duration = Duration::from_millis(100);

/// A progress bar. It is hidden with `--json`, and if standard error is not a terminal.
#[derive(Debug)]
pub(crate) struct ProgressDisplay {
    bar: ProgressBar,
    /// The thread that animates a bar without a length. Dropping the sender stops the thread.
    ticker: Option<(Sender<()>, JoinHandle<()>)>,
}

impl ProgressDisplay {
    /// Shows a bar for work of `steps` steps.
    pub(crate) fn of(session: &Session, doing: &'static str, steps: usize) -> Self {
        Self::show(
            session,
            doing,
            ProgressBar::new(steps as u64),
            "{msg} {bar:30} {pos}/{len}",
        )
    }

    /// Shows a spinner for work of unknown length.
    pub(crate) fn open_ended(session: &Session, doing: &'static str) -> Self {
        let mut progress = Self::show(
            session,
            doing,
            ProgressBar::no_length(),
            "{spinner} {msg} {pos}",
        );
        if !progress.bar.is_hidden() {
            let bar = progress.bar.clone();
            let (ticker, stopped) = channel();
            // Not `enable_steady_tick`, which panics if it cannot start a thread.
            let thread = thread::Builder::new().spawn(move || {
                while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(TICK_INTERVAL) {
                    bar.tick();
                }
            });
            progress.ticker = thread.ok().map(|thread| (ticker, thread));
        }
        progress
    }

    fn show(session: &Session, doing: &'static str, bar: ProgressBar, template: &str) -> Self {
        if session.json() || !std::io::stderr().is_terminal() {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(doing);
        Self { bar, ticker: None }
    }

    /// Sets the number of completed steps, and of all steps if it is known.
    pub(crate) fn at(&self, progress: maintenance::Progress) {
        if let (Some(total), None) = (progress.total, &self.ticker) {
            self.bar.set_length(total);
        }
        self.bar.set_position(progress.done);
    }
}

impl Drop for ProgressDisplay {
    fn drop(&mut self) {
        if let Some((ticker, thread)) = self.ticker.take() {
            drop(ticker);
            let _ = thread.join();
        }
        self.bar.finish_and_clear();
    }
}
