//! The command `search`.

use anstyle::Style;
use serde_json::{Value, json};

use crate::Version;
use crate::cli::args::search::SearchArgs;
use crate::cli::error::CommandResult;
use crate::cli::limited::limited;
use crate::cli::output::{DIM, FOUND, NAME, NUMBER, PLAIN, paint};
use crate::cli::session::Session;
use crate::cli::table::TextTable;
use crate::cli::{json, text};
use crate::search::{MatchedIn, SearchHit, Snippet, has_word};

pub(super) fn search(args: &SearchArgs, session: &Session) -> CommandResult {
    let query = args.words.join(" ");
    let store = session.view(&args.as_of)?;
    let limit = if args.all { usize::MAX } else { args.limit };
    let (hits, more) = limited(limit, |limit| store.search(&query, limit))?;
    if !has_word(&query) {
        session.note("the query has no word; a word has letters or digits");
    } else if hits.is_empty() && !more {
        session.note("nothing found");
    }
    session.write_output(
        || json!({"hits": hits.iter().map(hit_json).collect::<Vec<_>>(), "more": more}),
        || table(&hits),
    )?;
    session.note_more(more, "more hits");
    Ok(())
}

fn hit_json(hit: &SearchHit) -> Value {
    let snippet = pieces(&hit.snippet).map(|(text, found)| json!({"text": text, "found": found}));
    json!({
        "prompt": json::prompt(&hit.prompt),
        "version": hit.version.as_ref().map(json::version),
        "matched": word(hit.matched),
        "snippet": snippet.collect::<Vec<_>>(),
    })
}

fn table(hits: &[SearchHit]) -> String {
    let mut table = TextTable::new(&["ID", "NAME", "VERSION", "FOUND IN", "TEXT"]);
    for hit in hits {
        let shown = pieces(&hit.snippet).map(|(piece, found)| {
            if found {
                paint(FOUND, text::line(piece))
            } else {
                text::line(piece)
            }
        });
        table.row([
            (hit.prompt.id.to_string(), PLAIN),
            (text::name(hit.prompt.name.as_str()), NAME),
            version(hit.version.as_ref()),
            (word(hit.matched).to_owned(), DIM),
            (shown.collect(), PLAIN),
        ]);
    }
    table.text()
}

/// Returns a version's number and environments.
fn version(version: Option<&Version>) -> (String, Style) {
    let Some(version) = version else {
        return ("-".into(), NUMBER);
    };
    let environments: String = version
        .environments
        .iter()
        .map(|name| format!(" {}", text::line(name.as_str())))
        .collect();
    (format!("{}{environments}", version.number), NUMBER)
}

fn word(matched: MatchedIn) -> &'static str {
    match matched {
        MatchedIn::Name => "name",
        MatchedIn::Text => "text",
        MatchedIn::Message => "message",
    }
}

/// Returns a snippet in pieces, and whether each piece is a match.
fn pieces(snippet: &Snippet) -> impl Iterator<Item = (&str, bool)> {
    let piece = |from: usize, to: usize| snippet.text.get(from..to).unwrap_or_default();
    let mut pieces = Vec::new();
    let mut end = 0;
    for mark in &snippet.marks {
        pieces.push((piece(end, mark.start), false));
        pieces.push((piece(mark.start, mark.end), true));
        end = mark.end;
    }
    pieces.push((piece(end, snippet.text.len()), false));
    pieces.into_iter().filter(|(piece, _)| !piece.is_empty())
}
