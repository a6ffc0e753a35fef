//! The text of an operation, which is the format of the history.
//!
//! An operation's id is a hash over this text, so it never changes once it is written: a store, its
//! archive, a bundle and a backup contain the same text. The types here describe it apart from the
//! public types' own JSON, which may change. A test contains one line for each kind of operation and
//! of change.
//!
//! ```text
//! {"at":…,"author":…,"kind":…,"undoes":[…],"group":…,"changes":[…]}
//! ```
//!
//! `undoes` is left out if it is empty, and `group` if there is none. The members come in this
//! order; [`moment_in`] relies on `at` being the first.

mod format;
mod part;

pub(crate) use self::format::{OperationTextError, read, write};
pub(crate) use self::part::{
    ChangedItem, LiveChange, PromptMention, changed_items, changed_prompts, created_versions,
    live_changes, may_be_of_group, may_change_environment_list, may_undo, moment, moment_in,
    quoted, without_undoes,
};

#[cfg(test)]
mod tests;
