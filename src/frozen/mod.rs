//! What one environment resolves to, as one file for programs that have no store.
//!
//! [`View::freeze`](crate::View::freeze) makes a [`Frozen`], and so does `promptbook freeze`. A program opens it with
//! nothing beside it: no store, no SQLite, no files where it is compiled in.
//!
//! ```
//! use promptbook::{Frozen, Mode};
//! use serde_json::json;
//!
//! # fn main() -> promptbook::Result<()> {
//! static PROMPTS: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/production.frozen"));
//!
//! let prompts = Frozen::from_static(PROMPTS)?;
//! let inputs = json!({"name": "Ada"}).as_object().cloned().unwrap_or_default();
//! let rendered = prompts.render("greeting", &inputs, Mode::Strict)?;
//! assert_eq!(rendered.body["messages"][1]["content"], "Greet Ada.");
//! # Ok(())
//! # }
//! ```
//!
//! # Partials
//!
//! They are filled in, at any depth, each from the environment that its tag names; so a frozen file does not follow when
//! one of them moves. Variables stay. In strict mode a frozen body renders exactly as the store rendered it at the moment
//! it was frozen; only the limit on what filling adds is wider, as the partials are there already. In Helicone's mode it
//! renders as a body does that has these texts and no partials: the variables of partials are checked as its own, and
//! partials inside partials are filled, which that client leaves.
//!
//! A body whose partials can't be filled is not frozen, nor one where text of a partial and text around it would become a
//! tag together ([`Problem::FormedTag`](crate::template::Problem::FormedTag)): rendering takes them for text.
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
//! UTF-8 text; lines end with a line feed. The second line is the table of prompts, by id: `version` is the version's id,
//! `number` its number, `source` the address of the stored body, `hash` that of the frozen one (BLAKE3, as the store's),
//! `bytes` its length. The bodies follow in this order, each as many bytes as the table says and a line feed; a body may
//! have line breaks itself. It is the stored text with its partials filled in, all else byte for byte. The last line is the
//! [`Seal`]: the BLAKE3 of everything before it.
//!
//! The same prompts give the same bytes; there is no time in them. Whoever changes the line ends breaks the seal.
//!
//! # The lockfile
//!
//! A [`Lock`] names what a frozen file holds, in JSON that a person can read in a difference. Held against another one, it
//! names every [`Drift`]: a prompt that moved on, or a partial that did.

mod drift;
mod file;
mod format;
mod lock;
mod prompt;

pub use self::drift::Drift;
pub use self::file::Frozen;
pub use self::lock::{Lock, Locked};
pub use self::prompt::FrozenPrompt;
