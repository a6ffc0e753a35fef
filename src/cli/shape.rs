//! The JSON that several commands share. It is spelled out here, so that it stays as documented whatever the library's
//! own types come to hold.

use serde_json::{Value, json};

use crate::{Breakage, Contract, Environment, Prompt, Version};

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
