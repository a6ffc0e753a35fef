//! The variables of a body: the values that a caller must pass.

use std::collections::HashMap;
use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::model::breakage::Breakage;
use crate::model::memory_size::of_text;
use crate::template::{VariableSite, VariableType, VariableUse};

/// A variable of a body, or of one of its partials.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Variable {
    /// The variable's name.
    pub name: String,
    /// The values that all uses accept.
    pub accepts: AcceptedValues,
    /// The places where it is used, in the order of the body; at least one.
    pub uses: Vec<VariableUse>,
}

impl Variable {
    /// Returns the memory that the variable takes, in bytes.
    pub(super) fn weight(&self) -> usize {
        let each = |one: &VariableUse| {
            of_text(&one.name) + of_text(one.kind.as_str()) + of_text(one.place.as_str())
        };
        size_of::<Self>()
            + of_text(&self.name)
            + self.uses.capacity() * size_of::<VariableUse>()
            + self.uses.iter().map(each).sum::<usize>()
    }
}

/// The values that strict mode accepts for a variable.
///
/// As text and in JSON this is a short description, such as `string`.
///
/// A variable can be used several times with different types. A value must then be valid for each
/// use. [`contains`](Self::contains) returns whether one variable accepts all values that another
/// accepts.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AcceptedValues(u8);

/// Kinds of values, chosen so that each use accepts a kind entirely or not at all.
impl AcceptedValues {
    const NUMBER: u8 = 1;
    const BOOLEAN: u8 = 1 << 1;
    const NUMERIC_TEXT: u8 = 1 << 2;
    const BOOLEAN_TEXT: u8 = 1 << 3;
    const OTHER_TEXT: u8 = 1 << 4;
    const OTHER: u8 = 1 << 5;

    const TEXT: u8 = Self::NUMERIC_TEXT | Self::BOOLEAN_TEXT | Self::OTHER_TEXT;
    const ANY: u8 = Self::NUMBER | Self::BOOLEAN | Self::TEXT | Self::OTHER;

    /// The descriptions of all sets of values that uses can have in common.
    const WORDS: [(u8, &'static str); 7] = [
        (Self::ANY, "any value"),
        (Self::NUMBER | Self::BOOLEAN | Self::TEXT, "string"),
        (Self::NUMBER | Self::NUMERIC_TEXT, "number"),
        (Self::BOOLEAN | Self::BOOLEAN_TEXT, "boolean"),
        (Self::TEXT, "text"),
        (Self::NUMERIC_TEXT, "number as text"),
        (Self::BOOLEAN_TEXT, "boolean as text"),
    ];
    const NONE_WORD: &'static str = "no value";

    /// Returns the values that one use accepts.
    fn by(one: &VariableUse) -> Self {
        let of_type = match one.kind {
            VariableType::Number => Self::NUMBER | Self::NUMERIC_TEXT,
            VariableType::Boolean => Self::BOOLEAN | Self::BOOLEAN_TEXT,
            VariableType::String => Self::NUMBER | Self::BOOLEAN | Self::TEXT,
            VariableType::Other(_) => Self::ANY,
        };
        Self(match one.site {
            VariableSite::Text | VariableSite::Value => of_type,
            VariableSite::Key => of_type & Self::TEXT,
        })
    }

    /// Returns the values that both accept.
    fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Returns whether every value that `other` accepts is accepted.
    #[must_use]
    pub fn contains(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }
}

impl fmt::Display for AcceptedValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = Self::WORDS.iter().find(|(kinds, _)| *kinds == self.0);
        f.pad(word.map_or(Self::NONE_WORD, |(_, word)| word))
    }
}

impl fmt::Debug for AcceptedValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AcceptedValues({self})")
    }
}

impl Serialize for AcceptedValues {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AcceptedValues {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == Self::NONE_WORD {
            return Ok(Self(0));
        }
        let word = Self::WORDS.iter().find(|(_, word)| *word == text);
        let unknown = || D::Error::custom(format!("{text:?} describes no set of values"));
        word.map(|(kinds, _)| Self(*kinds)).ok_or_else(unknown)
    }
}

/// Groups uses by name, in the order of each name's first use.
pub(super) fn group_by_name(uses: Vec<VariableUse>) -> Vec<Variable> {
    let mut variables: Vec<Variable> = Vec::new();
    let mut position: HashMap<String, usize> = HashMap::new();
    for one in uses {
        let accepts = AcceptedValues::by(&one);
        let next = variables.len();
        let position = *position.entry(one.name.clone()).or_insert(next);
        match variables.get_mut(position) {
            Some(variable) => {
                variable.accepts = variable.accepts.and(accepts);
                variable.uses.push(one);
            }
            None => variables.push(Variable {
                name: one.name.clone(),
                accepts,
                uses: vec![one],
            }),
        }
    }
    variables
}

/// Finds the variables for which inputs that were valid for the base are no longer valid.
///
/// A removed variable is a breakage too, because strict mode refuses an input for no variable.
pub(super) fn compare(base: &[Variable], new: &[Variable], found: &mut Vec<Breakage>) {
    let old = by_name(base);
    for variable in new {
        let name = &variable.name;
        let Some(before) = old.get(name.as_str()) else {
            let reason = format!(
                "variable {name:?} ({}) is asked for, and was not before",
                variable.accepts
            );
            found.extend(at(variable.uses.first(), reason));
            continue;
        };
        let refusing = |one: &&VariableUse| !AcceptedValues::by(one).contains(before.accepts);
        if let Some(one) = variable.uses.iter().find(refusing) {
            let (now, before) = (AcceptedValues::by(one), before.accepts);
            let reason = format!("variable {name:?} takes {now}, and took {before} before");
            found.push(Breakage::new(reason, one.place.clone()));
        }
    }
    let now = by_name(new);
    for variable in base
        .iter()
        .filter(|variable| !now.contains_key(variable.name.as_str()))
    {
        let reason = format!(
            "variable {:?} ({}) is not asked for any more, and strict rendering refuses an input that is not asked for",
            variable.name, variable.accepts
        );
        found.extend(at(variable.uses.first(), reason));
    }
}

fn at(one: Option<&VariableUse>, reason: String) -> Option<Breakage> {
    one.map(|one| Breakage::new(reason, one.place.clone()))
}

fn by_name(variables: &[Variable]) -> HashMap<&str, &Variable> {
    variables
        .iter()
        .map(|variable| (variable.name.as_str(), variable))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::template::Uses;

    fn variables(texts: &[&str]) -> Vec<Variable> {
        let messages: Vec<Value> = texts
            .iter()
            .map(|text| json!({ "content": text }))
            .collect();
        group_by_name(Uses::of(&json!({ "messages": messages })).variables)
    }

    fn key(tag: &str) -> Vec<Variable> {
        group_by_name(Uses::of(&json!({ "tools": { tag: 1 } })).variables)
    }

    fn found(base: &[Variable], new: &[Variable]) -> Vec<String> {
        let mut found = Vec::new();
        compare(base, new, &mut found);
        found.iter().map(Breakage::to_string).collect()
    }

    fn all_uses() -> Vec<VariableUse> {
        let tags =
            ["number", "boolean", "string", "date"].map(|kind| format!("{{{{hc:x:{kind}}}}}"));
        let names = tags.iter().map(|tag| (tag.clone(), json!(tag)));
        Uses::of(&json!({ "tools": Value::from_iter(names) })).variables
    }

    #[test]
    fn kinds_of_values_are_what_strict_mode_takes() {
        let samples = [
            (AcceptedValues::NUMBER, json!(0)),
            (AcceptedValues::BOOLEAN, json!(false)),
            (AcceptedValues::NUMERIC_TEXT, json!("0x1F")),
            (AcceptedValues::BOOLEAN_TEXT, json!("Yes")),
            (AcceptedValues::OTHER_TEXT, json!("")),
            (AcceptedValues::OTHER_TEXT, json!("{}")),
            (AcceptedValues::OTHER, json!(null)),
            (AcceptedValues::OTHER, json!([1])),
            (AcceptedValues::OTHER, json!({})),
        ];
        let uses = all_uses();
        assert_eq!(uses.len(), 8);
        for one in &uses {
            for (kind, value) in &samples {
                assert_eq!(
                    one.accepts(value),
                    AcceptedValues::by(one).contains(AcceptedValues(*kind)),
                    "{one:?} {value}"
                );
            }
        }
    }

    #[test]
    fn accepted_values_have_a_description() {
        let words: Vec<String> = all_uses()
            .iter()
            .map(|one| AcceptedValues::by(one).to_string())
            .collect();
        assert_eq!(
            words,
            [
                "number as text",
                "number",
                "boolean as text",
                "boolean",
                "text",
                "string",
                "text",
                "any value"
            ]
        );
        let [clash] = variables(&["{{hc:x:number}} {{hc:x:boolean}}"])
            .try_into()
            .unwrap();
        assert_eq!(json!(clash.accepts), json!("no value"));
    }

    #[test]
    fn a_variable_has_all_its_uses() {
        let both = variables(&["{{hc:x:string}} {{hc:y:date}}", "{{hc:x:number}}"]);
        assert_eq!(
            json!(both),
            json!([
                { "name": "x", "accepts": "number", "uses": [
                    { "name": "x", "kind": "string", "site": "text", "place": "messages[0].content" },
                    { "name": "x", "kind": "number", "site": "text", "place": "messages[1].content" },
                ] },
                { "name": "y", "accepts": "any value", "uses": [
                    { "name": "y", "kind": "date", "site": "text", "place": "messages[0].content" },
                ] },
            ])
        );
    }

    #[test]
    fn variables_may_be_neither_added_nor_removed() {
        assert_eq!(
            found(
                &variables(&["", "{{hc:old:number}}"]),
                &variables(&["{{hc:tone:string}}"])
            ),
            [
                "variable \"tone\" (string) is asked for, and was not before: messages[0].content",
                "variable \"old\" (number) is not asked for any more, and strict rendering refuses \
                 an input that is not asked for: messages[1].content",
            ]
        );
    }

    #[test]
    fn a_type_may_widen_but_not_narrow() {
        let of = |kind: &str| variables(&[&format!("{{{{hc:x:{kind}}}}}")]);
        for (narrow, wide) in [
            ("number", "string"),
            ("boolean", "string"),
            ("string", "date"),
            ("number", "date"),
        ] {
            assert_eq!(found(&of(narrow), &of(wide)), [""; 0]);
            assert_eq!(found(&of(wide), &of(narrow)).len(), 1);
        }
        assert_eq!(found(&of("date"), &of("time")), [""; 0]);
        assert_eq!(
            found(&of("boolean"), &of("number")),
            ["variable \"x\" takes number, and took boolean before: messages[0].content"]
        );
        assert_eq!(
            found(&of("number"), &key("{{hc:x:string}}")),
            ["variable \"x\" takes text, and took number before: tools[\"{{hc:x:string}}\"]"]
        );
    }

    #[test]
    fn a_use_that_another_implies_changes_nothing() {
        let base = variables(&["{{hc:x:number}}"]);
        let new = variables(&["{{hc:x:string}}", "{{hc:x:number}} {{hc:x:date}}"]);
        assert_eq!(found(&base, &new), [""; 0]);
        assert_eq!(found(&new, &base), [""; 0]);
    }

    #[test]
    fn a_narrowing_is_reported_at_the_use_that_narrows() {
        let base = variables(&["{{hc:x:string}}"]);
        let new = variables(&["{{hc:x:string}}", "{{hc:x:number}}", "{{hc:x:number}}"]);
        assert_eq!(
            found(&base, &new),
            ["variable \"x\" takes number, and took string before: messages[1].content"]
        );
    }

    #[test]
    fn many_variables_take_one_pass() {
        let tags = |prefix: &str| {
            let tags: Vec<String> = (0..20_000)
                .map(|n| format!("{{{{hc:{prefix}{n}:string}}}}"))
                .collect();
            variables(&[&tags.concat(), &tags.concat()])
        };
        assert_eq!(found(&tags("a"), &tags("a")).len(), 0);
        assert_eq!(found(&tags("a"), &tags("b")).len(), 40_000);
    }
}
