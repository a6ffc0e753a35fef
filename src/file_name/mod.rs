//! File names of exported prompts.
//!
//! The prompt `a/b` has the file `a/b.json`, or `a/b` with the ending of another format. Some text is percent-encoded: `%`, the characters that
//! some file system reserves, dots at either end, and names of devices. So on any system, no name
//! leads out of the folder, is hidden, or is the name of another prompt. Four marks are outside of
//! the encoding:
//!
//! - A folder whose name ends in a bare `%` continues in the next part. It is used if a name is too
//!   long for one part.
//! - A last part that is only `%` is an empty name.
//! - `%@` and an id at the end name the prompt with that id. It is used if several prompts have the
//!   name.
//! - `%~` and an id at the end name the prompt with that id. It is used if the name is too long for a
//!   path. The text before the mark is the beginning of the name. The whole name is the content of a
//!   file in the same folder that ends in `.name` instead of that ending.

mod decode;
mod encode;
mod marks;
mod spelling;

pub(crate) use self::decode::name_file;
pub(crate) use self::decode::{Name, decode};
pub(crate) use self::encode::encode;
pub(crate) use self::spelling::{FolderSpellings, fold};
