//! Bringing a bundle into a store: in one transaction, whole or not at all.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet, VecDeque};
use std::io::{Read, Seek};
use std::ops::ControlFlow;

use super::check::{Check, Misfit};
use super::contents::{Bundle, Contents};
use super::read::Reader;
use super::{Imported, KIND, malformed};
use crate::backend::{self, ErrorKind, Snapshot, StoredBlob};
use crate::body::Body;
use crate::engine::writer::Writer;
use crate::error::{Error, Result};
use crate::id::{BlobId, OperationId, VersionId};
use crate::record::{Change, OperationContent};

/// Which of a bundle's operations the store has, and as what.
struct Known {
    /// So many from the start: the ids are the same.
    common: u64,
    /// The store's numbers of those behind, 0 for those that it does not have.
    numbers: Vec<u64>,
}

impl Known {
    /// The store's number of an operation of the bundle; 0 where it has none.
    fn number(&self, number: u64) -> u64 {
        match number.checked_sub(self.common + 1) {
            None => number,
            Some(behind) => {
                let at = usize::try_from(behind).unwrap_or(usize::MAX);
                self.numbers.get(at).copied().unwrap_or_default()
            }
        }
    }

    fn give(&mut self, number: u64, to: u64) {
        let behind = number.checked_sub(self.common + 1);
        let at = behind.and_then(|behind| usize::try_from(behind).ok());
        if let Some(place) = at.and_then(|at| self.numbers.get_mut(at)) {
            *place = to;
        }
    }

    fn missing(&self) -> u64 {
        self.numbers.iter().filter(|number| **number == 0).count() as u64
    }
}

/// The bodies that the missing operations need.
#[derive(Default)]
struct Needed {
    /// From the bundle.
    there: HashSet<BlobId>,
    /// Those that were collected wherever this history was, with their sizes.
    absent: HashMap<BlobId, u64>,
}

impl Writer<'_> {
    /// Appends what the store does not have of a bundle's history, with the bodies that belong to it.
    pub(crate) fn import_bundle<R: Read + Seek>(
        &mut self,
        bundle: &mut Bundle<R>,
    ) -> Result<Imported> {
        let common = common(&*self.transaction, self.last, &bundle.contents.ids)?;
        let behind = bundle.contents.ids.len().saturating_sub(as_index(common));
        let mut known = Known {
            common,
            numbers: vec![0; behind],
        };
        if behind > 0 && self.last.0 > common {
            self.recognize(bundle, &mut known)?;
        }
        let operations = bundle.contents.head.operations;
        let missing = known.missing();
        let mut imported = Imported {
            operations,
            present: operations - missing,
            appended: missing,
            merged: missing > 0 && self.last.0 > common,
            bodies: 0,
            head: None,
            seal: bundle.seal,
        };
        if missing > 0 {
            let needed = self.needed(&bundle.contents, &known)?;
            imported.bodies = self.take_bodies(bundle, &needed)?;
            self.take_operations(bundle, known, &needed)?;
        }
        imported.head = (self.last.0 > 0).then_some(self.last.1);
        Ok(imported)
    }

    /// Finds the bundle's operations behind the common ones that the store has: those of the same content.
    fn recognize<R: Read + Seek>(&self, bundle: &mut Bundle<R>, known: &mut Known) -> Result<()> {
        // Where the clock stands still, several may be of one content: each is one of them.
        let mut here: HashMap<[u8; 32], VecDeque<u64>> = HashMap::new();
        self.transaction
            .each_operation(known.common, &mut |number, _, text| {
                let content = parsed(text).map_err(|error| {
                    let context = format!("reading operation {number}");
                    backend::Error::new(ErrorKind::Corrupt, context).because(error)
                })?;
                let numbers = here.entry(fingerprint(text, &content)?).or_default();
                numbers.push_back(number);
                Ok(ControlFlow::Continue(()))
            })?;
        each_behind(bundle, known.common, |number, _, text| {
            let content = read(number, text)?;
            let found = here.get_mut(&fingerprint(text, &content)?);
            if let Some(found) = found.and_then(VecDeque::pop_front) {
                known.give(number, found);
            }
            Ok(())
        })
    }

    fn needed(&self, contents: &Contents, known: &Known) -> Result<Needed> {
        let mut needed = Needed::default();
        let missing = |(number, _): &&(u64, _)| known.number(*number) == 0;
        for (_, blob) in contents.created.iter().filter(missing) {
            self.need(
                contents,
                *blob,
                contents.absent.get(blob).copied(),
                &mut needed,
            )?;
        }
        let missing = |(number, _): &&(u64, _)| known.number(*number) == 0;
        for (_, version) in contents.restored.iter().filter(missing) {
            // One that the store does not know comes before, and so does its body.
            if let Some(row) = self.transaction.version_ever(*version)? {
                let (blob, size) = (row.version.blob, row.version.size);
                self.need(contents, blob, Some(size), &mut needed)?;
            }
        }
        Ok(needed)
    }

    fn need(
        &self,
        contents: &Contents,
        blob: BlobId,
        told: Option<u64>,
        needed: &mut Needed,
    ) -> Result<()> {
        if contents.bodies.binary_search(&blob).is_ok() {
            needed.there.insert(blob);
            return Ok(());
        }
        let stored = match self.transaction.blob(blob)? {
            Some(StoredBlob::Journaled(bytes)) => bytes.len() as u64,
            Some(StoredBlob::Settled(size)) => size,
            None => {
                needed.absent.insert(blob, told.unwrap_or_default());
                return Ok(());
            }
        };
        match told {
            Some(told) if told != stored => Err(malformed(format!(
                "body {blob} is told to have {told} bytes, it has {stored}"
            ))),
            _ => Ok(()),
        }
    }

    /// Stores the bodies that are needed, before the versions that have them come. Answers how many were not there yet.
    fn take_bodies<R: Read + Seek>(
        &mut self,
        bundle: &mut Bundle<R>,
        needed: &Needed,
    ) -> Result<u64> {
        for (blob, size) in &needed.absent {
            self.change(|transaction| transaction.put_absent_body(*blob, *size))
                .map_err(|error| match error {
                    Error::Backend(error) if error.kind() == ErrorKind::Corrupt => {
                        malformed(format!("body {blob} is told to have {size} bytes: {error}"))
                    }
                    error => error,
                })?;
        }
        let count = bundle.contents.head.bodies;
        let mut reader = bundle.file.bodies()?;
        let (mut taken, mut found) = (0, 0);
        for _ in 0..count {
            let (id, size) = reader.body_line()?;
            if !needed.there.contains(&id) {
                reader.skip_body(size)?;
                continue;
            }
            found += 1;
            let bytes = reader.body_bytes(id, size)?;
            if self.transaction.blob(id)?.is_none() {
                self.store_body(&Body::from_store(id, bytes)?)?;
                taken += 1;
            }
        }
        match found == needed.there.len() as u64 {
            true => Ok(taken),
            // It changed since it was checked.
            false => Err(KIND.altered().into()),
        }
    }

    fn take_operations<R: Read + Seek>(
        &mut self,
        bundle: &mut Bundle<R>,
        mut known: Known,
        needed: &Needed,
    ) -> Result<()> {
        let mut check = Check::default();
        let mut without_body: Vec<VersionId> = Vec::new();
        let made = std::mem::take(&mut bundle.contents.prompts);
        let common = known.common;
        each_behind(bundle, common, |number, id, text| {
            if known.number(number) != 0 {
                return Ok(());
            }
            let contradiction = |reason: String| Error::Contradiction {
                operation: number,
                id,
                reason,
            };
            let (content, text) = renumbered(read(number, text)?, text, &known)?;
            let is_new = |prompt| made.get(&prompt) == Some(&number);
            check
                .operation(&*self.transaction, &content, is_new)
                .map_err(|misfit| match misfit {
                    Misfit::Contradiction(reason) => contradiction(reason),
                    Misfit::Failed(error) => error,
                })?;
            if !needed.absent.is_empty() {
                without_body.extend(self.lacking(&content, needed)?);
            }
            match self.append_text(content, &text) {
                Ok(appended) => known.give(number, appended.number),
                Err(Error::Backend(error)) if error.kind() == ErrorKind::Corrupt => {
                    return Err(contradiction(self.explain(&text, &error)));
                }
                Err(error) => return Err(error),
            }
            Ok(())
        })?;
        for version in without_body {
            if self.transaction.version(version)?.is_some() {
                return Err(malformed(format!(
                    "version {version} is live, and its body is neither in it nor in the store"
                )));
            }
        }
        Ok(())
    }

    /// The versions that an operation makes or brings back without their bodies.
    fn lacking(&self, content: &OperationContent, needed: &Needed) -> Result<Vec<VersionId>> {
        let mut lacking = Vec::new();
        for change in &content.changes {
            let (id, blob) = match change {
                Change::VersionCreated(version) => (version.id, Some(version.blob)),
                Change::VersionRestored { id, .. } => {
                    let row = self.transaction.version_ever(*id)?;
                    (*id, row.map(|row| row.version.blob))
                }
                _ => continue,
            };
            if blob.is_some_and(|blob| needed.absent.contains_key(&blob)) {
                lacking.push(id);
            }
        }
        Ok(lacking)
    }

    /// Why the index refused an operation: all but numbers was looked at before.
    fn explain(&self, text: &str, refusal: &backend::Error) -> String {
        let created = parsed(text).map(|content| content.changes).into_iter();
        for change in created.flatten() {
            let Change::VersionCreated(version) = change else {
                continue;
            };
            let (prompt, number) = (version.prompt_id, version.number);
            if let Ok(Some(other)) = self.transaction.version_numbered(prompt, number)
                && other.id != version.id
            {
                let taken = format!("number {number} of prompt {prompt} is taken by version");
                return format!("{taken} {}", other.id);
            }
            let used = self.transaction.numbering(prompt, number.major);
            if used.is_ok_and(|used| used.highest_minor >= Some(number.minor)) {
                return format!("number {number} of prompt {prompt} was used before");
            }
        }
        let mut reason = refusal.to_string();
        let mut cause = std::error::Error::source(refusal);
        while let Some(error) = cause {
            reason = format!("{reason}: {error}");
            cause = error.source();
        }
        reason
    }
}

/// How many operations from the start a store and a bundle have in common: an id stands for all that is before it.
fn common(snapshot: &dyn Snapshot, last: (u64, OperationId), ids: &[OperationId]) -> Result<u64> {
    let is_same = |number: u64| -> Result<bool> {
        let wanted = ids.get(as_index(number).wrapping_sub(1)).copied();
        if number == last.0 {
            return Ok(wanted == Some(last.1));
        }
        let mut found = None;
        snapshot.each_operation(number.saturating_sub(1), &mut |_, id, _| {
            found = Some(id);
            Ok(ControlFlow::Break(()))
        })?;
        Ok(found == wanted)
    };
    let most = last.0.min(ids.len() as u64);
    if most == 0 || is_same(most)? {
        return Ok(most);
    }
    let (mut same, mut other) = (0, most);
    while same + 1 < other {
        let middle = same + (other - same) / 2;
        match is_same(middle)? {
            true => same = middle,
            false => other = middle,
        }
    }
    Ok(same)
}

/// Visits the bundle's operations behind the common ones: number, id and text, which is what it was when it was checked.
fn each_behind<R: Read + Seek>(
    bundle: &mut Bundle<R>,
    common: u64,
    mut visit: impl FnMut(u64, OperationId, &str) -> Result<()>,
) -> Result<()> {
    let ids = &bundle.contents.ids;
    let mut reader: Reader<_> = bundle.file.operations()?;
    let mut last = OperationId::ROOT;
    for (number, id) in (1..).zip(ids) {
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

fn parsed(text: &str) -> serde_json::Result<OperationContent> {
    serde_json::from_str(text)
}

fn read(number: u64, text: &str) -> Result<OperationContent> {
    parsed(text).map_err(|error| malformed(format!("operation {number} can't be read: {error}")))
}

fn write(content: &OperationContent) -> Result<String> {
    serde_json::to_string(content).map_err(|error| {
        let kind = ErrorKind::Other;
        backend::Error::new(kind, "writing an operation as JSON")
            .because(error)
            .into()
    })
}

/// What two operations of the same content have in common, whatever numbers those have that they undo.
fn fingerprint(text: &str, content: &OperationContent) -> Result<[u8; 32]> {
    let hash = match content.undoes.is_empty() {
        true => blake3::hash(text.as_bytes()),
        false => {
            let mut content = content.clone();
            content.undoes.clear();
            blake3::hash(write(&content)?.as_bytes())
        }
    };
    Ok(*hash.as_bytes())
}

/// An operation that names others by the store's numbers. Where those are the bundle's, it keeps its text.
fn renumbered<'a>(
    mut content: OperationContent,
    text: &'a str,
    known: &Known,
) -> Result<(OperationContent, Cow<'a, str>)> {
    let undoes = content.undoes.iter().map(|number| known.number(*number));
    let undoes: Vec<u64> = undoes.collect();
    if undoes == content.undoes {
        return Ok((content, text.into()));
    }
    content.undoes = undoes;
    let text = write(&content)?;
    Ok((content, text.into()))
}

/// A number of operations that are in memory.
fn as_index(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
