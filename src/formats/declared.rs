//! Declared types of variables, in the words of other formats.

use std::collections::BTreeMap;

use super::finding::FormatFinding;
use super::node::FileNode;

/// Returns the type of a variable of a body for a type of JSON Schema, or of a relative of it.
pub(super) fn type_of(name: &str) -> Option<&'static str> {
    match name {
        "string" | "str" => Some("string"),
        "number" | "integer" | "int" | "float" => Some("number"),
        "boolean" | "bool" => Some("boolean"),
        _ => None,
    }
}

/// Adds the declared type of a variable, or a finding if a body has no such type.
pub(super) fn declare(
    types: &mut BTreeMap<String, String>,
    findings: &mut Vec<FormatFinding>,
    name: &str,
    declared: &FileNode,
) {
    match declared.as_text().and_then(type_of) {
        Some(kind) => {
            // The file's own types come first.
            types.entry(name.to_owned()).or_insert(kind.to_owned());
        }
        None => {
            let what = format!("the type of the input {name}");
            findings.push(FormatFinding::stays(&what, declared.line));
        }
    }
}

/// Takes the types that the format can declare out of a map, with the variables of type string.
pub(super) fn take_declared(types: &mut BTreeMap<String, String>) -> Vec<(String, String)> {
    let declared: Vec<(String, String)> = types
        .iter()
        .filter(|(_, kind)| type_of(kind) == Some(kind.as_str()))
        .map(|(name, kind)| (name.clone(), kind.clone()))
        .collect();
    for (name, _) in &declared {
        types.remove(name);
    }
    declared
}
