//! Annotations of JSON Schemas: keywords that describe values and restrict none.
//!
//! What a keyword means depends on its position: `description` annotates a schema, and below
//! `properties` it is the name of a property.

use crate::json::{JsonTree, TreeMembers};

/// The keywords that restrict no value.
///
/// `$schema` names a dialect. No provider acts on it, so a change of it changes no answer.
const ANNOTATIONS: [&str; 12] = [
    "$comment",
    "$id",
    "$schema",
    "default",
    "deprecated",
    "description",
    "example",
    "examples",
    "id",
    "readOnly",
    "title",
    "writeOnly",
];

/// What a keyword's value contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeywordForm {
    /// A schema, or a list of schemas.
    Schemas,
    /// Schemas by name.
    NamedSchemas,
    /// Anything else.
    Data,
}

impl KeywordForm {
    pub(super) fn of(keyword: &str) -> Self {
        match keyword {
            "$defs" | "definitions" | "dependencies" | "dependentSchemas" | "patternProperties"
            | "properties" => Self::NamedSchemas,
            "additionalItems"
            | "additionalProperties"
            | "allOf"
            | "anyOf"
            | "contains"
            | "contentSchema"
            | "else"
            | "if"
            | "items"
            | "not"
            | "oneOf"
            | "prefixItems"
            | "propertyNames"
            | "then"
            | "unevaluatedItems"
            | "unevaluatedProperties" => Self::Schemas,
            _ => Self::Data,
        }
    }
}

/// Returns whether a keyword contains definitions, which restrict values only through references.
pub(super) fn is_definitions(keyword: &str) -> bool {
    keyword == "$defs" || keyword == "definitions"
}

/// Removes the annotations of a schema, at any depth.
///
/// An annotation that has tags as names of members is not removed: such names can render to the
/// same name, and the body could then not be rendered.
pub(super) fn without_annotations(schema: JsonTree<'_>) -> JsonTree<'_> {
    let JsonTree::Object(members) = schema else {
        return schema;
    };
    let entries = members.into_entries().into_iter();
    let entries = entries.filter_map(|(keyword, value)| {
        if ANNOTATIONS.contains(&keyword.as_str()) && !has_tags_as_names(&value) {
            return None;
        }
        let value = match (KeywordForm::of(keyword.as_str()), value) {
            (KeywordForm::Data, value) => value,
            (KeywordForm::NamedSchemas, JsonTree::Object(named)) => {
                let named = named.into_entries().into_iter();
                let named = named.map(|(name, schema)| (name, without_annotations(schema)));
                JsonTree::Object(TreeMembers::new(named.collect()))
            }
            (KeywordForm::Schemas, JsonTree::Array(schemas)) => {
                JsonTree::Array(schemas.into_iter().map(without_annotations).collect())
            }
            (_, value) => without_annotations(value),
        };
        Some((keyword, value))
    });
    JsonTree::Object(TreeMembers::new(entries.collect()))
}

/// Returns whether a value has members whose names contain tags.
pub(super) fn has_tags_as_names(value: &JsonTree<'_>) -> bool {
    match value {
        JsonTree::Object(members) => members
            .iter()
            .any(|(name, value)| name.contains("{{") || has_tags_as_names(value)),
        JsonTree::Array(items) => items.iter().any(has_tags_as_names),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stripped(schema: &str) -> String {
        without_annotations(JsonTree::of(schema)).to_text()
    }

    #[test]
    fn annotations_are_removed_at_any_depth() {
        for (schema, expected) in [
            (r#"{"title":"x","type":"string"}"#, r#"{"type":"string"}"#),
            (
                r##"{"$schema":"x","$id":"y","$ref":"#","$defs":{"d":{"default":1}}}"##,
                r##"{"$ref":"#","$defs":{"d":{}}}"##,
            ),
            (
                r#"{"anyOf":[{"items":{"description":"x"}},true]}"#,
                r#"{"anyOf":[{"items":{}},true]}"#,
            ),
            (r#"{"not":{"examples":[1]}}"#, r#"{"not":{}}"#),
        ] {
            assert_eq!(stripped(schema), expected);
        }
    }

    #[test]
    fn properties_and_values_are_no_annotations() {
        for schema in [
            r#"{"properties":{"description":{"type":"string"},"title":true}}"#,
            r#"{"enum":[{"description":"x"}]}"#,
            r#"{"const":{"title":"x"}}"#,
            r#"{"dependencies":{"default":["title"]}}"#,
            r#"{"default":{"{{hc:a:string}}":1}}"#,
            "[]",
            "1",
        ] {
            assert_eq!(stripped(schema), schema);
        }
    }
}
