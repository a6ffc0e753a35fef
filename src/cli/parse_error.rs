//! Errors in the command line: the command, options and values that clap refuses.

use std::error::Error as _;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::error::Failure;
use super::exit::Exit;
use super::text;
use super::words::{hint_for_group, hint_for_word, is_group};

/// Reports arguments that are not a command: prints the help, the version, or the error.
pub(super) fn report(mut error: clap::Error) -> ExitCode {
    if !error.use_stderr() {
        // If this write fails, there is no other place to report it.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
        && std::env::args_os().len() < 2
    {
        // The command alone asks for help.
        let _ = super::output::write_text(&error.render().ansi().to_string());
        return ExitCode::SUCCESS;
    }
    let arguments: Vec<String> = std::env::args_os()
        .skip(1)
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    let wants_json = arguments
        .iter()
        .take_while(|argument| *argument != "--")
        .any(|argument| argument == "--json");
    drop_weak_tips(&mut error);
    if error.kind() == ErrorKind::InvalidSubcommand
        && let Some(failure) = unknown_command(&error, &arguments)
    {
        failure.print(wants_json);
        return ExitCode::from(Exit::Usage as u8);
    }
    let shown = plain(&error, &arguments);
    let message = shown.clone().unwrap_or_else(|| own_words(&error));
    let failure = Failure::usage(message).hint("promptbook help lists all commands");
    #[cfg(feature = "server")]
    if arguments.first().is_some_and(|first| first == "fake") {
        super::commands::announce_failure(&failure);
    }
    if wants_json || shown.is_none() {
        failure.print(wants_json);
    } else {
        let _ = error.print();
    }
    ExitCode::from(Exit::Usage as u8)
}

/// Returns the error for a word of another program, such as `status`, with the right command.
fn unknown_command(error: &clap::Error, arguments: &[String]) -> Option<Failure> {
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) else {
        return None;
    };
    let at = arguments.iter().position(|argument| argument == word)?;
    let parent = at.checked_sub(1).and_then(|before| arguments.get(before));
    let parent = parent.map(String::as_str).filter(|one| is_group(one));
    let has_tip = error.get(ContextKind::SuggestedSubcommand).is_some();
    let of_group = || parent.filter(|_| !has_tip).and_then(hint_for_group);
    let hint = hint_for_word(word, parent).or_else(of_group)?;
    let parent = parent.map_or_else(String::new, |parent| format!("{parent} "));
    Some(Failure::usage(format!("there is no command {parent}{word}")).hint(hint))
}

/// The commands that delete something. No tip names them.
const DESTRUCTIVE: [&str; 5] = ["rm", "gc", "undo", "remove", "restore"];

/// How similar a suggestion must be to what was typed, between 0 and 1.
const MIN_SIMILARITY: f64 = 0.6;

/// Removes clap's suggestions that delete something or are not similar to what was typed.
fn drop_weak_tips(error: &mut clap::Error) {
    for (typed, suggested) in [
        (
            ContextKind::InvalidSubcommand,
            ContextKind::SuggestedSubcommand,
        ),
        (ContextKind::InvalidArg, ContextKind::SuggestedArg),
        (ContextKind::InvalidValue, ContextKind::SuggestedValue),
    ] {
        let Some(ContextValue::String(typed)) = error.get(typed).cloned() else {
            continue;
        };
        let is_good = |one: &String| {
            !DESTRUCTIVE.contains(&one.as_str())
                && strsim::normalized_damerau_levenshtein(&typed, one) >= MIN_SIMILARITY
        };
        let left = match error.get(suggested) {
            Some(ContextValue::String(one)) => {
                is_good(one).then(|| ContextValue::String(one.clone()))
            }
            Some(ContextValue::Strings(all)) => {
                let good: Vec<String> = all.iter().filter(|one| is_good(one)).cloned().collect();
                (!good.is_empty()).then_some(ContextValue::Strings(good))
            }
            _ => continue,
        };
        match left {
            Some(left) => error.insert(suggested, left),
            None => {
                // The usage line shows the suggestion too.
                error.remove(ContextKind::Usage);
                error.remove(suggested)
            }
        };
    }
}

/// The maximum size in bytes of an error message from clap that is shown.
const MAX_MESSAGE_BYTES: usize = 4096;

/// Returns clap's message, unless it is long or quotes arguments with unprintable characters.
fn plain(error: &clap::Error, arguments: &[String]) -> Option<String> {
    let text = error.to_string();
    // `Failure` writes the same prefix.
    let full = text.strip_prefix("error: ").unwrap_or(&text).trim_end();
    let is_plain = full.len() <= MAX_MESSAGE_BYTES
        && text::lines(full) == full
        && arguments.iter().all(|one| text::line(one) == *one);
    is_plain.then(|| full.to_owned())
}

/// Returns a message that quotes what was typed, with unprintable characters escaped.
fn own_words(error: &clap::Error) -> String {
    let value = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text::quoted(text)),
        Some(ContextValue::Strings(texts)) => texts.first().map(|text| text::quoted(text)),
        _ => None,
    };
    let argument = error.get(ContextKind::InvalidArg).map(|argument| {
        let argument = argument.to_string();
        text::line(&argument)
    });
    match (argument, error.source(), error.kind()) {
        (Some(argument), Some(source), _) => format!("{argument}: {source}"),
        (_, _, ErrorKind::InvalidSubcommand) => {
            let word = value(ContextKind::InvalidSubcommand).unwrap_or_default();
            format!("there is no command {word}")
        }
        (Some(argument), None, ErrorKind::UnknownArgument) => {
            format!("unexpected argument {argument}")
        }
        (Some(argument), None, _) => match value(ContextKind::InvalidValue) {
            Some(value) => format!("{argument}: the value {value} is invalid"),
            None => format!("{argument}: {}", error.kind()),
        },
        (None, _, kind) => kind.to_string(),
    }
}
