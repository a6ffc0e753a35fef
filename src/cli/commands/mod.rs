//! The commands, one file for each group.

mod backup;
mod blame;
mod bundle;
mod commit;
mod completions;
mod demo;
mod diff;
mod difference;
mod environments;
mod export;
#[cfg(feature = "server")]
mod fake;
mod file_name;
#[cfg(feature = "server")]
mod fixtures;
mod freeze;
mod history;
mod holders;
mod import;
#[cfg(feature = "server")]
mod keys;
mod prompts;
mod search;
#[cfg(feature = "server")]
mod serve;
#[cfg(feature = "server")]
mod signals;
mod templates;
mod undo;
mod upkeep;
mod versions;
mod watch;
mod words;

use super::args::Command;
use super::failure::Outcome;
use super::session::Session;

/// Runs a command.
pub(crate) fn run(command: &Command, session: &Session) -> Outcome {
    match command {
        Command::Init(args) => upkeep::init(args, session),
        Command::Create(args) => prompts::create(args, session),
        Command::Commit(args) => commit::commit(args, session),
        Command::Log(args) => versions::log(args, session),
        Command::Show(args) => versions::show(args, session),
        Command::Diff(args) => diff::diff(args, session),
        Command::Blame(args) => blame::blame(args, session),
        Command::Ls(args) => prompts::list(args, session),
        Command::Resolve(args) => versions::resolve(args, session),
        Command::Vars(args) => templates::variables(args, session),
        Command::Search(args) => search::search(args, session),
        Command::Render(args) => templates::render(args, session),
        Command::Env(args) => environments::run(args, session),
        Command::Tag(args) => prompts::tag(args, session),
        Command::Rename(args) => prompts::rename(args, session),
        Command::Rm(args) => prompts::remove(args, session),
        Command::Ops(args) => history::operations(args, session),
        Command::Undo(args) => undo::undo(args, session),
        Command::Watch(args) => watch::watch(args, session),
        Command::CatBody(args) => versions::cat_body(args, session),
        Command::Verify(args) => upkeep::verify(args, session),
        Command::Backup(args) => backup::backup(args, session),
        Command::Restore(args) => backup::restore(args, session),
        Command::Settle => upkeep::settle(session),
        Command::Gc(args) => upkeep::collect(args, session),
        Command::Stats => upkeep::stats(session),
        Command::Import(args) => import::import(args, session),
        Command::Export(args) => export::export(args, session),
        Command::Freeze(args) => freeze::freeze(args, session),
        #[cfg(feature = "server")]
        Command::Serve(args) => serve::serve(args, session),
        #[cfg(feature = "server")]
        Command::Fake(args) => fake::fake(args),
        #[cfg(feature = "server")]
        Command::Fixtures => fixtures::fixtures(session),
        Command::Demo(args) => demo::demo(args, session),
        Command::Completions(args) => completions::completions(args, session),
    }
}
