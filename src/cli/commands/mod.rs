//! The commands, one file for each group.

mod backup;
mod blame;
mod bundle;
mod commit;
mod completions;
mod copy;
mod demo;
mod describe;
mod diff;
mod dispatch;
mod draft;
mod dry_run;
mod edit;
mod environment_list;
mod environment_log;
mod environments;
mod export;
#[cfg(feature = "server")]
mod fake;
#[cfg(feature = "server")]
mod fixtures;
mod folder_notes;
mod freeze;
mod history;
mod import;
mod import_report;
#[cfg(any(feature = "remote", feature = "server"))]
mod keys;
mod lint;
mod log;
mod maintenance;
mod man;
mod new_environment;
mod promote;
mod prompts;
#[cfg(feature = "remote")]
mod remote;
mod remove;
mod search;
#[cfg(feature = "server")]
mod serve;
#[cfg(feature = "server")]
mod signals;
mod status;
mod tags;
mod templates;
mod texts;
mod undo;
mod users;
mod versions;
mod watch;

pub(super) use self::dispatch::run;
#[cfg(feature = "server")]
pub(super) use self::fake::announce_failure;
