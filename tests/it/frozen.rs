//! Frozen files: exactly what the environment resolves to, complete and unaltered, and rendered as
//! the store renders.

use std::sync::atomic::{AtomicBool, Ordering};

use promptbook::error::FileError;
use promptbook::frozen::LockDrift;
use promptbook::frozen::{Frozen, Lockfile};
use promptbook::{
    Bump, EnvironmentName, EnvironmentUpdate, Error, Inputs, NewPrompt, NewVersion, PromptId,
    RenderMode, Store,
};
use proptest::prelude::*;
use serde_json::json;

use crate::support::{Done, Place, body, commit, create, new_store};

static GOLDEN: &[u8] = include_bytes!("production.frozen");

/// Creates a prompt with this id, and its body in `production`.
fn with_id(store: &Store, id: &str, name: &str, body: impl Into<String>) -> PromptId {
    let new = NewPrompt::new(name, body.into());
    let created = store.create_prompt(new.id(id)).unwrap();
    created.prompt.id
}

fn frozen(store: &Store) -> Frozen {
    store.freeze("production").unwrap()
}

#[test]
fn an_embedded_frozen_file_is_read() {
    let golden = Frozen::from_static(GOLDEN).unwrap();
    assert_eq!(golden.environment(), &EnvironmentName::production());
    assert_eq!(golden.as_bytes(), GOLDEN);
    let ids: Vec<String> = golden.prompts().map(|one| one.id().to_string()).collect();
    assert_eq!(ids, ["greet1", "tone0A", "tone0B", "zzzzzz"]);

    let greeting = golden.get("greeting").unwrap();
    assert_eq!(golden.get("greet1").unwrap().id(), greeting.id());
    assert_eq!(greeting.name().as_str(), "greeting");
    assert_eq!(greeting.number().to_string(), "2.1");
    assert_eq!(
        greeting.version().to_string(),
        "01010101-0101-0101-0101-010101010101"
    );
    assert_ne!(greeting.hash(), greeting.source());
    // The text is not copied: it is a part of the embedded file.
    let text = greeting.text().as_bytes().as_ptr_range();
    assert!(GOLDEN.as_ptr_range().contains(&text.start));

    let rendered = golden.render("id:greet1", [("name", "Ada")]).unwrap();
    assert_eq!(rendered.body["messages"][1]["content"], "Greet Ada.");
    let problems = golden.render("greeting", Inputs::new());
    assert_eq!(
        problems.unwrap_err().to_string(),
        "not rendered: messages[1].content: input name (string) is missing"
    );
    let rendered = golden
        .render_as("greeting", Inputs::new(), RenderMode::Helicone)
        .unwrap();
    assert_eq!(
        rendered.body["messages"][1]["content"],
        "Greet {{hc:name:string}}."
    );
    let contract = golden.contract("greeting").unwrap();
    assert_eq!(contract.variables[0].name, "name");
    assert!(contract.partials.is_empty());

    match golden.get("tone") {
        Err(Error::AmbiguousPrompt { ids, .. }) => {
            assert_eq!(
                ids.iter().map(PromptId::as_str).collect::<Vec<_>>(),
                ["tone0A", "tone0B"]
            );
        }
        other => panic!("{other:?}"),
    }
    let source = golden.get("tone0B").unwrap();
    assert_eq!(source.hash(), source.source());
    assert!(source.text().contains("12345678901234567890123"));
    let missing = golden.get("nobody").unwrap_err();
    assert!(matches!(missing, Error::PromptNotFound { .. }), "{missing}");
    let missing = golden.get("").unwrap_err();
    assert!(matches!(missing, Error::PromptNotFound { .. }), "{missing}");
}

#[test]
fn an_id_and_an_equal_name_are_distinguished() {
    let store = new_store();
    with_id(&store, "twinsA", "other", body("a"));
    with_id(&store, "twinsB", "twinsA", body("b"));
    with_id(&store, "self01", "self01", body("c"));
    let frozen = frozen(&store);
    for prompt in ["twinsA", "id:twinsA", "twinsB", "self01", "other", "none00"] {
        let live = store.prompt(prompt).map(|prompt| prompt.id);
        let found = frozen.get(prompt).map(|prompt| prompt.id());
        match (live, found) {
            (Ok(live), Ok(found)) => assert_eq!(live, found),
            (live, found) => assert_eq!(
                std::mem::discriminant(&live.unwrap_err()),
                std::mem::discriminant(&found.unwrap_err()),
                "{prompt}"
            ),
        }
    }
}

#[test]
fn every_altered_byte_is_detected() {
    let place = Place::new();
    let path = place.path().join("f");
    for at in 0..GOLDEN.len() {
        for flip in [0x01, 0x20, 0x80] {
            let mut bytes = GOLDEN.to_vec();
            bytes[at] ^= flip;
            match Frozen::from_bytes(bytes) {
                Err(Error::File(_)) => {}
                other => panic!("byte {at} ^ {flip}: {other:?}"),
            }
        }
        match Frozen::from_bytes(&GOLDEN[..at]) {
            Err(Error::File(FileError::Foreign { .. } | FileError::Unsealed { .. })) => {}
            other => panic!("cut at {at}: {other:?}"),
        }
    }
    let unreadable = Frozen::open(&path).unwrap_err();
    assert!(matches!(
        unreadable,
        Error::File(FileError::Unreadable { .. })
    ));
    std::fs::write(&path, GOLDEN).unwrap();
    assert_eq!(
        Frozen::open(&path).unwrap(),
        Frozen::from_static(GOLDEN).unwrap()
    );
    // An editor or git may convert line ends. The seal proves that nothing else differs.
    let other_lines = String::from_utf8(GOLDEN.to_vec())
        .unwrap()
        .replace('\n', "\r\n");
    assert_eq!(
        Frozen::from_bytes(other_lines.clone()).unwrap(),
        Frozen::from_static(GOLDEN).unwrap()
    );
    let altered = other_lines.replacen('e', "f", 1);
    assert!(Frozen::from_bytes(altered).is_err());
}

#[test]
fn bodies_without_partials_are_frozen_unchanged() {
    let place = Place::new();
    for store in [new_store(), place.create()] {
        let stored = "\n{ \"seed\": 1.50, \"a\": 1, \"a\": 2,\n\"messages\": [{\"content\": \"\\u0041 {{hc:x:y}}\"}] }\n\n";
        with_id(&store, "plain0", "plain", stored);
        create(&store, "elsewhere");
        store.remove_environment("elsewhere", "production").unwrap();
        let frozen = frozen(&store);
        assert_eq!(
            frozen.prompts().len(),
            1,
            "a prompt outside production was frozen"
        );
        assert_eq!(frozen.get("plain").unwrap().text(), stored);
        assert_eq!(
            frozen.as_bytes(),
            store.freeze("production").unwrap().as_bytes()
        );
        assert_eq!(store.freeze("nowhere").unwrap().prompts().len(), 0);
    }
    // Another handle reads the bodies from the disk, and produces the same file.
    let reader = place.open_read_only().unwrap();
    assert_eq!(frozen(&reader), frozen(&place.open()));
}

#[test]
fn a_refused_freeze_names_all_problems() {
    let store = new_store();
    with_id(
        &store,
        "aaaaaa",
        "first",
        body("{{hcp:gone00:0}} {{hcp:bbbbbb:3}}"),
    );
    with_id(&store, "bbbbbb", "second", body("{{hcp:bbbbbb:0}}"));
    with_id(
        &store,
        "cccccc",
        "third",
        body("{{hc:{{hcp:dddddd:0}}:string}}"),
    );
    with_id(&store, "dddddd", "fourth", body("a"));
    let error = store.freeze("production").unwrap_err();
    let Error::Freeze { problems } = &error else {
        panic!("{error:?}");
    };
    let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "first (aaaaaa): messages[0].content: prompt gone00 has no version in environment \"production\"",
            "first (aaaaaa): messages[0].content: prompt bbbbbb (production) has no message 3",
            "second (bbbbbb): messages[0].content > partial bbbbbb:0 (production) messages[0].content: \
             partial bbbbbb:0 (production) contains itself",
            "third (cccccc): messages[0].content: with partials filled in, the text \"{{hc:a:string}}\" would become a tag",
        ]
    );
}

#[test]
fn a_lockfile_reports_what_changed() {
    let store = new_store();
    with_id(&store, "tone00", "tone", body("Be brief."));
    with_id(
        &store,
        "greet1",
        "greeting",
        body("{{hcp:tone00:0:staging}} Hi"),
    );
    store.set_environment("tone", "staging", "1.0").unwrap();
    let then = store.operations().page(None, 1).unwrap()[0].number;
    let file_then = frozen(&store);
    let before = Lockfile::of(&file_then);
    let told = |before: &Lockfile| {
        let drifts = before.drift(&Lockfile::of(&frozen(&store)));
        drifts.iter().map(LockDrift::to_string).collect::<Vec<_>>()
    };
    assert!(told(&before).is_empty());

    commit(&store, "tone", "Be warm.");
    assert!(
        told(&before).is_empty(),
        "no environment points to the new version"
    );
    store.set_environment("tone", "staging", "1.1").unwrap();
    assert_eq!(
        told(&before),
        ["greeting (greet1) still has version 1.0, but one of its partials changed"]
    );
    store.set_environment("tone", "production", "1.1").unwrap();
    store.rename("greeting", "welcome").unwrap();
    with_id(&store, "newone", "new", body("new"));
    assert_eq!(
        told(&before),
        [
            "greeting (greet1) was renamed to welcome",
            "welcome (greet1) still has version 1.0, but one of its partials changed",
            "tone (tone00) went from 1.0 to 1.1",
            "new (newone) was added with version 1.0",
        ]
    );
    store.delete_prompt("new").unwrap();
    store.rename("welcome", "greeting").unwrap();
    for environment in ["staging", "production"] {
        store.set_environment("tone", environment, "1.0").unwrap();
    }
    assert!(
        told(&before).is_empty(),
        "the environments are restored, but the lockfile differs"
    );
    commit(&store, "tone", "Be kind.");
    store.set_environment("tone", "production", "1.2").unwrap();
    assert_ne!(frozen(&store), file_then);
    let view = store.at(then).unwrap();
    assert_eq!(
        view.freeze("production").unwrap(),
        file_then,
        "the historical view freezes another file"
    );
}

/// Two prompts that always move together are never frozen at different versions, and a body is
/// never combined with another state's partial.
#[test]
fn a_frozen_file_is_a_consistent_snapshot() {
    const MOVES: u32 = 150;
    let place = Place::new();
    let store = place.create();
    with_id(&store, "tone00", "tone", body("text 0"));
    with_id(&store, "greet1", "greeting", body("own 0 {{hcp:tone00:0}}"));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let _done = Done(&done);
            for n in 1..=MOVES {
                store
                    .batch(|batch| {
                        for (prompt, text) in [
                            ("tone", format!("text {n}")),
                            ("greeting", format!("own {n} {{{{hcp:tone00:0}}}}")),
                        ] {
                            let new = NewVersion::new(prompt, body(text)).bump(Bump::Minor);
                            batch.commit(new.environment("production"))?;
                        }
                        Ok(())
                    })
                    .unwrap();
            }
        });
        let reader = place.open();
        let mut seen = 0;
        while !done.load(Ordering::Acquire) || seen == 0 {
            let frozen = frozen(&reader);
            let number = |name: &str| frozen.get(name).unwrap().number();
            assert_eq!(number("tone"), number("greeting"));
            let n = number("tone").minor;
            let json = frozen.get("greeting").unwrap().json();
            assert_eq!(json["messages"][0]["content"], format!("own {n} text {n}"));
            seen += 1;
        }
    });
    let moves = [EnvironmentUpdate::set("tone", "production", "1.0")];
    store.update_environments(moves).unwrap();
    assert_ne!(
        frozen(&store).get("tone").unwrap().number(),
        frozen(&store).get("greeting").unwrap().number()
    );
}

/// Returns texts of tags, and of partials from this index on.
fn text(first_partial: usize) -> impl Strategy<Value = String> {
    let plain = [
        "{{hc:a:string}}",
        "{{ hc:b:number }}",
        "text ",
        "{{",
        "é\"\n",
        "}}",
    ];
    let partials = [
        "{{hcp:one000:0}}",
        "{{ hcp:one000:1:staging }}",
        "{{hcp:two000:0:staging}}",
        "{{hcp:two000:1}}",
    ];
    let pieces: Vec<_> = plain
        .iter()
        .chain(&partials[first_partial..])
        .copied()
        .collect();
    prop::collection::vec(prop::sample::select(pieces), 0..6).prop_map(|pieces| pieces.concat())
}

fn body_of(texts: &[String]) -> String {
    json!({
        "messages": [
            {"role": "system", "content": texts[0]},
            {"role": "user", "content": [{"type": "text", "text": texts[1]}, {"type": "text", "text": "x"}]},
        ],
        "tools": ["{{hc:b:number}}", 1.5e300],
    }).to_string()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    #[test]
    fn a_frozen_prompt_renders_as_the_store_does(
        own in [text(0), text(0)],
        one in [text(2), text(2)],
        two in [text(4), text(4)],
        staging in [text(4), text(4)],
        n in prop::sample::select(vec![json!(5), json!("6"), json!("no number")]),
    ) {
        let store = new_store();
        for (id, name, texts) in [("one000", "one", &one), ("two000", "two", &two), ("own000", "own", &own)] {
            with_id(&store, id, name, body_of(texts));
        }
        let new = NewVersion::new("two", body_of(&staging)).bump(Bump::Major);
        store.commit(new.environment("staging")).unwrap();
        store.set_environment("one", "staging", "1.0").unwrap();
        match store.freeze("production") {
            Ok(frozen) => {
                prop_assert_eq!(&Frozen::from_bytes(frozen.as_bytes()).unwrap(), &frozen);
                for prompt in frozen.prompts() {
                    let variables = prompt.contract().variables.into_iter();
                    let given: Inputs = variables.map(|one| match one.name.as_str() {
                        "a" => (one.name, json!("{{hc:b:number}}")),
                        _ => (one.name, n.clone()),
                    }).collect();
                    let live = store.render((prompt.id(), "production"), &given);
                    let rendered = prompt.render(&given);
                    prop_assert_eq!(live.is_ok(), rendered.is_ok());
                    if let (Ok(live), Ok(rendered)) = (live, rendered) {
                        prop_assert_eq!(live.version.id, prompt.version());
                        prop_assert_eq!(live.body, rendered.body);
                    }
                }
            }
            // The pieces may form a new tag; nothing else can be wrong with them.
            Err(Error::Freeze { problems }) => {
                for one in problems {
                    prop_assert!(one.to_string().contains("would become a tag"), "{}", one);
                }
            }
            Err(other) => return Err(TestCaseError::fail(other.to_string())),
        }
    }
}
