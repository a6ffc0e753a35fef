//! The format of frozen files.

use std::borrow::Cow;
use std::io::{self, Write};
use std::ops::Range;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::engine::FrozenText;
use crate::fs::checksummed_file;
use crate::fs::checksummed_file::{ChecksumWriter, FileError, FileKind};
use crate::model::id::{BlobId, EnvironmentName, PromptId, PromptName, Seal, VersionId};
use crate::model::version_number::VersionNumber;
use crate::model::version_spec::PromptRef;

const KIND: FileKind = FileKind {
    name: "frozen",
    format: 1,
};

/// The second line of the file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FrozenTable {
    environment: EnvironmentName,
    prompts: Vec<FrozenRow>,
}

/// The table's entry of a prompt.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FrozenRow {
    pub(super) id: PromptId,
    pub(super) name: PromptName,
    pub(super) version: VersionId,
    pub(super) number: VersionNumber,
    pub(super) source: BlobId,
    pub(super) hash: BlobId,
    bytes: usize,
}

/// A prompt, and the place of its body.
pub(super) struct FrozenEntry {
    pub(super) row: FrozenRow,
    /// The body's byte range in the file.
    pub(super) span: Range<usize>,
    pub(super) json: OnceLock<Value>,
}

/// The contents of a file.
pub(super) struct ParsedFile {
    pub(super) environment: EnvironmentName,
    /// Sorted by id.
    pub(super) prompts: Vec<FrozenEntry>,
    /// Indexes into `prompts`, sorted by name.
    by_name: Vec<usize>,
}

/// Writes the file of these texts, which must be in the order of their prompts' ids.
pub(super) fn write(environment: EnvironmentName, texts: &[FrozenText]) -> io::Result<Vec<u8>> {
    let rows = texts.iter().map(|one| FrozenRow {
        id: one.prompt,
        name: one.name.clone(),
        version: one.version,
        number: one.number,
        source: one.source,
        hash: BlobId::of(one.text.as_bytes()),
        bytes: one.text.len(),
    });
    let table = FrozenTable {
        environment,
        prompts: rows.collect(),
    };
    let mut sealer = ChecksumWriter::new(Vec::new(), KIND)?;
    serde_json::to_writer(&mut sealer, &table)?;
    sealer.write_all(b"\n")?;
    for one in texts {
        sealer.write_all(one.text.as_bytes())?;
        sealer.write_all(b"\n")?;
    }
    Ok(sealer.finish()?.0)
}

/// Checks and reads a file. The seal is checked first, so that an altered file is reported as
/// altered.
pub(super) fn read(
    bytes: Cow<'static, [u8]>,
) -> Result<(Cow<'static, str>, Seal, ParsedFile), FileError> {
    // git may have converted the line ends of a checked out file.
    let bytes = match checksummed_file::with_original_line_ends(&bytes, KIND) {
        Some(original) => Cow::Owned(original),
        None => bytes,
    };
    let (content, seal) = checksummed_file::open(&bytes, KIND)?;
    let decoded = match bytes {
        Cow::Borrowed(bytes) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
        Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
    };
    let text = decoded.ok_or_else(|| KIND.malformed("it is not UTF-8"))?;
    let contents = read_contents(&text, content)?;
    Ok((text, seal, contents))
}

fn read_contents(text: &str, content: Range<usize>) -> Result<ParsedFile, FileError> {
    let end = content.end;
    let table = text
        .get(content.clone())
        .and_then(|rest| rest.split_once('\n'));
    let (line, _) = table.ok_or_else(|| KIND.malformed("it has no table of prompts"))?;
    let table: FrozenTable = serde_json::from_str(line)
        .map_err(|error| KIND.malformed(format!("the table of prompts: {error}")))?;
    if let Some(pair) = table
        .prompts
        .windows(2)
        .find(|pair| pair[0].id >= pair[1].id)
    {
        let reason = format!("prompt {} is duplicated or out of order", pair[1].id);
        return Err(KIND.malformed(reason));
    }
    let mut start = content.start + line.len() + 1;
    let mut prompts = Vec::with_capacity(table.prompts.len());
    for row in table.prompts {
        let span = read_body(text, start, end, &row)
            .map_err(|wrong| KIND.malformed(format!("the body of prompt {} {wrong}", row.id)))?;
        start = span.end + 1;
        let json = OnceLock::new();
        prompts.push(FrozenEntry { row, span, json });
    }
    if start != end {
        return Err(KIND.malformed("it contains data after the last body of its table"));
    }
    let mut by_name: Vec<usize> = (0..prompts.len()).collect();
    by_name.sort_by_key(|at| &prompts[*at].row.name);
    Ok(ParsedFile {
        environment: table.environment,
        prompts,
        by_name,
    })
}

/// Returns the byte range of the body that begins at `start`.
///
/// Checks that the body agrees with the table, and that it ends before `limit`, followed by a line
/// break.
fn read_body(
    text: &str,
    start: usize,
    limit: usize,
    row: &FrozenRow,
) -> Result<Range<usize>, String> {
    let span = start..start.saturating_add(row.bytes);
    let is_whole = span.end < limit && text.as_bytes()[span.end] == b'\n';
    let body = text
        .get(span.clone())
        .filter(|_| is_whole)
        .ok_or("does not have the length in the table")?;
    if BlobId::of(body.as_bytes()) != row.hash {
        return Err("does not have the hash in the table".into());
    }
    match serde_json::from_str(body) {
        Ok(Value::Object(_)) => Ok(span),
        Ok(_) => Err("is not a JSON object".into()),
        Err(error) => Err(format!("is not valid JSON: {error}")),
    }
}

impl ParsedFile {
    /// Returns the prompts that match a reference, by id.
    pub(super) fn matching(&self, prompt: &PromptRef) -> Vec<&FrozenEntry> {
        let mut found = match prompt {
            PromptRef::Id(_) => Vec::new(),
            PromptRef::Name(name) => self.named(name.as_str()),
            PromptRef::IdOrName(id) => self.named(id.as_str()),
        };
        if let PromptRef::Id(id) | PromptRef::IdOrName(id) = prompt
            && let Ok(at) = self.prompts.binary_search_by_key(id, |kept| kept.row.id)
            && found.iter().all(|kept| kept.row.id != *id)
        {
            found.push(&self.prompts[at]);
            found.sort_by_key(|kept| kept.row.id);
        }
        found
    }

    fn named(&self, name: &str) -> Vec<&FrozenEntry> {
        let kept = |at: &usize| &self.prompts[*at];
        let start = self
            .by_name
            .partition_point(|at| kept(at).row.name.as_str() < name);
        let named = self.by_name[start..].iter().map(kept);
        named
            .take_while(|kept| kept.row.name.as_str() == name)
            .collect()
    }
}
