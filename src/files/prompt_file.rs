//! One file of a prompt, read.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::listing::{FolderListing, ListedFile};
use crate::file_name::{self, Name};
use crate::formats::{Format, FormatFinding, PromptContent, Unsupported};
use crate::fs::text_file::{BYTE_ORDER_MARK, without_byte_order_mark};
use crate::model::body::Body;
use crate::model::error::{FileProblem, Result};
use crate::model::id::{PromptId, PromptName};
use crate::model::progress::Reporter;

/// A file that was read, and the prompt that it belongs to.
#[derive(Debug)]
pub(super) struct PromptFile {
    /// The path below the folder.
    pub(super) path: PathBuf,
    pub(super) format: Format,
    pub(super) name: PromptName,
    /// The id in the name of the file.
    pub(super) id: Option<PromptId>,
    pub(super) content: PromptContent,
}

impl PromptFile {
    /// Returns the newest body of the file.
    pub(super) fn body(&self) -> Option<&Body> {
        self.content.versions.last().map(|version| &version.body)
    }
}

/// Reads all files. Returns the ones that can be read, and the problems of the others.
pub(super) fn read_all(
    listing: &FolderListing,
    unsupported: Unsupported,
    progress: &mut Reporter<'_>,
) -> Result<(Vec<PromptFile>, Vec<FileProblem>)> {
    let mut files = Vec::with_capacity(listing.files.len());
    let mut problems = Vec::new();
    for file in &listing.files {
        match read(&listing.folder, file, unsupported) {
            Ok(file) => files.push(file),
            Err(mut found) => problems.append(&mut found),
        }
        progress.advance(1)?;
    }
    Ok((files, problems))
}

fn read(
    folder: &Path,
    file: &ListedFile,
    unsupported: Unsupported,
) -> std::result::Result<PromptFile, Vec<FileProblem>> {
    let refused = |reason: String| vec![FileProblem::new(&file.path, None, reason)];
    let (name, id) = read_name(folder, file).map_err(refused)?;
    let text = read_text(&folder.join(&file.path)).map_err(refused)?;
    let content = file.format.read(&text, unsupported).map_err(|findings| {
        let findings = findings.into_iter();
        let problem =
            |finding: FormatFinding| FileProblem::new(&file.path, finding.line, finding.text);
        findings.map(problem).collect::<Vec<_>>()
    })?;
    Ok(PromptFile {
        name,
        path: file.path.clone(),
        format: file.format,
        id,
        content,
    })
}

/// Returns the name of the prompt, and the id if the name of the file contains one.
fn read_name(
    folder: &Path,
    file: &ListedFile,
) -> std::result::Result<(PromptName, Option<PromptId>), String> {
    let (name, id) = file_name::decode(&file.path, file.ending).ok_or("its name is not UTF-8")?;
    let name = match name {
        Name::InPath(name) => name,
        Name::Beside(beside) => {
            let place = beside.display();
            let bytes = read_bytes(&folder.join(&beside)).map_err(|error| {
                format!("its prompt's name is in {place}, which cannot be read: {error}")
            })?;
            String::from_utf8(bytes)
                .map_err(|_| format!("its prompt's name is in {place}, which is not UTF-8"))?
        }
    };
    let name = name.parse();
    let name = name.map_err(|error: crate::error::InvalidArgument| error.to_string())?;
    Ok((name, id))
}

fn read_text(file: &Path) -> std::result::Result<String, String> {
    let bytes = read_bytes(file).map_err(|error| error.to_string())?;
    // A body's error names the encoding of bytes that are not UTF-8.
    String::from_utf8(bytes).map_err(|error| {
        let reason = Body::try_from(error.into_bytes()).err();
        reason.map_or_else(|| "it is not UTF-8".into(), |reason| reason.to_string())
    })
}

/// Reads at most one byte more than a body may have, which is enough to see that it is too large.
fn read_bytes(file: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = Body::MAX_BYTES + BYTE_ORDER_MARK.len();
    File::open(file)?
        .take(limit as u64 + 1)
        .read_to_end(&mut bytes)?;
    Ok(without_byte_order_mark(bytes))
}
