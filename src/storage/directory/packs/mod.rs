//! Packs: files that contain thousands of bodies.
//!
//! A pack never changes. It is written in `tmp/`, flushed, and renamed to `blobs/packs/`. A body in
//! a pack needs no file of its own. [`mod@format`] describes the contents.

mod builder;
mod codec;
mod copy;
mod dictionary;
mod format;
mod pack;
mod pack_name;
mod pack_set;
mod pending;
mod records;
mod repack_source;
mod repacker;
mod salvage;
#[cfg(test)]
mod tests;
mod writer;

pub(super) use self::copy::OpenPack;
pub(super) use self::pack_name::is_pack_name;
pub(super) use self::pack_set::Packs;
