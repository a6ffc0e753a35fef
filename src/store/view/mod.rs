//! Views: reads of a store, as it is now or as it was earlier.

mod lists;
mod partials;
mod reads;
mod versions;

pub use self::lists::{Operations, Prompts, Rows, Versions};
pub use self::reads::View;
pub use self::versions::RenderedVersion;
