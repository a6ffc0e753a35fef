//! Bodies that look like prompts, shared by the benchmarks.

#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    missing_debug_implementations,
    clippy::unwrap_used
)] // Each benchmark uses a part; a failure here should stop it.

pub mod bodies;

use promptbook::{NewPrompt, NewVersion};

/// Returns the body of a prompt's version: a chat request of 2 KB. Each version is a small edit of
/// the one before.
pub fn body(prompt: u64, version: u64) -> String {
    let mut rng = fastrand::Rng::with_seed(prompt);
    let words = [
        "answer", "brief", "customer", "do", "every", "friendly", "give", "however", "in",
        "question",
    ];
    let mut text: Vec<&str> = (0..300).map(|_| words[rng.usize(..words.len())]).collect();
    let edited = usize::try_from(version).unwrap() % text.len();
    text[edited] = "carefully";
    format!(
        r#"{{"model":"gpt-4o","temperature":0.{},"seed":{version},"messages":[{{"role":"system","content":"{}"}},{{"role":"user","content":"{{{{hc:question:string}}}} {prompt}"}}]}}"#,
        version % 10,
        text.join(" "),
    )
}

pub fn new_prompt(prompt: u64) -> NewPrompt {
    named_prompt(&format!("prompt {prompt}"), prompt)
}

pub fn named_prompt(name: &str, prompt: u64) -> NewPrompt {
    NewPrompt::new(name, body(prompt, 0))
}

pub fn new_version(id: promptbook::PromptId, prompt: u64, version: u64) -> NewVersion {
    NewVersion::new(id, body(prompt, version)).message(format!("Edit {version}"))
}
