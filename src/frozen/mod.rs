//! Frozen files: the prompts of one environment as one file, for programs without a store.
//!
//! [`View::freeze`](crate::View::freeze) and `promptbook freeze` create a [`Frozen`]. A program
//! opens it without a store and without SQLite, and without any file if it is compiled in.
//!
//! ```
//! use promptbook::frozen::Frozen;
//! use promptbook::RenderMode;
//! use serde_json::json;
//!
//! # fn main() -> promptbook::Result<()> {
//! static PROMPTS: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/production.frozen"));
//!
//! let prompts = Frozen::from_static(PROMPTS)?;
//! let rendered = prompts.render("greeting", [("name", "Ada")])?;
//! assert_eq!(rendered.body["messages"][1]["content"], "Greet Ada.");
//! # Ok(())
//! # }
//! ```
//!
//! # Partials
//!
//! Partials are filled in, at any depth, each from the environment that its tag names. A frozen
//! file therefore does not change when one of these environments moves. Variables stay. In strict
//! mode a frozen body renders exactly as the store rendered it at the moment of freezing; only the
//! limit on the added text is effectively higher, because the partials are already included. In
//! Helicone mode it renders like a body that contains these texts and no partials: the variables of
//! partials are checked like its own, and partials inside partials are filled, whereas Helicone's
//! client leaves them.
//!
//! A body whose partials cannot be filled cannot be frozen. Nor can a body in which text of a
//! partial and the text around it would together become a tag
//! ([`Problem::FormedTag`](crate::template::Problem::FormedTag)), because rendering treats them as
//! text.
//!
//! # The file
//!
//! ```text
//! promptbook frozen 1
//! {"environment":"production","prompts":[{"id":…,"name":…,"version":…,"number":…,"source":…,"hash":…,"bytes":…}, …]}
//! the first prompt's body
//! …
//! the last prompt's body
//! blake3 HEX
//! ```
//!
//! The file is UTF-8 text; lines end with a line feed. The second line is the table of prompts, by
//! id: `version` is the version's id, `number` its number, `source` the address of the stored body,
//! `hash` the address of the frozen body (BLAKE3, like the store's addresses), and `bytes` its
//! length. The bodies follow in this order. Each has the number of bytes in the table, followed by
//! a line feed; a body may contain line breaks. A body is the stored text with its partials filled
//! in; everything else is preserved byte for byte. The last line is the [`Seal`](crate::bundle::Seal): the BLAKE3 of
//! everything before it.
//!
//! The same prompts yield the same bytes; the file contains no time. Changing the line ends breaks
//! the seal.
//!
//! # The lockfile
//!
//! A [`Lockfile`] lists the contents of a frozen file, as JSON that people can read in a difference.
//! Compared with another one, it reports every [`LockDrift`]: a prompt that moved to another version,
//! or a partial that did.

mod drift;
mod file;
mod format;
mod lock;
mod prompt;

pub use self::drift::LockDrift;
pub use self::file::Frozen;
pub use self::lock::{LockedPrompt, Lockfile};
pub use self::prompt::FrozenPrompt;
