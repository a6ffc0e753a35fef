//! The tables, and every read of them.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use rpds::{RedBlackTreeMapSync as Map, VectorSync as Vector};
use semver::VersionReq;
use unicase::UniCase;

use crate::backend::{
    Collectable, Journaled, Numbering, PromptTable, Result, Snapshot, StoredBlob, Waiting,
};
use crate::id::{BlobId, EnvironmentName, OperationId, PromptId, PromptName, VersionId};
use crate::number::{VersionNumber, admits};
use crate::record::{
    Change, Environment, Operation, OperationFilter, Prompt, PromptFilter, RecordedInputs,
    Settings, Version, VersionFilter,
};

/// All tables; cloning shares them.
#[derive(Clone, Debug)]
pub(super) struct State {
    settings: Settings,
    pub(super) prompts: Map<PromptId, Arc<PromptTable>>,
    /// Prompts in the order they were created.
    pub(super) created: Vector<PromptId>,
    /// Which prompt a version is of.
    pub(super) owners: Map<VersionId, PromptId>,
    /// Each with its content as it was hashed.
    pub(super) operations: Vector<(Operation, Arc<str>)>,
    /// Bodies that are stored.
    pub(super) blobs: Map<BlobId, Blob>,
    /// The position of the last body that came.
    pub(super) last_position: u64,
    pub(super) inputs: Map<(VersionId, String), RecordedInputs>,
    pub(super) secrets: Map<String, Secret>,
}

/// Text that no debug output shows.
#[derive(Clone)]
pub(super) struct Secret(pub(super) String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[derive(Clone, Debug)]
pub(super) struct Blob {
    /// Its place in the order in which bodies came.
    pub(super) position: u64,
    pub(super) stored: StoredBlob,
    /// How many live versions have it.
    pub(super) live: u64,
    /// When the last live version went.
    pub(super) unused_since: Option<DateTime<Utc>>,
}

impl State {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            settings,
            prompts: Map::default(),
            created: Vector::default(),
            owners: Map::default(),
            operations: Vector::default(),
            blobs: Map::default(),
            last_position: 0,
            inputs: Map::default(),
            secrets: Map::default(),
        }
    }

    fn live_table(&self, id: PromptId) -> Option<&PromptTable> {
        let table = self.prompts.get(&id)?;
        table.state.is_some().then_some(table.as_ref())
    }

    /// Live prompts, newest first.
    fn newest_first(&self) -> impl Iterator<Item = &PromptTable> {
        let positions = (0..self.created.len()).rev();
        positions.filter_map(|at| self.live_table(*self.created.get(at)?))
    }
}

/// The version with the environments that point to it.
fn placed(table: &PromptTable, version: &Version) -> Version {
    let mut version = version.clone();
    version.environments = table
        .environments
        .iter()
        .filter(|(_, to)| to.0 == version.id)
        .map(|(name, _)| name.clone())
        .collect();
    version
}

fn prompt_of(table: &PromptTable) -> Option<Prompt> {
    let state = table.state.as_ref()?;
    Some(Prompt {
        id: table.id,
        name: state.name.clone(),
        tags: state.tags.clone(),
        created_at: table.created_at,
        versions: table.live().count() as u64,
        latest: table.latest(),
    })
}

fn journaled((id, blob): (&BlobId, &Blob)) -> Option<Journaled> {
    match &blob.stored {
        StoredBlob::Journaled(bytes) => Some(Journaled {
            position: blob.position,
            id: *id,
            bytes: bytes.clone(),
        }),
        StoredBlob::Settled(_) => None,
    }
}

fn folded(text: &str) -> String {
    UniCase::new(text).to_folded_case()
}

impl Snapshot for State {
    fn settings(&self) -> Result<Settings> {
        Ok(self.settings)
    }

    fn secret(&self, name: &str) -> Result<Option<String>> {
        Ok(self.secrets.get(name).map(|secret| secret.0.clone()))
    }

    fn prompt(&self, id: PromptId) -> Result<Option<Prompt>> {
        Ok(self.live_table(id).and_then(prompt_of))
    }

    fn prompt_id_taken(&self, id: PromptId) -> Result<bool> {
        Ok(self.prompts.contains_key(&id))
    }

    fn prompts_named(&self, name: &PromptName) -> Result<Vec<PromptId>> {
        let named = |table: &&PromptTable| {
            let state = table.state.as_ref();
            state.is_some_and(|state| state.name == *name)
        };
        Ok(self
            .newest_first()
            .filter(named)
            .map(|table| table.id)
            .collect())
    }

    fn prompts(
        &self,
        filter: &PromptFilter,
        before: Option<PromptId>,
        limit: usize,
    ) -> Result<Vec<Prompt>> {
        let end = match before {
            Some(id) => self
                .created
                .iter()
                .position(|other| *other == id)
                .unwrap_or(0),
            None => self.created.len(),
        };
        let text = folded(&filter.name_contains);
        let wanted = |prompt: &Prompt| {
            folded(prompt.name.as_str()).contains(&text)
                && (filter.tags.is_empty()
                    || prompt.tags.iter().any(|tag| filter.tags.contains(tag)))
        };
        Ok((0..end)
            .rev()
            .filter_map(|at| prompt_of(self.live_table(*self.created.get(at)?)?))
            .filter(wanted)
            .take(limit)
            .collect())
    }

    fn prompt_count(&self) -> Result<u64> {
        Ok(self.newest_first().count() as u64)
    }

    fn tags(&self) -> Result<Vec<String>> {
        let states = self.newest_first().filter_map(|table| table.state.as_ref());
        let mut tags: Vec<String> = states.flat_map(|state| state.tags.clone()).collect();
        tags.sort();
        tags.dedup();
        Ok(tags)
    }

    fn environment_names(&self) -> Result<Vec<EnvironmentName>> {
        let tables = self.newest_first();
        let mut names: Vec<_> = tables
            .flat_map(|table| table.environments.keys().cloned())
            .collect();
        names.sort();
        names.dedup();
        Ok(names)
    }

    fn version(&self, id: VersionId) -> Result<Option<Version>> {
        let table = self
            .owners
            .get(&id)
            .and_then(|owner| self.live_table(*owner));
        Ok(table.and_then(|table| Some(placed(table, table.live_version(id)?))))
    }

    fn version_id_taken(&self, id: VersionId) -> Result<bool> {
        Ok(self.owners.contains_key(&id))
    }

    fn version_numbered(&self, prompt: PromptId, number: VersionNumber) -> Result<Option<Version>> {
        Ok(self.live_table(prompt).and_then(|table| {
            let version = table.live().find(|version| version.number == number)?;
            Some(placed(table, version))
        }))
    }

    fn highest_version(
        &self,
        prompt: PromptId,
        requirement: Option<&VersionReq>,
    ) -> Result<Option<Version>> {
        let admitted =
            |version: &&Version| requirement.is_none_or(|wanted| admits(wanted, version.number));
        Ok(self.live_table(prompt).and_then(|table| {
            let highest = table
                .live()
                .filter(admitted)
                .max_by_key(|version| version.number)?;
            Some(placed(table, highest))
        }))
    }

    fn version_in(&self, prompt: PromptId, name: &EnvironmentName) -> Result<Option<Version>> {
        Ok(self.live_table(prompt).and_then(|table| {
            let (id, _) = table.environments.get(name)?;
            Some(placed(table, table.live_version(*id)?))
        }))
    }

    fn versions(
        &self,
        prompt: PromptId,
        filter: &VersionFilter,
        before: Option<VersionId>,
        limit: usize,
    ) -> Result<Vec<Version>> {
        let Some(table) = self.live_table(prompt) else {
            return Ok(Vec::new());
        };
        let end = match before {
            Some(id) => table
                .versions
                .iter()
                .position(|row| row.version.id == id)
                .unwrap_or(0),
            None => table.versions.len(),
        };
        let wanted = |version: &&Version| {
            filter
                .major
                .is_none_or(|major| version.number.major == major)
                && filter
                    .requirement
                    .as_ref()
                    .is_none_or(|wanted| admits(wanted, version.number))
        };
        Ok(table.versions[..end]
            .iter()
            .rev()
            .filter(|row| row.deleted_at.is_none())
            .map(|row| &row.version)
            .filter(wanted)
            .take(limit)
            .map(|version| placed(table, version))
            .collect())
    }

    fn environments(&self, prompt: PromptId) -> Result<Vec<Environment>> {
        let Some(table) = self.live_table(prompt) else {
            return Ok(Vec::new());
        };
        let environment = |(name, to): (&EnvironmentName, &(VersionId, DateTime<Utc>))| {
            Some(Environment {
                name: name.clone(),
                prompt_id: prompt,
                version_id: to.0,
                number: table.live_version(to.0)?.number,
                moved_at: to.1,
            })
        };
        Ok(table.environments.iter().filter_map(environment).collect())
    }

    fn numbering(&self, prompt: PromptId, major: u32) -> Result<Numbering> {
        let rows = self
            .prompts
            .get(&prompt)
            .map(|table| table.versions.as_slice());
        let numbers = rows
            .unwrap_or_default()
            .iter()
            .map(|row| row.version.number);
        Ok(
            numbers.fold(Numbering::default(), |used, number| Numbering {
                highest_major: used.highest_major.max(Some(number.major)),
                highest_minor: match number.major == major {
                    true => used.highest_minor.max(Some(number.minor)),
                    false => used.highest_minor,
                },
            }),
        )
    }

    fn blob(&self, id: BlobId) -> Result<Option<StoredBlob>> {
        Ok(self.blobs.get(&id).map(|blob| blob.stored.clone()))
    }

    fn last_operation(&self) -> Result<Option<(u64, OperationId)>> {
        let last = self.operations.last();
        Ok(last.map(|(operation, _)| (operation.number, operation.id)))
    }

    fn operations(
        &self,
        filter: &OperationFilter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Operation>> {
        let of_prompt = |change: &Change| filter.prompt.is_none_or(|id| change.prompt() == id);
        let of_environment = |change: &Change| match (&filter.environment, change) {
            (None, _) => true,
            (Some(wanted), Change::Environment { name, .. }) => name == wanted,
            (Some(_), _) => false,
        };
        let unfiltered = *filter == OperationFilter::default();
        let end = before.map_or(self.operations.len(), |before| {
            usize::try_from(before.saturating_sub(1))
                .map_or(self.operations.len(), |end| end.min(self.operations.len()))
        });
        Ok((0..end)
            .rev()
            .filter_map(|at| self.operations.get(at))
            .map(|(operation, _)| operation)
            .filter(|operation| {
                let mut changes = operation.content.changes.iter();
                unfiltered || changes.any(|change| of_prompt(change) && of_environment(change))
            })
            .take(limit)
            .cloned()
            .collect())
    }

    fn inputs(&self, version: VersionId, request: &str) -> Result<Option<RecordedInputs>> {
        match self.version(version)? {
            Some(_) => Ok(self.inputs.get(&(version, request.to_owned())).cloned()),
            None => Ok(None),
        }
    }

    fn waiting(&self) -> Result<Waiting> {
        let journaled = self.blobs.values().filter_map(|blob| match &blob.stored {
            StoredBlob::Journaled(bytes) => Some(bytes.len() as u64),
            StoredBlob::Settled(_) => None,
        });
        Ok(journaled.fold(Waiting::default(), |sum, bytes| Waiting {
            bodies: sum.bodies + 1,
            bytes: sum.bytes + bytes,
        }))
    }

    fn journal(&self, after: u64, bytes: usize) -> Result<Vec<Journaled>> {
        let mut waiting: Vec<Journaled> = self.blobs.iter().filter_map(journaled).collect();
        waiting.retain(|body| body.position > after);
        waiting.sort_by_key(|body| body.position);
        let mut sum = 0;
        let fits = |(at, body): &(usize, Journaled)| {
            sum += body.bytes.len();
            *at == 0 || sum <= bytes
        };
        let batch = waiting.into_iter().enumerate().take_while(fits);
        Ok(batch.map(|(_, body)| body).collect())
    }

    fn collectable(&self, unused_since: DateTime<Utc>, limit: usize) -> Result<Vec<Collectable>> {
        let unused = |blob: &Blob| {
            blob.live == 0 && blob.unused_since.is_none_or(|since| since <= unused_since)
        };
        let collectable = self.blobs.iter().filter(|(_, blob)| unused(blob));
        Ok(collectable
            .map(|(id, blob)| Collectable {
                id: *id,
                size: match &blob.stored {
                    StoredBlob::Journaled(bytes) => bytes.len() as u64,
                    StoredBlob::Settled(size) => *size,
                },
            })
            .take(limit)
            .collect())
    }

    fn each_prompt(
        &self,
        visit: &mut dyn FnMut(PromptTable) -> crate::Result<()>,
    ) -> crate::Result<()> {
        let mut tables = self.prompts.values();
        tables.try_for_each(|table| visit(table.as_ref().clone()))
    }

    fn each_blob(
        &self,
        visit: &mut dyn FnMut(BlobId, StoredBlob, u64) -> crate::Result<()>,
    ) -> crate::Result<()> {
        let mut blobs = self.blobs.iter();
        blobs.try_for_each(|(id, blob)| visit(*id, blob.stored.clone(), blob.live))
    }

    fn each_operation(
        &self,
        visit: &mut dyn FnMut(u64, OperationId, &str) -> crate::Result<()>,
    ) -> crate::Result<()> {
        let mut operations = self.operations.iter();
        operations.try_for_each(|(operation, text)| visit(operation.number, operation.id, text))
    }

    fn self_check(&self) -> Result<Vec<String>> {
        Ok(Vec::new())
    }
}
