//! Random histories of a store and an organisation that are brought together again and again.

use std::collections::BTreeSet;

use promptbook::remote::{
    PullOptions, PullOutcome, PushOptions, PushOutcome, RemoteError, Settlement,
};
use promptbook::{Bump, NewPrompt, NewVersion, Store};
use serde_json::json;

use crate::support::{Clone, content, options, organisation, status_options};

/// The number of histories; `PROMPTBOOK_HISTORIES` sets another one.
fn histories() -> u64 {
    let set = std::env::var("PROMPTBOOK_HISTORIES").ok();
    set.and_then(|set| set.parse().ok()).unwrap_or(12)
}

/// Makes one random change. The messages of all versions differ.
fn change(store: &Store, rng: &mut fastrand::Rng, made: &mut BTreeSet<String>) {
    let prompts: Vec<_> = store.prompts().page(None, 100).unwrap();
    let tag = format!("{:016x}", rng.u64(..));
    let body = json!({"model": "m", "messages": [{"role": "user", "content": tag}]});
    if prompts.is_empty() || rng.u8(..10) == 0 {
        let new = NewPrompt::new(format!("p{}", rng.u8(..4)), body).allow_duplicate_name();
        store.create_prompt(new).unwrap();
        made.insert(tag);
        return;
    }
    let prompt = &prompts[rng.usize(..prompts.len())];
    let versions: Vec<_> = store.versions(prompt.id).page(None, 100).unwrap();
    let version = (!versions.is_empty()).then(|| versions[rng.usize(..versions.len())].id);
    let name = ["production", "staging", "dev"][rng.usize(..3)];
    match (rng.u8(..12), version) {
        (0..=4, _) => {
            let bump = if rng.u8(..4) == 0 {
                Bump::Major
            } else {
                Bump::Minor
            };
            let new = NewVersion::new(prompt.id, body).bump(bump).message(&tag);
            if store.commit(new).is_ok() {
                made.insert(tag);
            }
        }
        (5..=7, Some(version)) => drop(store.set_environment(prompt.id, name, version)),
        (8, _) => drop(store.remove_environment(prompt.id, name)),
        // The service bases each version on another one, so that one stays.
        (9, Some(version)) if versions.len() > 1 => {
            drop(store.delete_version((prompt.id, version)))
        }
        (10, _) => drop(store.set_tags(prompt.id, &[name])),
        (11, _) if rng.bool() => drop(store.delete_prompt(prompt.id)),
        _ => {
            let name = format!("p{}", rng.u8(..4));
            let allowed = promptbook::changes::RenameOptions::new().allow_duplicate_name();
            drop(store.rename_with(prompt.id, name, allowed));
        }
    }
}

/// Returns all prompts without what the sides assign: ids, numbers, times and the order.
fn shape(store: &Store) -> Vec<String> {
    let prompts = content(store).into_iter().map(|prompt| {
        let versions = prompt["versions"].as_array().unwrap().iter();
        let versions = versions.map(|version| {
            // An only version in production has no list.
            let environments = version["environments"].as_array();
            let environments = environments.map(|all| all.iter().map(ToString::to_string));
            let environments = environments.map(Iterator::collect::<BTreeSet<String>>);
            format!("{} {environments:?}", version["body"])
        });
        let versions: BTreeSet<String> = versions.collect();
        format!("{} {} {versions:?}", prompt["name"], prompt["tags"])
    });
    let mut prompts: Vec<String> = prompts.collect();
    prompts.sort_unstable();
    prompts
}

/// Returns the texts of all versions, deleted ones included.
fn ever(store: &Store) -> String {
    let mut file = Vec::new();
    store.export_bundle(&mut file).unwrap();
    String::from_utf8_lossy(&file).into_owned()
}

#[test]
fn both_sides_become_equal_and_nothing_is_lost() {
    for seed in 0..histories() {
        let mut rng = fastrand::Rng::with_seed(seed);
        let fake = organisation();
        let there = fake.store();
        let (clone, _) = Clone::of(&fake);
        let here = &clone.store;
        let mut made = BTreeSet::new();
        for _ in 0..4 {
            for _ in 0..rng.u8(..8) {
                let side = if rng.bool() { here } else { &there };
                change(side, &mut rng, &mut made);
            }
            synchronise(&clone, &fake, &mut rng, seed);
            assert_eq!(shape(here), shape(&there), "seed {seed}");
            assert!(here.verify().unwrap().is_clean(), "seed {seed}");
        }
        // A version that was made on either side was on both, whatever was deleted since.
        let (ours, theirs) = (ever(here), ever(&there));
        for tag in &made {
            assert!(
                ours.contains(tag) || theirs.contains(tag),
                "seed {seed}: {tag} is lost"
            );
        }
        for prompt in content(&there) {
            for version in prompt["versions"].as_array().unwrap() {
                let tag = version["body"]["messages"][0]["content"].as_str().unwrap();
                assert!(made.contains(tag), "seed {seed}: {tag} is made up");
            }
        }
    }
}

/// Brings both sides together: what is in conflict is settled by one side at random.
fn synchronise(
    clone: &Clone,
    fake: &promptbook::server::fake::Fake,
    rng: &mut fastrand::Rng,
    seed: u64,
) {
    let failed = |error: RemoteError| -> ! { panic!("seed {seed}: {error}: {error:?}") };
    let before = content(&clone.store);
    let pulled = clone
        .pull(options(fake))
        .unwrap_or_else(|error| failed(error));
    assert!(pulled.failed.is_empty(), "seed {seed}: {pulled:?}");
    let after = content(&clone.store);
    for prompt in pulled
        .prompts
        .iter()
        .filter(|one| one.outcome == PullOutcome::Conflict)
    {
        // A conflict leaves the prompt alone.
        let of = |all: &[serde_json::Value]| {
            let mut all = all.iter();
            all.find(|one| one["id"] == prompt.id.as_str()).cloned()
        };
        assert_eq!(of(&before), of(&after), "seed {seed}");
        let side = if rng.bool() {
            Settlement::Ours
        } else {
            Settlement::Theirs
        };
        let selected = status_options(fake).prompt(prompt.id.to_string());
        let settle = PullOptions::new().with(selected).settle(side);
        let settled = clone.pull(settle).unwrap_or_else(|error| failed(error));
        assert_eq!(settled.conflicts(), 0, "seed {seed}: {settled:?}");
    }
    let push = PushOptions::new()
        .with(status_options(fake))
        .map_numbers(true)
        .delete(true);
    let remotes = clone.store.remotes().unwrap();
    let pushed = remotes
        .push("origin", push)
        .unwrap_or_else(|error| failed(error));
    let is_pushed = pushed
        .prompts
        .iter()
        .all(|one| one.outcome == PushOutcome::Pushed);
    assert!(
        is_pushed && pushed.failed.is_empty(),
        "seed {seed}: {pushed:?}"
    );
    let status = remotes
        .status("origin", status_options(fake))
        .unwrap_or_else(|error| failed(error));
    assert!(status.prompts.is_empty(), "seed {seed}: {status:?}");
}
