//! Dispatch of a parsed command line to its command.

use crate::cli::args::{Command, check_unused};
use crate::cli::commands::backup;
use crate::cli::commands::blame;
use crate::cli::commands::commit;
use crate::cli::commands::completions;
use crate::cli::commands::copy;
use crate::cli::commands::demo;
use crate::cli::commands::diff::command;
use crate::cli::commands::edit;
use crate::cli::commands::environment_list;
use crate::cli::commands::environments;
use crate::cli::commands::export;
#[cfg(feature = "server")]
use crate::cli::commands::fake;
#[cfg(feature = "server")]
use crate::cli::commands::fixtures;
use crate::cli::commands::freeze;
use crate::cli::commands::history;
use crate::cli::commands::import;
use crate::cli::commands::lint;
use crate::cli::commands::log;
use crate::cli::commands::maintenance;
use crate::cli::commands::man;
use crate::cli::commands::promote;
use crate::cli::commands::prompts;
#[cfg(feature = "remote")]
use crate::cli::commands::remote;
use crate::cli::commands::remove;
use crate::cli::commands::search;
#[cfg(feature = "server")]
use crate::cli::commands::serve;
use crate::cli::commands::status;
use crate::cli::commands::tags;
use crate::cli::commands::templates;
use crate::cli::commands::undo;
use crate::cli::commands::versions;
use crate::cli::commands::watch;
use crate::cli::error::CommandResult;
use crate::cli::session::Session;

/// Runs a command.
pub(crate) fn run(command: &Command, session: &Session) -> CommandResult {
    check_unused(command, session.global())?;
    match command {
        Command::Init(args) => maintenance::init(args, session),
        Command::Create(args) => prompts::create(args, session),
        Command::Commit(args) => commit::commit(args, session),
        Command::Edit(args) => edit::edit(args, session),
        Command::Log(args) => log::log(args, session),
        Command::Show(args) => versions::show(args, session),
        Command::Diff(args) => command::diff(args, session),
        Command::Blame(args) => blame::blame(args, session),
        Command::Ls(args) => prompts::list(args, session),
        Command::Resolve(args) => versions::resolve(args, session),
        Command::Vars(args) => templates::variables(args, session),
        Command::Search(args) => search::search(args, session),
        Command::Render(args) => templates::render(args, session),
        Command::Lint(args) => lint::run(args, session),
        Command::Env(args) => environments::run(args, session),
        Command::Environments(args) => environment_list::run(args, session),
        Command::Promote(args) => promote::promote(args, session),
        Command::Tag(args) => tags::run(args, session),
        Command::Rename(args) => prompts::rename(args, session),
        Command::Rm(args) => remove::remove(args, session),
        Command::Ops(args) => history::operations(args, session),
        Command::Undo(args) => undo::undo(args, session),
        Command::Watch(args) => watch::watch(args, session),
        Command::CatBody(args) => versions::cat_body(args, session),
        Command::Verify(args) => maintenance::verify(args, session),
        Command::Backup(args) => backup::backup(args, session),
        Command::Restore(args) => backup::restore(args, session),
        Command::Copy(args) => copy::copy(args, session),
        Command::Checkpoint => maintenance::checkpoint(session),
        Command::Gc(args) => maintenance::collect(args, session),
        Command::Stats => maintenance::stats(session),
        Command::Status(args) => status::status(args, session),
        Command::Import(args) => import::import(args, session),
        Command::Export(args) => export::export(args, session),
        Command::Freeze(args) => freeze::freeze(args, session),
        #[cfg(feature = "remote")]
        Command::Clone(args) => remote::clone(args, session),
        #[cfg(feature = "remote")]
        Command::Remote(args) => remote::run(args, session),
        #[cfg(feature = "remote")]
        Command::Pull(args) => remote::pull(args, session),
        #[cfg(feature = "remote")]
        Command::Push(args) => remote::push(args, session),
        #[cfg(feature = "remote")]
        Command::SyncStatus(args) => remote::status(args, session),
        #[cfg(feature = "server")]
        Command::Serve(args) => serve::serve(args, session),
        #[cfg(feature = "server")]
        Command::Fake(args) => fake::fake(args),
        #[cfg(feature = "server")]
        Command::Fixtures => fixtures::fixtures(session),
        Command::Demo(args) => demo::demo(args, session),
        Command::Completions(args) => completions::completions(args, session),
        Command::Man(args) => man::man(args, session),
    }
}
