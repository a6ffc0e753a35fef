//! Operations on a store, described by small numbers that mean the same in any store.

use promptbook::Bump;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

/// The names of prompts: alike except for the letter case, beyond ASCII, like an id, empty, alike
/// up to a NUL, and with characters that require escapes.
pub const NAMES: [&str; 8] = [
    "Greeting",
    "greeting",
    "Straße @2",
    "aaaaaa",
    "",
    "a\0Greeting",
    "a\0",
    "\u{301}\r\n\u{1b}[0m\u{202e}\"\\'%_",
];

/// The ids that creations request.
pub const IDS: [&str; 3] = ["aaaaaa", "Bbbbb1", "cccccc"];

/// The tags of prompts.
pub const TAGS: [&str; 6] = ["a", "A", "ä b", "", "a\0b", "a\0\n\"\\"];

/// The environments.
pub const ENVIRONMENTS: [&str; 3] = ["production", "staging", "latest"];

/// One call. Prompts and versions are numbered in the order of creation, including deleted ones.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    Create(Create),
    Commit(Commit),
    Move(Vec<EnvironmentMove>),
    Rename {
        prompt: usize,
        name: usize,
    },
    Tag {
        prompt: usize,
        tags: Vec<usize>,
    },
    DeleteVersion {
        prompt: usize,
        version: usize,
    },
    DeletePrompt {
        prompt: usize,
    },
    /// Adds names to the environment list.
    AddToList(Vec<usize>),
    RemoveFromList(Vec<usize>),
    RemoveList,
    Record {
        prompt: usize,
        version: usize,
        request: usize,
    },
    /// Creations, commits, moves and deletions in one transaction. If `fails` is set, the last step
    /// is an error.
    Batch {
        steps: Vec<Op>,
        fails: bool,
    },
    Settle,
    /// Removes bodies that have been unused for this number of days.
    Collect {
        days: u8,
    },
    /// Repacks all bodies older than a day, and all packs.
    Repack,
    /// Moves the clock forward by more than a day.
    ADayLater,
    Reopen,
    /// Moves the clock back by this number of seconds, up to several days.
    ClockBack(u32),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Create {
    pub name: usize,
    pub body: String,
    pub tags: Vec<usize>,
    pub environment: Option<usize>,
    pub id: Option<usize>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Commit {
    pub prompt: usize,
    pub body: String,
    pub bump: Bump,
    pub force: bool,
    pub base: Base,
    pub expected: Expectation,
    pub environment: Option<usize>,
}

/// The version that a commit is based on.
#[derive(Clone, Debug, PartialEq)]
pub enum Base {
    Latest,
    /// The version at this position in the order of creation.
    Numbered(usize),
    In(usize),
}

/// The state that a caller expects.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Expectation {
    Any,
    Absent,
    /// The current version; `Any` if there is none.
    Right,
    /// A version that never existed.
    Wrong,
}

/// A move of one environment; `to` is `None` to remove it.
#[derive(Clone, Debug, PartialEq)]
pub struct EnvironmentMove {
    pub prompt: usize,
    pub environment: usize,
    pub to: Option<Target>,
    pub expected: Expectation,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    Latest,
    Version(usize),
    In(usize),
}

/// Returns a body. Bodies differ in their variables, which a caller would notice, and in their
/// words.
pub fn body_of(variables: usize, words: usize) -> String {
    let variables = ["", "{{hc:a:string}}", "{{hc:a:string}} {{hc:b:number}}"][variables];
    format!(r#"{{"model":"m{words}",  "messages":[{{"role":"user","content":"{variables}"}}]}}"#)
}

/// Checks whether a body breaks callers of another one: whether their variables differ.
pub fn breaks(before: &str, after: &str) -> bool {
    let variables = |body: &str| body.split("content").nth(1).map(str::to_owned);
    variables(before) != variables(after)
}

fn body() -> impl Strategy<Value = String> {
    (0..3_usize, 0..3_usize).prop_map(|(variables, words)| body_of(variables, words))
}

fn tags() -> impl Strategy<Value = Vec<usize>> {
    vec(0..TAGS.len(), 0..3)
}

fn environment() -> std::ops::Range<usize> {
    0..ENVIRONMENTS.len()
}

/// Selects mostly the first prompts, so that calls affect each other.
fn prompt() -> impl Strategy<Value = usize> {
    prop_oneof![6 => Just(0_usize), 3 => Just(1_usize), 1 => 2..4_usize]
}

fn version() -> impl Strategy<Value = usize> {
    prop_oneof![4 => 0..2_usize, 3 => 2..4_usize, 1 => 4..9_usize]
}

fn expectation() -> impl Strategy<Value = Expectation> {
    use Expectation::{Absent, Any, Right, Wrong};
    prop_oneof![5 => Just(Any), 1 => Just(Absent), 2 => Just(Right), 1 => Just(Wrong)]
}

fn create() -> impl Strategy<Value = Op> {
    let id = prop_oneof![2 => Just(None), 1 => (0..IDS.len()).prop_map(Some)];
    (0..NAMES.len(), body(), tags(), of(environment()), id).prop_map(
        |(name, body, tags, environment, id)| {
            Op::Create(Create {
                name,
                body,
                tags,
                environment,
                id,
            })
        },
    )
}

fn commit() -> impl Strategy<Value = Op> {
    let bump = prop_oneof![3 => Just(Bump::Auto), 3 => Just(Bump::Minor), 1 => Just(Bump::Major)];
    let base = prop_oneof![
        4 => Just(Base::Latest),
        2 => version().prop_map(Base::Numbered),
        1 => environment().prop_map(Base::In),
    ];
    let rest = (base, expectation(), of(environment()));
    (prompt(), body(), bump, any::<bool>(), rest).prop_map(
        |(prompt, body, bump, force, (base, expected, environment))| {
            Op::Commit(Commit {
                prompt,
                body,
                bump,
                force,
                base,
                expected,
                environment,
            })
        },
    )
}

fn wish() -> impl Strategy<Value = EnvironmentMove> {
    let to = prop_oneof![
        1 => Just(Target::Latest),
        4 => version().prop_map(Target::Version),
        1 => environment().prop_map(Target::In),
    ];
    (
        prompt(),
        environment(),
        proptest::option::weighted(0.8, to),
        expectation(),
    )
        .prop_map(|(prompt, environment, to, expected)| EnvironmentMove {
            prompt,
            environment,
            to,
            expected,
        })
}

fn moves() -> impl Strategy<Value = Op> {
    prop_oneof![3 => vec(wish(), 1), 1 => vec(wish(), 0..4)].prop_map(Op::Move)
}

fn deletion() -> impl Strategy<Value = Op> {
    let version = (prompt(), version());
    prop_oneof![
        4 => version.prop_map(|(prompt, version)| Op::DeleteVersion { prompt, version }),
        1 => prompt().prop_map(|prompt| Op::DeletePrompt { prompt }),
    ]
}

fn batch() -> impl Strategy<Value = Op> {
    let step = prop_oneof![1 => create(), 3 => commit(), 2 => moves(), 1 => deletion()];
    (vec(step, 1..4), any::<bool>()).prop_map(|(steps, fails)| Op::Batch { steps, fails })
}

fn op() -> impl Strategy<Value = Op> {
    let rename = (prompt(), 0..NAMES.len()).prop_map(|(prompt, name)| Op::Rename { prompt, name });
    let tag = (prompt(), tags()).prop_map(|(prompt, tags)| Op::Tag { prompt, tags });
    let names = || vec(environment(), 1..4);
    let list = prop_oneof![
        3 => names().prop_map(Op::AddToList),
        1 => names().prop_map(Op::RemoveFromList),
        1 => Just(Op::RemoveList),
    ];
    let record =
        (prompt(), version(), 0..2_usize).prop_map(|(prompt, version, request)| Op::Record {
            prompt,
            version,
            request,
        });
    prop_oneof![
        4 => create(),
        12 => commit(),
        8 => moves(),
        2 => rename,
        2 => tag,
        4 => deletion(),
        2 => list,
        2 => record,
        4 => batch(),
        1 => Just(Op::Settle),
        2 => prop_oneof![2 => Just(0_u8), 3 => 1..4_u8].prop_map(|days| Op::Collect { days }),
        2 => Just(Op::Repack),
        2 => Just(Op::ADayLater),
        1 => Just(Op::Reopen),
        1 => prop_oneof![1..20_u32, 1..400_000_u32].prop_map(Op::ClockBack),
    ]
}

/// Returns sequences of calls that begin with the creation of a prompt.
pub fn ops() -> impl Strategy<Value = Vec<Op>> {
    (create(), vec(op(), 1..40)).prop_map(|(first, mut ops)| {
        ops.insert(0, first);
        ops
    })
}
