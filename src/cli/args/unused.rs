//! Global options that a command does not use: they are refused instead of ignored.

use std::env;
use std::ffi::OsString;

use super::{Command, EnvArgs, Global, TagArgs};
use crate::cli::error::{CommandResult, Failure};

/// Checks that a command uses the global options that its command line contains.
///
/// Options that come from environment variables are not checked, because they are set for all
/// commands.
pub(crate) fn check_unused(command: &Command) -> CommandResult {
    let use_of_author = command.use_of_author();
    if use_of_author == AuthorUse::None && is_given("--author") {
        return Err(Failure::usage(
            "--author is not an option of a command that makes no operation",
        )
        .hint("promptbook log --author NAME and ops --author NAME select an author's work"));
    }
    let unused = command.unused_options().iter();
    match unused.copied().find(|option| is_given(option)) {
        Some(option) => {
            let message =
                format!("{option} is not an option of this command, which opens no store");
            Err(Failure::usage(message))
        }
        None => Ok(()),
    }
}

/// The role that an author has in a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AuthorUse {
    /// The command makes operations by this author.
    Maker,
    /// The command lists operations or versions of this author.
    Filter,
    None,
}

impl Command {
    fn use_of_author(&self) -> AuthorUse {
        match self {
            Self::Create(_)
            | Self::Commit(_)
            | Self::Rename(_)
            | Self::Rm(_)
            | Self::Undo(_)
            | Self::Promote(_)
            | Self::Import(_)
            | Self::Demo(_)
            | Self::Env(EnvArgs::Set { .. } | EnvArgs::Remove { .. })
            | Self::Tag(TagArgs::Add { .. } | TagArgs::Remove { .. } | TagArgs::Set { .. }) => {
                AuthorUse::Maker
            }
            #[cfg(feature = "server")]
            Self::Serve(_) => AuthorUse::Maker,
            Self::Log(_) | Self::Ops(_) => AuthorUse::Filter,
            _ => AuthorUse::None,
        }
    }

    /// Returns the global options about the store that the command does not use.
    fn unused_options(&self) -> &'static [&'static str] {
        match self {
            // Its store is a new one.
            Self::Demo(_) => &["--store"],
            Self::Completions(_) => &["--store", "--wait", "--allow-network"],
            #[cfg(feature = "server")]
            Self::Fake(_) => &["--store", "--wait", "--allow-network"],
            _ => &[],
        }
    }
}

impl Global {
    /// Returns the author that the command line names, which is a filter for commands that read.
    pub(crate) fn author_filter(&self) -> Option<&str> {
        self.author.as_deref()
    }
}

/// Checks whether the command line of this process contains an option.
///
/// clap accepts no option as the value of another one, so a word that looks like it is it.
fn is_given(option: &str) -> bool {
    contains(env::args_os().skip(1), option)
}

fn contains(arguments: impl Iterator<Item = OsString>, option: &str) -> bool {
    arguments
        .take_while(|argument| argument != "--")
        .any(|argument| {
            let argument = argument.to_string_lossy();
            let rest = argument.strip_prefix(option);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_end_at_two_hyphens() {
        let found = |words: &[&str]| contains(words.iter().map(OsString::from), "--author");
        assert!(found(&["log", "--author", "bob"]));
        assert!(found(&["log", "--author=bob"]));
        assert!(!found(&["log", "--authors"]));
        assert!(!found(&["log", "--", "--author"]));
    }
}
