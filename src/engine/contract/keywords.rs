//! Readers of the keywords of a JSON Schema.

use std::collections::BTreeSet;

use crate::json::{JsonTree, TreeMembers};

/// The keyword for members that `properties` does not name.
pub(super) const ADDITIONAL: &str = "additionalProperties";

/// Returns whether the keywords that the rules examine are well-formed.
pub(super) fn is_readable(schema: &TreeMembers<'_>) -> bool {
    let is = |keyword: &str, has_form: fn(&JsonTree<'_>) -> bool| {
        schema.get(keyword).is_none_or(has_form)
    };
    is("properties", |value| value.as_object().is_some())
        && is("required", is_list_of_texts)
        && is(ADDITIONAL, is_schema)
        && is("items", is_schema)
        && is("type", |value| value.as_str().is_some() || is_list_of_texts(value))
        && is("enum", |value| value.as_array().is_some())
        // The two together allow less than either of them. Schemas do not use both, so no rule
        // handles it.
        && !(schema.contains("enum") && schema.contains("const"))
}

fn is_list_of_texts(value: &JsonTree<'_>) -> bool {
    value
        .as_array()
        .is_some_and(|items| items.iter().all(|item| item.as_str().is_some()))
}

pub(super) fn properties<'s>(schema: &'s TreeMembers<'s>) -> Option<&'s TreeMembers<'s>> {
    schema.get("properties").and_then(JsonTree::as_object)
}

pub(super) fn describes_objects(schema: &TreeMembers<'_>) -> bool {
    let types = schema.get("type").map(texts).unwrap_or_default();
    types.contains("object") || schema.contains("properties")
}

pub(super) fn required<'s>(schema: &'s TreeMembers<'_>) -> BTreeSet<&'s str> {
    schema.get("required").map(texts).unwrap_or_default()
}

/// Returns a text as a set, or the texts of a list.
pub(super) fn texts<'s>(value: &'s JsonTree<'_>) -> BTreeSet<&'s str> {
    match value {
        JsonTree::Array(items) => items.iter().filter_map(JsonTree::as_str).collect(),
        value => value.as_str().into_iter().collect(),
    }
}

/// Returns the keyword that lists allowed values, and the values.
pub(super) fn allowed_values<'s>(
    schema: &'s TreeMembers<'s>,
) -> Option<(&'static str, Vec<&'s JsonTree<'s>>)> {
    match (schema.get("enum"), schema.get("const")) {
        (Some(JsonTree::Array(values)), _) => Some(("enum", values.iter().collect())),
        (_, Some(value)) => Some(("const", vec![value])),
        _ => None,
    }
}

/// Returns whether a keyword that lists schemas may be compared one by one.
pub(super) fn are_lists_of_schemas(
    base: Option<&JsonTree<'_>>,
    new: Option<&JsonTree<'_>>,
) -> bool {
    let has_form = |value: Option<&JsonTree<'_>>| match value {
        None => true,
        Some(JsonTree::Array(schemas)) => !schemas.is_empty() && schemas.iter().all(is_schema),
        Some(_) => false,
    };
    has_form(base) && has_form(new)
}

fn is_schema(value: &JsonTree<'_>) -> bool {
    matches!(value, JsonTree::Object(_) | JsonTree::Bool(_))
}

/// Returns whether both are numbers and the first is certainly less than the second.
pub(super) fn is_less(one: &JsonTree<'_>, other: &JsonTree<'_>) -> bool {
    match (one, other) {
        (JsonTree::Number(one), JsonTree::Number(other)) => one.is_less(*other),
        _ => false,
    }
}
