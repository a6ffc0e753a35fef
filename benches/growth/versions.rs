//! Growth with the versions of one prompt.

use std::io::Cursor as File;
use std::time::Duration;

use promptbook::history::LogPosition;
use promptbook::list::{OperationFilter, VersionFilter};
use promptbook::maintenance::GcOptions;
use promptbook::{
    EnvironmentUpdate, NewPrompt, NewVersion, PromptId, Store, StoreOptions, VersionSpec,
};

use crate::table::Case;

pub(crate) fn body(number: usize) -> String {
    format!(
        r#"{{"model":"gpt-4o","seed":{number},"messages":[{{"role":"user","content":"Answer {number} to {{{{hc:question:string}}}}."}}]}}"#
    )
}

pub(crate) fn of(id: PromptId, selector: &str) -> VersionSpec {
    (id, selector).try_into().unwrap()
}

/// Creates one prompt with this number of versions, in production.
pub(crate) fn fill(store: &Store, versions: usize) -> PromptId {
    let new = NewPrompt::new("many", body(0));
    let id = store.create_prompt(new).unwrap().prompt.id;
    let numbers: Vec<usize> = (1..versions).collect();
    for some in numbers.chunks(5_000) {
        store
            .batch(|batch| {
                for number in some {
                    batch.commit(NewVersion::new(id, body(*number)))?;
                }
                Ok(())
            })
            .unwrap();
    }
    id
}

pub(crate) fn run(case: &mut Case<'_>) {
    let (store, size) = (case.store, case.size);
    let Some(id) = case.time("make them", || fill(store, size)) else {
        return;
    };
    case.time("checkpoint", || store.checkpoint().unwrap());
    let again = || NewVersion::new(id, body(size));
    case.time("commit", || store.commit(again()).unwrap());
    let more = NewVersion::new(id, body(size + 1));
    let more = more.environment("staging");
    case.time("commit to an environment", || store.commit(more).unwrap());
    let middle = format!("1.{}", size / 2);
    case.time("set_environment", || {
        let to = middle.as_str();
        store.set_environment(id, "staging", to).unwrap()
    });
    case.time("rename", || store.rename(id, "many versions").unwrap());
    case.time("set_tags", || store.set_tags(id, &["a", "b"]).unwrap());
    reads(case, id, &middle);
    whole(case);
    case.time("delete_version", || {
        store.delete_version(of(id, &middle)).unwrap()
    });
    case.time("undo of that", || store.undo_newest().unwrap());
    let commits = size.min(100);
    case.time("delete the 100 highest one by one", || {
        (0..commits).for_each(|_| drop(store.delete_version(of(id, "latest")).unwrap()));
    });
    case.time("undo of one of them", || store.undo_newest().unwrap());
    case.time("delete_prompt", || store.delete_prompt(id).unwrap());
    let back = case.time("undo of that prompt's deletion", || {
        store.undo_newest().unwrap();
    });
    if back.is_none() {
        return;
    }
    let undone = case.time("undo_with_later of the creation", || {
        store.undo_with_later(1).unwrap()
    });
    let back =
        undone.and_then(|undone| case.time("undo of that undo", || store.undo(&undone).unwrap()));
    if back.is_none() {
        return;
    }
    case.time("delete_prompt again", || store.delete_prompt(id).unwrap());
    case.time("collect_garbage", || {
        store
            .collect_garbage_with(GcOptions::new().retention(Duration::ZERO))
            .unwrap()
    });
    case.time("verify after that", || assert_clean(store));
}

fn assert_clean(store: &Store) {
    let report = store.verify().unwrap();
    assert!(report.is_clean(), "{:?}", report.violations.first());
}

fn reads(case: &mut Case<'_>, id: PromptId, middle: &str) {
    let store = case.store;
    let version = store.version(of(id, middle)).unwrap();
    for (what, selector) in [
        ("resolve latest", "latest".to_owned()),
        ("resolve a number", format!("1.{}", case.size / 3)),
        ("resolve an environment", "production".to_owned()),
        ("resolve a requirement", format!("<1.{}", case.size / 4)),
        ("resolve an id", version.id.to_string()),
    ] {
        case.time(what, || store.resolve(of(id, &selector)).unwrap());
    }
    let all = VersionFilter::default();
    case.time("list 50", || {
        store.versions(id).with_filter(&all).page(None, 50).unwrap()
    });
    case.time("list 50 in the middle", || {
        store
            .versions(id)
            .with_filter(&all)
            .page(Some(version.id), 50)
            .unwrap()
    });
    case.time("list all", || {
        store
            .versions(id)
            .with_filter(&all)
            .page(None, usize::MAX)
            .unwrap()
    });
    case.time("list the prompt", || {
        store.prompts().page(None, 50).unwrap()
    });
    case.time("operations of the prompt, 50", || {
        let filter = OperationFilter::default().prompt(id);
        store
            .operations()
            .with_filter(&filter)
            .page(None, 50)
            .unwrap()
    });
    case.time("holders", || {
        store.environment_log(id, "staging", 50).unwrap()
    });
    case.time("diff", || {
        store.diff(of(id, "1.0"), of(id, middle)).unwrap()
    });
    case.time("blame", || store.blame(of(id, "latest")).unwrap());
    case.time("render", || {
        store.render(of(id, middle), [("question", "why")]).unwrap()
    });
    case.time("at the middle", || {
        let view = store.at(case_middle(store)).unwrap();
        view.resolve(of(id, "latest")).unwrap()
    });
}

pub(crate) fn case_middle(store: &Store) -> u64 {
    store.position().unwrap().number() / 2
}

/// Times the operations that read or write a whole store.
pub(crate) fn whole(case: &mut Case<'_>) {
    let store = case.store;
    case.time("search", || store.search("answer", 20).unwrap());
    case.time("freeze", || store.freeze("production").unwrap());
    case.time("changes_since, all", || {
        store.changes_since(LogPosition::START, usize::MAX).unwrap()
    });
    case.time("verify", || assert_clean(store));
    let bundle = case.time("export_bundle", || {
        let mut bundle = Vec::new();
        store.export_bundle(&mut bundle).unwrap();
        bundle
    });
    if let Some(bundle) = bundle {
        case.time("import_bundle", || {
            let other = StoreOptions::new().in_memory().unwrap();
            other.import_bundle(File::new(bundle)).unwrap();
        });
    }
    case.time("collect_garbage, nothing to do", || {
        store
            .collect_garbage_with(GcOptions::new().retention(Duration::from_secs(3600)))
            .unwrap()
    });
    case.time("repack", || store.repack().unwrap());
}

/// Returns moves of one environment each.
pub(crate) fn moves<'a>(
    prompts: impl IntoIterator<Item = PromptId>,
    environments: impl IntoIterator<Item = &'a String> + Clone,
    to: &str,
) -> Vec<EnvironmentUpdate> {
    let mut moves = Vec::new();
    for prompt in prompts {
        for name in environments.clone() {
            moves.push(EnvironmentUpdate::set(prompt, name.as_str(), to));
        }
    }
    moves
}
