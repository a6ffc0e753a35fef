//! JSON shapes that several commands share.
//!
//! They list each member, so that the output stays as documented if the library's types change.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use crate::contract::{Tool, ToolKind, Variable};
use crate::diff::{Difference, VariableChange};
use crate::diff::{Edit, Pointer, Segment};
use crate::template::{PartialUse, TextLocation};
use crate::{Breakage, Contract, Environment, Json, Prompt, Version};

/// Returns the documented shape `Version`.
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

/// Returns the documented shape `Prompt`.
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

/// Returns the documented shape `Environment`.
pub(crate) fn environment(environment: &Environment) -> Value {
    json!({
        "name": environment.name,
        "prompt_id": environment.prompt_id,
        "version_id": environment.version_id,
        "number": environment.number,
        "moved_at": environment.moved_at,
    })
}

/// The documented shape `Contract`.
#[derive(Serialize)]
pub(crate) struct ContractShape<'a> {
    variables: &'a [Variable],
    partials: &'a [PartialUse],
    problems: Vec<String>,
    tools: Vec<ToolShape<'a>>,
    functions: Vec<ToolShape<'a>>,
    response_format: Option<&'a Json>,
    text_format: Option<&'a Json>,
    answers: BTreeMap<&'a str, &'a Json>,
}

#[derive(Serialize)]
struct ToolShape<'a> {
    name: Option<&'a str>,
    place: &'a TextLocation,
    definition: &'a Json,
}

impl<'a> ToolShape<'a> {
    fn of(tool: &'a Tool) -> Self {
        Self {
            name: tool_name(tool),
            place: &tool.place,
            definition: &tool.definition,
        }
    }
}

pub(crate) fn contract(contract: &Contract) -> ContractShape<'_> {
    let answers = contract.answers.iter();
    let answers = answers.map(|(name, value)| (name.as_str(), value));
    ContractShape {
        variables: &contract.variables,
        partials: &contract.partials,
        problems: contract.problems.iter().map(ToString::to_string).collect(),
        tools: contract.tools.iter().map(ToolShape::of).collect(),
        functions: contract.functions.iter().map(ToolShape::of).collect(),
        response_format: contract.response_format.as_ref(),
        text_format: contract.text_format.as_ref(),
        answers: answers.collect(),
    }
}

/// Returns the name of a tool that is a function.
pub(crate) fn tool_name(tool: &Tool) -> Option<&str> {
    match &tool.kind {
        ToolKind::Function { name } => Some(name),
        _ => None,
    }
}

/// Returns a list of the documented shape `Breakage`.
pub(crate) fn breakages(breakages: &[Breakage]) -> Value {
    breakages
        .iter()
        .map(|breakage| json!({"reason": breakage.reason, "place": breakage.place}))
        .collect()
}

/// The documented shape `Difference`.
#[derive(Serialize)]
pub(crate) struct DifferenceShape<'a> {
    from: Option<Value>,
    to: Option<Value>,
    edits: Vec<EditShape<'a>>,
    variables: Vec<Value>,
    breakages: Value,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    unexamined: &'a [String],
    verdict: &'a str,
}

pub(crate) fn difference(difference: &Difference) -> DifferenceShape<'_> {
    let variables = difference.variables.iter();
    DifferenceShape {
        from: difference.from.version.as_ref().map(version),
        to: difference.to.version.as_ref().map(version),
        edits: difference.body.edits.iter().map(edit).collect(),
        variables: variables.map(variable_change).collect(),
        breakages: breakages(&difference.breakages),
        unexamined: &difference.unexamined,
        verdict: difference.verdict.as_str(),
    }
}

/// The documented shape `Edit`.
#[derive(Serialize)]
struct EditShape<'a> {
    kind: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    section: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    old_pointer: Option<&'a Pointer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    new_pointer: Option<&'a Pointer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    old: Option<&'a Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    new: Option<&'a Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<Value>,
}

fn edit(edit: &Edit) -> EditShape<'_> {
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
    EditShape {
        kind: edit.kind.as_str(),
        section,
        old_pointer: edit.old_pointer.as_ref(),
        new_pointer: edit.new_pointer.as_ref(),
        old: edit.old.as_ref(),
        new: edit.new.as_ref(),
        text,
    }
}

fn segment(segment: &Segment) -> Value {
    json!({"kind": segment.kind, "text": segment.text})
}

fn variable_change(change: &VariableChange) -> Value {
    json!({"name": change.name, "before": change.before, "after": change.after})
}

/// Returns an object of the members that have a value.
fn present<const N: usize>(members: [(&str, Option<Value>); N]) -> Value {
    let members = members.into_iter();
    members
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
}
