//! All answers of a snapshot, as text for comparison.

use std::fmt::Debug;
use std::ops::ControlFlow;

use crate::model::record::{OperationFilter, PromptFilter, VersionFilter};
use crate::storage::Snapshot;

/// Returns all answers of a snapshot except recorded inputs, one line for each.
///
/// Two snapshots of one state give the same lines.
#[must_use]
pub fn all_answers(snapshot: &dyn Snapshot) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = |what: &str, answer: &dyn Debug| lines.push(format!("{what}: {answer:?}"));
    line("settings", &snapshot.settings().unwrap());
    let list = snapshot.environment_list();
    line("environment list", &list.unwrap());
    line("prompt count", &snapshot.prompt_count().unwrap());
    line("tags", &snapshot.tags().unwrap());
    line("environments", &snapshot.environment_names().unwrap());
    line("last operation", &snapshot.last_operation().unwrap());
    line("waiting", &snapshot.waiting().unwrap());
    line("journal", &snapshot.journal(0, usize::MAX).unwrap());
    let filter = OperationFilter::default();
    let operations = snapshot.operations(&filter, None, usize::MAX);
    line("operations", &operations.unwrap());
    let prompts = snapshot.prompts(&PromptFilter::default(), None, usize::MAX);
    for prompt in prompts.unwrap() {
        line("prompt", &prompt);
        let filter = VersionFilter::default();
        let versions = snapshot.versions(prompt.id, &filter, None, usize::MAX);
        line("its versions", &versions.unwrap());
        let environments = snapshot.environments(prompt.id);
        line("its environments", &environments.unwrap());
    }
    let mut visited = visits(snapshot);
    visited.sort();
    lines.extend(visited);
    lines
}

/// Returns what the visitors receive, in no order.
fn visits(snapshot: &dyn Snapshot) -> Vec<String> {
    let mut lines = Vec::new();
    let prompts = snapshot.each_prompt(&mut |table| {
        lines.push(format!("table {table:?}"));
        ControlFlow::Continue(())
    });
    prompts.unwrap();
    let blobs = snapshot.each_blob(&mut |id, stored, live| {
        lines.push(format!("body {id} {stored:?} of {live}"));
        ControlFlow::Continue(())
    });
    blobs.unwrap();
    let operations = snapshot.each_operation(0, &mut |number, id, text| {
        lines.push(format!("operation {number} {id} {text}"));
        ControlFlow::Continue(())
    });
    operations.unwrap();
    lines
}
