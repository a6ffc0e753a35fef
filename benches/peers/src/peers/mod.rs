//! The stores that are measured.

mod cacache;
mod files;
mod git;
mod git2;
mod promptbook;
mod promptvault;
mod redb;
mod sqlite;

pub use self::cacache::Cacache;
pub use self::files::Files;
pub use self::git::Git;
pub use self::git2::Git2;
pub use self::promptbook::Promptbook;
pub use self::promptvault::Promptvault;
pub use self::redb::Redb;
pub use self::sqlite::Sqlite;
