//! The command line as clap knows it: the arguments, with examples and completions.

use std::any::TypeId;

use clap::builder::ValueParser;
use clap::error::ErrorKind;
use clap::{Arg, Args, Command, CommandFactory, FromArgMatches, Parser};
use clap_complete::ArgValueCompleter;

use super::args::{Arguments, Global};
use super::completion;
use super::examples::examples_of;
use crate::{EnvironmentName, PromptRef, Selector, VersionSpec};

/// Parses the arguments of this process.
///
/// Describing all commands takes longer than most commands, so only the one that the arguments name
/// is described. Only if they are not valid, or ask for help, is everything needed.
pub(super) fn parse() -> Result<Arguments, clap::Error> {
    if let Some(arguments) = parse_as_named() {
        return Ok(arguments);
    }
    Arguments::try_parse().or_else(|error| {
        if !is_help(error.kind()) {
            return Err(error);
        }
        let mut command = with_examples(complete(Arguments::command()), "");
        let matches = command.try_get_matches_from_mut(std::env::args_os())?;
        Arguments::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
    })
}

/// Parses the arguments as those of the first command that is named among them.
///
/// If the name is the value of an option, the real command is unknown here, and the result is
/// `None`, as for every error.
fn parse_as_named() -> Option<Arguments> {
    let all = Arguments::command();
    let named = std::env::args_os()
        .skip(1)
        .find_map(|argument| all.find_subcommand(argument))?;
    let command = Global::augment_args(Command::new("promptbook")).subcommand(named.clone());
    let matches = command.try_get_matches_from(std::env::args_os()).ok()?;
    Arguments::from_arg_matches(&matches).ok()
}

fn is_help(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::DisplayHelp | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    )
}

/// Returns the description of the command line.
pub(super) fn command() -> Command {
    with_completions(with_examples(complete(Arguments::command()), ""))
}

/// Returns the description of the command line without the command `help`, for manual pages.
pub(super) fn command_without_help() -> Command {
    let command = Arguments::command().disable_help_subcommand(true);
    with_examples(complete(command), "")
}

/// Adds the descriptions of all commands, which clap otherwise adds when it parses their names.
fn complete(mut command: Command) -> Command {
    command.build();
    command
}

/// Adds examples to the help of each command.
fn with_examples(command: Command, path: &str) -> Command {
    let examples = examples_of(path);
    let command = if examples.is_empty() {
        command
    } else {
        let lines: String = examples
            .iter()
            .map(|line| format!("\n  promptbook {line}"))
            .collect();
        command.after_help(format!("Examples:{lines}"))
    };
    let path = path.to_owned();
    command.mut_subcommands(move |below| {
        let path = format!("{path} {}", below.get_name());
        with_examples(below, path.trim_start())
    })
}

/// Adds completions to the arguments that name something in the store.
fn with_completions(command: Command) -> Command {
    command
        .mut_args(with_completion)
        .mut_subcommands(with_completions)
}

fn with_completion(arg: Arg) -> Arg {
    let is = |parser: &ValueParser, id: TypeId| parser.type_id() == id;
    let parser = arg.get_value_parser();
    let completer = if is(parser, TypeId::of::<PromptRef>()) {
        ArgValueCompleter::new(completion::prompts)
    } else if is(parser, TypeId::of::<EnvironmentName>()) {
        ArgValueCompleter::new(completion::environments)
    } else if is(parser, TypeId::of::<Selector>()) {
        ArgValueCompleter::new(completion::selectors)
    } else if is(parser, TypeId::of::<VersionSpec>())
        // These are parsed later, because they may also be other things.
        || ["spec", "specs"].contains(&arg.get_id().as_str())
    {
        ArgValueCompleter::new(completion::specs)
    } else {
        return arg;
    };
    arg.add(completer)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the paths of all commands that have no commands below them.
    fn leaves(command: &Command, path: &str, found: &mut Vec<String>) {
        let mut below = command
            .get_subcommands()
            .filter(|one| !one.is_hide_set() && one.get_name() != "help")
            .peekable();
        if below.peek().is_none() {
            found.push(path.trim_start().to_owned());
        }
        for one in below {
            leaves(one, &format!("{path} {}", one.get_name()), found);
        }
    }

    /// Splits an example as a shell does, as far as the examples need it.
    fn words(line: &str) -> Vec<String> {
        let line = line.split(" > ").next().unwrap_or(line);
        let mut words = vec![String::new()];
        let mut quote = None;
        for c in line.chars() {
            match (c, quote) {
                (c, Some(open)) if c == open => quote = None,
                ('"' | '\'', None) => quote = Some(c),
                (' ', None) => words.push(String::new()),
                (c, _) => {
                    if let Some(last) = words.last_mut() {
                        last.push(c);
                    }
                }
            }
        }
        words
    }

    #[test]
    fn every_command_has_examples_that_parse() {
        let mut found = Vec::new();
        leaves(&command(), "", &mut found);
        for path in found {
            let examples = examples_of(&path);
            assert!(!examples.is_empty(), "{path} has no example");
            for example in examples {
                assert!(example.contains(&path), "{path}: {example}");
                let line = format!("promptbook {example}");
                let parsed = command().try_get_matches_from(words(&line));
                assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
            }
        }
    }

    /// The arguments are described last, and the documentation of their types would replace it.
    #[test]
    fn every_command_has_a_description_of_its_own() {
        fn check(command: &Command) {
            for below in command.get_subcommands() {
                let built = complete(below.clone());
                assert!(below.get_about().is_some() || below.get_name() == "help");
                assert_eq!(built.get_about(), below.get_about());
                assert_eq!(built.get_long_about(), below.get_long_about());
                check(&built);
            }
        }
        check(&Arguments::command());
    }

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn names_are_completed() {
        let command = command();
        let set = command
            .find_subcommand("env")
            .and_then(|env| env.find_subcommand("set"))
            .unwrap();
        for id in ["prompt", "name", "selector"] {
            let arg = set.get_arguments().find(|arg| arg.get_id() == id).unwrap();
            assert!(arg.get::<ArgValueCompleter>().is_some(), "{id}");
        }
    }
}
