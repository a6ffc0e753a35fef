//! The command `watch`.

use std::time::{Duration, Instant};

use serde_json::json;

use super::describe::PlainWords;
use super::history::what;
use crate::cli::args::history::WatchArgs;
use crate::cli::error::{CommandResult, Failure};
use crate::cli::output;
use crate::cli::output::{DIM, NAME, paint};
use crate::cli::session::Session;
use crate::cli::text;
use crate::history::{Change, Event, StopSignal};

/// The maximum number of operations that are read at a time.
const MAX_PAGE: usize = 100;

pub(super) fn watch(args: &WatchArgs, session: &Session) -> CommandResult {
    let store = session.reader()?;
    let mut position = match args.from {
        Some(position) => position,
        None => store.position()?,
    };
    let end = args
        .duration
        .and_then(|long| Instant::now().checked_add(long));
    let mut words = PlainWords::of(store.as_view());
    let mut left = args.limit.unwrap_or(usize::MAX);
    let stop = StopSignal::new();
    output::when_closed({
        let stop = stop.clone();
        move || stop.stop()
    });
    while left > 0 {
        let time = end.map_or(Duration::MAX, |end| {
            end.saturating_duration_since(Instant::now())
        });
        let events = store.wait_for_changes_until(position, left.min(MAX_PAGE), time, &stop)?;
        if events.is_empty() && stop.is_stopped() {
            return Err(Failure::closed());
        }
        if events.is_empty() && end.is_some_and(|end| end <= Instant::now()) {
            break;
        }
        left -= events.len();
        for event in &events {
            position = event.position;
            // One line each, because the reader reads while the command runs.
            if session.json() {
                output::write_bytes(format!("{}\n", json!(event)).as_bytes())?
            } else {
                output::write_text(&event_text(&mut words, event))?
            }
        }
    }
    Ok(())
}

fn event_text(words: &mut PlainWords<'_>, event: &Event) -> String {
    let operation = &event.operation;
    let mut text = format!(
        "{}  {}  {}  {}\n",
        text::moment(operation.content.at),
        text::line(&operation.content.author),
        what(operation),
        paint(DIM, event.position),
    );
    for change in &operation.content.changes {
        if let Change::Prompt { id, .. } = change {
            words.forget(*id);
        }
        let subject = words.subject(change);
        text += &format!("  {}  {}\n", paint(NAME, subject), words.change(change));
    }
    for prompt in &event.affected {
        let prompt = paint(NAME, words.prompt(*prompt));
        text += &format!("  {prompt}  renders differently\n");
    }
    text
}
