//! The examples in the help of each command.

/// The commands, each with its examples, which follow `promptbook`.
const EXAMPLES: &[(&str, &[&str])] = &[
    (
        "init",
        &[
            "init",
            "init --environments dev,staging,production",
            "--store /srv/prompts init",
        ],
    ),
    (
        "create",
        &[
            "create greeting greeting.json",
            "create support/refund refund.json --tag support --env staging",
        ],
    ),
    (
        "commit",
        &[
            "commit greeting greeting.json -m \"Be warm\"",
            "commit greeting greeting.json -m \"Be warm\" --env staging",
            "commit greeting greeting.json -m \"New input\" --major",
        ],
    ),
    (
        "edit",
        &[
            "edit greeting -m \"Be warm\"",
            "edit greeting --format json --env staging",
        ],
    ),
    (
        "log",
        &[
            "log",
            "log greeting -n 5",
            "log greeting -p --since '2 days ago'",
            "log --grep refund",
            "log greeting --env production",
        ],
    ),
    (
        "show",
        &[
            "show greeting",
            "show greeting@production --text",
            "show greeting@1.0 --json",
            "show greeting@production --at yesterday",
        ],
    ),
    (
        "diff",
        &[
            "diff greeting",
            "diff greeting@1.0 greeting@production",
            "diff greeting --file greeting.json",
            "diff prompts/",
            "diff --env staging production",
        ],
    ),
    (
        "blame",
        &["blame greeting@production", "blame greeting --lines"],
    ),
    (
        "lint",
        &["lint", "lint greeting@production", "lint greeting.json"],
    ),
    ("ls", &["ls", "ls --name refund", "ls --tag support --json"]),
    (
        "search",
        &["search refund policy", "search '\"money back\"' --all"],
    ),
    ("resolve", &["resolve greeting@production > greeting.json"]),
    ("vars", &["vars greeting@production"]),
    (
        "render",
        &[
            "render greeting@production name=Ada",
            "render greeting name=Ada age:=36",
            "render greeting --inputs inputs.json",
        ],
    ),
    (
        "env list",
        &["env list greeting", "env list greeting --at yesterday"],
    ),
    (
        "env set",
        &[
            "env set greeting production 1.2",
            "env set greeting production ^1 --reason 'Passed the evaluation'",
            "env set greeting production 1.2 --expect 1.1",
        ],
    ),
    ("env remove", &["env remove greeting staging"]),
    (
        "environments list",
        &["environments list", "environments list --json"],
    ),
    (
        "environments add",
        &["environments add dev staging production"],
    ),
    (
        "environments remove",
        &["environments remove dev", "environments remove --all"],
    ),
    (
        "promote",
        &[
            "promote staging production greeting",
            "promote staging production --tag support --dry-run",
            "promote staging production --all --breaking",
        ],
    ),
    ("tag list", &["tag list greeting"]),
    ("tag add", &["tag add greeting support hotel"]),
    ("tag remove", &["tag remove greeting hotel"]),
    ("tag set", &["tag set greeting support", "tag set greeting"]),
    ("rename", &["rename greeting welcome"]),
    ("rm", &["rm greeting@1.2", "rm greeting --yes"]),
    (
        "ops",
        &["ops", "ops greeting -n 5", "ops --env production --all"],
    ),
    (
        "undo",
        &["undo", "undo 12", "undo 12 --also-later", "undo --yes"],
    ),
    (
        "watch",
        &["watch", "watch --from start --for 30s", "watch --json"],
    ),
    (
        "cat-body",
        &["cat-body 887cd2b21c528135f6dba5ba13351c32b239bd7a058f83d97cfce8b5ff6117dd"],
    ),
    (
        "verify",
        &[
            "verify",
            "verify --quick",
            "verify --pin 887cd2b21c528135f6dba5ba13351c32b239bd7a058f83d97cfce8b5ff6117dd",
            "verify --repair --from /backups/prompts",
        ],
    ),
    ("backup", &["backup /backups/prompts"]),
    (
        "restore",
        &[
            "restore /backups/prompts",
            "--store restored restore /backups/prompts",
        ],
    ),
    (
        "copy",
        &[
            "copy .promptbook /srv/prompts",
            "copy .promptbook 'postgres://me@db.example.com/prompts'",
        ],
    ),
    ("checkpoint", &["checkpoint"]),
    ("gc", &["gc --dry-run", "gc", "gc --aggressive"]),
    ("stats", &["stats", "stats --json"]),
    ("status", &["status", "status prompts"]),
    (
        "import",
        &[
            "import prompts",
            "import prompts --env staging",
            "import prompts --prune --dry-run",
            "import langfuse --format langfuse",
            "import store.bundle",
        ],
    ),
    (
        "export",
        &[
            "export prompts",
            "export prompts --format md",
            "export --bundle store.bundle",
        ],
    ),
    (
        "freeze",
        &[
            "freeze prompts.frozen",
            "freeze prompts.frozen --env staging",
            "freeze prompts.frozen --check",
        ],
    ),
    (
        "clone",
        &[
            "clone https://api.helicone.ai prompts --key-file key.txt",
            "clone https://eu.api.helicone.ai",
        ],
    ),
    ("remote add", &["remote add origin https://api.helicone.ai"]),
    ("remote list", &["remote list"]),
    ("remote remove", &["remote remove origin"]),
    (
        "pull",
        &[
            "pull --dry-run",
            "pull --key-file key.txt",
            "pull origin --prompt greeting --theirs",
        ],
    ),
    (
        "push",
        &[
            "push --dry-run",
            "push --key-file key.txt",
            "push origin --prompt greeting --map-numbers",
        ],
    ),
    ("sync-status", &["sync-status", "sync-status origin --json"]),
    (
        "serve",
        &[
            "serve",
            "serve --addr 127.0.0.1:9000 --key-file key.txt",
            "serve --upstream http://127.0.0.1:11434/v1",
        ],
    ),
    (
        "fake",
        &[
            "fake --fixtures prompts.json --until-stdin-closes",
            "fake --addr 127.0.0.1:8585",
        ],
    ),
    ("fixtures", &["fixtures > prompts.json"]),
    ("demo", &["demo"]),
    (
        "completions",
        &[
            "completions bash > ~/.local/share/bash-completion/completions/promptbook",
            "completions fish > ~/.config/fish/completions/promptbook.fish",
        ],
    ),
    (
        "man",
        &["man > promptbook.1", "man --dir /usr/local/share/man/man1"],
    ),
];

/// Returns the examples of a command, such as `env set`.
pub(super) fn examples_of(path: &str) -> &'static [&'static str] {
    let found = EXAMPLES.iter().find(|(command, _)| *command == path);
    found.map_or(&[], |(_, examples)| examples)
}
