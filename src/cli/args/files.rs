//! Arguments of the commands that work with files of prompts.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::environment_name::environment_name;
use crate::formats::{Format, Unsupported};
use crate::{EnvironmentName, PromptRef};

#[derive(Args, Debug)]
pub(crate) struct StatusArgs {
    /// Folder to compare with the store, with its subfolders, or one file [default: the current
    /// directory]
    #[arg(value_hint = ValueHint::AnyPath)]
    pub(crate) folder: Option<PathBuf>,
    /// Read only files of this format
    #[arg(long, value_name = "FORMAT", value_parser = format_parser())]
    pub(crate) format: Option<Format>,
    #[command(flatten)]
    pub(crate) unsupported: UnsupportedArgs,
}

#[derive(Args, Debug)]
pub(crate) struct EditArgs {
    /// Name or id of the prompt
    pub(crate) prompt: PromptRef,
    /// Commit message: what changed, and why
    #[arg(short, long, default_value = "Edit")]
    pub(crate) message: String,
    /// Format of the draft
    #[arg(long, value_name = "FORMAT", value_parser = format_parser(), default_value = "md")]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) unsupported: UnsupportedArgs,
    /// Continue with this draft, which an earlier edit kept
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) draft: Option<PathBuf>,
    /// Environment to point to the new version
    #[arg(long, value_name = "NAME", value_parser = environment_name)]
    pub(crate) env: Option<EnvironmentName>,
    /// Point the environment to it even if it breaks callers of the version that the environment
    /// points to
    #[arg(long, requires = "env")]
    pub(crate) breaking: bool,
}

// Parts of a file that are not carried. A doc comment would replace the help of the commands.
#[derive(Args, Debug)]
pub(crate) struct UnsupportedArgs {
    /// Keep parts that cannot be carried over, such as loops of a template language, as text
    /// instead of refusing the file
    #[arg(long)]
    pub(crate) keep_as_text: bool,
}

impl UnsupportedArgs {
    pub(crate) fn unsupported(&self) -> Unsupported {
        if self.keep_as_text {
            Unsupported::KeepAsText
        } else {
            Unsupported::Refuse
        }
    }
}

/// Returns the parser of the name of a format, which help texts and completions list.
pub(crate) fn format_parser() -> impl clap::builder::TypedValueParser<Value = Format> {
    use clap::builder::{PossibleValuesParser, TypedValueParser};
    let names = Format::ALL.iter().map(|format| format.name());
    PossibleValuesParser::new(names).try_map(|name| name.parse::<Format>())
}
