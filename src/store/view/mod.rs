//! What is read of a store: as it is, or as it was.

mod reads;
mod versions;

pub use self::reads::View;
pub use self::versions::Rendered;
