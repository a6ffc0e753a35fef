//! [`IncomingBundle`], what another store has after the common operations, in a file.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::Seek;
use std::ops::ControlFlow;

use super::history_tally::HistoryTally;
use super::relation::HistoryRelation;
use super::service::StoreService;
use super::target::ExchangeTarget;
use crate::bundle::{ImportOptions, ImportSummary};
use crate::engine::{Bundle, visit};
use crate::history::{Change, LogPosition, OperationContent};
use crate::model::progress::Reporter;
use crate::remote::error::RemoteError;
use crate::storage::read_operation;
use crate::{Error, PromptId, Result, Store, VersionId, VersionNumber};

/// The operations that another store has after the common ones, and perhaps those before.
#[derive(Debug)]
pub(in crate::remote) struct IncomingBundle {
    file: File,
}

impl IncomingBundle {
    /// Returns the bundle that is the whole of a file.
    pub(in crate::remote) fn of_file(file: File) -> Self {
        Self { file }
    }

    /// Downloads the operations after the common ones.
    pub(super) fn of_rest(
        service: &StoreService,
        relation: &HistoryRelation,
    ) -> std::result::Result<Self, RemoteError> {
        let file = tempfile::tempfile().map_err(|error| service.malformed(error))?;
        service.download(relation.common, None, &file)?;
        Ok(Self { file })
    }

    /// Returns the file, positioned at the bundle.
    pub(in crate::remote) fn file(&self) -> Result<&File> {
        let mut file = &self.file;
        let rewound = file.rewind();
        rewound.map_err(|source| {
            Error::File(crate::error::FileError::Reading {
                kind: "bundle",
                source,
            })
        })?;
        Ok(&self.file)
    }

    /// Visits the operations after a position.
    pub(super) fn each_operation(
        &mut self,
        after: LogPosition,
        mut visit: impl FnMut(OperationContent),
    ) -> Result<()> {
        let mut bundle = Bundle::open(self.file()?, &mut Reporter::default())?;
        bundle.each_operation_after(after.number(), |number, _, text| {
            visit(read_operation(number, text)?);
            Ok(())
        })
    }

    /// Returns the prompts that one of the operations after a position changes.
    pub(super) fn prompts_of(
        &mut self,
        after: LogPosition,
        operation: u64,
    ) -> Result<BTreeSet<PromptId>> {
        let (mut number, mut prompts) = (after.number(), BTreeSet::new());
        self.each_operation(after, |content| {
            number += 1;
            if number == operation {
                prompts.extend(content.changes.iter().filter_map(Change::prompt));
            }
        })?;
        Ok(prompts)
    }

    /// Returns what the operations after a position do.
    pub(super) fn tally(&mut self, after: LogPosition) -> Result<HistoryTally> {
        let mut tally = HistoryTally::default();
        self.each_operation(after, |content| tally.add(content))?;
        Ok(tally)
    }

    /// Merges the bundle with the store in a transaction that is not committed.
    pub(super) fn check(
        &self,
        target: &ExchangeTarget<'_>,
    ) -> std::result::Result<ImportSummary, RemoteError> {
        self.check_with(target.store, target.remote.host(), HashMap::new())
    }

    /// Merges the bundle as [`check`](Self::check) does, with other numbers for its versions.
    pub(super) fn check_with(
        &self,
        store: &Store,
        host: &str,
        numbers: HashMap<VersionId, VersionNumber>,
    ) -> std::result::Result<ImportSummary, RemoteError> {
        let options = ImportOptions::new().dry_run(true).numbers(numbers);
        store
            .import_bundle_with(self.file()?, options)
            .map_err(|error| contradiction(error, host))
    }
}

/// Returns what a store's operations after a position do, up to another one.
pub(super) fn own_tally(
    store: &Store,
    after: LogPosition,
    up_to: Option<LogPosition>,
) -> Result<HistoryTally> {
    let mut tally = HistoryTally::default();
    let last = up_to.map_or(u64::MAX, |position| position.number());
    let snapshot = store.index_snapshot()?;
    visit::operations(&*snapshot, after.number(), |number, _, text| {
        if number > last {
            return Ok(ControlFlow::Break(()));
        }
        tally.add(read_operation(number, text)?);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(tally)
}

/// Converts the error of a merge.
fn contradiction(error: Error, host: &str) -> RemoteError {
    match error {
        Error::MergeConflict {
            operation, reason, ..
        } => RemoteError::Contradiction {
            host: host.to_owned(),
            operation,
            reason,
        },
        error => error.into(),
    }
}
