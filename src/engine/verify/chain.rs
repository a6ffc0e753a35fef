//! Verification of the operations: their numbers, and the hash chain that they form.

use std::collections::HashSet;
use std::ops::ControlFlow;

use super::environment_list::ReplayedList;
use super::replay::Replay;
use super::report::{VerifyReport, Violation, damage};
use crate::engine::visit;
use crate::model::error::Result;
use crate::model::id::OperationId;
use crate::model::operation_text;
use crate::model::progress::Reporter;
use crate::model::record::OperationContent;
use crate::storage::Snapshot;

/// Checks that the operations have no gaps, form a hash chain, and contain all pins.
///
/// The id of an operation is the hash of the id before it and of its content. If an operation
/// cannot be read, those after it cannot be verified.
pub(super) fn check_chain(
    snapshot: &dyn Snapshot,
    pins: &[OperationId],
    replay: &mut Replay,
    report: &mut VerifyReport,
    progress: &mut Reporter<'_>,
) -> Result<()> {
    let mut chain = ChainCheck::new(pins);
    let visited = visit::operations(snapshot, 0, |number, id, text| {
        progress.pulse()?;
        if let Some(content) = chain.operation(number, id, text, report) {
            replay.expect(&content.changes);
        }
        Ok(ControlFlow::Continue(()))
    });
    chain.end(visited, snapshot, report)
}

/// A check of operations, which are passed to it in order.
pub(super) struct ChainCheck {
    /// The last operation.
    number: u64,
    id: OperationId,
    /// The pins that have not been found yet.
    pins: HashSet<OperationId>,
    list: ReplayedList,
}

impl ChainCheck {
    pub(super) fn new(pins: &[OperationId]) -> Self {
        Self {
            number: 0,
            id: OperationId::ROOT,
            pins: pins.iter().copied().collect(),
            list: ReplayedList::default(),
        }
    }

    /// Returns the number of the last operation, or 0.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Checks the next operation. Returns its content if that can be read.
    pub(super) fn operation(
        &mut self,
        found_number: u64,
        found_id: OperationId,
        text: &str,
        report: &mut VerifyReport,
    ) -> Option<OperationContent> {
        let number = self.number + 1;
        report.operations += 1;
        let expected = self.id.followed_by(text.as_bytes());
        self.pins.remove(&expected);
        let mut wrong = |detail: String| {
            report.violations.push(Violation::Chain {
                operation: found_number,
                detail,
            });
        };
        if found_number != number {
            wrong(format!("operation {number} is missing before it"));
        } else if found_id != expected {
            wrong(format!(
                "its id is {found_id}, but the hash of its predecessor and content is {expected}"
            ));
        }
        (self.number, self.id) = (found_number, found_id);
        match operation_text::read(text) {
            Ok(content) => {
                self.list.apply(&content.changes).unwrap_or_else(wrong);
                Some(content)
            }
            Err(error) => {
                wrong(format!("its content cannot be read: {error}"));
                None
            }
        }
    }

    /// Checks what depends on all operations, which `visited` read.
    pub(super) fn end(
        self,
        visited: Result<()>,
        snapshot: &dyn Snapshot,
        report: &mut VerifyReport,
    ) -> Result<()> {
        match visited {
            Ok(()) => match snapshot.environment_list() {
                Ok(found) => {
                    if let Some(detail) = self.list.compare(found) {
                        report.index_is_damaged(detail);
                    }
                }
                Err(error) => report.index_is_damaged(damage(error.into())?),
            },
            Err(error) => report.violations.push(Violation::Chain {
                operation: self.number + 1,
                detail: damage(error)?,
            }),
        }
        report.head = (self.number > 0).then_some(self.id);
        let mut missing: Vec<OperationId> = self.pins.into_iter().collect();
        missing.sort();
        let rewritten = missing.into_iter().map(|pin| Violation::Pin { pin });
        report.violations.extend(rewritten);
        Ok(())
    }
}
