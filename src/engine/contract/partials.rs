//! The problems of a body: partials that cannot be filled, and tags where nothing fills them.

use std::collections::HashSet;

use super::words;
use crate::model::breakage::Breakage;
use crate::template::{Problem, TextLocation};

/// Finds problems that make strict rendering fail: partials that can no longer be filled, and tags
/// where nothing fills them.
///
/// A problem that the base has is not a change, regardless of its place.
pub(super) fn compare(base: &[Problem], new: &[Problem], found: &mut Vec<Breakage>) {
    let mut known: HashSet<String> = base
        .iter()
        .filter_map(reason)
        .map(|(reason, _)| reason)
        .collect();
    for (reason, place) in new.iter().filter_map(reason) {
        if known.insert(reason.clone()) {
            found.push(Breakage::new(reason, place.clone()));
        }
    }
}

/// Returns a description of a problem without its place, and the place.
///
/// Two problems with the same description are the same problem.
fn reason(problem: &Problem) -> Option<(String, &TextLocation)> {
    let (what, place) = match problem {
        Problem::PartialNotFound {
            prompt,
            environment,
            place,
        } => (
            format!("prompt {prompt} has no version in {environment}"),
            place,
        ),
        Problem::PartialOutOfRange {
            prompt,
            environment,
            message,
            place,
        } => (
            format!("prompt {prompt} ({environment}) has no message {message}"),
            place,
        ),
        Problem::PartialCycle {
            prompt,
            environment,
            message,
            place,
        } => (
            format!("message {message} of prompt {prompt} ({environment}) contains itself"),
            place,
        ),
        Problem::PartialTooDeep { limit, place } => {
            (format!("partials are nested more than {limit} deep"), place)
        }
        Problem::MisplacedTag { tag, place } => {
            let tag = words::cut(tag);
            let reason = format!("{tag} is not filled here, and strict rendering refuses the body");
            return Some((reason, place));
        }
        // These problems belong to a render, not to a body.
        Problem::MissingInput { .. }
        | Problem::WrongType { .. }
        | Problem::UnexpectedInput { .. }
        | Problem::DuplicateKey { .. }
        | Problem::FormedTag { .. }
        | Problem::TooLarge { .. } => return None,
    };
    Some((format!("a partial can't be filled: {what}"), place))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use crate::engine::contract::rules::{Contract, breakages};
    use crate::model::id::EnvironmentName;
    use crate::template::Partials;

    fn contract(text: &str) -> Contract {
        let bodies = [
            ("plain0", "hello"),
            ("asking", "{{hc:tone:string}} {{hcp:plain0:0}}"),
            ("strict", "{{hc:tone:number}}"),
            ("circle", "{{hcp:circle:0}}"),
        ];
        let mut partials = Partials::default();
        for (prompt, text) in bodies {
            let body = json!({ "messages": [{ "content": text }] });
            partials.insert(
                prompt.parse().unwrap(),
                EnvironmentName::production(),
                Arc::new(body),
            );
        }
        Contract::of(
            &json!({ "messages": [{ "content": text }] }).into(),
            &partials,
        )
    }

    fn found(base: &str, new: &str) -> Vec<String> {
        let found = breakages(&contract(base), &contract(new));
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_partial_without_variables_may_be_added_and_removed() {
        assert_eq!(found("hello", "{{hcp:plain0:0}}"), [""; 0]);
        assert_eq!(found("{{hcp:plain0:0}}", "hello"), [""; 0]);
    }

    #[test]
    fn variables_of_a_partial_count_as_the_bodys() {
        assert_eq!(found("{{hc:tone:string}}", "{{hcp:asking:0}}"), [""; 0]);
        assert_eq!(
            found("hello", "{{hcp:asking:0}}"),
            [
                "variable \"tone\" (string) is asked for, and was not before: \
                 messages[0].content > partial asking:0 (production) messages[0].content"
            ]
        );
        assert_eq!(
            found("{{hcp:asking:0}}", "{{hcp:strict:0}}"),
            ["variable \"tone\" takes number, and took string before: \
                 messages[0].content > partial strict:0 (production) messages[0].content"]
        );
    }

    #[test]
    fn a_partial_that_cannot_be_filled_is_a_breakage() {
        assert_eq!(
            found(
                "hello",
                "{{hcp:nobody:0}} {{hcp:plain0:0:staging}} {{hcp:plain0:1}} {{hcp:circle:0}}"
            ),
            [
                "a partial can't be filled: \
                 prompt nobody has no version in production: messages[0].content",
                "a partial can't be filled: \
                 prompt plain0 has no version in staging: messages[0].content",
                "a partial can't be filled: \
                 prompt plain0 (production) has no message 1: messages[0].content",
                "a partial can't be filled: \
                 message 0 of prompt circle (production) contains itself: \
                 messages[0].content > partial circle:0 (production) messages[0].content",
            ]
        );
    }

    #[test]
    fn a_tag_where_nothing_fills_it_is_a_breakage() {
        let with = |metadata: &str| {
            let body = json!({ "messages": [], "metadata": metadata });
            Contract::of(&body.into(), &Partials::new())
        };
        let (plain, tagged) = (with("x"), with("{{hc:a:string}}"));
        let found = breakages(&plain, &tagged);
        assert_eq!(
            found.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["{{hc:a:string}} is not filled here, and strict rendering refuses the body: metadata"]
        );
        assert_eq!(breakages(&tagged, &plain), []);
        assert_eq!(breakages(&tagged, &with("more {{hc:a:string}}")), []);
    }

    #[test]
    fn a_partial_that_could_not_be_filled_before_is_no_change() {
        assert_eq!(
            found("{{hcp:nobody:0}}", "more {{ hcp:nobody:7 }}"),
            [""; 0]
        );
        assert_eq!(
            found(
                "{{hcp:nobody:0}}",
                "{{hcp:nobody:0}} {{hcp:nobod2:0}} {{hcp:nobod2:1}}"
            )
            .len(),
            1
        );
        assert_eq!(found("{{hcp:nobody:0}}", "hello"), [""; 0]);
    }
}
