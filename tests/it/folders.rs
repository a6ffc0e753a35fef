//! Folders of prompts as files, by the library.

use std::fs;

use promptbook::error::FolderError;
use promptbook::files::{
    FileChange, FolderExportOptions, FolderImportOptions, FolderReadOptions, ImportEffect,
};
use promptbook::{Error, ErrorKind, NewPrompt, NewVersion, Store};

const HI: &str = r#"{"messages": [{"role": "user", "content": "Hi"}]}"#;
const HELLO: &str = r#"{"messages": [{"role": "user", "content": "Hello"}]}"#;

/// Creates a store with two prompts and their files, one of which is renamed and one missing.
fn changed() -> (Store, tempfile::TempDir) {
    let store = Store::in_memory().unwrap();
    store.create_prompt(NewPrompt::new("a", HI)).unwrap();
    store.create_prompt(NewPrompt::new("b", HELLO)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("team")).unwrap();
    fs::write(folder.path().join("team/a.json"), HI).unwrap();
    (store, folder)
}

#[test]
fn nothing_is_renamed_or_deleted_unless_the_caller_says_so() {
    let (store, folder) = changed();
    let imported = store.import_folder(folder.path(), FolderImportOptions::new());
    let imported = imported.unwrap();
    assert_eq!(imported.files[0].effect, ImportEffect::Created);
    let kept: Vec<_> = imported
        .kept
        .iter()
        .map(|(prompt, same)| {
            (
                prompt.name.as_str(),
                same.as_ref().map(|name| name.as_str()),
            )
        })
        .collect();
    assert_eq!(kept, [("a", Some("team/a")), ("b", None)]);

    let (store, folder) = changed();
    let id = store.prompt("a").unwrap().id;
    let options = FolderImportOptions::new().rename(true).prune(true);
    let imported = store.import_folder(folder.path(), options).unwrap();
    assert_eq!(
        imported.files[0].renamed_from.as_ref().unwrap().as_str(),
        "a"
    );
    assert_eq!(imported.deleted[0].name.as_str(), "b");
    assert_eq!(store.prompt("team/a").unwrap().id, id);
    assert_eq!(store.prompts().count().unwrap(), 1);
    assert!(store.verify().unwrap().is_clean());
}

#[test]
fn a_dry_run_and_a_refusal_change_nothing() {
    let (store, folder) = changed();
    let before = store.stats().unwrap().operations;
    let options = FolderImportOptions::new().rename(true).prune(true);
    let tried = store.import_folder(folder.path(), options.dry_run(true));
    assert_eq!(tried.unwrap().deleted.len(), 1);
    let options = FolderImportOptions::new().rename(true).approve(|status| {
        assert_eq!(status.files[0].change, FileChange::Renamed);
        assert_eq!(status.gone.len(), 1);
        false
    });
    let refused = store.import_folder(folder.path(), options).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Cancelled);
    let options = FolderImportOptions::new().progress(|_| std::ops::ControlFlow::Break(()));
    // A few files are no steps that are reported.
    let _ = store.import_folder(folder.path(), options.dry_run(true));
    assert_eq!(store.stats().unwrap().operations, before);
}

#[test]
fn errors_list_every_file() {
    let (store, folder) = changed();
    for name in ["x", "y"] {
        fs::write(folder.path().join(name).with_extension("json"), "{").unwrap();
    }
    let error = store
        .import_folder(folder.path(), FolderImportOptions::new())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let Error::Folder(FolderError::Files { problems, of, .. }) = error else {
        panic!("{error}")
    };
    let files: Vec<_> = problems
        .iter()
        .map(|one| one.file.to_str().unwrap())
        .collect();
    assert_eq!((files, of), (vec!["x.json", "y.json"], 3));
    let status = store
        .folder_status(folder.path(), FolderReadOptions::new())
        .unwrap();
    assert_eq!(status.unreadable.len(), 2);
    let missing = folder.path().join("missing");
    let error = store.folder_status(missing, FolderReadOptions::new());
    assert_eq!(error.unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn an_export_is_unchanged_until_a_prompt_changes() {
    let (store, _folder) = changed();
    let folder = tempfile::tempdir().unwrap();
    let export = |options| store.export_folder(folder.path(), options);
    let written = export(FolderExportOptions::new()).unwrap();
    assert!(written.files.iter().all(|file| file.is_written));
    let again = export(FolderExportOptions::new()).unwrap();
    assert!(again.files.iter().all(|file| !file.is_written));
    store.commit(NewVersion::new("b", HI)).unwrap();
    let error = export(FolderExportOptions::new()).unwrap_err();
    assert!(matches!(&error, Error::Folder(FolderError::Differ { files }) if files.len() == 1));
    export(FolderExportOptions::new().environment("production")).unwrap();
    export(FolderExportOptions::new().overwrite(true)).unwrap();
    assert_eq!(
        fs::read_to_string(folder.path().join("b.json")).unwrap(),
        HI
    );
}
