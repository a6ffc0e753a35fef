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
    let mut pins: HashSet<OperationId> = pins.iter().copied().collect();
    let (mut number, mut id) = (0, OperationId::ROOT);
    let mut list = ReplayedList::default();
    let visited = visit::operations(snapshot, 0, |found_number, found_id, content| {
        progress.pulse()?;
        number += 1;
        report.operations += 1;
        let expected = id.followed_by(content.as_bytes());
        pins.remove(&expected);
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
        match operation_text::read(content) {
            Ok(content) => {
                replay.expect(&content.changes);
                list.apply(&content.changes).unwrap_or_else(wrong);
            }
            Err(error) => wrong(format!("its content cannot be read: {error}")),
        }
        (number, id) = (found_number, found_id);
        Ok(ControlFlow::Continue(()))
    });
    match visited {
        Ok(()) => match snapshot.environment_list() {
            Ok(found) => {
                if let Some(detail) = list.compare(found) {
                    report.index_is_damaged(detail);
                }
            }
            Err(error) => report.index_is_damaged(damage(error.into())?),
        },
        Err(error) => report.violations.push(Violation::Chain {
            operation: number + 1,
            detail: damage(error)?,
        }),
    }
    report.head = (number > 0).then_some(id);
    let mut missing: Vec<OperationId> = pins.into_iter().collect();
    missing.sort();
    let rewritten = missing.into_iter().map(|pin| Violation::Pin { pin });
    report.violations.extend(rewritten);
    Ok(())
}
