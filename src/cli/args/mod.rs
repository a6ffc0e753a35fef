//! Arguments of the command line. Their doc comments are the help texts.

mod arguments;
pub(crate) mod bundle;
pub(crate) mod diff;
mod environment_name;
pub(crate) mod environments;
#[cfg(feature = "server")]
pub(crate) mod fake;
pub(crate) mod files;
pub(crate) mod freeze;
pub(crate) mod history;
pub(crate) mod lint;
mod maintenance;
mod read;
#[cfg(feature = "remote")]
pub(crate) mod remote;
pub(crate) mod search;
#[cfg(feature = "server")]
pub(crate) mod server;
mod unused;
mod whole_number;
mod write;

pub(super) use self::arguments::{Arguments, Command, Global};
pub(crate) use self::maintenance::{
    BackupArgs, CatBodyArgs, CompletionsArgs, CopyArgs, DemoArgs, ExportArgs, GcArgs, ImportArgs,
    InitArgs, ManArgs, RestoreArgs, VerifyArgs,
};
pub(crate) use self::read::{ListArgs, LogArgs, OperationsArgs, RenderArgs, ShowArgs, SpecArgs};
pub(super) use self::unused::check_unused;
pub(crate) use self::write::{
    CommitArgs, CreateArgs, EnvArgs, ExpectationArgs, PromoteArgs, RemoveArgs, RenameArgs, TagArgs,
};
