//! Names of packs, and the removal of packs by name.

use std::ffi::OsStr;
use std::path::Path;

use crate::fs::folder::Root;
use crate::fs::io_error::path_error;
use crate::storage::StorageResult;

/// Checks whether this is a name of a pack. Files of other names are never removed.
pub(crate) fn is_pack_name(name: &OsStr) -> bool {
    let name = name.to_str().and_then(|name| name.strip_suffix(".pack"));
    name.is_some_and(|name| name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Removes a pack by its name in the folder of packs.
pub(super) fn remove_pack(root: &Root, path: &Path) -> StorageResult<()> {
    let Some(name) = path.file_name().filter(|name| is_pack_name(name)) else {
        return Ok(());
    };
    let folder = root.open()?.packs()?;
    folder
        .remove_file(name)
        .map_err(path_error("removing", path))
}
