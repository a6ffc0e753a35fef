//! Rewriting of a file in place, after a flush that may have failed.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use crate::fs::io_error::path_error;
use crate::storage::StorageResult;

/// The size in bytes of what is read and written at once.
const CHUNK_BYTES: u64 = 1024 * 1024;

/// Writes the first `bytes` bytes of a file again, with the same content, and flushes them.
///
/// After a failed flush the system may show the file with all of its bytes, although some never
/// reached the disk, and another flush would not write those. Bytes that are written again are
/// flushed like new ones. No byte changes, so a failure leaves behind what was there before.
pub(crate) fn rewrite_durably(path: &Path, bytes: u64) -> StorageResult<()> {
    let file = File::options().read(true).write(true).open(path);
    let mut file = file.map_err(path_error("opening", path))?;
    rewrite(&mut file, bytes).map_err(path_error("writing again", path))?;
    file.sync_data().map_err(path_error("flushing", path))
}

fn rewrite(file: &mut (impl Read + Write + Seek), bytes: u64) -> io::Result<()> {
    let mut chunk = Vec::new();
    let mut at = 0;
    while at < bytes {
        chunk.clear();
        file.seek(SeekFrom::Start(at))?;
        let mut part = Read::by_ref(file).take(CHUNK_BYTES.min(bytes - at));
        let read = part.read_to_end(&mut chunk)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        file.seek(SeekFrom::Start(at))?;
        file.write_all(&chunk)?;
        at += read as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn each_byte_is_written_again_and_none_changes() {
        let bytes: Vec<u8> = (0..2 * CHUNK_BYTES + 100).map(|at| at as u8).collect();
        let length = bytes.len() as u64;
        for to in [0, 1, CHUNK_BYTES, length - 1, length] {
            let mut file = Cursor::new(bytes.clone());
            rewrite(&mut file, to).unwrap();
            assert_eq!(file.position(), to);
            assert!(file.into_inner() == bytes, "up to {to}");
        }
        let mut file = Cursor::new(bytes);
        assert!(rewrite(&mut file, length + 1).is_err(), "beyond the end");
    }
}
