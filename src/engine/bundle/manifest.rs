//! Verification of a whole bundle before it is used, and the manifest that results from it.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};

use chrono::{DateTime, Utc};

use super::format::{BUFFER_BYTES, BundleHead, KIND, malformed, read_bundled};
use super::read::{BundleReader, failed};
use crate::fs::checksummed_file::{ChecksumReader, FileError};
use crate::model::body::Body;
use crate::model::environment_list::check_list;
use crate::model::error::{Error, Result};
use crate::model::id::{BlobId, OperationId, PromptId, Seal, VersionId};
use crate::model::log_position::LogPosition;
use crate::model::operation_text;
use crate::model::progress::Reporter;
use crate::model::record::{Change, OperationContent, OperationKind};

/// A bundle that was read completely and verified.
#[derive(Debug)]
pub(crate) struct Bundle<R> {
    pub(crate) file: BundleSource<R>,
    pub(crate) contents: Manifest,
    pub(crate) seal: Seal,
}

/// The source of a bundle, for reading it a second time.
///
/// The file may have changed since it was verified, so everything that is read is verified again.
#[derive(Debug)]
pub(crate) struct BundleSource<R> {
    from: R,
    /// The offset in `from` at which the bundle begins.
    start: u64,
    /// The offset of the first body in the bundle, counted from the end of the first line.
    bodies_at: u64,
}

/// The manifest: the description of a bundle's contents that is kept in memory.
#[derive(Debug, Default)]
pub(crate) struct Manifest {
    pub(crate) head: BundleHead,
    /// The id of each operation, in their order.
    pub(crate) ids: Vec<OperationId>,
    /// The number of the first operation on each prompt. It created the prompt, unless the bundle
    /// begins after that.
    pub(crate) prompts: HashMap<PromptId, u64>,
    /// The numbers of the operations that an operation undoes, by its own number.
    pub(crate) undoes: HashMap<u64, Vec<u64>>,
    /// The body of each version, with the number of the operation that created the version.
    pub(crate) created: Vec<(u64, BlobId)>,
    /// Each restored version, with the number of the operation that restored it.
    pub(crate) restored: Vec<(u64, VersionId)>,
    /// The bodies in the bundle, ordered by address.
    pub(crate) bodies: Vec<BlobId>,
    /// The sizes of the bodies that the bundle does not contain, as recorded in their versions.
    pub(crate) without_body: HashMap<BlobId, u64>,
}

impl<R: Read + Seek> Bundle<R> {
    /// Reads the whole bundle and verifies the seal, the chain of ids, and the hash of each body.
    ///
    /// A step is an operation or a body. The import takes as many steps again.
    pub(crate) fn open(mut from: R, progress: &mut Reporter<'_>) -> Result<Self> {
        let start = from.stream_position().map_err(failed)?;
        let unsealer = ChecksumReader::new(&mut from, KIND).map_err(failed)?;
        let mut reader = BundleReader::new(BufReader::with_capacity(BUFFER_BYTES, unsealer));
        let checked = Manifest::read(&mut reader, progress);
        let (contents, bodies_at) = match checked {
            // An error in the content may be due to an alteration of the file. The seal at the end
            // shows whether it is, and that error is the more useful one.
            Err(Error::File(error @ FileError::Malformed { .. })) => {
                reader.is_at_end()?;
                return Err(error.into());
            }
            checked => checked?,
        };
        let unsealer = reader.into_inner().into_inner();
        let seal = unsealer.seal().ok_or_else(|| KIND.altered())?;
        let file = BundleSource {
            from,
            start,
            bodies_at,
        };
        Ok(Self {
            file,
            contents,
            seal,
        })
    }

    /// Visits the operations after the first `common` ones, with their numbers, ids and texts.
    ///
    /// Each text is compared with the hash from the verification.
    pub(crate) fn each_operation_after(
        &mut self,
        common: u64,
        mut visit: impl FnMut(u64, OperationId, &str) -> Result<()>,
    ) -> Result<()> {
        let mut reader = self.file.operations()?;
        let start = self.contents.head.start();
        let mut last = start.id;
        for (number, id) in (start.number + 1..).zip(&self.contents.ids) {
            let text = reader.operation(number)?;
            if number > common {
                if last.followed_by(text.as_bytes()) != *id {
                    return Err(KIND.altered().into());
                }
                visit(number, *id, text)?;
            }
            last = *id;
        }
        Ok(())
    }
}

impl<R: Read + Seek> BundleSource<R> {
    /// Returns a reader that is positioned at the operations.
    pub(crate) fn operations(&mut self) -> Result<BundleReader<impl BufRead>> {
        let mut reader = self.rewind()?;
        reader.head()?;
        Ok(reader)
    }

    /// Returns a reader that is positioned at the bodies.
    pub(crate) fn bodies(&mut self) -> Result<BundleReader<impl BufRead>> {
        let (start, bodies_at) = (self.start, self.bodies_at);
        let reader = self.rewind()?;
        let at = start + reader.offset() + bodies_at;
        let mut from = reader.into_inner();
        from.seek(SeekFrom::Start(at)).map_err(failed)?;
        Ok(BundleReader::new(from))
    }

    /// Returns a reader that is positioned after the first line.
    fn rewind(&mut self) -> Result<BundleReader<BufReader<&mut R>>> {
        let start = SeekFrom::Start(self.start);
        self.from.seek(start).map_err(failed)?;
        let mut reader = BundleReader::new(BufReader::with_capacity(BUFFER_BYTES, &mut self.from));
        reader.first_line()?;
        Ok(reader)
    }
}

impl Manifest {
    /// Reads the contents, and returns them with the offset of the first body.
    ///
    /// The reader must be positioned after the first line.
    fn read(
        reader: &mut BundleReader<impl BufRead>,
        progress: &mut Reporter<'_>,
    ) -> Result<(Self, u64)> {
        let mut contents = Self {
            head: reader.head()?,
            ..Self::default()
        };
        let steps = contents
            .head
            .operations
            .saturating_add(contents.head.bodies);
        progress.expect(steps.saturating_mul(2));
        progress.report()?;
        let mut recorded = Vec::new();
        let start = contents.head.start();
        if start.number == u64::MAX || contents.head.after == Some(LogPosition::START) {
            return Err(malformed(
                "the second line has a position that no operation is after",
            ));
        }
        let mut last = start.id;
        for number in start.number + 1..=contents.head.last_number() {
            progress.advance(1)?;
            let text = reader.operation(number)?;
            last = last.followed_by(text.as_bytes());
            contents.ids.push(last);
            let content = read_bundled(number, text)?;
            // Operations are searched by their text, so names must be written as this crate writes
            // them.
            if operation_text::write(&content).ok().as_deref() != Some(text) {
                let reason = format!("operation {number} is not in its canonical form");
                return Err(malformed(reason));
            }
            contents
                .note(number, &content, &mut recorded)
                .map_err(|reason| malformed(format!("operation {number}: {reason}")))?;
        }
        if contents.ids.last() != contents.head.head.as_ref() {
            return Err(malformed(
                "the id of the last operation differs from the second line's",
            ));
        }
        let bodies_at = reader.offset();
        let mut stored = Vec::new();
        for _ in 0..contents.head.bodies {
            progress.advance(1)?;
            stored.push(read_body(reader, stored.last())?);
        }
        let bytes = stored
            .iter()
            .try_fold(0, |sum: u64, body| sum.checked_add(body.size));
        if bytes != Some(contents.head.bytes) {
            return Err(malformed(
                "the total size of the bodies differs from the second line's",
            ));
        }
        if !reader.is_at_end()? {
            return Err(malformed("there is more data after the last body"));
        }
        contents.compare(recorded, &stored)?;
        Ok((contents, bodies_at))
    }

    /// Records the effects of an operation, and rejects one that no store would have made.
    fn note(
        &mut self,
        number: u64,
        content: &OperationContent,
        recorded: &mut Vec<BodyRecord>,
    ) -> Result<(), String> {
        check_moment(content.at)?;
        if let Some(undone) = content
            .undoes
            .iter()
            .find(|undone| !(1..number).contains(undone))
        {
            return Err(format!(
                "it undoes operation {undone}, which is not before it"
            ));
        }
        if !content.undoes.is_empty() {
            self.undoes.insert(number, content.undoes.clone());
        }
        if content.undoes.is_empty() == (content.kind == OperationKind::Undo) {
            let reason = if content.undoes.is_empty() {
                "its kind is undo, but it undoes nothing"
            } else {
                "it undoes operations, but its kind is not undo"
            };
            return Err(reason.into());
        }
        for change in &content.changes {
            if let Some(prompt) = change.prompt() {
                self.prompts.entry(prompt).or_insert(number);
            }
            match change {
                Change::Prompt {
                    id,
                    before: None,
                    after: None,
                } => return Err(format!("its change of prompt {id} is empty")),
                Change::Environment {
                    name,
                    before: None,
                    after: None,
                    ..
                } => return Err(format!("its change of environment {name} is empty")),
                Change::EnvironmentList { before, after } => {
                    if before == after {
                        return Err("its change of the environment list is empty".into());
                    }
                    for list in [before, after].into_iter().flatten() {
                        check_list(list).map_err(|error| error.to_string())?;
                    }
                }
                Change::VersionCreated(version) => {
                    check_moment(version.created_at)?;
                    if !version.environments.is_empty() || version.size > Body::MAX_BYTES as u64 {
                        return Err(format!(
                            "version {} has environments or is too large",
                            version.id
                        ));
                    }
                    self.created.push((number, version.blob));
                    recorded.push(BodyRecord::new(
                        version.blob,
                        version.size,
                        version.model.as_deref(),
                    ));
                }
                Change::VersionRestored { id, .. } => self.restored.push((number, *id)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Compares the models and sizes recorded in versions with the bodies in the bundle.
    fn compare(&mut self, mut recorded: Vec<BodyRecord>, stored: &[BodyRecord]) -> Result<()> {
        recorded.sort_unstable();
        recorded.dedup();
        let twice = recorded.windows(2).find(|pair| pair[0].id == pair[1].id);
        if let Some([one, other]) = twice {
            let id = one.id;
            let what = if one.size == other.size {
                "models"
            } else {
                "sizes"
            };
            return Err(malformed(format!(
                "versions record different {what} for body {id}"
            )));
        }
        for body in stored {
            let at = recorded.binary_search_by_key(&body.id, |one| one.id).ok();
            let found = at.and_then(|at| recorded.get(at));
            let id = body.id;
            match found.filter(|found| found.size == body.size) {
                // It may belong to a version that an earlier operation created and one of the
                // bundle restores.
                None if found.is_none()
                    && !self.restored.is_empty()
                    && self.head.after.is_some() => {}
                None => {
                    return Err(malformed(format!(
                        "body {id} has no version, or a version with a different size"
                    )));
                }
                Some(found) if found.model != body.model => {
                    let reason = format!("a version records a different model than its body {id}");
                    return Err(malformed(reason));
                }
                Some(_) => {}
            }
        }
        recorded.retain(|body| stored.binary_search(body).is_err());
        self.without_body = recorded.into_iter().map(|one| (one.id, one.size)).collect();
        self.bodies = stored.iter().map(|body| body.id).collect();
        Ok(())
    }
}

/// A body's address, size and model, as recorded in a version or as found in the body itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct BodyRecord {
    id: BlobId,
    size: u64,
    /// The hash of the model's name. The name itself may be long.
    model: Option<[u8; 32]>,
}

impl BodyRecord {
    fn new(id: BlobId, size: u64, model: Option<&str>) -> Self {
        let model = model.map(|model| *blake3::hash(model.as_bytes()).as_bytes());
        Self { id, size, model }
    }
}

/// Reads and verifies the next body. Its address must be greater than that of `before`.
fn read_body(
    reader: &mut BundleReader<impl BufRead>,
    before: Option<&BodyRecord>,
) -> Result<BodyRecord> {
    let (id, size) = reader.body_line()?;
    if before.is_some_and(|before| before.id >= id) {
        return Err(malformed(format!("body {id} is out of order")));
    }
    let bytes = reader.body_bytes(id, size)?;
    let body = Body::try_from(bytes.into_bytes())
        .map_err(|error| malformed(format!("body {id}: {error}")))?;
    Ok(BodyRecord::new(id, size, body.model()))
}

/// Checks that a record can store this time: in whole microseconds, and not in a leap second.
fn check_moment(at: DateTime<Utc>) -> Result<(), String> {
    if DateTime::from_timestamp_micros(at.timestamp_micros()) != Some(at) {
        return Err(format!("no record can store the time {at}"));
    }
    Ok(())
}
