//! An app that falls back from a store to a frozen file: `cargo run --example frozen`.
//!
//! `promptbook freeze prompts.frozen` writes such a file. An app can compile it in with `include_bytes!`.

use promptbook::frozen::Frozen;
use promptbook::{NewPrompt, PromptSource, Result, Store};

/// The function of the app, which works on either.
pub fn greet(prompts: &dyn PromptSource, name: &str) -> Result<String> {
    let rendered = prompts.render(("greeting", "production"), [("name", name)])?;
    let text = rendered.body["messages"][0]["content"].as_str();
    Ok(text.unwrap_or_default().to_owned())
}

#[allow(clippy::print_stdout)] // This program prints for its user.
fn main() -> Result<()> {
    let frozen = frozen()?;
    let directory = std::env::args().nth(1).unwrap_or_else(|| "prompts".into());
    let store = Store::open(directory);
    let prompts: &dyn PromptSource = match &store {
        Ok(store) => store,
        Err(_) => &frozen,
    };
    println!("{}", greet(prompts, "Ada")?);
    Ok(())
}

/// Takes the place of `Frozen::from_static(include_bytes!("prompts.frozen"))`.
fn frozen() -> Result<Frozen> {
    let store = Store::in_memory()?;
    let body = r#"{"messages": [{"role": "user", "content": "Greet {{hc:name:string}}."}]}"#;
    store.create_prompt(NewPrompt::new("greeting", body))?;
    store.freeze("production")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn greets_from_the_frozen_file() -> Result<()> {
        assert_eq!(greet(&frozen()?, "Ada")?, "Greet Ada.");
        Ok(())
    }
}
