//! TODO

use super::Backup;
use super::CatBody;
use super::Collect;
use super::Commit;
use super::Completions;
use super::Create;
use super::Demo;
use super::Env;
use super::Export;
use super::Import;
use super::Init;
use super::List;
use super::Log;
use super::Operations;
use super::Remove;
use super::Rename;
use super::Render;
use super::Restore;
use super::SpecOnly;
use super::Tag;
use super::Verify;
use crate::cli::args::diff;
#[cfg(feature = "server")]
use crate::cli::args::fake;
use crate::cli::args::freeze;
use crate::cli::args::history;
use crate::cli::args::search;
#[cfg(feature = "server")]
use crate::cli::args::server;
use std::ffi::OsString;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueHint};

use crate::cli::exit;

/// A version store for LLM prompts, used like git.
///
/// A PROMPT is a name or an id. A SPEC is a prompt and a selector, such as greeting@2.1, greeting@^2, greeting@latest
/// or greeting@production; greeting alone is its latest version, and a version's id needs no prompt. Any prompt can be named
/// by its id, as id:abc123, whatever its name is.
#[derive(Debug, Parser)]
#[command(name = "promptbook", version, after_help = exit::HELP, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What stands before or after any command.
#[derive(Args, Debug)]
pub(crate) struct Global {
    /// The store's directory [default: .promptbook here, or in the nearest directory above]
    // Not a path: an empty variable is as good as none, and clap refuses empty paths.
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "PROMPTBOOK_STORE",
        hide_env_values = true
    )]
    #[arg(value_hint = ValueHint::DirPath, help_heading = "Global options")]
    pub(crate) store: Option<OsString>,
    /// Answer in JSON, errors too
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) json: bool,
    /// Who makes the changes [default: the user's name]
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        env = "PROMPTBOOK_AUTHOR",
        hide_env_values = true
    )]
    #[arg(help_heading = "Global options")]
    pub(crate) author: Option<String>,
    /// Open a store on a network file system: safe only while one machine uses it
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) allow_network: bool,
    /// How long to wait for others who write, in seconds [default: 10]
    #[arg(long, global = true, value_name = "SECONDS", value_parser = seconds)]
    #[arg(help_heading = "Global options")]
    pub(crate) wait: Option<Duration>,
}

/// A time in seconds, such as `10` or `0.5`.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().map_err(|_| "not a number of seconds")?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a store in .promptbook here, or in --store DIR
    Init(Init),
    /// Make a prompt and its first version
    Create(Create),
    /// Commit a version of a prompt
    Commit(Commit),
    /// List versions, newest first: those of a prompt, or of all; or who held an environment when
    Log(Log),
    /// Show all about a version: its fields, its contract, its body
    Show(SpecOnly),
    /// Show how two versions differ, a version and a file, or two environments
    ///
    /// One version alone is compared to the one it was committed on.
    Diff(diff::Diff),
    /// Tell which version brought each message, tool and parameter
    Blame(diff::Blame),
    /// List prompts, newest first
    Ls(List),
    /// Find words in the names of prompts, in the texts of current versions and in commit messages
    ///
    /// Case and accents don't count. A version is current if it is its prompt's highest, or if an environment points to it.
    Search(search::Search),
    /// Write a version's body: its bytes, and nothing else
    Resolve(SpecOnly),
    /// List the variables and partials that a version asks for
    Vars(SpecOnly),
    /// Fill a version's body with inputs
    ///
    /// In strict mode all but the tags is written as it is in the body, byte for byte; to a terminal the body is laid out over lines.
    Render(Render),
    /// List, set or remove a prompt's environments
    #[command(subcommand)]
    Env(Env),
    /// Set a prompt's tags; without any, list them
    Tag(Tag),
    /// Give a prompt another name
    Rename(Rename),
    /// Delete a version, or a whole prompt
    Rm(Remove),
    /// List operations, newest first: every change of the store
    Ops(Operations),
    /// Take an operation back, by a new one; to take that back is to do it again
    ///
    /// What it made is deleted, what it deleted comes back, pointers, names and tags are what they were. It is refused where
    /// later operations stand on it.
    Undo(history::Undo),
    /// Tell each change as it comes, whoever makes it
    ///
    /// Each line ends with the place behind it, from which --from goes on: nothing is missed, nothing told twice.
    Watch(history::Watch),
    /// Write the body of an address: its bytes, and nothing else
    ///
    /// promptbook show tells a version's address. Bodies of deleted versions are there until gc removes them.
    CatBody(CatBody),
    /// Prove that the store is sound, or name every violation
    Verify(Verify),
    /// Copy the store to a directory, verified, while others use it; a backup that is there is brought up to date
    ///
    /// Only what it lacks is copied. The directory is a store itself: every command works on it. Nothing is removed from it.
    Backup(Backup),
    /// Make a store, as init does, of a backup
    ///
    /// A backup has no secrets: serve makes a new key in the store, and signed URLs of the earlier one don't work on it.
    Restore(Restore),
    /// Move all bodies that wait in the journal to their files
    Settle,
    /// Remove the bodies of deleted versions, and pack old ones
    ///
    /// Bodies that are files of their own are packed if they are more than 512 that are older than a day, and that no
    /// environment and no prompt's latest version has. Packs that are more dead than live are made anew.
    Gc(Collect),
    /// Tell how much the store holds, and the room that it takes
    Stats,
    /// Make or commit a prompt of each JSON file in a folder, or bring in a bundle, all or none
    ///
    /// A file's path in the folder, without .json, is the prompt's name. Files that equal their prompt's latest version
    /// change nothing. Hidden files and folders are left out. NAME%@ID.json is the prompt of that id: export names files so
    /// where prompts share a name.
    ///
    /// A bundle is the file that export --bundle wrote. Operations that the store does not have are appended, with the same
    /// ids where the store's history is the beginning of the bundle's; bringing it in again changes nothing. Where both
    /// changed the same thing, it is refused.
    Import(Import),
    /// Write each prompt's body to a JSON file in a folder, byte for byte, or the whole store to a bundle
    ///
    /// The prompt a/b becomes the file a/b.json. Characters that file systems reserve are percent-encoded, so that import
    /// finds the same names again. Other files in the folder stay as they are.
    ///
    /// A bundle is one file with all operations and bodies, for import elsewhere. The same store gives the same bytes.
    /// Recorded inputs, secrets and settings are not in it.
    Export(Export),
    /// Write what an environment resolves to, partials filled in, as one file for programs that have no store
    ///
    /// Beside it goes a lockfile that names each prompt, its number and its hash. Both are the same for the same prompts, byte
    /// for byte; --check tells whether they still say what the store does.
    Freeze(freeze::Freeze),
    /// Serve the store over HTTP, as Helicone's API
    ///
    /// Helicone's clients work on it: give them the URL and the key that are printed. It stops on SIGINT and SIGTERM, when
    /// the requests under way are answered; on a second one at once.
    #[cfg(feature = "server")]
    Serve(server::Serve),
    /// Serve a fake of the live service, for a test suite
    ///
    /// Writes one line of JSON, {"url": …, "key": …, "control": …}, and serves until SIGINT or SIGTERM, until the process that
    /// started it has ended, or with --until-stdin-closes until its standard input has. The same script of calls gets the
    /// same answers each time. The store that --store or PROMPTBOOK_STORE names is not touched.
    #[cfg(feature = "server")]
    Fake(fake::Fake),
    /// Write the whole store as JSON that fake takes as fixtures
    #[cfg(feature = "server")]
    Fixtures,
    /// Replay a prompt's story in a fresh store
    Demo(Demo),
    /// Write a script that completes this command's words in a shell
    Completions(Completions),
}
