//! References within a JSON Schema, and the schemas that they refer to.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::annotations::{KeywordForm, is_definitions};
use super::members::union;
use crate::diff::pointer::tokens;
use crate::json::{JsonTree, TreeMembers};

/// The keyword of a reference.
pub(super) const REFERENCE: &str = "$ref";

/// What a reference refers to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target<'t, 'a> {
    /// A schema of the same document.
    Schema(&'t JsonTree<'a>),
    /// A part of the same document that does not exist.
    Missing,
    /// Another document, or a part of this one that is not known to be a schema.
    Unknown,
}

/// Finds what a reference in a document refers to.
pub(super) fn resolve<'t, 'a>(document: &'t JsonTree<'a>, reference: &str) -> Target<'t, 'a> {
    let Some(mut names) = names(reference) else {
        return Target::Unknown;
    };
    let mut schema = document;
    while let Some(keyword) = names.next() {
        let Some(value) = schema.get(&keyword) else {
            return Target::Missing;
        };
        let named = match (KeywordForm::of(&keyword), value) {
            (KeywordForm::Data, _) => return Target::Unknown,
            (KeywordForm::Schemas, JsonTree::Array(schemas)) => {
                let index = names.next().and_then(|index| index.parse::<usize>().ok());
                index.and_then(|index| schemas.get(index))
            }
            (KeywordForm::Schemas, schema) => Some(schema),
            (KeywordForm::NamedSchemas, named) => names.next().and_then(|name| named.get(&name)),
        };
        match named {
            Some(named) => schema = named,
            None => return Target::Missing,
        }
    }
    Target::Schema(schema)
}

/// Returns the names of the JSON Pointer that a reference consists of.
///
/// Returns `None` for any other reference.
pub(super) fn names(reference: &str) -> Option<impl Iterator<Item = Cow<'_, str>>> {
    let pointer = reference.strip_prefix('#')?;
    let is_pointer = pointer.is_empty() || pointer.starts_with('/');
    // Escapes of URLs are rare in references. A reference that has some is compared as a whole.
    (is_pointer && !pointer.contains('%')).then(|| tokens(pointer))
}

/// Calls `act` with each schema of a document, in order.
///
/// Schemas below keywords for which `enters` returns `false` are left out.
pub(super) fn each_schema<'t, 'a>(
    schema: &'t JsonTree<'a>,
    enters: fn(&str) -> bool,
    act: &mut impl FnMut(&'t JsonTree<'a>),
) {
    act(schema);
    let members = schema.as_object().into_iter().flat_map(TreeMembers::iter);
    for (keyword, value) in members.filter(|(keyword, _)| enters(keyword)) {
        match (KeywordForm::of(keyword), value) {
            (KeywordForm::Data, _) => {}
            (KeywordForm::NamedSchemas, JsonTree::Object(named)) => named
                .iter()
                .for_each(|(_, schema)| each_schema(schema, enters, act)),
            (KeywordForm::Schemas, JsonTree::Array(schemas)) => schemas
                .iter()
                .for_each(|schema| each_schema(schema, enters, act)),
            (_, schema) => each_schema(schema, enters, act),
        }
    }
}

/// Returns the references of a schema's parts, except for those of its definitions.
fn references<'t>(schema: &'t JsonTree<'_>) -> Vec<&'t str> {
    let mut found = Vec::new();
    let enters = |keyword: &str| !is_definitions(keyword);
    each_schema(schema, enters, &mut |schema| {
        found.extend(schema.get(REFERENCE).and_then(JsonTree::as_str));
    });
    found
}

/// The references that do not mean the same in two documents.
#[derive(Debug, Default)]
pub(super) struct ChangedReferences<'t>(HashSet<&'t str>);

impl<'t> ChangedReferences<'t> {
    /// Compares the targets of all references of two documents.
    pub(super) fn between(base: &'t JsonTree<'_>, new: &'t JsonTree<'_>) -> Self {
        let mut changed = HashSet::new();
        // The references whose meaning depends on another one.
        let mut dependents: HashMap<&str, Vec<&str>> = HashMap::new();
        let mut pending = references(base);
        pending.extend(references(new));
        let mut known: HashSet<&str> = HashSet::new();
        let by_text = Self::default();
        while let Some(reference) = pending.pop() {
            if !known.insert(reference) {
                continue;
            }
            let is_same = match (resolve(base, reference), resolve(new, reference)) {
                (Target::Schema(before), Target::Schema(after)) => {
                    for inner in references(before) {
                        dependents.entry(inner).or_default().push(reference);
                        pending.push(inner);
                    }
                    // The inner references of both are equal if the texts are.
                    by_text.are_same(before, after)
                }
                (Target::Missing, Target::Missing) => true,
                _ => false,
            };
            if !is_same {
                changed.insert(reference);
            }
        }
        let mut pending: Vec<&str> = changed.iter().copied().collect();
        while let Some(reference) = pending.pop() {
            for dependent in dependents.get(reference).into_iter().flatten() {
                if changed.insert(dependent) {
                    pending.push(dependent);
                }
            }
        }
        Self(changed)
    }

    /// Returns whether two schemas are the same, and all their references mean the same.
    ///
    /// Definitions count only as far as references use them.
    pub(super) fn are_same(&self, base: &JsonTree<'_>, new: &JsonTree<'_>) -> bool {
        match (base.as_object(), new.as_object()) {
            (Some(base), Some(new)) => self.are_same_members(base, new),
            _ => base.is_same(new),
        }
    }

    /// Returns whether two schemas, given as their keywords, are the same.
    pub(super) fn are_same_members(&self, base: &TreeMembers<'_>, new: &TreeMembers<'_>) -> bool {
        union(base, new).all(|(keyword, base, new)| {
            is_definitions(keyword) || self.are_same_values(keyword, base, new)
        })
    }

    /// Returns whether both schemas have a keyword with the same value, or neither has it.
    pub(super) fn are_same_values(
        &self,
        keyword: &str,
        base: Option<&JsonTree<'_>>,
        new: Option<&JsonTree<'_>>,
    ) -> bool {
        let (base, new) = match (base, new) {
            (Some(base), Some(new)) => (base, new),
            (base, new) => return base.is_none() && new.is_none(),
        };
        match (KeywordForm::of(keyword), base, new) {
            (KeywordForm::Data, ..) => {
                let is_changed = |name: &str| self.0.contains(name);
                base.is_same(new) && !(keyword == REFERENCE && new.as_str().is_some_and(is_changed))
            }
            (KeywordForm::NamedSchemas, JsonTree::Object(base), JsonTree::Object(new)) => {
                let same = |(name, base): (&str, &JsonTree<'_>)| {
                    new.get(name).is_some_and(|new| self.are_same(base, new))
                };
                base.len() == new.len() && base.iter().all(same)
            }
            (KeywordForm::Schemas, JsonTree::Array(base), JsonTree::Array(new)) => {
                let mut pairs = base.iter().zip(new);
                base.len() == new.len() && pairs.all(|(base, new)| self.are_same(base, new))
            }
            (_, base, new) => self.are_same(base, new),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_to_a_schema_of_its_document() {
        let text =
            r#"{"$defs":{"a/b":{"const":1}},"anyOf":[true,{"items":{"const":2}}],"default":{}}"#;
        let document = JsonTree::of(text);
        let found = |reference: &str| match resolve(&document, reference) {
            Target::Schema(schema) => schema.to_text(),
            other => format!("{other:?}"),
        };
        for (reference, expected) in [
            ("#", text),
            ("#/$defs/a~1b", r#"{"const":1}"#),
            ("#/anyOf/0", "true"),
            ("#/anyOf/1/items", r#"{"const":2}"#),
            ("#/anyOf/2", "Missing"),
            ("#/anyOf", "Missing"),
            ("#/$defs", "Missing"),
            ("#/$defs/c", "Missing"),
            ("#/default", "Unknown"),
            ("#/$defs/a%7E1b", "Unknown"),
            ("#anchor", "Unknown"),
            ("https://example.com/schema#/a", "Unknown"),
        ] {
            assert_eq!(found(reference), expected, "{reference}");
        }
    }

    #[test]
    fn a_change_reaches_references_to_references() {
        let document = |kind: &str| {
            format!(
                r##"{{"$ref":"#/$defs/a","$defs":{{"a":{{"items":{{"$ref":"#/$defs/b"}}}},
                "b":{{"type":"{kind}"}},"c":{{"not":{{"$ref":"#/$defs/c"}}}},"unused":"{kind}"}},
                "anyOf":[{{"$ref":"#/$defs/c"}}]}}"##
            )
        };
        let (base, new) = (document("string"), document("number"));
        let (base, new) = (JsonTree::of(&base), JsonTree::of(&new));
        let changed = ChangedReferences::between(&base, &new);
        let mut names: Vec<_> = changed.0.iter().copied().collect();
        names.sort_unstable();
        assert_eq!(names, ["#/$defs/a", "#/$defs/b"]);
        assert!(!changed.are_same(&base, &new));
        let part = |document| {
            JsonTree::get(document, "anyOf")
                .unwrap()
                .as_array()
                .unwrap()[0]
                .clone()
        };
        assert!(changed.are_same(&part(&base), &part(&new)));
        assert!(ChangedReferences::between(&base, &base).0.is_empty());
    }

    #[test]
    fn a_long_chain_of_references_takes_one_pass() {
        let chain = |kind: &str| {
            let link = |n: usize| format!(r##""d{n}":{{"not":{{"$ref":"#/$defs/d{}"}}}}"##, n + 1);
            let links: Vec<String> = (0..20_000).map(link).collect();
            let links = links.join(",");
            format!(r##"{{"$ref":"#/$defs/d0","$defs":{{{links},"d20000":{{"type":"{kind}"}}}}}}"##)
        };
        let (base, new) = (chain("string"), chain("number"));
        let (base, new) = (JsonTree::of(&base), JsonTree::of(&new));
        assert!(!ChangedReferences::between(&base, &new).are_same(&base, &new));
        assert!(ChangedReferences::between(&base, &base).are_same(&base, &base));
    }
}
