//! Progress of long work, on standard error and for people only.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::session::Session;

/// Shows how far a work is. Where nobody would see it, it does nothing.
#[derive(Debug)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Work of this many steps.
    pub(crate) fn of(session: &Session, doing: &'static str, steps: usize) -> Self {
        Self::show(
            session,
            doing,
            ProgressBar::new(steps as u64),
            "{msg} {bar:30} {pos}/{len}",
        )
    }

    /// Work whose end can't be told.
    pub(crate) fn open_ended(session: &Session, doing: &'static str) -> Self {
        let progress = Self::show(
            session,
            doing,
            ProgressBar::no_length(),
            "{spinner} {msg} {pos}",
        );
        progress.0.enable_steady_tick(Duration::from_millis(100));
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
        Self(bar)
    }

    /// One step is done.
    pub(crate) fn step(&self) {
        self.0.inc(1);
    }

    /// So many steps are done by now.
    pub(crate) fn at(&self, done: u64) {
        self.0.set_position(done);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
