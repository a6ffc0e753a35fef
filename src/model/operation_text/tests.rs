use super::*;
use crate::model::id::{BlobId, OperationId, VersionId};
use crate::model::record::Change;

/// One line for each kind of operation and of change, as every store contains them.
fn golden() -> Vec<&'static str> {
    let lines = include_str!("../../../tests/golden/operations").lines();
    lines.filter(|line| !line.starts_with('#')).collect()
}

#[test]
fn every_text_is_written_as_it_was_read() {
    for line in golden() {
        let content = read(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_eq!(write(&content).unwrap(), line);
    }
}

#[test]
fn every_kind_of_operation_and_of_change_is_there() {
    let all = golden().join("\n");
    let kinds = [
        "create",
        "import",
        "commit",
        "move",
        "rename",
        "tag",
        "delete_version",
        "delete_prompt",
        "environment_list",
        "undo",
    ];
    for kind in kinds {
        assert!(all.contains(&format!("\"kind\":\"{kind}\"")), "{kind}");
    }
    let changes = [
        "prompt",
        "version_created",
        "version_deleted",
        "version_restored",
        "environment",
        "environment_list",
    ];
    for change in changes {
        assert!(all.contains(&format!("{{\"{change}\":{{")), "{change}");
    }
}

/// The ids of the golden lines as one history.
#[test]
fn the_hash_chain_is_the_same() {
    let chain = |last: OperationId, text: &&str| last.followed_by(text.as_bytes());
    let last = golden().iter().fold(OperationId::ROOT, chain);
    assert_eq!(
        last.to_string(),
        "390a1a38f5fbcdb48ac544e4a42c8cb0d18693455fccdc8a651fe7596807b5b5"
    );
}

#[test]
fn the_parts_are_those_of_the_whole() {
    for line in golden() {
        let content = read(line).unwrap();
        assert_eq!(moment(line).unwrap(), content.at);
        let place = moment_in(line.as_bytes()).unwrap();
        assert_eq!(serde_json::json!(content.at), line[place]);
        let prompts: Vec<_> = content.changes.iter().filter_map(Change::prompt).collect();
        assert_eq!(changed_prompts(line).unwrap(), prompts);
        assert!(
            prompts
                .iter()
                .all(|prompt| PromptMention::of(*prompt).is_in(line))
        );
        assert_eq!(may_undo(line), !content.undoes.is_empty());
        assert!(
            content
                .group
                .is_none_or(|group| may_be_of_group(line, group))
        );
        let created: Vec<(BlobId, VersionId)> = content
            .changes
            .iter()
            .filter_map(|change| match change {
                Change::VersionCreated(version) => Some((version.blob, version.id)),
                _ => None,
            })
            .collect();
        assert_eq!(created_versions(line).unwrap(), created);
        let live: Vec<_> = content.changes.iter().map(LiveChange::from).collect();
        assert_eq!(live_changes(line).unwrap(), live);
        let names: Vec<Option<&str>> = content
            .changes
            .iter()
            .map(|change| match change {
                Change::Prompt { after, .. } => after.as_ref().map(|after| after.name.as_str()),
                _ => None,
            })
            .collect();
        let items = changed_items(line).unwrap();
        let found: Vec<Option<&str>> = items.iter().map(ChangedItem::name_after).collect();
        assert_eq!(found, names);
    }
}

#[test]
fn only_the_undone_numbers_are_left_out() {
    for line in golden() {
        let content = read(line).unwrap();
        let text = without_undoes(line, &content).unwrap();
        let mut expected = content;
        expected.undoes.clear();
        assert_eq!(read(&text).unwrap(), expected);
    }
}

#[test]
fn other_texts_are_refused() {
    let unknown = [
        "{}",
        r#"{"at":"2026-01-01T00:00:00Z","author":"a","kind":"other","changes":[]}"#,
        r#"{"at":"2026-01-01T00:00:00Z","author":"a","kind":"move","changes":[{"other":{}}]}"#,
        r#"{"at":"2026-01-01T00:00:00Z","author":"a","kind":"move","group":"x","changes":[]}"#,
    ];
    for text in unknown {
        assert!(read(text).is_err(), "{text}");
    }
}
