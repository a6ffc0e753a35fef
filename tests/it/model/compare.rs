//! Comparison of every read of a store with the model.

use promptbook::history::{Change, PromptState};
use promptbook::list::{OperationFilter, PromptFilter, VersionFilter};
use promptbook::{
    EnvironmentName, Error, Prompt, PromptId, Selector, Store, Version, VersionId, VersionNumber,
    VersionSpec,
};

use super::book::{Book, ModelPrompt, ModelVersion, Refusal};
use super::op::{ENVIRONMENTS, NAMES, TAGS};

/// Compares all reads.
pub fn all(store: &Store, book: &Book) {
    prompts(store, book);
    names(store, book);
    operations(store, book);
    let list = store.environment_list().unwrap();
    let list = list.map(|names| names.iter().map(|name| name.to_string()).collect());
    assert_eq!(list, book.list);
    for line in &book.prompts {
        if line.live {
            versions(store, line);
            environments(store, line);
            selectors(store, line);
        } else {
            let answer = store.prompt(line.id).unwrap_err();
            assert_eq!(Refusal::of(&answer), Refusal::NoPrompt, "a deleted prompt");
        }
        for take in &line.versions {
            version(store, book, line, take);
        }
    }
}

/// Asserts that pages of the list add up to the whole list.
fn paged<T, K>(whole: &[T], key: impl Fn(&T) -> K, page: impl Fn(Option<K>) -> Vec<T>)
where
    T: std::fmt::Debug + PartialEq,
{
    let mut found: Vec<T> = Vec::new();
    loop {
        let next = page(found.last().map(&key));
        if next.is_empty() {
            break;
        }
        found.extend(next);
    }
    assert_eq!(found, whole, "the pages are not the whole list");
}

fn is_prompt(found: &Prompt, line: &ModelPrompt) {
    assert_eq!(found.id, line.id);
    assert_eq!(found.name.as_str(), line.name);
    assert_eq!(found.tags, line.tags);
    assert_eq!(found.created_at, line.created_at);
    assert_eq!(found.versions, line.live_versions().count() as u64);
    assert_eq!(found.latest, line.head().map(|take| take.number));
}

fn prompts(store: &Store, book: &Book) {
    let list = |filter: &PromptFilter| {
        store
            .prompts()
            .with_filter(filter)
            .page(None, usize::MAX)
            .unwrap()
    };
    let ids = |found: Vec<Prompt>| found.iter().map(|prompt| prompt.id).collect::<Vec<_>>();
    let expected = |wanted: &dyn Fn(&ModelPrompt) -> bool| {
        let lines = book.live().rev().filter(|line| wanted(line));
        lines.map(|line| line.id).collect::<Vec<_>>()
    };
    let everything = list(&PromptFilter::default());
    assert_eq!(
        ids(everything.clone()),
        expected(&|_| true),
        "prompts, newest first"
    );
    for found in &everything {
        let line = book
            .live()
            .find(|line| line.id == found.id)
            .expect("just compared");
        is_prompt(found, line);
        assert_eq!(store.prompt(found.id).unwrap(), *found);
    }
    paged(
        &everything,
        |prompt| prompt.id,
        |before| store.prompts().page(before, 2).unwrap(),
    );
    let behind_nul = PromptFilter::default().name_contains("\0GREET");
    let has_behind_nul = |line: &ModelPrompt| line.name.contains("\0Greet");
    assert_eq!(ids(list(&behind_nul)), expected(&has_behind_nul));
    let greeting = PromptFilter::default().name_contains("REET");
    let has_greeting = |line: &ModelPrompt| line.name.to_lowercase().contains("reet");
    assert_eq!(
        ids(list(&greeting)),
        expected(&has_greeting),
        "prompts by name"
    );
    let tagged = greeting.tag("a").tag("ä b").tag("a\0b");
    let both = |line: &ModelPrompt| {
        has_greeting(line)
            && line
                .tags
                .iter()
                .any(|tag| ["a", "ä b", "a\0b"].contains(&&**tag))
    };
    assert_eq!(
        ids(list(&tagged)),
        expected(&both),
        "prompts by name and tags"
    );
    assert_eq!(store.prompts().count().unwrap(), book.live().count() as u64);
    assert_eq!(store.stats().unwrap().prompts, book.live().count() as u64);
    let in_use = |tag: &&str| {
        book.live()
            .any(|line| line.tags.iter().any(|other| other == tag))
    };
    let mut tags: Vec<&str> = TAGS.into_iter().filter(in_use).collect();
    tags.sort();
    assert_eq!(store.tags().unwrap(), tags);
}

/// A name finds its prompt, unless several prompts have it as their name or id.
fn names(store: &Store, book: &Book) {
    for name in NAMES {
        let answers = |line: &&ModelPrompt| line.name == name || line.id.as_str() == name;
        let lines: Vec<&ModelPrompt> = book.live().filter(answers).collect();
        match (store.prompt(name), &lines[..]) {
            (Ok(found), [line]) => assert_eq!(found.id, line.id),
            (Err(Error::PromptNotFound { .. }), []) => {}
            (Err(Error::AmbiguousPrompt { ids, .. }), lines) => {
                assert!(
                    lines.len() > 1,
                    "{name} is ambiguous, but only one prompt has it"
                );
                assert_eq!(
                    ids.len(),
                    lines.len(),
                    "all prompts of the name {name} are listed"
                );
            }
            (other, lines) => panic!("{name}: {other:?}, expected {lines:?}"),
        }
    }
}

fn environments(store: &Store, line: &ModelPrompt) {
    let found = store.environments(line.id).unwrap();
    let found: Vec<_> = found
        .iter()
        .map(|to| (to.name.as_str(), to.version_id, to.number, to.moved_at))
        .collect();
    let expected: Vec<_> = line
        .environments
        .iter()
        .map(|(name, to)| {
            (
                name.as_str(),
                to.0,
                line.version(to.0).unwrap().number,
                to.1,
            )
        })
        .collect();
    assert_eq!(found, expected, "environments of {}", line.id);
}

fn numbers(versions: &[Version]) -> Vec<VersionNumber> {
    versions.iter().map(|version| version.number).collect()
}

fn versions(store: &Store, line: &ModelPrompt) {
    let list = |filter: &VersionFilter| {
        store
            .versions(line.id)
            .with_filter(filter)
            .page(None, usize::MAX)
            .unwrap()
    };
    let expected = |wanted: &dyn Fn(VersionNumber) -> bool| {
        let takes = line.live_versions().rev().map(|take| take.number);
        takes.filter(|number| wanted(*number)).collect::<Vec<_>>()
    };
    let everything = list(&VersionFilter::default());
    assert_eq!(
        numbers(&everything),
        expected(&|_| true),
        "versions, newest first"
    );
    paged(
        &everything,
        |version| version.id,
        |before| store.versions(line.id).page(before, 2).unwrap(),
    );
    let one = VersionFilter::default().major(1);
    assert_eq!(
        numbers(&list(&one)),
        expected(&|number| number.major == 1),
        "versions of a major"
    );
    paged(
        &list(&one),
        |version| version.id,
        |before| {
            store
                .versions(line.id)
                .with_filter(&one)
                .page(before, 1)
                .unwrap()
        },
    );
    let counts = store.version_counts(line.id).unwrap();
    assert_eq!(counts.total, line.live_versions().count() as u64);
    assert_eq!(
        counts.highest_major,
        line.head().map_or(0, |take| take.number.major)
    );
}

/// Compares the latest version, the versions that environments point to, and the highest version
/// that meets a requirement.
fn selectors(store: &Store, line: &ModelPrompt) {
    let select = |selector: Selector| match store.version(VersionSpec::new(line.id, selector)) {
        Ok(version) => Ok(version.id),
        Err(error) => Err(Refusal::of(&error)),
    };
    let id = |take: Option<&ModelVersion>| take.map(|take| take.id).ok_or(Refusal::NoVersion);
    assert_eq!(select(Selector::Latest), id(line.head()));
    for name in ENVIRONMENTS {
        let to = line.environments.get(name).map(|to| to.0);
        let environment = Selector::Environment(name.parse().unwrap());
        assert_eq!(
            select(environment),
            to.ok_or(Refusal::NoEnvironment),
            "{name}"
        );
    }
    // Each with the lowest number that it admits, and the lowest number above those that it admits.
    for (text, low, high) in [
        ("^1", (1, 0), (2, 0)),
        (">=1.1, <3", (1, 1), (3, 0)),
        ("2.*", (2, 0), (3, 0)),
    ] {
        let admits = |number: VersionNumber| (low..high).contains(&(number.major, number.minor));
        let admitted = line.live_versions().filter(|take| admits(take.number));
        let highest = admitted.max_by_key(|take| take.number);
        assert_eq!(select(text.parse().unwrap()), id(highest), "{text}");
    }
}

/// Compares a version by id and by number, its body, and its recorded inputs.
fn version(store: &Store, book: &Book, line: &ModelPrompt, take: &ModelVersion) {
    let by_number = store.version(VersionSpec::new(line.id, take.number));
    let resolved = store.resolve(take.id);
    if !take.live {
        let refusals = [by_number.map(drop), resolved.map(drop)];
        for answer in refusals {
            let refusal = Refusal::of(&answer.unwrap_err());
            assert!(
                matches!(refusal, Refusal::NoVersion | Refusal::NoPrompt),
                "a deleted version"
            );
        }
        assert!(
            store.inputs(take.id, "0").is_err(),
            "a deleted version's inputs"
        );
        return;
    }
    let resolved = resolved.unwrap();
    assert_eq!(resolved.body.text(), take.body, "the body differs");
    let found = &resolved.version;
    assert_eq!(by_number.unwrap(), **found);
    assert_eq!(
        (found.id, found.prompt_id, found.number),
        (take.id, line.id, take.number)
    );
    assert_eq!((&found.message, found.base), (&take.message, take.base));
    assert_eq!(found.author, "model");
    assert_eq!(found.created_at, take.created_at);
    assert_eq!(
        (found.blob, found.size),
        (resolved.body.id(), take.body.len() as u64)
    );
    assert_eq!(found.model.as_deref(), resolved.body.model());
    let pointing = line.environments.iter().filter(|(_, to)| to.0 == take.id);
    let names: Vec<&str> = pointing.map(|(name, _)| name.as_str()).collect();
    let in_environments: Vec<&str> = found
        .environments
        .iter()
        .map(|name| name.as_str())
        .collect();
    assert_eq!(
        in_environments, names,
        "environments of version {}",
        take.number
    );
    for request in 0..2 {
        let recorded = store.inputs(take.id, &request.to_string());
        match book.inputs.get(&(take.id, request)) {
            Some(at) => assert_eq!(recorded.unwrap().recorded_at, *at),
            None => assert!(matches!(recorded, Err(Error::InputsNotFound { .. }))),
        }
    }
}

fn operations(store: &Store, book: &Book) {
    let none = OperationFilter::default();
    let everything = store
        .operations()
        .with_filter(&none)
        .page(None, usize::MAX)
        .unwrap();
    assert_eq!(everything.len(), book.operations.len(), "operations");
    for ((number, entry), found) in (1..).zip(&book.operations).zip(everything.iter().rev()) {
        assert_eq!(found.number, number);
        let content = &found.content;
        assert_eq!(
            (content.at, content.kind),
            (entry.at, entry.kind),
            "operation {number}"
        );
        assert_eq!(content.author, "model");
        let changes: Vec<String> = content.changes.iter().map(words).collect();
        assert_eq!(changes, entry.changes, "operation {number}");
    }
    paged(
        &everything,
        |operation| operation.number,
        |before| {
            store
                .operations()
                .with_filter(&none)
                .page(before, 7)
                .unwrap()
        },
    );
    let of = |filter: &OperationFilter, wanted: &dyn Fn(&Change) -> bool| {
        let found = store
            .operations()
            .with_filter(filter)
            .page(None, usize::MAX)
            .unwrap();
        let mut expected = everything.clone();
        expected.retain(|operation| operation.content.changes.iter().any(wanted));
        assert_eq!(found, expected, "{filter:?}");
    };
    let moves = |change: &Change, wanted: &str| matches!(change, Change::Environment { name, .. } if name.as_str() == wanted);
    let environment = none.clone().environment("staging".parse().unwrap());
    of(&environment, &|change| moves(change, "staging"));
    for line in &book.prompts {
        of(&none.clone().prompt(line.id), &|change| {
            change.prompt() == Some(line.id)
        });
        let both = environment.clone().prompt(line.id);
        of(&both, &|change| {
            change.prompt() == Some(line.id) && moves(change, "staging")
        });
    }
}

/// Formats a change as the model does.
fn words(change: &Change) -> String {
    let state = |state: &Option<PromptState>| {
        state
            .as_ref()
            .map(|state| (state.name.to_string(), state.tags.clone()))
    };
    match change {
        Change::Prompt { id, before, after } => {
            let (before, after) = (state(before), state(after));
            let borrowed = |state: &'_ Option<(String, Vec<String>)>| format!("{state:?}");
            format!("prompt {id} {} -> {}", borrowed(&before), borrowed(&after))
        }
        Change::VersionCreated(version) => {
            assert_eq!(
                version.environments,
                [],
                "a new version is in no environment yet"
            );
            let (id, number, base) = (version.id, version.number, version.base);
            version_in_words(version.prompt_id, id, number, base)
        }
        Change::VersionDeleted { prompt, id } => deletion(*prompt, *id),
        Change::Environment {
            prompt,
            name,
            before,
            after,
            ..
        } => change_of_environment(*prompt, name.as_str(), *before, *after),
        Change::EnvironmentList { before, after } => {
            let list = |names: &Option<Vec<EnvironmentName>>| {
                let names = names.as_ref()?;
                Some(names.iter().map(|name| name.to_string()).collect())
            };
            change_of_list(list(before).as_ref(), list(after).as_ref())
        }
        other => panic!("no change of the model: {other:?}"),
    }
}

/// Formats a change of a prompt's name and tags.
pub fn change_of_prompt(
    id: PromptId,
    before: Option<(&String, &Vec<String>)>,
    after: Option<(&String, &Vec<String>)>,
) -> String {
    format!("prompt {id} {before:?} -> {after:?}")
}

/// Formats the creation of a version.
pub fn change_of_version(prompt: PromptId, take: &ModelVersion) -> String {
    version_in_words(prompt, take.id, take.number, take.base)
}

fn version_in_words(
    prompt: PromptId,
    id: VersionId,
    number: VersionNumber,
    base: Option<VersionId>,
) -> String {
    format!("version {id} {number} of {prompt} on {base:?}")
}

/// Formats a change of the environment list.
pub fn change_of_list(before: Option<&Vec<String>>, after: Option<&Vec<String>>) -> String {
    format!("list {before:?} -> {after:?}")
}

/// Formats the deletion of a version.
pub fn deletion(prompt: PromptId, id: VersionId) -> String {
    format!("version {id} of {prompt} deleted")
}

/// Formats a move of an environment.
pub fn change_of_environment(
    prompt: PromptId,
    name: &str,
    before: Option<VersionId>,
    after: Option<VersionId>,
) -> String {
    format!("{name} of {prompt} {before:?} -> {after:?}")
}
