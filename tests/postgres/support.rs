//! Stores, bodies and checks that the tests share.

use promptbook::{Body, Bump, NewPrompt, NewVersion, PromptId, Store, StoreOptions};

/// Returns a body that contains a text.
pub fn body(text: &str) -> Body {
    let json = serde_json::json!({"model": "m", "messages": [{"role": "user", "content": text}]});
    Body::try_from(json).unwrap()
}

/// Creates a store with a prompt.
pub fn with_prompt(url: &str, prompt: PromptId) -> Store {
    let store = StoreOptions::new().create_url(url).unwrap();
    let new = NewPrompt::new("shared", body("first")).id(prompt);
    store.create_prompt(new).unwrap();
    store
}

/// Returns a version whose message is a text that is found again.
pub fn version(prompt: PromptId, token: &str) -> NewVersion {
    NewVersion::new(prompt, body(token))
        .bump(Bump::Minor)
        .message(token)
}

/// Returns how often the history contains a version with a message.
pub fn count_of(store: &Store, prompt: PromptId, token: &str) -> usize {
    let versions = store.versions(prompt).page(None, 20).unwrap();
    versions
        .iter()
        .filter(|version| version.message == token)
        .count()
}

pub fn is_sound(store: &Store) {
    assert_eq!(store.verify().unwrap().violations, []);
}
