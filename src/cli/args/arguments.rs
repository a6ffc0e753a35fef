//! The command line: global options and commands.

use super::BackupArgs;
use super::CatBodyArgs;
use super::CommitArgs;
use super::CompletionsArgs;
use super::CopyArgs;
use super::CreateArgs;
use super::DemoArgs;
use super::EnvArgs;
use super::ExportArgs;
use super::GcArgs;
use super::ImportArgs;
use super::InitArgs;
use super::ListArgs;
use super::LogArgs;
use super::ManArgs;
use super::OperationsArgs;
use super::PromoteArgs;
use super::RemoveArgs;
use super::RenameArgs;
use super::RenderArgs;
use super::RestoreArgs;
use super::ShowArgs;
use super::SpecArgs;
use super::TagArgs;
use super::VerifyArgs;
use crate::cli::args::diff;
use crate::cli::args::environments::EnvironmentListArgs;
#[cfg(feature = "server")]
use crate::cli::args::fake;
use crate::cli::args::files;
use crate::cli::args::freeze;
use crate::cli::args::history;
use crate::cli::args::lint;
#[cfg(feature = "remote")]
use crate::cli::args::remote;
use crate::cli::args::search;
#[cfg(feature = "server")]
use crate::cli::args::server;
use std::ffi::OsString;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueHint};

use crate::cli::exit;

/// A version store for LLM prompts, used like git.
///
/// A PROMPT is a name or an id; id:abc123 is always read as an id. A SPEC is a prompt and a
/// selector, such as greeting@2.1, greeting@^2, greeting@latest or greeting@production. Without a
/// selector, it means the prompt's latest version. A version's id is a SPEC by itself.
#[derive(Debug, Parser)]
#[command(name = "promptbook", version, after_help = exit::HELP, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The options that any command takes, before or after its name.
#[derive(Args, Debug)]
pub(crate) struct Global {
    /// Directory of the store [default: .promptbook in the current directory or in the nearest one
    /// above it] [env: PROMPTBOOK_STORE]
    // An `OsString`, because clap refuses empty paths. The session reads the variables, because clap
    // would show their options in every usage line.
    #[arg(long, global = true, value_name = "DIR")]
    #[arg(value_hint = ValueHint::DirPath, help_heading = "Global options")]
    pub(crate) store: Option<OsString>,
    /// Write output and errors as JSON
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) json: bool,
    /// Author of the changes [default: the user's name] [env: PROMPTBOOK_AUTHOR]; for log and ops,
    /// list only this author's
    #[arg(long, global = true, value_name = "NAME")]
    #[arg(help_heading = "Global options")]
    pub(crate) author: Option<String>,
    /// Open a store on a network file system: safe only if no other machine uses it
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) allow_network: bool,
    /// Seconds to wait for other writers [default: 10]
    #[arg(long, global = true, value_name = "SECONDS", value_parser = seconds)]
    #[arg(help_heading = "Global options")]
    pub(crate) wait: Option<Duration>,
    /// Write long output to the terminal without a pager [env: PROMPTBOOK_PAGER, PAGER]
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) no_pager: bool,
}

/// Parses a time in seconds, such as `10` or `0.5`.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().map_err(|_| "not a number of seconds")?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum Command {
    /// Create a store in .promptbook in the current directory, or in --store DIR
    Init(InitArgs),
    /// Create a prompt and its first version
    Create(CreateArgs),
    /// Commit a new version of a prompt
    Commit(CommitArgs),
    /// Edit the body of a prompt's latest version in an editor, and commit it
    ///
    /// Opens VISUAL or EDITOR on a draft, shows what changed, and commits it. A body that is the same
    /// as before is not committed. If the draft cannot be read or committed, it is kept, and --draft
    /// continues with it.
    Edit(files::EditArgs),
    /// List the versions of a prompt or of all prompts, newest first, or the history of an
    /// environment
    Log(LogArgs),
    /// Show a version: its fields, its contract and its body
    Show(ShowArgs),
    /// Compare two versions, a version and a file, a folder and the store, or two environments
    ///
    /// A single version is compared with its base. The files of a folder are compared with the latest
    /// versions of their prompts.
    Diff(diff::DiffArgs),
    /// Show which version introduced each message, tool and parameter
    Blame(diff::BlameArgs),
    /// List prompts, newest first
    Ls(ListArgs),
    /// Search the names of prompts, the texts of current versions and the commit messages
    ///
    /// Case, accents and vowel marks are ignored. A version is current if it is the highest of its prompt or if
    /// an environment points to it.
    Search(search::SearchArgs),
    /// Write the exact bytes of a version's body to standard output
    Resolve(SpecArgs),
    /// List the variables and partials of a version
    Vars(SpecArgs),
    /// Render a version's body with inputs
    ///
    /// Strict mode copies everything except the tags byte for byte from the body. On a terminal,
    /// the rendered body is indented.
    Render(RenderArgs),
    /// Find faults that are easily overlooked: tags that are not filled, near-tags, hidden characters
    ///
    /// A tag where nothing fills it is an error, because strict rendering refuses the body. The exit
    /// code is then 7. Texts that are nearly tags, tags of an unknown type, characters that cannot be
    /// seen, and names that look alike are warnings.
    Lint(lint::LintArgs),
    /// List, set or remove environments of a prompt
    #[command(subcommand)]
    Env(EnvArgs),
    /// List the names that environments can have, or restrict them to a list
    ///
    /// In a store with a list, every command refuses to set an environment of another name, and a
    /// new prompt goes to production only if the list contains it. A server, import of bundles and
    /// undo do not follow the list.
    #[command(subcommand)]
    Environments(EnvironmentListArgs),
    /// Point an environment of several prompts to the versions of another one, as one operation
    Promote(PromoteArgs),
    /// List, add, remove or replace the tags of a prompt
    #[command(subcommand)]
    Tag(TagArgs),
    /// Rename a prompt
    Rename(RenameArgs),
    /// Delete a version or a whole prompt
    Rm(RemoveArgs),
    /// List the store's operations, newest first
    Ops(OperationsArgs),
    /// Undo an operation by a new operation; undoing that one redoes the first
    ///
    /// Deletes what the operation created, restores what it deleted, and sets environments, names
    /// and tags back. Refused if later operations depend on it.
    Undo(history::UndoArgs),
    /// Report each change of the store by any process as it happens
    ///
    /// Each operation's line ends with its log position. --from resumes there, without missing or
    /// repeating a change.
    Watch(history::WatchArgs),
    /// Write the exact bytes of the body with a given hash to standard output
    ///
    /// promptbook show prints the hash of a version's body. Bodies of deleted versions stay until
    /// gc removes them.
    CatBody(CatBodyArgs),
    /// Verify the store and report every violation
    Verify(VerifyArgs),
    /// Back up the store to a directory, or update an earlier backup there, and verify it
    ///
    /// Other processes can use the store meanwhile. Only missing files are copied, and none is
    /// removed from the backup. The backup is itself a store, on which every command works.
    Backup(BackupArgs),
    /// Create a store from a backup, in the same place as init
    ///
    /// A backup contains no secrets: serve creates a new key for the new store, and signed URLs of
    /// the original store are not valid there.
    Restore(RestoreArgs),
    /// Copy a store to another place of any kind, such as from a directory to Postgres, and verify it
    ///
    /// Each place is a directory or a postgres:// URL, as for --store. The copy has the same ids,
    /// numbers, times and operations, and so the same head of the history, all bodies, recorded
    /// inputs and settings, but no secrets of a server and no remotes. After an interruption the same
    /// command continues; later it brings what is new. A target with a history of its own is
    /// refused. Others can use the source meanwhile, but not the target.
    Copy(CopyArgs),
    /// Checkpoint: move all bodies from the journal to the blob store, a directory or S3
    Checkpoint,
    /// Remove the bodies of deleted versions, and pack old bodies
    ///
    /// Loose bodies are packed if there are more than 512 that are older than a day and used by no
    /// environment and by no prompt's latest version. Packs that are mostly garbage are rewritten.
    Gc(GcArgs),
    /// Show how much the store contains and how much space it takes
    Stats,
    /// Compare the files of a folder with the store, as git status does
    ///
    /// Lists the files that are new, changed (with the bump of a commit), or renamed, the prompts that
    /// are gone, and the entries that cannot be read or are skipped. import brings the files into the
    /// store, and diff FOLDER shows the changes.
    Status(files::StatusArgs),
    /// Import a folder of files, one prompt each, or a bundle, entirely or not at all
    ///
    /// The path of a file in the folder, without its ending, is the prompt's name. The file becomes a
    /// new prompt, or a new version of an existing one. A file that equals the prompt's latest
    /// version changes nothing. Files are .json (a body, or a list of messages), .md (front matter and
    /// a block for each message), .prompt.yml (GitHub Models), .langfuse.json, .prompty, .prompt
    /// (Dotprompt) and .promptfoo.yaml. Hidden files and folders are ignored; other entries that are
    /// skipped, and prompts without a file, are named. A single FILE is imported in the same way.
    /// NAME%@ID.json belongs to the prompt with that id: export writes such names if prompts share a
    /// name.
    ///
    /// The labels of a .langfuse.json file move the environments of an existing prompt, too: status,
    /// --dry-run and the report name each move. --no-env ignores labels.
    ///
    /// A new file with the body of the one prompt that has no file renames that prompt, after a
    /// question. --prune deletes the prompts without a file, after a question.
    ///
    /// A bundle is a file written by export --bundle. Import appends the operations that the store
    /// lacks. They keep their ids if the store's history is a prefix of the bundle's. Importing the
    /// same bundle again changes nothing. Import refuses a bundle if the bundle and the store
    /// changed the same thing. If both gave a number to a version, pull --renumber and import
    /// --renumber, of builds with remotes, give the own version another one.
    Import(ImportArgs),
    /// Export each prompt's body to a file in a folder, or the whole store to a bundle
    ///
    /// The prompt a/b becomes the file a/b.json, which contains the body byte for byte, or a file in
    /// another --format. A prompt that has a file in the folder keeps its format. Characters that file
    /// systems reserve are percent-encoded, and import decodes them. So are the letters of folders that
    /// differ only in case or in the normal form of Unicode. Other files in the folder are not changed.
    ///
    /// A bundle is one file with all operations and bodies, for import into another store. The same
    /// store gives the same bytes. A bundle does not contain recorded inputs, secrets, the first version and the
    /// bump policy.
    Export(ExportArgs),
    /// Write the resolved bodies of an environment as one file that is read without a store
    ///
    /// Partials are filled in. A lockfile beside it records each prompt, its version number and its
    /// hash. The same prompts give the same bytes of both files. --check checks that they agree
    /// with the store.
    Freeze(freeze::FreezeArgs),
    /// Create a store with everything that a Helicone organisation has
    ///
    /// Prompts and versions keep their ids, numbers, times and environments, so an app only changes
    /// its base URL. The URL becomes the remote origin of the store: pull brings what is new there.
    #[cfg(feature = "remote")]
    Clone(remote::CloneArgs),
    /// Add, list or remove remotes: Helicone organisations to pull from and push to
    #[cfg(feature = "remote")]
    #[command(subcommand)]
    Remote(remote::RemoteArgs),
    /// Bring what is new in a remote into the store
    ///
    /// If only the remote changed a prompt, the store follows. A prompt that both sides changed in
    /// contradicting ways is left alone and named, and the exit code is 4. promptbook undo takes
    /// back the whole pull.
    #[cfg(feature = "remote")]
    Pull(remote::PullArgs),
    /// Send what the store changed to a remote
    ///
    /// The service assigns ids and numbers of its own, which the store records. A prompt is left
    /// alone and named if its versions would get other numbers there (--map-numbers accepts them),
    /// if something would be deleted there (--delete), if the remote changed it since the last
    /// pull, or if both sides contradict each other; the exit code is then 4. A new prompt's first
    /// version is in production there from its creation until the next request.
    #[cfg(feature = "remote")]
    Push(remote::PushArgs),
    /// Show what a remote lacks, what the store lacks, and what is in conflict
    #[cfg(feature = "remote")]
    SyncStatus(remote::SyncStatusArgs),
    /// Serve the store over HTTP with Helicone's API
    ///
    /// Helicone's clients work with it: give them the URL and the key that are printed. On SIGINT
    /// or SIGTERM, the server stops after the current requests; on a second signal, immediately.
    #[cfg(feature = "server")]
    Serve(server::ServeArgs),
    /// Serve a fake of the live service for a test suite
    ///
    /// Writes one line of JSON, {"url": …, "key": …, "control": …}, and serves until SIGINT or
    /// SIGTERM, until its parent process ends or, with --until-stdin-closes, until its standard
    /// input ends. The same sequence of calls gets the same responses each time. The store that
    /// --store or PROMPTBOOK_STORE names is not used.
    #[cfg(feature = "server")]
    Fake(fake::FakeArgs),
    /// Write the whole store as JSON fixtures for fake
    #[cfg(feature = "server")]
    Fixtures,
    /// Replay the history of an example prompt in a new store
    Demo(DemoArgs),
    /// Write a completion script for a shell
    ///
    /// It completes commands and options, and the names of prompts, environments and versions in the
    /// store.
    Completions(CompletionsArgs),
    /// Write the manual page of the command, or one page for each command to a folder
    Man(ManArgs),
}
