//! The routes of Helicone's API and of the exchange between stores, one file for each group.

mod bodies;
mod environments;
mod exchange;
mod extract;
mod gateway;
mod meta;
mod prompts;
mod table;
mod version_queries;
mod versions;

pub(super) use self::meta::methods;
pub(super) use self::table::{of_fake, of_server, wrong_method};
