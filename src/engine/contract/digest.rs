//! The derivation of a body's [`ContractDigest`] from its text.
//!
//! It is a fraction of the work of deriving a [`Contract`](super::Contract), because members that the
//! contract contains are hashed as they are written, and messages without tags are skipped. No tree
//! is built.

use std::collections::BTreeSet;

use super::answers;
use crate::json;
use crate::model::body::Body;
use crate::model::contract_digest::ContractDigest;
use crate::template::{each_variable, escaped_braces, openings};

/// What the digest covers. It changes with the rules, so that digests of other rules differ.
const CONTEXT: &[u8] = b"promptbook contract 1\n";

/// The members that are part of the contract as they are written, besides [`answers::MEMBERS`].
const WRITTEN_MEMBERS: [&str; 4] = ["tools", "functions", "response_format", "text"];

/// Returns the digest of a body's contract.
///
/// Returns `None` if the contract depends on partials, or if the body has a tag where nothing fills
/// it, which is rare. Such bodies are compared by their contracts.
pub(crate) fn digest_of(body: &Body) -> Option<ContractDigest> {
    let text = body.text();
    // An escaped brace may begin a tag that is not visible in the text.
    if escaped_braces(text.as_bytes()) > 0 {
        return None;
    }
    let mut unseen = openings(text.as_bytes());
    let mut written = Vec::new();
    let mut messages = None;
    for (name, value) in body.members() {
        if name == "messages" {
            // Only the last one counts, but all of them were hashed.
            if messages.replace(value).is_some() {
                return None;
            }
        } else if WRITTEN_MEMBERS.contains(&&*name) || answers::MEMBERS.contains(&&*name) {
            unseen -= openings(value.as_bytes());
            written.push((name, value));
        }
    }
    let mut variables = BTreeSet::new();
    if unseen > 0 {
        unseen -= add_variables(messages.unwrap_or_default(), &mut variables)?;
    }
    if unseen > 0 {
        return None;
    }
    // The order of members has no meaning. Equal names keep their order: the last one counts.
    written.sort_by(|(one, _), (other, _)| one.cmp(other));
    let mut hasher = blake3::Hasher::new();
    hasher.update(CONTEXT);
    let mut add = |text: &str| {
        let length = text.len() as u64;
        hasher.update(&length.to_le_bytes()).update(text.as_bytes());
    };
    for (name, value) in &written {
        add(name);
        add(value);
    }
    // No member has this name, because it is not one of those above.
    add("variables");
    for (name, kind) in &variables {
        add(name);
        add(kind);
    }
    let mut digest = [0; ContractDigest::LEN];
    hasher.finalize_xof().fill(&mut digest);
    Some(ContractDigest::from_bytes(digest))
}

/// Adds the variables of messages, and returns the number of openings in the texts of messages.
fn add_variables(messages: &str, variables: &mut BTreeSet<(String, String)>) -> Option<usize> {
    let mut count = 0;
    for message in json::items(messages) {
        if openings(message.as_bytes()) == 0 {
            continue;
        }
        count += each_variable(message, &mut |name, kind| {
            variables.insert((name.to_owned(), kind.to_owned()));
        })?;
    }
    Some(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(text: &str) -> Option<ContractDigest> {
        digest_of(&Body::try_from(text).unwrap())
    }

    #[test]
    fn messages_count_by_their_variables_only() {
        let base = digest(
            r#"{"messages": [{"role": "user", "content": "Hi {{hc:a:string}} {{hc:b:number}}"}]}"#,
        );
        assert!(base.is_some());
        for text in [
            r#"{"model": "m", "messages": [{"role": "system", "content": "{{hc:b:number}}, {{ hc:a:string }}{{hc:a:string}}"}]}"#,
            r#"{"messages": [{"content": [{"type": "text", "text": "{{hc:a:string}}"}]}, {"content": "{{hc:b:number}} {{no tag}}"}], "temperature": 1}"#,
        ] {
            assert_eq!(digest(text), base, "{text}");
        }
        for text in [
            r#"{"messages": [{"content": "Hi {{hc:a:string}}"}]}"#,
            r#"{"messages": [{"content": "Hi {{hc:a:number}} {{hc:b:number}}"}]}"#,
            r#"{"messages": [{"content": "Hi {{hc:a:string}} {{hc:b:number}}"}], "n": 2}"#,
        ] {
            assert!(digest(text).is_some() && digest(text) != base, "{text}");
        }
    }

    #[test]
    fn the_order_of_members_does_not_count() {
        let one = digest(r#"{"tools": [1], "stream": true, "messages": []}"#);
        assert_eq!(digest(r#"{"stream":true,"messages":[],"tools":[1]}"#), one);
        assert_ne!(digest(r#"{"stream":[1],"messages":[],"tools":true}"#), one);
        assert_ne!(
            digest(r#"{"tools": [1,2], "stream": true, "messages": []}"#),
            one
        );
    }

    #[test]
    fn a_body_with_a_partial_or_a_misplaced_tag_has_no_digest() {
        for text in [
            r#"{"messages": [{"content": "{{hcp:abc123:0}}"}]}"#,
            r#"{"messages": [{"content": "\u007b{hc:a:string}}"}]}"#,
            r#"{"messages": [{"name": "{{hc:a:string}}", "content": "{{hc:a:string}}"}]}"#,
            r#"{"messages": [{"content": [{"type": "image_url", "image_url": {"url": "{{hc:a:string}}"}}]}]}"#,
            r#"{"temperature": "{{hc:a:number}}"}"#,
            r#"{"{{hc:a:string}}": 1}"#,
            r#"{"messages": "{{hc:a:string}}"}"#,
            r#"{"messages": [{"content": "{{hc:a:string}}"}], "messages": []}"#,
        ] {
            assert_eq!(digest(text), None, "{text}");
        }
        // In a section that is hashed as it is written, a tag is covered.
        assert!(digest(r#"{"tools": [{"name": "{{hc:a:string}}"}], "messages": []}"#).is_some());
    }
}
