//! Growth with tags: the labels of one prompt, and the template tags of one body.

use promptbook::list::PromptFilter;
use promptbook::{NewPrompt, NewVersion};

use crate::table::Case;
use crate::versions::{body, of};

/// Times a call, and prints the error if the call is refused.
macro_rules! accepted {
    ($case:expr, $what:literal, $call:expr) => {
        match $case.time($what, || $call) {
            Some(Err(error)) => eprintln!("  {}: {error}", $what),
            _ => {}
        }
    };
}

pub(crate) fn labels(case: &mut Case<'_>) {
    let (store, size) = (case.store, case.size);
    let new = NewPrompt::new("tagged", body(0));
    let id = store.create_prompt(new).unwrap().prompt.id;
    let tags: Vec<String> = (0..size).map(|number| format!("tag {number}")).collect();
    accepted!(case, "set_tags", store.set_tags(id, &tags));
    accepted!(case, "set_tags, one less", store.set_tags(id, &tags[1..]));
    case.time("rename", || store.rename(id, "tagged otherwise").unwrap());
    case.time("commit", || {
        store.commit(NewVersion::new(id, body(1))).unwrap()
    });
    case.time("list the prompt", || {
        store.prompts().page(None, 50).unwrap()
    });
    case.time("list by all tags", || {
        let filter = tags.iter().fold(PromptFilter::default(), PromptFilter::tag);
        store.prompts().with_filter(&filter).page(None, 50).unwrap()
    });
    case.time("all tags", || store.tags().unwrap());
    case.time("delete_prompt", || store.delete_prompt(id).unwrap());
    case.time("undo of that", || store.undo_newest().unwrap());
    case.time("verify", || assert!(store.verify().unwrap().is_clean()));
}

fn asking(variables: usize, partials: &str) -> String {
    let tags: Vec<String> = (0..variables)
        .map(|number| format!("{{{{hc:v{number}:string}}}}"))
        .collect();
    let text = tags.join(" ") + partials;
    serde_json::json!({"messages": [{"role": "user", "content": text}]}).to_string()
}

pub(crate) fn in_a_body(case: &mut Case<'_>) {
    let (store, size) = (case.store, case.size);
    let new = NewPrompt::new("asking", asking(1, ""));
    let id = store.create_prompt(new).unwrap().prompt.id;
    let commit = |text: String| store.commit(NewVersion::new(id, text));
    accepted!(case, "commit", commit(asking(size, "")));
    accepted!(
        case,
        "commit of the same tags",
        commit(asking(size, " and"))
    );
    accepted!(
        case,
        "commit of other tags",
        commit(asking(size - 1, " or"))
    );
    accepted!(case, "contract", store.contract(of(id, "latest")));
    accepted!(case, "diff", store.diff(of(id, "1.0"), of(id, "latest")));
    accepted!(
        case,
        "breakages",
        store.breakages(of(id, "1.0"), of(id, "latest"))
    );
    accepted!(case, "search", store.search("asking", 20));
}
