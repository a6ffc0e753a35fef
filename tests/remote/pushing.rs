//! Tests of pushes.

use promptbook::remote::{PromptPush, PushOptions, PushOutcome, PushSummary, SyncState};
use promptbook::server::fake::{Fake, Fault};
use promptbook::{NewPrompt, NewVersion};
use serde_json::json;

use crate::support::{Clone, assert_same_shape, options, organisation, status_options};

fn push(clone: &Clone, fake: &Fake) -> PushSummary {
    let options = PushOptions::new().with(status_options(fake)).delete(true);
    clone
        .store
        .remotes()
        .unwrap()
        .push("origin", options)
        .unwrap()
}

fn outcomes(summary: &PushSummary) -> Vec<PushOutcome> {
    summary
        .prompts
        .iter()
        .map(|prompt: &PromptPush| prompt.outcome)
        .collect()
}

#[test]
fn both_directions_end_in_the_same_state() {
    let fake = organisation();
    let there = fake.store();
    let new = |name| NewPrompt::new(name, json!({"messages": []}));
    there.create_prompt(new("a")).unwrap();
    there.create_prompt(new("gone")).unwrap();
    let (clone, _) = Clone::of(&fake);
    let here = &clone.store;
    here.commit(NewVersion::new("a", json!({"messages": [1]})).message("one"))
        .unwrap();
    here.commit(NewVersion::new("a", json!({"messages": [2]})).bump(promptbook::Bump::Major))
        .unwrap();
    here.set_environment("a", "staging", "0.1").unwrap();
    here.set_environment("a", "production", "1.0").unwrap();
    here.rename("a", "b").unwrap();
    here.set_tags("b", &["x"]).unwrap();
    here.delete_prompt("gone").unwrap();
    here.create_prompt(new("new").tags(["t"])).unwrap();
    here.remove_environment("new", "production").unwrap();

    let status = here
        .remotes()
        .unwrap()
        .status("origin", status_options(&fake))
        .unwrap();
    assert!(
        status
            .prompts
            .iter()
            .all(|prompt| prompt.state == SyncState::Ahead),
        "{status:?}"
    );
    assert_eq!((status.prompts.len(), status.equal), (3, 0));
    let calls = fake.calls().len();
    let planned = PushOptions::new().with(status_options(&fake)).dry_run(true);
    let planned = here.remotes().unwrap().push("origin", planned).unwrap();
    use PushOutcome::{NeedsDelete, Pushed};
    assert_eq!(outcomes(&planned), [Pushed, NeedsDelete, Pushed]);
    let writes = fake.calls().into_iter().skip(calls);
    let writes = writes.filter(|call| call.path.contains("update"));
    assert_eq!(writes.count(), 0);

    let pushed = push(&clone, &fake);
    assert_eq!(outcomes(&pushed), [Pushed, Pushed, Pushed], "{pushed:?}");
    assert_eq!(pushed.versions, 3);
    assert_same_shape(here, &there);
    let again = push(&clone, &fake);
    assert_eq!((again.prompts.len(), again.unchanged), (0, 2), "{again:?}");
    let pulled = clone.pull(options(&fake)).unwrap();
    assert_eq!(
        (pulled.prompts.len(), pulled.unchanged),
        (0, 2),
        "{pulled:?}"
    );

    // Changes there of what was made here arrive under the ids here.
    there
        .commit(NewVersion::new("new", json!({"messages": [3]})).environment("dev"))
        .unwrap();
    let pulled = clone.pull(options(&fake)).unwrap();
    assert_eq!(pulled.versions, 1, "{pulled:?}");
    assert_same_shape(here, &there);
}

#[test]
fn other_numbers_need_consent() {
    let fake = organisation();
    let (clone, _) = Clone::of(&fake);
    let body = json!({"messages": []});
    clone
        .store
        .create_prompt(NewPrompt::new("p", &body))
        .unwrap();
    clone
        .store
        .commit(NewVersion::new("p", json!({"messages": [1]})))
        .unwrap();
    clone
        .store
        .commit(NewVersion::new("p", json!({"messages": [2]})))
        .unwrap();
    clone
        .store
        .set_environment("p", "production", "0.1")
        .unwrap();
    clone.store.delete_version("p@0.0").unwrap();
    let refused = push(&clone, &fake);
    assert_eq!(outcomes(&refused), [PushOutcome::NeedsMapping]);
    assert_eq!(fake.store().prompts().count().unwrap(), 0);
    let numbers = refused.prompts[0].numbers.iter();
    let numbers: Vec<String> = numbers
        .map(|one| format!("{} {}", one.here, one.there))
        .collect();
    assert_eq!(numbers, ["0.1 0.0", "0.2 0.1"]);

    let options = PushOptions::new()
        .with(status_options(&fake))
        .map_numbers(true);
    clone
        .store
        .remotes()
        .unwrap()
        .push("origin", options)
        .unwrap();
    assert_eq!(
        fake.store()
            .version("p@production")
            .unwrap()
            .number
            .to_string(),
        "0.0"
    );
    let pulled = clone.pull(crate::support::options(&fake)).unwrap();
    assert_eq!(pulled.unchanged, 1, "{pulled:?}");
    // A further version there has a number that another version has here.
    fake.store()
        .commit(NewVersion::new("p", json!({"messages": [9]})))
        .unwrap();
    let pulled = clone.pull(crate::support::options(&fake)).unwrap();
    let renumbered = &pulled.prompts[0].renumbered[0];
    assert_eq!(renumbered.there.to_string(), "0.2");
    assert_eq!(renumbered.here.unwrap().to_string(), "0.3");
    let pulled = clone.pull(crate::support::options(&fake)).unwrap();
    assert_eq!(pulled.unchanged, 1, "{pulled:?}");
}

#[test]
fn nothing_is_made_twice_if_an_answer_is_lost() {
    for fault in [Fault::cut(), Fault::close(), Fault::fail(500, "internal")] {
        let fake = organisation();
        let (clone, _) = Clone::of(&fake);
        let here = &clone.store;
        here.create_prompt(NewPrompt::new("p", json!({"messages": [1.0]})))
            .unwrap();
        here.commit(NewVersion::new("p", json!({"messages": [2]})).message("two"))
            .unwrap();
        fake.fault(fault.clone().on("POST /v1/prompt-2025"))
            .unwrap();
        fake.fault(fault.on("POST /v1/prompt-2025/update").times(2))
            .unwrap();
        let pushed = push(&clone, &fake);
        assert!(pushed.failed.is_empty(), "{pushed:?}");
        assert_same_shape(here, &fake.store());
        assert_eq!(push(&clone, &fake).unchanged, 1);
    }
}

#[test]
fn a_remote_that_moved_is_pulled_first() {
    let fake = organisation();
    let there = fake.store();
    there
        .create_prompt(NewPrompt::new("p", json!({"messages": []})))
        .unwrap();
    let (clone, _) = Clone::of(&fake);
    clone.store.set_tags("p", &["here"]).unwrap();
    there.set_environment("p", "staging", "0.0").unwrap();
    assert_eq!(outcomes(&push(&clone, &fake)), [PushOutcome::Behind]);
    clone.pull(options(&fake)).unwrap();
    assert_eq!(outcomes(&push(&clone, &fake)), [PushOutcome::Pushed]);
    assert_same_shape(&clone.store, &there);
}
