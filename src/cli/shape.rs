//! The JSON that several commands share. It is spelled out here, so that it stays as documented whatever the library's
//! own types come to hold.

use serde_json::{Value, json};

use crate::diff::{Edit, Segment};
use crate::{Breakage, Contract, Difference, Environment, Prompt, VariableChange, Version};

/// `Version` of the documentation.
pub(crate) fn version(version: &Version) -> Value {
    json!({
        "id": version.id,
        "prompt_id": version.prompt_id,
        "number": version.number,
        "model": version.model,
        "message": version.message,
        "author": version.author,
        "base": version.base,
        "created_at": version.created_at,
        "blob": version.blob,
        "size": version.size,
        "environments": version.environments,
    })
}

/// `Prompt` of the documentation.
pub(crate) fn prompt(prompt: &Prompt) -> Value {
    json!({
        "id": prompt.id,
        "name": prompt.name,
        "tags": prompt.tags,
        "created_at": prompt.created_at,
        "versions": prompt.versions,
        "latest": prompt.latest,
    })
}

/// `Environment` of the documentation.
pub(crate) fn environment(environment: &Environment) -> Value {
    json!({
        "name": environment.name,
        "prompt_id": environment.prompt_id,
        "version_id": environment.version_id,
        "number": environment.number,
        "moved_at": environment.moved_at,
    })
}

/// `Contract` of the documentation.
pub(crate) fn contract(contract: &Contract) -> Value {
    let tools = contract.tools.iter().map(|tool| {
        json!({
            "name": tool_name(tool),
            "place": tool.place,
            "definition": tool.definition,
        })
    });
    json!({
        "variables": contract.variables,
        "partials": contract.partials,
        "problems": contract.problems.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "tools": tools.collect::<Vec<_>>(),
        "response_format": contract.response_format,
    })
}

/// The name of a tool that is a function.
pub(crate) fn tool_name(tool: &crate::contract::Tool) -> Option<&str> {
    match &tool.kind {
        crate::contract::ToolKind::Function { name } => Some(name),
        _ => None,
    }
}

/// `Breakage` of the documentation.
pub(crate) fn breakages(breakages: &[Breakage]) -> Value {
    breakages
        .iter()
        .map(|breakage| json!({"reason": breakage.reason, "place": breakage.place}))
        .collect()
}

/// `Difference` of the documentation.
pub(crate) fn difference(difference: &Difference) -> Value {
    let variables = difference.variables.iter();
    json!({
        "from": difference.from.version.as_ref().map(version),
        "to": difference.to.version.as_ref().map(version),
        "edits": difference.body.edits.iter().map(edit).collect::<Vec<_>>(),
        "variables": variables.map(variable_change).collect::<Vec<_>>(),
        "breakages": breakages(&difference.breakages),
        "verdict": difference.verdict.as_str(),
    })
}

/// `Edit` of the documentation.
fn edit(edit: &Edit) -> Value {
    let text = edit
        .text
        .as_ref()
        .map(|segments| segments.iter().map(segment).collect::<Value>());
    let section = edit.section.as_ref().map(|section| {
        present([
            ("member", Some(json!(section.member))),
            ("old_index", section.old_index.map(Value::from)),
            ("new_index", section.new_index.map(Value::from)),
        ])
    });
    present([
        ("kind", Some(json!(edit.kind.as_str()))),
        ("section", section),
        (
            "old_pointer",
            edit.old_pointer.as_ref().map(|one| json!(one)),
        ),
        (
            "new_pointer",
            edit.new_pointer.as_ref().map(|one| json!(one)),
        ),
        ("old", edit.old.clone()),
        ("new", edit.new.clone()),
        ("text", text),
    ])
}

fn segment(segment: &Segment) -> Value {
    json!({"kind": segment.kind, "text": segment.text})
}

fn variable_change(change: &VariableChange) -> Value {
    json!({"name": change.name, "before": change.before, "after": change.after})
}

/// An object of the members that there are.
fn present<const N: usize>(members: [(&str, Option<Value>); N]) -> Value {
    let members = members.into_iter();
    members
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
}
