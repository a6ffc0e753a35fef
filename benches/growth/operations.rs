//! Growth with operations: one environment of one prompt, moved back and forth.

use promptbook::history::OperationRef;
use promptbook::list::OperationFilter;
use promptbook::{EnvironmentName, EnvironmentUpdate};

use crate::table::Case;
use crate::versions::{case_middle, fill, whole};

pub(crate) fn run(case: &mut Case<'_>) {
    let (store, size) = (case.store, case.size);
    let id = fill(store, 2);
    let made = case.time("make them", || {
        let turns: Vec<usize> = (0..size).collect();
        for some in turns.chunks(5_000) {
            store
                .batch(|batch| {
                    for turn in some {
                        let to = if turn.is_multiple_of(2) { "1.1" } else { "1.0" };
                        batch.update_environments([EnvironmentUpdate::set(id, "staging", to)])?;
                    }
                    Ok(())
                })
                .unwrap();
        }
    });
    if made.is_none() {
        return;
    }
    case.time("set_environment", || {
        store.set_environment(id, "production", "1.1").unwrap()
    });
    case.time("undo_newest", || store.undo_newest().unwrap());
    case.time("undo_newest, 100 in a row", || {
        (0..100.min(size)).for_each(|_| drop(store.undo_newest().unwrap()));
    });
    let middle = case_middle(store);
    let found = store.operations().page(Some(middle), 1).unwrap();
    let id_of_it: OperationRef = found[0].id.into();
    case.time("at the middle, by number", || {
        store.at(middle).unwrap().environments(id).unwrap()
    });
    case.time("at the middle, by id", || store.at(id_of_it).unwrap());
    case.time("at the middle, by time", || {
        store.at(found[0].content.at).unwrap().operation()
    });
    let staging: EnvironmentName = "staging".parse().unwrap();
    let of_both = OperationFilter::default().prompt(id);
    let of_both = of_both.environment(staging.clone());
    let of_environment = OperationFilter::default().environment(staging.clone());
    for (what, filter) in [
        ("operations, 50", OperationFilter::default()),
        ("operations of the environment, 50", of_environment),
        ("operations of prompt and environment", of_both),
    ] {
        case.time(what, || {
            store
                .operations()
                .with_filter(&filter)
                .page(None, 50)
                .unwrap()
        });
        case.time("the same in the middle", || {
            store
                .operations()
                .with_filter(&filter)
                .page(Some(middle), 50)
                .unwrap()
        });
    }
    case.time("holders, 50", || {
        store.environment_log(id, "staging", 50).unwrap()
    });
    case.time("holders, all", || {
        store.environment_log(id, "staging", usize::MAX).unwrap()
    });
    whole(case);
    case.time("undo_with_later of the creation", || {
        store.undo_with_later(1).unwrap()
    });
    case.time("undo of that undo", || store.undo_newest().unwrap());
}
