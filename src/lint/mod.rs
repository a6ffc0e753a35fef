//! Faults of bodies and names that are easily overlooked: tags that are not filled, texts that are
//! nearly tags, and characters that a reader cannot see.
//!
//! [`lint`] examines a body, and [`lint_name`] a name. The command `lint` prints what they find,
//! and `create` and `commit` warn of it.

mod body;
mod finding;
mod name;

pub use self::body::lint;
pub use self::finding::{Finding, FindingKind};
#[cfg(feature = "cli")]
pub(crate) use self::name::visible_form;
pub use self::name::{lint_name, look_alike};
