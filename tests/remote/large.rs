//! A large organisation that is cloned, with and without failures.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use promptbook::Store;
use promptbook::remote::{PullOptions, RemoteError, RemoteKey, StatusOptions, StopFlag};
use promptbook::server::Fixtures;
use promptbook::server::fake::{Fake, Fault};
use serde_json::json;

use crate::support::{Clone, assert_equal};

/// Returns an organisation with this number of prompts and of versions.
fn organisation(prompts: usize, versions: usize) -> Fake {
    let version = |prompt: usize, at: usize, is_last: bool| {
        let text = format!(
            "Prompt {prompt}, version {at}. {}",
            "Be kind and precise. ".repeat(40)
        );
        json!({
            "number": format!("{}.{}", at / 10, at % 10),
            "message": format!("version {at}"),
            "created_at": format!("2025-01-{:02}T{:02}:00:00Z", 1 + prompt % 28, at % 24),
            "environments": if is_last { vec!["production", "staging"] } else { vec![] },
            "body": {"model": "gpt-4o", "messages": [{"role": "system", "content": text}]},
        })
    };
    let of_prompt = |prompt: usize| {
        let count = versions / prompts + usize::from(prompt < versions % prompts);
        let all: Vec<_> = (0..count)
            .map(|at| version(prompt, at, at + 1 == count))
            .collect();
        json!({"name": format!("team/{prompt}"), "tags": ["a"], "versions": all})
    };
    let all: Vec<_> = (0..prompts).map(of_prompt).collect();
    let fixtures = Fixtures::from_json(&json!({"prompts": all}).to_string()).unwrap();
    Fake::options()
        .first_version(0, 0)
        .fixtures(fixtures)
        .start()
        .unwrap()
}

#[test]
fn a_large_organisation_is_cloned() {
    let fake = organisation(300, 5_000);
    let (clone, summary) = Clone::of(&fake);
    assert_eq!((summary.prompts.len(), summary.versions), (300, 5_000));
    assert_equal(&clone.store, &fake.store());
}

/// The routes that fail at random.
const ROUTES: [&str; 5] = [
    "POST /v1/prompt-2025/query",
    "GET /v1/prompt-2025/count",
    "POST /v1/prompt-2025/query/versions",
    "POST /v1/prompt-2025/query/total-versions",
    "GET /prompt-bodies/{promptVersionId}",
];

/// Fails requests at random until the end, one at a time.
fn fail_at_random(fake: &Fake, ended: &AtomicBool, failed: &AtomicU64) {
    let mut rng = fastrand::Rng::with_seed(7);
    while !ended.load(Ordering::Relaxed) {
        let fault = match rng.u8(..5) {
            0 => Fault::fail(429, "slow down").header("retry-after", "0.2"),
            1 => Fault::fail(500, "internal"),
            2 => Fault::fail_text(502, "<html>bad gateway</html>"),
            3 => Fault::cut(),
            _ => Fault::close(),
        };
        fake.clear_faults();
        fake.fault(fault.on(ROUTES[rng.usize(..ROUTES.len())]))
            .unwrap();
        failed.fetch_add(1, Ordering::Relaxed);
        thread::sleep(Duration::from_millis(rng.u64(1..40)));
    }
    fake.clear_faults();
}

/// The number of prompts and of versions, and of steps before an interruption.
///
/// `PROMPTBOOK_ORGANISATION=full` sets those of a large organisation, of which some interrupted pulls
/// bring a part.
fn sizes() -> (usize, usize, u64) {
    match std::env::var("PROMPTBOOK_ORGANISATION").as_deref() {
        Ok("full") => (300, 5_000, 850),
        _ => (60, 1_200, 400),
    }
}

#[test]
fn an_interrupted_clone_continues_to_the_same_result() {
    let (prompts, versions, most) = sizes();
    let fake = organisation(prompts, versions);
    let directory = tempfile::tempdir().unwrap();
    let store = Store::create(directory.path().join("store")).unwrap();
    let remotes = store.remotes().unwrap();
    remotes.add("origin", fake.url(), false).unwrap();
    let (ended, failed) = (AtomicBool::new(false), AtomicU64::new(0));
    let mut interrupted = 0;
    thread::scope(|scope| {
        scope.spawn(|| fail_at_random(&fake, &ended, &failed));
        let mut rng = fastrand::Rng::with_seed(3);
        let result = loop {
            let stop = StopFlag::new();
            // Some are stopped as by Ctrl-C, others cancel by the progress.
            let (until, cancels) = (rng.u64(1..most), rng.bool());
            let mut steps = 0;
            let options = StatusOptions::new()
                .key(RemoteKey::new(fake.key()).unwrap())
                .stop(&stop)
                .progress(|_| {
                    steps += 1;
                    if steps > until && interrupted < 50 {
                        if cancels {
                            return ControlFlow::Break(());
                        }
                        stop.stop();
                    }
                    ControlFlow::Continue(())
                });
            match remotes.pull("origin", PullOptions::new().with(options)) {
                Ok(summary) => break Ok(summary),
                Err(RemoteError::Stopped | RemoteError::Store(promptbook::Error::Cancelled)) => {
                    interrupted += 1;
                }
                Err(error) => break Err(error),
            }
        };
        ended.store(true, Ordering::Relaxed);
        let summary = result.unwrap();
        assert!(summary.failed.is_empty(), "{summary:?}");
    });
    assert!(failed.load(Ordering::Relaxed) > 10);
    assert_eq!(interrupted, 50);
    assert_equal(&store, &fake.store());
}
