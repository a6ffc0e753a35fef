//! Growth with prompts of three versions each.

use promptbook::list::{OperationFilter, PromptFilter};
use promptbook::{EnvironmentName, NewPrompt, NewVersion, PromptId};

use crate::table::Case;
use crate::versions::{body, case_middle, moves, whole};

fn new(number: usize) -> NewPrompt {
    let name = format!("prompt {number}");
    let new = NewPrompt::new(name.as_str(), body(number));
    new.tag(if number.is_multiple_of(2) {
        "even"
    } else {
        "odd"
    })
}

pub(crate) fn run(case: &mut Case<'_>) {
    let (store, size) = (case.store, case.size);
    let made = case.time("make them", || {
        let mut ids: Vec<PromptId> = Vec::new();
        let numbers: Vec<usize> = (0..size).collect();
        for some in numbers.chunks(2_000) {
            store
                .batch(|batch| {
                    for number in some {
                        let id = batch.create_prompt(new(*number))?.prompt.id;
                        for version in 1..3 {
                            let body = body(number + version * 1_000_000);
                            batch.commit(NewVersion::new(id, body))?;
                        }
                        ids.push(id);
                    }
                    Ok(())
                })
                .unwrap();
        }
        ids
    });
    let Some(ids) = made else { return };
    let id = ids[size / 2];
    case.time("checkpoint", || store.checkpoint().unwrap());
    case.time("create one", || store.create_prompt(new(size)).unwrap());
    case.time("commit", || {
        store.commit(NewVersion::new(id, body(7))).unwrap()
    });
    case.time("set_environment", || {
        store.set_environment(id, "canary", "1.1").unwrap()
    });
    case.time("rename", || store.rename(id, "renamed").unwrap());
    case.time("resolve by name", || {
        store.resolve("renamed@latest").unwrap()
    });
    lists(case, id);
    let staging = ["staging".to_owned()];
    let all = moves(ids.iter().copied(), &staging, "1.1");
    case.time("move an environment of all", || {
        store.update_environments(all).unwrap()
    });
    let again = moves(ids.iter().copied(), &staging, "1.2");
    case.time("move it again", || {
        store.update_environments(again).unwrap()
    });
    case.time("undo of that", || store.undo_newest().unwrap());
    let last = store.position().unwrap().number();
    case.time("undo_with_later of the first move", || {
        store.undo_with_later(last - 2).unwrap()
    });
    whole(case);
    case.time("delete_prompt", || store.delete_prompt(id).unwrap());
    case.time("undo of the prompt's deletion", || {
        store.undo_newest().unwrap()
    });
}

fn lists(case: &mut Case<'_>, id: PromptId) {
    let store = case.store;
    let all = PromptFilter::default();
    case.time("list 50", || {
        store.prompts().with_filter(&all).page(None, 50).unwrap()
    });
    case.time("list 50 in the middle", || {
        store
            .prompts()
            .with_filter(&all)
            .page(Some(id), 50)
            .unwrap()
    });
    case.time("list all, 50 at a time", || {
        let mut before = None;
        loop {
            let page = store.prompts().with_filter(&all).page(before, 50).unwrap();
            before = page.last().map(|prompt| prompt.id);
            if page.len() < 50 {
                break;
            }
        }
    });
    let odd = PromptFilter::default().tag("odd");
    case.time("list 50 of a tag", || {
        store.prompts().with_filter(&odd).page(None, 50).unwrap()
    });
    let named = PromptFilter::default().name_contains("999");
    case.time("list 50 of a name", || {
        store.prompts().with_filter(&named).page(None, 50).unwrap()
    });
    case.time("count", || store.prompts().count().unwrap());
    case.time("all tags", || store.tags().unwrap());
    case.time("operations of one", || {
        let filter = OperationFilter::default().prompt(id);
        store
            .operations()
            .with_filter(&filter)
            .page(None, 50)
            .unwrap()
    });
    case.time("operations of an environment", || {
        let canary: EnvironmentName = "canary".parse().unwrap();
        let filter = OperationFilter::default().environment(canary);
        store
            .operations()
            .with_filter(&filter)
            .page(None, 50)
            .unwrap()
    });
    case.time("at the middle", || {
        let view = store.at(case_middle(store)).unwrap();
        view.prompts().with_filter(&all).page(None, 50).unwrap()
    });
}
