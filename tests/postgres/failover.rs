//! A failover to a server without the last commits, which those who saw them notice.

use promptbook::maintenance::VerifyOptions;
use promptbook::{ErrorKind, Store, StoreOptions};

use crate::postgres_server::{Server, new_schema};
use crate::proxy::Proxy;
use crate::support::{is_sound, version, with_prompt};

/// A store whose server is replaced by one that lacks the last commits, and handles that are open.
struct Scene {
    url: String,
    /// It made the last commits.
    writer: Store,
    /// It read them.
    reader: Store,
    /// It read nothing since.
    idle: Store,
    _proxy: Proxy,
}

fn scene() -> Option<Scene> {
    let server = Server::start(&[])?;
    let proxy = Proxy::start(&server.socket());
    let url = proxy.url(&new_schema());
    let prompt = "failov".parse().unwrap();
    let writer = with_prompt(&url, prompt);
    let open = || StoreOptions::new().open_url(&url).unwrap();
    let (reader, idle) = (open(), open());
    idle.resolve("shared").unwrap();
    writer.commit(version(prompt, "kept")).unwrap();
    idle.resolve("shared").unwrap();
    let standby = server.copy();
    writer.commit(version(prompt, "lost")).unwrap();
    reader.resolve("shared").unwrap();
    proxy.fail_over(&standby.socket());
    Some(Scene {
        url,
        writer,
        reader,
        idle,
        _proxy: proxy,
    })
}

#[test]
fn a_lost_commit_is_noticed_by_those_who_saw_it() {
    let Some(scene) = scene() else { return };
    let prompt = "failov".parse().unwrap();
    for result in [
        scene.reader.resolve("shared").map(drop),
        scene.reader.versions("shared").page(None, 9).map(drop),
        scene.writer.commit(version(prompt, "later")).map(drop),
    ] {
        let error = result.unwrap_err();
        assert!(
            error.to_string().contains("no longer in the history"),
            "{error}"
        );
        assert_eq!(error.kind(), ErrorKind::Unavailable);
    }
    // It saw nothing that is lost, and neither did a new handle.
    scene.idle.commit(version(prompt, "later")).unwrap();
    let opened = StoreOptions::new().open_url(&scene.url).unwrap();
    assert_eq!(opened.resolve("shared").unwrap().version.message, "later");
    is_sound(&opened);
    // As many operations as before, and others.
    scene.reader.resolve("shared").unwrap_err();
}

#[test]
fn a_lost_commit_is_noticed_by_its_pin() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let prompt = "failov".parse().unwrap();
    let proxy = Proxy::start(&server.socket());
    let url = proxy.url(&new_schema());
    let store = with_prompt(&url, prompt);
    let standby = server.copy();
    store.commit(version(prompt, "lost")).unwrap();
    let pin = store.verify().unwrap().head.unwrap();
    drop(store);
    proxy.fail_over(&standby.socket());
    let store = StoreOptions::new().open_url(&url).unwrap();
    let report = store.verify_with(VerifyOptions::new().pin(pin)).unwrap();
    assert_eq!(report.violations.len(), 1);
    assert!(report.violations[0].to_string().contains("pinned"));
}
