//! The response format. Callers parse answers by it, so it may not change, except for annotations.

use super::annotations::{has_tags_as_names, without_annotations};
use super::members::{are_same, union};
use super::references::ChangedReferences;
use super::words;
use crate::json::{Json, JsonTree, TreeMembers};
use crate::model::breakage::Breakage;
use crate::template::{LocationPath, LocationStep};

/// Finds the innermost places at which two response formats, of the member `root`, differ.
///
/// The order of members is not a difference, and neither are the annotations of a schema.
pub(super) fn compare(
    root: &str,
    base: Option<&Json>,
    new: Option<&Json>,
    found: &mut Vec<Breakage>,
) {
    if base.map(Json::text) == new.map(Json::text) {
        return;
    }
    let mut base = base.map(|format| without_descriptions(format.tree()));
    let mut new = new.map(|format| without_descriptions(format.tree()));
    // Text is what callers get without a format.
    if base.is_none() || new.is_none() {
        base = base.filter(|format| !is_text(format));
        new = new.filter(|format| !is_text(format));
    }
    let path = &mut LocationPath::new(root);
    differences(base.as_ref(), new.as_ref(), path, found);
}

fn is_text(format: &JsonTree<'_>) -> bool {
    let members = format.as_object();
    members.is_some_and(|members| members.len() == 1)
        && format.get("type").and_then(JsonTree::as_str) == Some("text")
}

/// Removes the annotations of a format's schema, and the description of the format.
///
/// The schema is in `json_schema.schema`, or beside the type in the flat form.
fn without_descriptions(format: JsonTree<'_>) -> JsonTree<'_> {
    let JsonTree::Object(members) = format else {
        return format;
    };
    let entries = members
        .into_entries()
        .into_iter()
        .filter_map(|(name, value)| {
            let value = match name.as_str() {
                "description" if !has_tags_as_names(&value) => return None,
                "json_schema" => without_descriptions(value),
                "schema" => without_annotations(value),
                _ => value,
            };
            Some((name, value))
        });
    JsonTree::Object(TreeMembers::new(entries.collect()))
}

fn differences(
    base: Option<&JsonTree<'_>>,
    new: Option<&JsonTree<'_>>,
    at: &mut LocationPath,
    found: &mut Vec<Breakage>,
) {
    let reason = match (base, new) {
        (Some(JsonTree::Object(base)), Some(JsonTree::Object(new))) => {
            for (name, old, now) in union(base, new) {
                at.within(LocationStep::Member(name), |at| match (name, old, now) {
                    // Definitions that nothing refers to are not compared.
                    ("schema", Some(old), Some(now))
                        if ChangedReferences::between(old, now).are_same(old, now) => {}
                    _ => differences(old, now, at, found),
                });
            }
            return;
        }
        (Some(JsonTree::Array(base)), Some(JsonTree::Array(new))) if base.len() == new.len() => {
            for (index, (base, new)) in base.iter().zip(new).enumerate() {
                at.within(LocationStep::Index(index), |at| {
                    differences(Some(base), Some(new), at, found);
                });
            }
            return;
        }
        (base, new) if are_same(base, new) => return,
        (Some(base), Some(new)) => {
            format!(
                "the response format is {}, and was {}",
                words::json(new),
                words::json(base)
            )
        }
        (Some(base), None) => format!("{} is gone from the response format", words::json(base)),
        (None, Some(new)) => format!("{} is new in the response format", words::json(new)),
        (None, None) => return,
    };
    found.push(Breakage::new(reason, at.place()));
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn found(base: Value, new: Value) -> Vec<String> {
        let mut found = Vec::new();
        compare(
            "response_format",
            Some(&base.into()),
            Some(&new.into()),
            &mut found,
        );
        found.iter().map(Breakage::to_string).collect()
    }

    #[test]
    fn the_order_of_members_is_no_difference() {
        let base = json!({ "type": "json_schema", "json_schema": { "name": "x", "strict": true } });
        let new = json!({ "json_schema": { "strict": true, "name": "x" }, "type": "json_schema" });
        assert_eq!(found(base, new), [""; 0]);
    }

    #[test]
    fn each_difference_is_named_at_its_place() {
        let base = json!({ "type": "json_schema", "json_schema": { "a": [1, { "b": 2 }], "c": [1], "d": null } });
        let new = json!({ "type": "json_schema", "json_schema": { "a": [1, { "b": 3 }], "c": [], "e": 0 } });
        assert_eq!(
            found(base, new),
            [
                "the response format is 3, and was 2: response_format.json_schema.a[1].b",
                "the response format is [], and was [1]: response_format.json_schema.c",
                "null is gone from the response format: response_format.json_schema.d",
                "0 is new in the response format: response_format.json_schema.e",
            ]
        );
    }

    #[test]
    fn annotations_are_no_difference() {
        let format = |text: &str, unused: &str| {
            json!({ "type": "json_schema", "json_schema": {
                "name": "x", "description": text,
                "schema": {
                    "$defs": { "a": { "title": text, "type": "string" }, "b": { "type": unused } },
                    "properties": { "description": { "$ref": "#/$defs/a", "description": text } },
                },
            } })
        };
        assert_eq!(found(format("x", "string"), format("y", "number")), [""; 0]);
        let mut other = format("x", "string");
        other["json_schema"]["schema"]["$defs"]["a"]["type"] = json!("number");
        assert_eq!(
            found(format("x", "string"), other),
            ["the response format is \"number\", and was \"string\": \
              response_format.json_schema.schema[\"$defs\"].a.type"
                .replace("[\"$defs\"]", ".$defs")]
        );
    }

    #[test]
    fn text_is_the_format_of_a_body_without_one() {
        let format = Json::from(json!({ "type": "text" }));
        let mut found = Vec::new();
        compare("text.format", None, Some(&format), &mut found);
        compare("text.format", Some(&format), None, &mut found);
        assert_eq!(found, []);
    }

    #[test]
    fn an_added_or_removed_format_is_a_difference() {
        let format = Json::from(json!({ "type": "json_object" }));
        for (base, new) in [(None, Some(&format)), (Some(&format), None)] {
            let mut found = Vec::new();
            compare("response_format", base, new, &mut found);
            assert_eq!(found.len(), 1);
        }
    }
}
