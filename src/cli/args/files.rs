//! Arguments of the commands that work with files of prompts.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use crate::formats::Format;

#[derive(Args, Debug)]
pub(crate) struct StatusArgs {
    /// Folder to compare with the store, with its subfolders, or one file [default: the current
    /// directory]
    #[arg(value_hint = ValueHint::AnyPath)]
    pub(crate) folder: Option<PathBuf>,
    /// Read only files of this format
    #[arg(long, value_name = "FORMAT", value_parser = format_parser())]
    pub(crate) format: Option<Format>,
}

/// Returns the parser of the name of a format, which help texts and completions list.
pub(crate) fn format_parser() -> impl clap::builder::TypedValueParser<Value = Format> {
    use clap::builder::{PossibleValuesParser, TypedValueParser};
    let names = Format::ALL.iter().map(|format| format.name());
    PossibleValuesParser::new(names).try_map(|name| name.parse::<Format>())
}
