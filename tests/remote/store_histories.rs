//! Random histories of colleagues who exchange operations by a served store.

use std::collections::{BTreeMap, BTreeSet};

use promptbook::remote::{PushOutcome, RemoteError, pull_store};
use promptbook::{Bump, NewPrompt, NewVersion, PromptId, Store, StoreOptions, VersionId};

use crate::stores::{Colleague, Hub, body, whole};

/// The number of histories; `PROMPTBOOK_HISTORIES` sets another one.
fn histories() -> u64 {
    let set = std::env::var("PROMPTBOOK_HISTORIES").ok();
    set.and_then(|set| set.parse().ok()).unwrap_or(12)
}

/// What one side did since it was last equal to the other, as a model.
#[derive(Default)]
struct Done {
    /// The messages of new versions.
    versions: BTreeSet<String>,
    /// The environments that were moved.
    moves: BTreeMap<(PromptId, &'static str), VersionId>,
    renamed: BTreeMap<PromptId, String>,
    deleted: BTreeSet<PromptId>,
    /// The prompts that were changed in any way.
    touched: BTreeSet<PromptId>,
}

impl Done {
    /// Returns whether both sides changed the same thing.
    fn contradicts(&self, other: &Self) -> bool {
        let deleted = |one: &Self, other: &Self| {
            one.deleted
                .iter()
                .any(|prompt| other.touched.contains(prompt))
        };
        self.moves.keys().any(|key| other.moves.contains_key(key))
            || self
                .renamed
                .keys()
                .any(|key| other.renamed.contains_key(key))
            || deleted(self, other)
            || deleted(other, self)
    }

    fn take(&mut self, other: Self) {
        for prompt in &other.deleted {
            self.moves.retain(|(of, _), _| of != prompt);
            self.renamed.remove(prompt);
        }
        self.versions.extend(other.versions);
        self.moves.extend(other.moves);
        self.renamed.extend(other.renamed);
        self.deleted.extend(other.deleted);
    }
}

/// Makes one random change, and records it.
fn change(store: &Store, rng: &mut fastrand::Rng, done: &mut Done) {
    let prompts = store.prompts().page(None, 100).unwrap();
    let tag = format!("{:016x}", rng.u64(..));
    if prompts.is_empty() || rng.u8(..8) == 0 {
        let created = store
            .create_prompt(NewPrompt::new(&*tag, body(&tag)).message(&tag))
            .unwrap();
        done.versions.insert(tag);
        done.touched.insert(created.prompt.id);
        let production = (created.prompt.id, "production");
        done.moves.insert(production, created.version.id);
        return;
    }
    let prompt = &prompts[rng.usize(..prompts.len())];
    let versions = store.versions(prompt.id).page(None, 100).unwrap();
    match rng.u8(..10) {
        0..=5 => {
            let bump = if rng.u8(..4) == 0 {
                Bump::Major
            } else {
                Bump::Minor
            };
            let new = NewVersion::new(prompt.id, body(&tag))
                .bump(bump)
                .message(&tag);
            store.commit(new).unwrap();
            done.versions.insert(tag);
        }
        6 | 7 => {
            let name = ["production", "staging", "dev"][rng.usize(..3)];
            let version = versions[rng.usize(..versions.len())].id;
            let is_same = store
                .resolve((prompt.id, name))
                .is_ok_and(|at| at.version.id == version);
            if is_same {
                return;
            }
            store.set_environment(prompt.id, name, version).unwrap();
            done.moves.insert((prompt.id, name), version);
        }
        8 => {
            store.rename(prompt.id, &*tag).unwrap();
            done.renamed.insert(prompt.id, tag);
        }
        _ => {
            if store.delete_prompt(prompt.id).is_err() {
                return;
            }
            done.deleted.insert(prompt.id);
            done.moves.retain(|(of, _), _| *of != prompt.id);
            done.renamed.remove(&prompt.id);
        }
    }
    done.touched.insert(prompt.id);
}

/// Checks that a store has what the model says.
#[track_caller]
fn agrees(store: &Store, model: &Done, seed: u64) {
    assert!(store.verify().unwrap().is_clean(), "seed {seed}");
    let text = String::from_utf8_lossy(&whole(store)).into_owned();
    for tag in &model.versions {
        assert!(text.contains(tag.as_str()), "seed {seed}: {tag} is lost");
    }
    for ((prompt, name), version) in &model.moves {
        let found = store.resolve((*prompt, *name)).unwrap();
        assert_eq!(
            found.version.id, *version,
            "seed {seed}: {name} of {prompt}"
        );
    }
    for (prompt, name) in &model.renamed {
        assert_eq!(
            store.prompt(*prompt).unwrap().name.as_str(),
            name,
            "seed {seed}"
        );
    }
    for prompt in &model.deleted {
        assert!(
            store.prompt(*prompt).is_err(),
            "seed {seed}: {prompt} is back"
        );
    }
    for prompt in store.prompts().page(None, 1000).unwrap() {
        let versions = store.versions(prompt.id).page(None, 1000).unwrap();
        let numbers: BTreeSet<_> = versions.iter().map(|version| version.number).collect();
        assert_eq!(
            numbers.len(),
            versions.len(),
            "seed {seed}: a number is given twice"
        );
        for version in versions {
            let message = version.message;
            assert!(
                model.versions.contains(&message),
                "seed {seed}: {message} is made up"
            );
        }
    }
}

#[test]
fn colleagues_become_equal_or_contradict_each_other() {
    let mut outcomes = [0; 3];
    for seed in 0..histories() {
        let mut rng = fastrand::Rng::with_seed(seed);
        let hub = Hub::new();
        let mut model = Done::default();
        for _ in 0..4 {
            change(&hub.store, &mut rng, &mut model);
        }
        let mut ann = Colleague::of(&hub, "ann");
        for _ in 0..4 {
            let (mut here, mut there) = (Done::default(), Done::default());
            for _ in 0..rng.u8(..6) {
                change(&ann.store, &mut rng, &mut here);
            }
            for _ in 0..rng.u8(..4) {
                change(&hub.store, &mut rng, &mut there);
            }
            let contradicts = here.contradicts(&there);
            let before = whole(&ann.store);
            let Colleague { store, folder } = ann;
            drop(store);
            let place = folder.path().join("store");
            let stored = StoreOptions::new().author("ann");
            let pulled = pull_store(&place, &stored, "origin", hub.pull_options().renumber(true));
            match pulled {
                Ok((store, summary)) => {
                    assert!(!contradicts, "seed {seed}: a contradiction was not found");
                    outcomes[usize::from(summary.reassigned.is_empty())] += 1;
                    ann = Colleague { store, folder };
                    let pushed = ann.push(&hub).unwrap();
                    let is_pushed =
                        |one: &promptbook::remote::PromptPush| one.outcome == PushOutcome::Pushed;
                    assert!(
                        pushed.prompts.iter().all(is_pushed),
                        "seed {seed}: {pushed:?}"
                    );
                    model.take(there);
                    model.take(here);
                    assert_eq!(whole(&ann.store), whole(&hub.store), "seed {seed}");
                }
                Err(RemoteError::Contradiction { .. }) => {
                    assert!(contradicts, "seed {seed}: a contradiction was made up");
                    outcomes[2] += 1;
                    assert_eq!(whole(&stored.open(&place).unwrap()), before, "seed {seed}");
                    model.take(there);
                    ann = Colleague::of(&hub, "ann");
                }
                Err(error) => panic!("seed {seed}: {error}"),
            }
            agrees(&hub.store, &model, seed);
            agrees(&ann.store, &model, seed);
        }
    }
    assert!(outcomes.iter().all(|number| *number > 0), "{outcomes:?}");
}
