//! Tests of bundles of a part of a history.

use proptest::prelude::*;

use super::random::{steps, walk};
use super::*;
use crate::model::log_position::LogPosition;

/// Returns the bundle of the operations after a position.
fn export_after(store: &Store, after: LogPosition, bytes: u64) -> (Vec<u8>, BundleSummary) {
    let mut file = Vec::new();
    let options = ExportOptions::new().after(after).bytes(bytes);
    let summary = store.export_bundle_with(&mut file, options).unwrap();
    (file, summary)
}

fn answer(imported: Result<ImportSummary>) -> String {
    match imported {
        Ok(imported) => format!("{} {}", imported.appended, imported.merged),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_part_needs_the_operations_before_it() {
    let store = Store::in_memory().unwrap();
    let new = |name: &str| crate::NewPrompt::new(name, r#"{"messages": []}"#);
    store.create_prompt(new("one")).unwrap();
    let after = store.position().unwrap();
    store.create_prompt(new("two")).unwrap();
    let (part, summary) = export_after(&store, after, u64::MAX);
    // Both prompts have the same body, which the second operation needs as well.
    assert_eq!((summary.operations, summary.bodies), (1, 1));
    let other = Store::in_memory().unwrap();
    let refused = import(&other, &part).unwrap_err();
    assert!(
        matches!(refused, Error::BundleGap { after: gap } if gap == after),
        "{refused}"
    );
    other.create_prompt(new("other")).unwrap();
    assert!(matches!(
        import(&other, &part),
        Err(Error::BundleGap { .. })
    ));
    let foreign = other.position().unwrap();
    let refused = store.export_bundle_with(Vec::new(), ExportOptions::new().after(foreign));
    assert!(matches!(refused, Err(Error::PositionNotFound { .. })));

    let (nothing, summary) = export_after(&store, store.position().unwrap(), 1);
    assert_eq!((summary.operations, summary.head), (0, None));
    assert_eq!(import(&store, &nothing).unwrap().appended, 0);
}

#[test]
fn a_merge_can_be_refused() {
    let store = Store::in_memory().unwrap();
    let new = |name: &str| crate::NewPrompt::new(name, r#"{"messages": []}"#);
    store.create_prompt(new("one")).unwrap();
    let other = Store::in_memory().unwrap();
    import(&other, &export(&store)).unwrap();
    store.create_prompt(new("two")).unwrap();
    let bundle = export(&store);
    let continuing = |store: &Store, bundle: &[u8]| {
        store.import_bundle_with(
            Cursor::new(bundle),
            ImportOptions::new().refuse_merges(true),
        )
    };
    assert_eq!(continuing(&other, &bundle).unwrap().appended, 1);
    other.create_prompt(new("three")).unwrap();
    assert_eq!(continuing(&other, &bundle).unwrap().appended, 0);
    store.create_prompt(new("four")).unwrap();
    let refused = continuing(&other, &export(&store)).unwrap_err();
    assert!(
        matches!(refused, Error::BundleDiverged { common: 2 }),
        "{refused}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_parts_of_a_history_make_the_whole(all in steps(40), bytes in 0..4000_u64) {
        let store = Store::in_memory().unwrap();
        walk(&store, &all);
        let copy = Store::in_memory().unwrap();
        loop {
            let (part, summary) = export_after(&store, copy.position().unwrap(), bytes);
            if summary.operations == 0 {
                break;
            }
            prop_assert_eq!(import(&copy, &part).unwrap().appended, summary.operations);
            prop_assert_eq!(import(&copy, &part).unwrap().appended, 0);
            is_sound(&copy);
        }
        prop_assert_eq!(export(&copy), export(&store));
    }

    /// A part is merged, or refused, as the whole bundle is.
    #[test]
    fn a_part_is_merged_as_the_whole(common in steps(20), one in steps(6), other in steps(6)) {
        let first = Store::in_memory().unwrap();
        walk(&first, &common);
        let start = first.position().unwrap();
        let stores = [Store::in_memory().unwrap(), Store::in_memory().unwrap()];
        for store in &stores {
            import(store, &export(&first)).unwrap();
        }
        walk(&first, &one);
        walk(&stores[0], &other);
        let own = export_after(&stores[0], start, u64::MAX).0;
        import(&stores[1], &own).unwrap();
        let whole = answer(import(&stores[0], &export(&first)));
        let part = answer(import(&stores[1], &export_after(&first, start, u64::MAX).0));
        prop_assert_eq!(&part, &whole);
        // One of them may have collected a body.
        prop_assert_eq!(stores[0].position().unwrap(), stores[1].position().unwrap());
        is_sound(&stores[1]);
    }
}
