//! The parameters of a tool: the arguments that a JSON Schema allows a model to pass.
//!
//! A caller of the base handled everything that the base's schema allowed, so the new schema may
//! not allow more. Members that an open schema does not name count as handled, because the base
//! allowed them too. Each rule guarantees this on its own. A part that no rule can judge must not
//! change at all.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::annotations::{has_tags_as_names, is_definitions, without_annotations};
use super::keywords::{
    ADDITIONAL, allowed_values, are_lists_of_schemas, describes_objects, is_less, is_readable,
    properties, required, texts,
};
use super::members::{are_same, union};
use super::references::{ChangedReferences, REFERENCE, Target, each_schema, resolve};
use super::{references, words};
use crate::json::{ByValue, JsonTree, TreeMembers};
use crate::model::breakage::Breakage;
use crate::template::{LocationPath, LocationStep};

/// The schema that allows every value, and the one that allows none.
static ANYTHING: JsonTree<'static> = JsonTree::Bool(true);
static NOTHING: JsonTree<'static> = JsonTree::Bool(false);

/// The reason for a difference that no rule can judge.
const UNPROVABLE: &str = "changed, and can't be shown to be compatible";

/// Compares the parameters of one tool, whose name `tool` is already in quotation marks.
///
/// `strict` is whether the base's parameters were enforced strictly, which closes objects that are
/// not explicitly open.
pub(super) fn compare(
    tool: &str,
    strict: bool,
    base: &JsonTree<'_>,
    new: &JsonTree<'_>,
    at: &mut LocationPath,
    found: &mut Vec<Breakage>,
) {
    let (base_document, new_document) = (base, new);
    if has_unknown_references(base) || has_unknown_references(new) {
        if !base.is_same(new) {
            found.push(breakage(tool, at, UNPROVABLE));
        }
        return;
    }
    let base = without_annotations(base_document.clone());
    let new = without_annotations(new_document.clone());
    let mut comparison = Comparison {
        tool,
        strict,
        base: &base,
        new: &new,
        changed: ChangedReferences::between(&base, &new),
        references: Vec::new(),
        found,
    };
    if needs_context(&base) || needs_context(&new) {
        if !comparison.changed.are_same(&base, &new) {
            comparison.push(at, UNPROVABLE);
        }
        return;
    }
    let known = comparison.found.len();
    comparison.schemas(&base, &new, at);
    comparison.targets(at);
    // The target of a reference may be a part that is also compared at its own place.
    let mut seen: HashSet<Breakage> = HashSet::new();
    let here = found.split_off(known);
    found.extend(here.into_iter().filter(|one| seen.insert(one.clone())));
}

/// Runs `act` with the path of a part of a document.
fn at_part(
    document: &JsonTree<'_>,
    names: &[Cow<'_, str>],
    at: &mut LocationPath,
    act: &mut dyn FnMut(&mut LocationPath),
) {
    let [first, rest @ ..] = names else {
        return act(at);
    };
    let (step, part) = match (document, first.parse::<usize>()) {
        (JsonTree::Array(items), Ok(index)) => (LocationStep::Index(index), items.get(index)),
        _ => (LocationStep::Member(first), document.get(first)),
    };
    at.within(step, |at| {
        at_part(part.unwrap_or(&ANYTHING), rest, at, act);
    });
}

/// Returns whether a schema has references to parts whose meaning is not known.
///
/// Annotations of such a schema could be referred to, or change what a reference means.
fn has_unknown_references(document: &JsonTree<'_>) -> bool {
    let (mut refers, mut is_unknown, mut has_base) = (false, false, false);
    each_schema(document, |_| true, &mut |schema| {
        if let Some(reference) = schema.get(REFERENCE) {
            refers = true;
            let target = reference.as_str().map(|it| resolve(document, it));
            is_unknown |= matches!(target, None | Some(Target::Unknown));
        }
        is_unknown |= schema.get("$dynamicRef").is_some() || schema.get("$recursiveRef").is_some();
        // The references below this one are relative to it.
        has_base |=
            !std::ptr::eq(schema, document) && schema.get("$id").or(schema.get("id")).is_some();
    });
    is_unknown || (refers && has_base)
}

/// Returns whether the parts of a schema cannot be judged one by one.
///
/// This is the case if the meaning of a part depends on other parts (unevaluated members) or on
/// the inputs of a render (tags as names).
fn needs_context(schema: &JsonTree<'_>) -> bool {
    let mut depends = has_tags_as_names(schema);
    each_schema(schema, |_| true, &mut |schema| {
        let keywords = ["unevaluatedProperties", "unevaluatedItems"];
        depends |= keywords.iter().any(|name| schema.get(name).is_some());
    });
    depends
}

fn breakage(tool: &str, at: &LocationPath, what: impl std::fmt::Display) -> Breakage {
    Breakage::new(format!("parameters of tool {tool}: {what}"), at.place())
}

struct Comparison<'a> {
    tool: &'a str,
    strict: bool,
    /// The two documents, without annotations.
    base: &'a JsonTree<'a>,
    new: &'a JsonTree<'a>,
    changed: ChangedReferences<'a>,
    /// The references that both have at the same place. Their targets are compared at the end.
    references: Vec<String>,
    found: &'a mut Vec<Breakage>,
}

impl Comparison<'_> {
    fn push(&mut self, at: &LocationPath, what: impl std::fmt::Display) {
        self.found.push(breakage(self.tool, at, what));
    }

    /// Reports a difference at a member of the schema, or at a member nested in it.
    fn push_in(&mut self, members: &[&str], at: &mut LocationPath, what: impl std::fmt::Display) {
        match members {
            [] => self.push(at, what),
            [first, rest @ ..] => {
                at.within(LocationStep::Member(first), |at| {
                    self.push_in(rest, at, what)
                });
            }
        }
    }

    /// Compares two schemas for the same value.
    fn schemas(&mut self, base: &JsonTree<'_>, new: &JsonTree<'_>, at: &mut LocationPath) {
        let silent = TreeMembers::default();
        let (base, new) = match (base, new) {
            (_, JsonTree::Bool(false)) => return,
            (JsonTree::Bool(false), _) => {
                return self.push(at, "a value is allowed, and none was before");
            }
            (JsonTree::Object(base), JsonTree::Object(new)) => (base, new),
            (JsonTree::Object(base), JsonTree::Bool(true)) => (base, &silent),
            (JsonTree::Bool(true), JsonTree::Object(new)) => (&silent, new),
            _ if self.changed.are_same(base, new) => return,
            _ => return self.push(at, UNPROVABLE),
        };
        if is_readable(base) && is_readable(new) {
            self.members(base, new, at);
            self.values(base, new, at);
            for (keyword, old, now) in union(base, new) {
                at.within(LocationStep::Member(keyword), |at| {
                    self.keyword(keyword, old, now, at)
                });
            }
        } else if !self.changed.are_same_members(base, new) {
            self.push(at, UNPROVABLE);
        }
    }

    /// Compares the targets of the references that both documents have at the same places.
    ///
    /// A recursive schema assumes of a reference what is then shown for its target.
    fn targets(&mut self, root: &LocationPath) {
        let mut compared = HashSet::new();
        while let Some(reference) = self.references.pop() {
            if !compared.insert(reference.clone()) {
                continue;
            }
            let targets = (
                resolve(self.base, &reference),
                resolve(self.new, &reference),
            );
            let (base, new) = match targets {
                (Target::Schema(base), Target::Schema(new)) => (base, new),
                (Target::Missing, Target::Missing) => continue,
                _ => {
                    let what = format!("the target of {reference:?} {UNPROVABLE}");
                    self.push(root, what);
                    continue;
                }
            };
            let names = references::names(&reference).into_iter().flatten();
            let names: Vec<_> = names.collect();
            let mut at = LocationPath::new(root.place().as_str());
            at_part(self.new, &names, &mut at, &mut |at| {
                self.schemas(base, new, at);
            });
        }
    }

    /// Compares alternatives: each new one allows no more than one that was there before.
    fn alternatives(
        &mut self,
        base: Option<&JsonTree<'_>>,
        new: Option<&JsonTree<'_>>,
        at: &mut LocationPath,
    ) {
        let (Some(base), Some(new)) = (
            base.and_then(JsonTree::as_array),
            new.and_then(JsonTree::as_array),
        ) else {
            if base.is_some() {
                self.push(at, "any value is allowed, and only some before");
            }
            return;
        };
        let by_value: HashMap<ByValue<'_, '_>, &JsonTree<'_>> =
            base.iter().map(|one| (ByValue(one), one)).collect();
        for (index, one) in new.iter().enumerate() {
            let before = by_value.get(&ByValue(one)).copied().or(base.get(index));
            at.within(LocationStep::Index(index), |at| {
                self.schemas(before.unwrap_or(&NOTHING), one, at);
            });
        }
    }

    /// Compares schemas that all must allow a value. Further ones may be added.
    fn all_of(
        &mut self,
        base: Option<&JsonTree<'_>>,
        new: Option<&JsonTree<'_>>,
        at: &mut LocationPath,
    ) {
        let base = base.and_then(JsonTree::as_array).unwrap_or_default();
        let new = new.and_then(JsonTree::as_array).unwrap_or_default();
        for (index, one) in base.iter().enumerate() {
            at.within(LocationStep::Index(index), |at| {
                self.schemas(one, new.get(index).unwrap_or(&ANYTHING), at);
            });
        }
    }

    /// Compares the members that an object may have.
    fn members(&mut self, base: &TreeMembers<'_>, new: &TreeMembers<'_>, at: &mut LocationPath) {
        let (known, named) = (properties(base), properties(new));
        let (was_required, is_required) = (required(base), required(new));
        let (rest, new_rest) = (self.additional(base), self.additional(new));

        for (name, schema) in named.into_iter().flat_map(TreeMembers::iter) {
            if let Some(known) = known.and_then(|known| known.get(name)) {
                self.property(name, known, schema, at);
            } else if is_required.contains(name) {
                self.push_in(
                    &["properties", name],
                    at,
                    format_args!("{name:?} is required, and was not known before"),
                );
            } else if *rest == NOTHING {
                self.push_in(
                    &["properties", name],
                    at,
                    format_args!("{name:?} is allowed, and was not before"),
                );
            } else {
                self.property(name, rest, schema, at);
            }
        }
        let is_known = |name: &str| known.is_some_and(|known| known.contains(name));
        let is_named = |name: &str| named.is_some_and(|named| named.contains(name));
        let was_known = known.into_iter().flat_map(TreeMembers::iter);
        for (name, _) in was_known.filter(|(name, _)| !is_named(name)) {
            self.push_in(&["properties", name], at, format_args!("{name:?} is gone"));
        }
        // A property that was reported above is not reported again here.
        for name in was_required.difference(&is_required) {
            if is_named(name) || !is_known(name) {
                self.push_in(
                    &["required"],
                    at,
                    format_args!("{name:?} is not required any more"),
                );
            }
        }
        for name in is_required.difference(&was_required) {
            if !is_named(name) && !is_known(name) {
                self.push_in(
                    &["required"],
                    at,
                    format_args!("{name:?} is required, and was not known before"),
                );
            }
        }
        at.within(LocationStep::Member(ADDITIONAL), |at| {
            self.schemas(rest, new_rest, at)
        });
    }

    /// Returns the schema of members that `properties` does not name.
    fn additional<'s>(&self, schema: &'s TreeMembers<'s>) -> &'s JsonTree<'s> {
        match schema.get(ADDITIONAL) {
            Some(additional) => additional,
            None if self.strict && describes_objects(schema) => &NOTHING,
            None => &ANYTHING,
        }
    }

    fn property(
        &mut self,
        name: &str,
        base: &JsonTree<'_>,
        new: &JsonTree<'_>,
        at: &mut LocationPath,
    ) {
        at.within(LocationStep::Member("properties"), |at| {
            at.within(LocationStep::Member(name), |at| self.schemas(base, new, at));
        });
    }

    /// Compares the values that `enum` or `const` list.
    fn values(&mut self, base: &TreeMembers<'_>, new: &TreeMembers<'_>, at: &mut LocationPath) {
        let Some((keyword, allowed)) = allowed_values(base) else {
            return;
        };
        let Some((new_keyword, new)) = allowed_values(new) else {
            let allowed = words::list(&allowed);
            return self.push_in(
                &[keyword],
                at,
                format_args!("any value is allowed, and only {allowed} before"),
            );
        };
        let allowed: HashSet<ByValue<'_, '_>> = allowed.into_iter().map(ByValue).collect();
        let added: Vec<&JsonTree<'_>> = new
            .into_iter()
            .filter(|value| !allowed.contains(&ByValue(value)))
            .collect();
        if !added.is_empty() {
            let added = words::list(&added);
            self.push_in(
                &[new_keyword],
                at,
                format_args!("{added} is allowed, and was not before"),
            );
        }
    }

    /// Compares a keyword that has a meaning of its own.
    fn keyword(
        &mut self,
        keyword: &str,
        base: Option<&JsonTree<'_>>,
        new: Option<&JsonTree<'_>>,
        at: &mut LocationPath,
    ) {
        match keyword {
            _ if is_definitions(keyword) => {}
            // `members` and `values` compare these together.
            "properties" | "required" | ADDITIONAL | "enum" | "const" => {}
            "type" => self.types(base, new, at),
            "items" => self.schemas(base.unwrap_or(&ANYTHING), new.unwrap_or(&ANYTHING), at),
            "minimum" | "exclusiveMinimum" | "minLength" | "minItems" | "minProperties" => {
                self.constraint(keyword, base, new, at, is_less);
            }
            "maximum" | "exclusiveMaximum" | "maxLength" | "maxItems" | "maxProperties" => {
                self.constraint(keyword, base, new, at, |base, new| is_less(new, base));
            }
            "pattern" | "format" | "multipleOf" | "uniqueItems" => {
                self.constraint(keyword, base, new, at, |_, _| false);
            }
            REFERENCE if are_same(base, new) => {
                self.references
                    .extend(new.and_then(JsonTree::as_str).map(str::to_owned));
            }
            "anyOf" if are_lists_of_schemas(base, new) => self.alternatives(base, new, at),
            "allOf" if are_lists_of_schemas(base, new) => self.all_of(base, new, at),
            _ if self.changed.are_same_values(keyword, base, new) => {}
            _ => self.push(at, format_args!("{keyword:?} {UNPROVABLE}")),
        }
    }

    /// Compares a keyword that only excludes values. It may be added or become tighter.
    fn constraint(
        &mut self,
        keyword: &str,
        base: Option<&JsonTree<'_>>,
        new: Option<&JsonTree<'_>>,
        at: &mut LocationPath,
        is_tighter: impl Fn(&JsonTree<'_>, &JsonTree<'_>) -> bool,
    ) {
        match (base, new) {
            // `false` excludes nothing: for `uniqueItems`, and for `exclusiveMinimum` of draft 4.
            (None | Some(JsonTree::Bool(false)), _) => {}
            (Some(base), Some(new)) if base.is_same(new) || is_tighter(base, new) => {}
            (Some(base), Some(new)) => {
                let (base, new) = (words::json(base), words::json(new));
                self.push(at, format_args!("{keyword:?} is {new}, and was {base}"));
            }
            (Some(base), None) => {
                let base = words::json(base);
                self.push(at, format_args!("{keyword:?} is gone, and was {base}"));
            }
        }
    }

    fn types(
        &mut self,
        base: Option<&JsonTree<'_>>,
        new: Option<&JsonTree<'_>>,
        at: &mut LocationPath,
    ) {
        let Some(base) = base else { return };
        let Some(new) = new else {
            let was = words::json(base);
            return self.push(
                at,
                format_args!("any type is allowed, and only {was} before"),
            );
        };
        let allowed = texts(base);
        let covers = |name: &str| {
            allowed.contains(name) || (name == "integer" && allowed.contains("number"))
        };
        if !texts(new).into_iter().all(covers) {
            let (is, was) = (words::json(new), words::json(base));
            self.push(at, format_args!("the type is {is}, and was {was}"));
        }
    }
}

#[cfg(test)]
#[path = "schema_tests.rs"]
mod tests;
#[cfg(test)]
#[path = "schema_validator_tests.rs"]
mod validator_tests;
