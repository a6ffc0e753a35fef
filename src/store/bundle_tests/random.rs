//! Property tests with random histories.
//!
//! Two histories are merged, or both stores stay as they were. Forged histories never make a store
//! unsound.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::damage::forged;
use super::*;
use crate::maintenance::GcOptions;
use crate::model::selector::Selector;
use crate::model::version_number::Bump;
use crate::{Body, EnvironmentName, NewPrompt, NewVersion, PromptId, VersionId};

/// One random step: the kind of change, the prompt, and the details.
pub(super) type Step = (u8, u8, u8);

pub(super) fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec((0..15_u8, any::<u8>(), any::<u8>()), 0..most)
}

fn of<T: Copy>(all: &[T], which: u8) -> Option<T> {
    let at = usize::from(which).checked_rem(all.len())?;
    all.get(at).copied()
}

fn body_of(which: u8) -> Body {
    Body::try_from(format!(r#"{{"model": "m", "seed": {}}}"#, which % 8)).unwrap()
}

/// Makes the change of a step as a caller would. A refused change is skipped.
fn step(store: &Store, (what, which, how): Step) -> Result<()> {
    let all = store.prompts().page(None, usize::MAX)?;
    let mut ids: Vec<PromptId> = all.iter().map(|prompt| prompt.id).collect();
    ids.sort();
    let Some(prompt) = of(&ids, which).filter(|_| what > 0) else {
        let new = NewPrompt::new(format!("p{how}"), body_of(how));
        store.create_prompt(new.allow_duplicate_name())?;
        return Ok(());
    };
    let versions = store.versions(prompt).page(None, usize::MAX)?;
    let mut ids: Vec<VersionId> = versions.iter().map(|version| version.id).collect();
    ids.sort();
    let environment = ["production", "staging"][usize::from(how % 2)];
    match (what, of(&ids, how / 2)) {
        (1..4, _) => {
            let bump = if how < 128 { Bump::Major } else { Bump::Minor };
            let new = NewVersion::new(prompt, body_of(how));
            store.commit(new.bump(bump).force(true))?;
        }
        (4..8, Some(version)) => {
            store.set_environment(prompt, environment, Selector::Id(version))?;
        }
        (8, _) => drop(store.remove_environment(prompt, environment)?),
        (9, _) => drop(store.rename(prompt, format!("p{how}"))?),
        (10, Some(version)) => drop(store.delete_version(version)?),
        (11, _) if how < 64 => drop(store.delete_prompt(prompt)?),
        (11, _) => drop(
            store.collect_garbage_with(GcOptions::new().retention(std::time::Duration::ZERO))?,
        ),
        (12, _) => drop(store.undo_newest()?),
        (13, _) => {
            let made = store.stats()?.operations;
            store.undo_with_later(u64::from(how) % made + 1)?;
        }
        (14, _) => match how % 4 {
            0 => store.remove_environment_list()?,
            1 => drop(store.remove_from_environment_list([environment, "dev"])?),
            2 => drop(store.add_to_environment_list(["production", "staging", "dev"])?),
            _ => drop(store.add_to_environment_list(["qa", "production", "staging"])?),
        },
        _ => {}
    }
    Ok(())
}

pub(super) fn walk(store: &Store, steps: &[Step]) {
    for one in steps {
        let _ = step(store, *one);
    }
}

/// Returns prompts, versions and environments, independently of their order.
fn shelf(store: &Store) -> BTreeMap<PromptId, String> {
    let mut shelf = BTreeMap::new();
    let visited = store
        .shared()
        .index
        .snapshot()
        .unwrap()
        .each_prompt(&mut |mut table| {
            table.versions.sort_by_key(|row| row.version.id);
            let pointers: Vec<(EnvironmentName, VersionId)> = table
                .environments
                .iter()
                .map(|(name, to)| (name.clone(), to.0))
                .collect();
            table.environments.clear();
            // The operation that was appended last differs.
            table.updated_at = table.created_at;
            shelf.insert(table.id, format!("{table:?} {pointers:?}"));
            std::ops::ControlFlow::Continue(())
        });
    visited.unwrap();
    shelf
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn two_histories_are_merged_or_unchanged(common in steps(20), one in steps(6), other in steps(6)) {
        let first = Store::in_memory().unwrap();
        walk(&first, &common);
        let second = Store::in_memory().unwrap();
        import(&second, &export(&first)).unwrap();
        walk(&first, &one);
        walk(&second, &other);
        let bundles = [export(&first), export(&second)];
        let mut taken = 0;
        for (store, own, bundle) in
            [(&first, &bundles[0], &bundles[1]), (&second, &bundles[1], &bundles[0])]
        {
            match import(store, bundle) {
                Ok(imported) => {
                    taken += 1;
                    prop_assert_eq!(imported.present + imported.appended, imported.operations);
                    let once = export(store);
                    prop_assert_eq!(import(store, bundle).unwrap().appended, 0);
                    prop_assert_eq!(export(store), once);
                }
                Err(Error::MergeConflict { .. }) => prop_assert_eq!(&export(store), own),
                Err(other) => panic!("{other:?}"),
            }
            is_sound(store);
        }
        prop_assert_ne!(taken, 1, "one store took what the other refused");
        if taken == 2 {
            prop_assert_eq!(shelf(&first), shelf(&second));
        }
    }

    /// Operations are removed, duplicated and moved, and all hashes are correct.
    ///
    /// Every store gives the same answer and is sound afterwards.
    #[test]
    fn forged_histories_leave_stores_sound(
        steps in steps(20),
        changes in prop::collection::vec((0..3_u8, any::<u8>(), any::<u8>()), 1..3),
    ) {
        let store = Store::in_memory().unwrap();
        walk(&store, &steps);
        let mut texts = Vec::new();
        let visited = store.shared().index.snapshot().unwrap().each_operation(0, &mut |_, _, text| {
            texts.push(text.to_owned());
            std::ops::ControlFlow::Continue(())
        });
        visited.unwrap();
        for (what, which, to) in changes {
            if texts.is_empty() {
                break;
            }
            let at = usize::from(which) % texts.len();
            let to = usize::from(to) % texts.len();
            match what {
                0 => drop(texts.remove(at)),
                1 => texts.insert(to, texts[at].clone()),
                _ => texts.swap(at, to),
            }
        }
        let text = texts.concat();
        let bodies: Vec<Body> = (0..8).map(body_of).collect();
        let bodies: Vec<&[u8]> = bodies
            .iter()
            .filter(|body| text.contains(&body.id().to_string()))
            .map(Body::as_bytes)
            .collect();
        let bundle = forged(&texts, &bodies);
        let folder = tempfile::tempdir().unwrap();
        let stores = [Store::in_memory().unwrap(), Store::create(folder.path()).unwrap()];
        let answers = stores.each_ref().map(|store| import(store, &bundle).map_err(|error| error.to_string()));
        for (store, answer) in stores.iter().zip(&answers) {
            prop_assert_eq!(answer, &answers[0]);
            is_sound(store);
            if answer.is_ok() {
                prop_assert_eq!(&export(store), &bundle);
            }
        }
    }
}
