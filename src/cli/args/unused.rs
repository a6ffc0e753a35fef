//! Global options that a command does not use: they are refused instead of ignored.

use super::environments::EnvironmentListArgs;
use super::{Command, EnvArgs, Global, TagArgs};
use crate::cli::error::{CommandResult, Failure};

/// Checks that a command uses the global options that its command line contains.
///
/// Options that come from environment variables are not checked, because they are set for all
/// commands.
pub(crate) fn check_unused(command: &Command, global: &Global) -> CommandResult {
    if global.author.is_some() && !command.uses_author() {
        return Err(Failure::usage(
            "--author is not an option of a command that makes no operation",
        )
        .hint("promptbook log --author NAME and ops --author NAME select an author's work"));
    }
    let unused = command.unused_options().iter();
    match unused.copied().find(|option| global.is_given(option)) {
        Some(option) => {
            let message =
                format!("{option} is not an option of this command, which does not use the store");
            let refused = Failure::usage(message);
            Err(match command.store_of_its_own() {
                Some(hint) => refused.hint(hint),
                None => refused,
            })
        }
        None => Ok(()),
    }
}

impl Command {
    /// Returns whether the command makes operations by an author, or lists those of an author.
    fn uses_author(&self) -> bool {
        #[cfg(feature = "server")]
        if matches!(self, Self::Serve(_)) {
            return true;
        }
        #[cfg(feature = "remote")]
        if matches!(self, Self::Clone(_) | Self::Pull(_)) {
            return true;
        }
        matches!(
            self,
            Self::Create(_)
                | Self::Commit(_)
                | Self::Edit(_)
                | Self::Rename(_)
                | Self::Rm(_)
                | Self::Undo(_)
                | Self::Promote(_)
                | Self::Import(_)
                | Self::Demo(_)
                | Self::Env(EnvArgs::Set { .. } | EnvArgs::Remove { .. })
                | Self::Environments(
                    EnvironmentListArgs::Add { .. } | EnvironmentListArgs::Remove { .. }
                )
                | Self::Tag(TagArgs::Add { .. } | TagArgs::Remove { .. } | TagArgs::Set { .. })
                | Self::Log(_)
                | Self::Ops(_)
        ) || matches!(self, Self::Init(args) if args.environments.is_some())
    }

    /// Returns where the command's own store is, if it has one.
    fn store_of_its_own(&self) -> Option<&'static str> {
        match self {
            #[cfg(feature = "server")]
            Self::Fake(_) => Some(
                "promptbook fake --directory DIR puts the store of the fake in a directory, and \
                 promptbook fixtures writes the prompts of a store for --fixtures",
            ),
            Self::Demo(_) => Some("promptbook demo DIR names the directory of the demo"),
            Self::Copy(_) => Some("promptbook copy FROM TO names both stores"),
            _ => None,
        }
    }

    /// Returns the global options about the store that the command does not use.
    fn unused_options(&self) -> &'static [&'static str] {
        match self {
            // Its store is a new one.
            Self::Demo(_) | Self::Copy(_) => &["--store"],
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

    /// Returns whether the command line contains an option that some commands do not use.
    fn is_given(&self, option: &str) -> bool {
        match option {
            "--store" => self.store.is_some(),
            "--wait" => self.wait.is_some(),
            "--allow-network" => self.allow_network,
            _ => false,
        }
    }
}
