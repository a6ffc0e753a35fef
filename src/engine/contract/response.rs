//! The response format. Callers parse answers by it, so it may not change at all.

use super::members::{are_same, union};
use super::words;
use crate::json::{Json, JsonTree};
use crate::model::breakage::Breakage;
use crate::template::{LocationPath, LocationStep};

/// Finds the innermost places at which two response formats differ.
///
/// The order of members is not a difference.
pub(super) fn compare(base: Option<&Json>, new: Option<&Json>, found: &mut Vec<Breakage>) {
    if base.map(Json::text) == new.map(Json::text) {
        return;
    }
    let (base, new) = (base.map(Json::tree), new.map(Json::tree));
    let path = &mut LocationPath::new("response_format");
    differences(base.as_ref(), new.as_ref(), path, found);
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
                at.within(LocationStep::Member(name), |at| {
                    differences(old, now, at, found)
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
        compare(Some(&base.into()), Some(&new.into()), &mut found);
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
    fn an_added_or_removed_format_is_a_difference() {
        let format = Json::from(json!({ "type": "json_object" }));
        for (base, new) in [(None, Some(&format)), (Some(&format), None)] {
            let mut found = Vec::new();
            compare(base, new, &mut found);
            assert_eq!(found.len(), 1);
        }
    }
}
