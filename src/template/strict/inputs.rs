//! Strict mode's check of inputs against the variables of a body.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use crate::template::problem::{Problem, excerpt};
use crate::template::variable::{VariableSite, VariableType, VariableUse};

/// Returns all problems of these inputs for these uses.
///
/// Missing and mistyped inputs come first, in the order of the uses, and then unexpected inputs.
pub(super) fn check(uses: &[VariableUse], inputs: &Map<String, Value>) -> Vec<Problem> {
    let mut judge = InputChecker::default();
    let wrong = uses.iter().filter_map(|one| match inputs.get(&one.name) {
        Some(value) => judge.problem_of(one, value),
        None => Some(Problem::MissingInput {
            name: one.name.clone(),
            kind: one.kind.clone(),
            place: one.place.clone(),
        }),
    });
    let mut problems: Vec<Problem> = wrong.collect();
    let asked: HashSet<&str> = uses.iter().map(|one| one.name.as_str()).collect();
    let unexpected = inputs.keys().filter(|name| !asked.contains(name.as_str()));
    problems.extend(unexpected.map(|name| Problem::UnexpectedInput { name: name.clone() }));
    problems
}

/// A cache of the results per value, because a value may be long and used many times.
#[derive(Default)]
struct InputChecker<'a> {
    accepted: HashMap<(&'a str, &'a VariableType, VariableSite), bool>,
    excerpts: HashMap<&'a str, String>,
}

impl<'a> InputChecker<'a> {
    fn problem_of(&mut self, one: &'a VariableUse, value: &Value) -> Option<Problem> {
        let accepted = self
            .accepted
            .entry((&one.name, &one.kind, one.site))
            .or_insert_with(|| one.accepts(value));
        if *accepted {
            return None;
        }
        let found = self
            .excerpts
            .entry(&one.name)
            .or_insert_with(|| excerpt(value));
        Some(Problem::WrongType {
            name: one.name.clone(),
            expected: one.kind.clone(),
            site: one.site,
            found: found.clone(),
            place: one.place.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::template::uses::Uses;

    fn problems(body: Value, inputs: Value) -> Vec<String> {
        let uses = Uses::of(&body).variables;
        let problems = check(&uses, inputs.as_object().unwrap());
        problems.iter().map(Problem::to_string).collect()
    }

    #[test]
    fn every_problem_is_reported_with_its_place() {
        let body = json!({
            "messages": [
                { "content": "{{hc:gone:string}} {{hc:n:number}} {{hc:flag:boolean}}" },
                { "content": [{ "type": "text", "text": "{{hc:n:string}} {{hc:gone:date}}" }] },
            ],
            "response_format": { "{{hc:key:string}}": "{{hc:key:number}}" },
            "tools": [{ "a b": "{{hc:n:number}}" }],
        });
        assert_eq!(
            problems(
                body,
                json!({ "n": "five", "flag": 0, "key": 5, "more": 1, "": null })
            ),
            [
                "messages[0].content: input gone (string) is missing",
                "messages[0].content: input n is \"five\", expected number",
                "messages[0].content: input flag is 0, expected boolean",
                "messages[1].content[0].text: input gone (date) is missing",
                "response_format[\"{{hc:key:string}}\"]: \
                 input key is 5, expected string, because it names a member",
                "tools[0][\"a b\"]: input n is \"five\", expected number",
                "input \"more\" is unexpected: the prompt has no variable of this name",
                "input \"\" is unexpected: the prompt has no variable of this name",
            ]
        );
    }

    #[test]
    fn zero_false_and_empty_are_values() {
        let body =
            json!({ "tools": ["{{hc:n:number}}", "{{hc:flag:boolean}}", "{{hc:text:string}}"] });
        let inputs = json!({ "n": 0, "flag": false, "text": "" });
        assert_eq!(problems(body, inputs), [""; 0]);
    }

    #[test]
    fn a_long_value_is_read_once_for_many_uses() {
        let tools: Vec<_> = (0..20_000)
            .map(|n| json!(["{{hc:x:number}}", format!("{{{{hc:x:t{n}}}}}")]))
            .collect();
        let body = json!({ "tools": tools });
        let problems = problems(body, json!({ "x": format!("{}x", "1".repeat(1 << 20)) }));
        assert_eq!(problems.len(), 20_000);
        assert!(problems.iter().all(|problem| problem.len() < 200));
    }
}
