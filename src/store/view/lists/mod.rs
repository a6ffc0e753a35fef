//! Lists of prompts, versions and operations: builders that are read row by row or in pages.

mod operations;
mod prompts;
mod rows;
mod versions;

pub use self::operations::Operations;
pub use self::prompts::Prompts;
pub use self::rows::Rows;
pub use self::versions::Versions;
