use super::*;
use crate::engine::verify::report::Violation;
use crate::storage::testing;
use crate::storage::testing::HistoryWriter;

const TIGHT: ReplayLimits = ReplayLimits { batch: 1, kept: 3 };

fn tables(snapshot: &dyn Snapshot) -> Vec<PromptTable> {
    let mut tables = Vec::new();
    visit::prompts(snapshot, |table| {
        tables.push(table);
        Ok(())
    })
    .unwrap();
    tables
}

/// Takes the prompts of these tables. Returns the prompts whose rows differ, and whether all changes
/// were taken.
fn replayed(
    snapshot: &dyn Snapshot,
    tables: &[PromptTable],
    limits: ReplayLimits,
) -> (Vec<PromptId>, bool) {
    let progress = &mut Reporter::default();
    let mut replay = ChainReplay::new(snapshot, &[], limits);
    let mut differing = Vec::new();
    for table in tables {
        match replay.take(snapshot, table, progress) {
            Ok(rows) if rows.to_table() == *table => {}
            _ => differing.push(table.id),
        }
    }
    let mut report = VerifyReport::default();
    let are_all_taken = replay.end(&mut report, progress).unwrap();
    let (last, id) = snapshot.last_operation().unwrap().unwrap();
    assert_eq!((report.operations, report.head), (last, Some(id)));
    assert_eq!(report.violations, [] as [Violation; 0]);
    (differing, are_all_taken)
}

/// Creates prompts one after the other, and changes some of them later.
fn fill(writer: &mut HistoryWriter<'_>) {
    for prompt in 1..=12 {
        writer.create(prompt, &format!("p{prompt}"), &[]);
        writer.commit(prompt, 10 * prompt, "1.0");
        writer.commit(prompt, 10 * prompt + 1, "1.1");
        writer.point(prompt, "staging", Some(10 * prompt));
        if prompt > 5 {
            writer.change(prompt - 5, &format!("later{prompt}"), &["tag"]);
        }
    }
    writer.delete_version(1, 11);
    writer.delete_prompt(2);
    writer.commit(1, 12, "2.0");
}

#[test]
fn prompts_have_the_rows_of_all_their_operations() {
    let (index, _) = testing::in_memory();
    fill(&mut HistoryWriter::new(&*index));
    let snapshot = &*index.snapshot().unwrap();
    let mut tables = tables(snapshot);
    assert_eq!(tables.len(), 12);
    for (batch, kept) in [(1, 1), (1, 3), (3, 8), (20, 20), (1000, 1000)] {
        let limits = ReplayLimits { batch, kept };
        assert_eq!(replayed(snapshot, &tables, limits), (vec![], true));
    }
    tables.reverse();
    assert_eq!(replayed(snapshot, &tables, TIGHT), (vec![], true));
}

/// The rows are compared before all operations were read.
#[test]
fn a_prompt_that_lacks_its_last_changes_is_noticed() {
    let (index, _) = testing::in_memory();
    let mut writer = HistoryWriter::new(&*index);
    fill(&mut writer);
    let before = tables(&*index.snapshot().unwrap());
    writer.point(12, "staging", None);
    let snapshot = &*index.snapshot().unwrap();
    let (differing, are_all_taken) = replayed(snapshot, &before, TIGHT);
    assert!(!differing.is_empty() || !are_all_taken);
    let limits = ReplayLimits { batch: 1, kept: 50 };
    let (differing, are_all_taken) = replayed(snapshot, &before, limits);
    assert_eq!((differing, are_all_taken), (vec![], false));
}

#[test]
fn a_prompt_without_a_row_is_noticed() {
    let (index, _) = testing::in_memory();
    fill(&mut HistoryWriter::new(&*index));
    let snapshot = &*index.snapshot().unwrap();
    let mut tables = tables(snapshot);
    tables.remove(6);
    assert_eq!(replayed(snapshot, &tables, TIGHT), (vec![], false));
}

/// Operations of many prompts are not read once for each of them.
#[test]
fn large_operations_are_read_together() {
    let (index, _) = testing::in_memory();
    let mut writer = HistoryWriter::new(&*index);
    for prompt in 1..=40 {
        writer.create(prompt, &format!("p{prompt}"), &[]);
    }
    let all = (1..=40).map(|prompt| {
        let id = testing::values::prompt_id(prompt);
        let named = |name: String| Some(testing::values::state(&name, &[]));
        let (before, after) = (named(format!("p{prompt}")), named(format!("q{prompt}")));
        testing::values::prompt_change(id, before, after)
    });
    writer.write(all.collect());
    let snapshot = &*index.snapshot().unwrap();
    let tables = tables(snapshot);
    assert_eq!(replayed(snapshot, &tables, TIGHT), (vec![], true));
    let mut replay = ChainReplay::new(snapshot, &[], TIGHT);
    for table in &tables {
        let taken = replay.take(snapshot, table, &mut Reporter::default());
        assert!(taken.is_ok());
    }
    assert!(
        !replay.is_ahead,
        "{} changes were read again",
        replay.reread
    );
}
