//! Records as JSON: each record that is written is read again as the same value.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::fs;
use std::path::Path;

use promptbook::diff::EnvironmentDifference;
use promptbook::history::Operation;
use promptbook::maintenance::GcOptions;
use promptbook::{EnvironmentUpdate, Error, NewPrompt, NewVersion, Store};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::support::{Place, commit, create, new_store};

/// Lists types that are written as JSON, and checks that each of them can be read again.
macro_rules! records {
    ($($module:path: $($name:ident),+ $(,)?;)+) => {{
        fn is_record<T: Serialize + DeserializeOwned>() {}
        $({
            use $module::*;
            $(is_record::<$name>();)+
        })+
        [$($(stringify!($name)),+),+]
    }};
}

/// Every public type of the core that derives `Serialize`. The values of the tests below contain
/// one of each.
#[test]
fn every_public_record_can_be_read() {
    let listed = records! {
        promptbook: Breakage, BumpPolicy, Contract, CreatedPrompt, Environment, ErrorKind, Inputs, Prompt,
            RenderedVersion, Settings, Version, VersionId, VersionNumber;
        promptbook::bundle: BundleSummary, ImportSummary, PortableInputs, PortablePrompt,
            PortableVersion;
        promptbook::changes: EnsuredPrompt, EnsuredVersion, EnvironmentChange;
        promptbook::contract: AcceptedValues, Tool, ToolKind, Variable;
        promptbook::diff: Blame, BlameEntry, BlameOrigin, BlamedLine, BlamedText, BodyDiff, DiffSide,
            Difference, Edit, EditKind, EnvironmentDifference, LineBlame, Pointer, Section, Segment, SegmentKind, VariableChange,
            Verdict;
        promptbook::frozen: LockedPrompt;
        promptbook::history: Change, EnvironmentLogEntry, Event, GroupId, LogPosition, Operation,
            OperationContent, OperationKind, PromptState, RecordedInputs;
        promptbook::error: FileProblem;
        promptbook::files: SkippedEntry;
        promptbook::formats: FormatFinding;
        promptbook::lint: Finding, FindingKind;
        promptbook::list: PromptOrder, VersionCounts;
        promptbook::maintenance: BackupSummary, BlobFailure, BlobUsage, CheckpointSummary, CopySummary, Diagnostics,
            GcSummary, MaintenanceFailure, RepackSummary, RepairSummary, StoreStats, VerifyReport,
            Violation;
        promptbook::search: MatchedIn, SearchHit, Snippet;
        promptbook::template: Merged, PartialUse, Problem, RenderedBody, TextLocation,
            UnfilledTag, ValidationError, VariableSite, VariableType, VariableUse;
    };
    #[cfg_attr(not(feature = "remote"), allow(unused_mut))]
    let mut listed = BTreeSet::from(listed.map(str::to_owned));
    #[cfg(feature = "remote")]
    listed.extend(
        records! {
            promptbook::remote: FailedPrompt, LackingVersions, MappedNumber, PromptPull, PromptPush, PromptSync,
                PullOutcome, PullSummary, PushOutcome, PushSummary, ReassignedNumber, RemoteInfo, RemoteKind, RenumberedVersion, RenumberingSummary,
                SyncState, SyncStatus;
        }
        .map(str::to_owned),
    );
    let written = types_written_as_json(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    assert!(written.len() > 50, "the source was not found");
    let missing: Vec<_> = written.difference(&listed).collect();
    assert!(missing.is_empty(), "not in the list above: {missing:?}");
}

/// Returns the names of the public types below a folder that derive `Serialize`, without those of
/// the server and the command, whose JSON others define.
fn types_written_as_json(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            let is_built = cfg!(feature = "remote") || !path.ends_with("src/remote");
            if !path.ends_with("server") && !path.ends_with("cli") && is_built {
                found.append(&mut types_written_as_json(&path));
            }
            continue;
        }
        let mut is_written = false;
        for line in fs::read_to_string(&path).unwrap().lines() {
            let item = ["pub struct ", "pub enum "];
            let item = item.iter().find_map(|kind| line.strip_prefix(kind));
            if line.starts_with("#[derive(") {
                is_written = line.contains("Serialize");
            } else if let Some(name) = item.filter(|_| is_written) {
                let name = name.split(|c: char| !c.is_alphanumeric()).next();
                found.extend(name.map(str::to_owned));
                is_written = false;
            } else if !line.starts_with(['#', '/']) {
                is_written = false;
            }
        }
    }
    found
}

/// Checks that a value is the same after it was written as JSON and read again.
#[track_caller]
fn survives<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    let text = serde_json::to_string(value).unwrap();
    let read: T = serde_json::from_str(&text).unwrap();
    assert_eq!(read, *value, "{text}");
    assert_eq!(serde_json::to_string(&read).unwrap(), text);
}

/// As [`survives`], of values that do not write everything that they contain.
#[track_caller]
fn survives_as_text<T: Serialize + DeserializeOwned>(value: &T) {
    let text = serde_json::to_string(value).unwrap();
    let read: T = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), text);
}

const BODY: &str = r#"{"model": "m", "temperature": 1.50, "big": 123456789012345678901, "stop": null,
    "messages": [{"role": "user", "content": "Greet {{hc:name:string}} and {{hc:age:number}}."}],
    "tools": [{"type": "function", "function": {"name": "wave", "parameters": {"type": "object"}}}]}"#;

fn filled() -> (Place, Store) {
    let place = Place::new();
    let store = place.create();
    store
        .create_prompt(NewPrompt::new("greeting", BODY).tag("polite"))
        .unwrap();
    let other = BODY
        .replace("Greet", "Do not greet")
        .replace(r#""stop": null"#, r#""stop": 0.10"#)
        .replace("{{hc:age:number}}", "{{hc:place:string}}");
    let new = NewVersion::new("greeting", other);
    store.commit(new.message("Say no").force(true)).unwrap();
    create(&store, "other");
    commit(&store, "other", "another text");
    (place, store)
}

#[test]
fn prompts_versions_and_operations_are_read_again() {
    let (_place, store) = filled();
    for prompt in store.prompts() {
        let prompt = prompt.unwrap();
        survives(&prompt);
        for environment in &prompt.environments {
            survives(environment);
        }
        for version in store.versions(prompt.id) {
            survives(&version.unwrap());
        }
        survives(&store.version_counts(prompt.id).unwrap());
    }
    let operations: Vec<Operation> = store.operations().page(None, 99).unwrap();
    assert!(!operations.is_empty());
    operations.iter().for_each(survives);
    let start = promptbook::history::LogPosition::START;
    for event in store.changes_since(start, 99).unwrap() {
        survives(&event);
    }
    let log = store.environment_log("greeting", "production", 9);
    log.unwrap().iter().for_each(survives);
    for hit in store.search("greet", 9).unwrap() {
        survives(&hit);
    }
    let new = NewPrompt::new("new", BODY);
    survives(&store.create_prompt(new).unwrap());
    let update = EnvironmentUpdate::set("greeting", "staging", "1.0");
    store
        .update_environments([update])
        .unwrap()
        .iter()
        .for_each(survives);
}

#[test]
fn reports_and_summaries_are_read_again() {
    let (place, store) = filled();
    let backup = Place::new();
    survives(&store.settings());
    survives(&store.checkpoint().unwrap());
    survives(&store.collect_garbage().unwrap());
    let dry = GcOptions::new().dry_run(true);
    survives(&store.collect_garbage_with(dry).unwrap());
    survives(&store.repack().unwrap());
    survives(&store.stats().unwrap());
    survives(&store.diagnostics().unwrap());
    survives(&store.backup(backup.path()).unwrap());
    let mut file = Vec::new();
    survives(&store.export_bundle(&mut file).unwrap());
    let copy = new_store();
    let imported = copy.import_bundle(std::io::Cursor::new(file));
    survives(&imported.unwrap());
    survives(&copy.diagnostics().unwrap());

    let body = store.version("other@1.0").unwrap().blob;
    std::fs::remove_file(place.body(body)).unwrap();
    drop(store);
    let store = place.open();
    let report = store.verify().unwrap();
    assert!(!report.is_clean());
    survives(&report);
    report.violations.iter().for_each(survives);
    survives(&store.repair(&[backup.open()]).unwrap());
}

#[test]
fn differences_are_read_again_without_their_bodies() {
    let (_place, store) = filled();
    let difference = store.diff("greeting@1.0", "greeting@latest").unwrap();
    survives(&difference.body);
    difference.breakages.iter().for_each(survives);
    difference.variables.iter().for_each(survives);
    assert!(!difference.breakages.is_empty() && !difference.variables.is_empty());
    survives_as_text(&difference);
    let text = serde_json::to_string(&difference).unwrap();
    let read: promptbook::diff::Difference = serde_json::from_str(&text).unwrap();
    assert_eq!(read.body, difference.body);
    assert_eq!(read.from.version, difference.from.version);
    assert!(read.from.body.is_none());
    let environments: Vec<EnvironmentDifference> =
        store.diff_environments("production", "staging").unwrap();
    assert!(!environments.is_empty());
    environments.iter().for_each(survives_as_text);
    survives(&store.blame("greeting@latest").unwrap());
}

#[test]
fn contracts_and_problems_are_read_again() {
    let (_place, store) = filled();
    let contract = store.contract("greeting@latest").unwrap();
    assert!(!contract.tools.is_empty());
    survives(&contract);

    // Partials that name a prompt and a message that do not exist.
    let other = store.prompt("other").unwrap().id;
    let body = format!(
        r#"{{"messages": [{{"role": "user", "content": "{{{{hcp:none01:0:staging}}}} {{{{hcp:{other}:9}}}}"}}]}}"#
    );
    store
        .create_prompt(NewPrompt::new("partials", body))
        .unwrap();
    let contract = store.contract("partials").unwrap();
    assert_eq!(contract.problems.len(), 2, "{contract:?}");
    survives(&contract);
    let Err(Error::Render { problems }) = store.render("greeting@latest", [("extra", 1)]) else {
        panic!("it rendered a body without its inputs");
    };
    assert!(problems.len() > 2, "{problems:?}");
    problems.iter().for_each(survives);
    let inputs = [("name", "Ada"), ("place", "London")];
    survives(&store.render("greeting@latest", inputs).unwrap());
    store.export().unwrap().iter().for_each(survives);
    let again = store.ensure_prompt(NewPrompt::new("other", BODY)).unwrap();
    survives(&again);
    let version = store
        .commit_if_changed(NewVersion::new("other", BODY))
        .unwrap();
    survives(&version);
}
