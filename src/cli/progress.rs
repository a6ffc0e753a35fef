//! Progress of long work, on standard error and for people only.

use std::io::IsTerminal;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::session::Session;

const TURN_INTERVAL: Duration = Duration::from_millis(100);

/// Shows how far a work is. Where nobody would see it, it does nothing.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    /// Turns the bar of an open end, until this is dropped.
    turning: Option<(Sender<()>, JoinHandle<()>)>,
}

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
        let mut progress = Self::show(
            session,
            doing,
            ProgressBar::no_length(),
            "{spinner} {msg} {pos}",
        );
        if !progress.bar.is_hidden() {
            let bar = progress.bar.clone();
            let (turning, stopped) = channel();
            // Of the bar's own, one that can't be started would be a panic.
            let turn = thread::Builder::new().spawn(move || {
                while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(TURN_INTERVAL) {
                    bar.tick();
                }
            });
            progress.turning = turn.ok().map(|turn| (turning, turn));
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
        Self { bar, turning: None }
    }

    /// One step is done.
    pub(crate) fn step(&self) {
        self.bar.inc(1);
    }

    /// So many steps are done by now.
    pub(crate) fn at(&self, done: u64) {
        self.bar.set_position(done);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((turning, turn)) = self.turning.take() {
            drop(turning);
            let _ = turn.join();
        }
        self.bar.finish_and_clear();
    }
}
