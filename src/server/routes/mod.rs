//! The routes of Helicone's API, one file for each group.

mod bodies;
mod environments;
mod extract;
mod gateway;
mod meta;
mod prompts;
mod table;
mod version_queries;
mod versions;

pub(super) use self::meta::methods;
pub(super) use self::table::{all, wrong_method};
