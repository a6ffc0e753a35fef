//! Ledgers: files in which processes record their work before they are killed.

use std::fs;
use std::path::Path;

/// Visits each complete line of the files in a directory whose names begin with `ledger`, in the
/// order of the file names.
pub(crate) fn each_line(directory: &Path, mut visit: impl FnMut(&str)) {
    let files = fs::read_dir(directory).unwrap();
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        let name = path.file_name().unwrap().to_string_lossy();
        if !name.starts_with("ledger") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        // A kill can leave a partial last line if the line crosses a page boundary.
        let whole = text
            .split_inclusive('\n')
            .filter_map(|line| line.strip_suffix('\n'));
        whole.for_each(&mut visit);
    }
}
