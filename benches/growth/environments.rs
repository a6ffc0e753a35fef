//! Growth with the environments of one prompt.

use promptbook::NewVersion;
use promptbook::list::VersionFilter;

use crate::table::Case;
use crate::versions::{body, case_middle, fill, moves, of, whole};

pub(crate) fn run(case: &mut Case<'_>) {
    let (store, size) = (case.store, case.size);
    let id = fill(store, 100.min(size));
    let names: Vec<String> = (0..size).map(|number| format!("env-{number}")).collect();
    let first = case.time("set all at once", || {
        store
            .update_environments(moves([id], &names, "1.0"))
            .unwrap()
    });
    if first.is_none() {
        return;
    }
    let again = case.time("set all again", || {
        store
            .update_environments(moves([id], &names, "1.1"))
            .unwrap()
    });
    if again.is_some() {
        case.time("undo of that", || store.undo_newest().unwrap());
    }
    case.time("set one", || {
        store.set_environment(id, "env-7", "1.2").unwrap()
    });
    case.time("commit", || {
        store.commit(NewVersion::new(id, body(size))).unwrap()
    });
    case.time("resolve one", || store.resolve(of(id, "env-8")).unwrap());
    case.time("resolve all", || {
        for name in &names {
            store.resolve(of(id, name)).unwrap();
        }
    });
    case.time("set one, resolve all again", || {
        store.set_environment(id, "env-7", "1.3").unwrap();
        for name in &names {
            store.resolve(of(id, name)).unwrap();
        }
    });
    case.time("list them", || store.environments(id).unwrap());
    case.time("list the versions", || {
        let all = VersionFilter::default();
        store
            .versions(id)
            .with_filter(&all)
            .page(None, usize::MAX)
            .unwrap()
    });
    case.time("list all names", || store.environment_names().unwrap());
    case.time("holders", || {
        store.environment_log(id, "env-7", 50).unwrap()
    });
    case.time("diff of environments", || {
        store.diff_environments("env-7", "env-8").unwrap()
    });
    case.time("at the middle", || {
        let view = store.at(case_middle(store)).unwrap();
        view.environments(id).unwrap()
    });
    whole(case);
    case.time("delete a version", || {
        store.delete_version(of(id, "1.5")).unwrap()
    });
    case.time("delete the version of most", || {
        store.delete_version(of(id, "1.0")).unwrap()
    });
    case.time("undo of that, too", || store.undo_newest().unwrap());
    case.time("delete_prompt", || store.delete_prompt(id).unwrap());
    case.time("undo of the prompt's deletion", || {
        store.undo_newest().unwrap()
    });
}
