//! The command line: what can be typed, and what each word means.

pub(crate) mod bundle;
pub(crate) mod diff;
#[cfg(feature = "server")]
pub(crate) mod fake;
pub(crate) mod freeze;
pub(crate) mod history;
pub(crate) mod search;
#[cfg(feature = "server")]
pub(crate) mod server;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum, ValueHint};
use semver::VersionReq;

use self::history::AsOf;
use crate::cli::exit;
use crate::{
    EnvironmentName, Policy, PromptId, PromptName, PromptRef, Selector, Spec, VersionNumber,
};

/// A version store for LLM prompts, used like git.
///
/// A PROMPT is a name or an id. A SPEC is a prompt and a selector, such as greeting@2.1, greeting@^2, greeting@latest
/// or greeting@production; greeting alone is its latest version, and a version's id needs no prompt.
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
    /// Prove that the store is sound, or name every violation
    Verify,
    /// Move all bodies that wait in the journal to their files
    Settle,
    /// Remove the bodies of deleted versions
    Gc(Collect),
    /// Tell how much the store holds
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

#[derive(Args, Debug)]
pub(crate) struct Init {
    /// The number of each prompt's first version
    #[arg(long, value_name = "NUMBER", default_value = "1.0")]
    pub(crate) first_version: VersionNumber,
    /// Whether a minor version that breaks callers is refused
    #[arg(long, value_enum, default_value_t = PolicyName::Enforced)]
    pub(crate) policy: PolicyName,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum PolicyName {
    /// It is refused, unless forced
    Enforced,
    /// The caller chooses
    Free,
}

impl From<PolicyName> for Policy {
    fn from(name: PolicyName) -> Self {
        match name {
            PolicyName::Enforced => Self::Enforced,
            PolicyName::Free => Self::Free,
        }
    }
}

#[derive(Args, Debug)]
pub(crate) struct Create {
    /// The prompt's name
    pub(crate) name: PromptName,
    /// The body, a JSON object; - or nothing reads standard input
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,
    /// The first version's commit message
    #[arg(short, long, default_value = "Initial version")]
    pub(crate) message: String,
    /// A tag of the prompt; may be given several times
    #[arg(long = "tag", value_name = "TAG")]
    pub(crate) tags: Vec<String>,
    #[command(flatten)]
    pub(crate) target: Target,
    /// The prompt's id, of 6 characters 0-9A-Za-z [default: one is drawn]
    #[arg(long)]
    pub(crate) id: Option<PromptId>,
}

/// Where a first version goes.
#[derive(Args, Debug)]
pub(crate) struct Target {
    /// The environment that a first version goes to [default: production]
    #[arg(long, value_name = "NAME")]
    pub(crate) env: Option<EnvironmentName>,
    /// To no environment
    #[arg(long, conflicts_with = "env")]
    pub(crate) no_env: bool,
}

#[derive(Args, Debug)]
#[command(group = ArgGroup::new("bump"))]
pub(crate) struct Commit {
    /// The prompt
    pub(crate) prompt: PromptRef,
    /// The body, a JSON object; - or nothing reads standard input
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,
    /// What changed, and why
    #[arg(short, long)]
    pub(crate) message: String,
    /// A minor version if the bump rules allow one, else a major (the default)
    #[arg(long, group = "bump")]
    pub(crate) auto: bool,
    /// A minor version
    #[arg(long, group = "bump")]
    pub(crate) minor: bool,
    /// A major version
    #[arg(long, group = "bump")]
    pub(crate) major: bool,
    /// The minor version, even if it breaks callers of its base
    #[arg(long, requires = "minor", conflicts_with_all = ["auto", "major"])]
    pub(crate) force: bool,
    /// The version it goes out from
    #[arg(long, value_name = "SELECTOR", default_value = "latest")]
    pub(crate) base: Selector,
    /// Only if the prompt's highest version is this one, or if there is none
    #[arg(long, value_name = "SELECTOR|none")]
    pub(crate) expect_head: Option<Expectation>,
    /// The environment to move to the new version
    #[arg(long, value_name = "NAME")]
    pub(crate) env: Option<EnvironmentName>,
}

/// What a pointer is believed to be: a selector, or `none`.
#[derive(Clone, Debug)]
pub(crate) enum Expectation {
    None,
    Is(Selector),
}

impl std::str::FromStr for Expectation {
    type Err = crate::Invalid;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "none" => Ok(Self::None),
            text => text.parse().map(Self::Is),
        }
    }
}

#[derive(Args, Debug)]
pub(crate) struct Log {
    /// The prompt [default: all prompts]
    pub(crate) prompt: Option<PromptRef>,
    /// Only versions of this major
    #[arg(long, requires = "prompt", value_name = "N")]
    pub(crate) major: Option<u32>,
    /// Only versions that meet this requirement, such as '^2' or '>=1.2, <3'
    #[arg(long, requires = "prompt", value_name = "REQ")]
    pub(crate) select: Option<VersionReq>,
    /// The versions' ids too
    #[arg(long)]
    pub(crate) ids: bool,
    /// The versions that this environment of the prompt pointed to: from when to when, by whom, why
    #[arg(long, requires = "prompt", conflicts_with_all = ["major", "select", "ids"], value_name = "NAME")]
    pub(crate) env: Option<EnvironmentName>,
    #[command(flatten)]
    pub(crate) amount: Amount,
    #[command(flatten)]
    pub(crate) as_of: AsOf,
}

/// How much of a long list to give.
#[derive(Args, Debug)]
pub(crate) struct Amount {
    /// So many at most
    #[arg(short = 'n', long, value_name = "N", default_value_t = 50)]
    pub(crate) limit: usize,
    /// All of them
    #[arg(long, conflicts_with = "limit")]
    pub(crate) all: bool,
}

impl Amount {
    /// The limit as the library takes it.
    pub(crate) fn most(&self) -> usize {
        if self.all { usize::MAX } else { self.limit }
    }
}

#[derive(Args, Debug)]
pub(crate) struct SpecOnly {
    /// The version
    pub(crate) spec: Spec,
    #[command(flatten)]
    pub(crate) as_of: AsOf,
}

#[derive(Args, Debug)]
pub(crate) struct List {
    /// Only prompts whose name contains this text, in any letter case
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    pub(crate) name: String,
    /// Only prompts that have this tag; may be given several times, and any of them will do
    #[arg(long = "tag", value_name = "TAG")]
    pub(crate) tags: Vec<String>,
    /// So many at most [default: all]
    #[arg(short = 'n', long, value_name = "N")]
    pub(crate) limit: Option<usize>,
    #[command(flatten)]
    pub(crate) as_of: AsOf,
}

#[derive(Args, Debug)]
pub(crate) struct Render {
    /// The version
    pub(crate) spec: Spec,
    /// Inputs: NAME=VALUE gives text, NAME:=JSON any JSON value; they go before those of --inputs
    #[arg(value_name = "NAME=VALUE")]
    pub(crate) inputs: Vec<String>,
    /// Inputs from a file, a JSON object; - reads standard input
    #[arg(long = "inputs", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,
    /// Whose rules the body is filled by
    #[arg(long, value_enum, default_value_t = ModeName::Strict)]
    pub(crate) mode: ModeName,
    #[command(flatten)]
    pub(crate) as_of: AsOf,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ModeName {
    /// Every variable must be given, with a value of its type, and nothing else
    Strict,
    /// As Helicone's client does: what is wrong is a warning, and the body is written all the same
    Helicone,
}

impl From<ModeName> for crate::Mode {
    fn from(name: ModeName) -> Self {
        match name {
            ModeName::Strict => Self::Strict,
            ModeName::Helicone => Self::Helicone,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Env {
    /// List a prompt's environments
    List {
        /// The prompt
        prompt: PromptRef,
        #[command(flatten)]
        as_of: AsOf,
    },
    /// Point an environment to a version
    Set {
        /// The prompt
        prompt: PromptRef,
        /// The environment
        name: EnvironmentName,
        /// The version
        selector: Selector,
        /// Only if it points to this version now, or nowhere
        #[arg(long, value_name = "SELECTOR|none")]
        expect: Option<Expectation>,
        /// Why, for those who read its log
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Remove an environment; where there is none, nothing changes
    Remove {
        /// The prompt
        prompt: PromptRef,
        /// The environment
        name: EnvironmentName,
        /// Only if it points to this version now, or nowhere
        #[arg(long, value_name = "SELECTOR|none")]
        expect: Option<Expectation>,
        /// Why, for those who read its log
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
}

#[derive(Args, Debug)]
pub(crate) struct Tag {
    /// The prompt
    pub(crate) prompt: PromptRef,
    /// The tags it has from now on
    #[arg(value_name = "TAG")]
    pub(crate) tags: Vec<String>,
    /// Remove all tags
    #[arg(long, conflicts_with = "tags")]
    pub(crate) clear: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Rename {
    /// The prompt
    pub(crate) prompt: PromptRef,
    /// Its new name
    pub(crate) name: PromptName,
}

#[derive(Args, Debug)]
pub(crate) struct Remove {
    /// A version, such as greeting@2.1; without a selector, the whole prompt: by its id if its name has an @
    pub(crate) spec: String,
    /// Delete a whole prompt without asking
    #[arg(short, long)]
    pub(crate) yes: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Operations {
    /// Only operations on this prompt; a deleted one by its id
    pub(crate) prompt: Option<PromptRef>,
    /// Only operations that moved an environment of this name
    #[arg(long, value_name = "NAME")]
    pub(crate) env: Option<EnvironmentName>,
    #[command(flatten)]
    pub(crate) amount: Amount,
    #[command(flatten)]
    pub(crate) as_of: AsOf,
}

#[derive(Args, Debug)]
pub(crate) struct Collect {
    /// Keep bodies that were in use within so many days
    #[arg(long, value_name = "DAYS", default_value_t = 30)]
    pub(crate) retention: u32,
}

#[derive(Args, Debug)]
pub(crate) struct Import {
    /// The folder, with all folders in it; or a bundle
    #[arg(value_hint = ValueHint::AnyPath, required_unless_present = "file")]
    pub(crate) folder: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) bundle: bundle::FromBundle,
    /// The commit message [default: Import FILE]
    #[arg(short, long)]
    pub(crate) message: Option<String>,
    /// The environment to move to each new version [default: production, for new prompts only]
    #[arg(long, value_name = "NAME")]
    pub(crate) env: Option<EnvironmentName>,
    /// Touch no environment
    #[arg(long, conflicts_with = "env")]
    pub(crate) no_env: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Export {
    /// The folder; it is made where it is missing
    #[arg(value_hint = ValueHint::DirPath, required_unless_present = "file")]
    pub(crate) folder: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) bundle: bundle::ToBundle,
    /// The versions of this environment, for prompts that have it [default: the latest versions]
    #[arg(long, value_name = "NAME")]
    pub(crate) env: Option<EnvironmentName>,
    /// Overwrite files that differ, or the bundle that is there
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Demo {
    /// Where to [default: a new temporary directory, which stays]
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) dir: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}
