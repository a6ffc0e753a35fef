//! Commands of git and of other tools that this command has under another name.
//!
//! They are not aliases: an error names the right command, so that each command has one name.

/// Words, each with the right command.
type Words = &'static [(&'static [&'static str], &'static str)];

/// The words, each with the right command.
const WORDS: Words = &[
    (
        &["st", "state"],
        "promptbook status FOLDER compares the files of a folder with the store, \
         and promptbook stats says what the store contains",
    ),
    (
        &["list", "prompts", "dir"],
        "promptbook ls lists the prompts, and promptbook log the versions",
    ),
    (
        &["cat", "get", "view", "read", "open", "print", "display"],
        "promptbook show SPEC shows a version, and promptbook resolve SPEC writes its exact body",
    ),
    (
        &["modify", "change", "vi"],
        "promptbook edit PROMPT opens the body in an editor, \
         and promptbook commit PROMPT FILE -m MESSAGE commits a file",
    ),
    (
        &["add", "new", "insert"],
        "promptbook create NAME FILE creates a prompt, \
         and promptbook commit PROMPT FILE -m MESSAGE adds a version",
    ),
    (
        &["save", "update", "put", "set", "stage", "ci"],
        "promptbook commit PROMPT FILE -m MESSAGE commits a new version",
    ),
    (
        &["deploy", "release", "publish", "activate", "point"],
        "promptbook env set PROMPT ENVIRONMENT VERSION points an environment to a version, \
         and promptbook promote FROM TO PROMPT to that of another environment",
    ),
    (
        &["checkout", "switch", "co", "use"],
        "there is no working copy: promptbook show PROMPT@VERSION reads a version, \
         and promptbook env set PROMPT ENVIRONMENT VERSION points an environment to it",
    ),
    (
        &[
            "branch",
            "branches",
            "environment",
            "envs",
            "label",
            "labels",
        ],
        "promptbook env list PROMPT lists the environments, promptbook env set PROMPT ENVIRONMENT VERSION \
         points one to a version, and promptbook environments restricts their names",
    ),
    (
        &["merge", "rebase"],
        "promptbook export --bundle FILE writes the whole history to a file, \
         and promptbook import FILE merges it into another store",
    ),
    #[cfg(not(feature = "remote"))]
    (
        &["push", "pull", "fetch", "remote", "sync", "clone"],
        "promptbook export --bundle FILE writes the whole history to a file, \
         and promptbook import FILE merges it into another store",
    ),
    #[cfg(feature = "remote")]
    (
        &["fetch", "sync"],
        "promptbook pull brings what is new in a remote into the store, and promptbook push sends changes to it",
    ),
    (
        &["revert", "reset", "rollback", "unstage"],
        "promptbook help undo explains how an operation is taken back, and \
         promptbook env set PROMPT ENVIRONMENT VERSION points an environment back to an older version",
    ),
    (
        &["delete", "remove", "del", "drop", "destroy"],
        "promptbook help rm explains how a version or a prompt is deleted",
    ),
    (
        &["history", "versions", "reflog", "whatchanged", "shortlog"],
        "promptbook log lists versions, and promptbook ops lists every change of the store",
    ),
    (
        &["mv", "move"],
        "promptbook rename PROMPT NAME renames a prompt",
    ),
    (
        &["grep", "find", "query"],
        "promptbook search TEXT searches names, texts and messages",
    ),
    (
        &["run", "fill", "test", "exec", "compile", "format"],
        "promptbook render SPEC NAME=VALUE fills a body with inputs",
    ),
    (
        &["variables", "inputs", "params", "args"],
        "promptbook vars SPEC lists the variables of a version",
    ),
    (
        &["tags"],
        "promptbook tag list PROMPT lists the tags of a prompt",
    ),
    (
        &["annotate", "praise"],
        "promptbook blame SPEC shows which version introduced each part",
    ),
    (
        &["compare", "cmp", "difftool"],
        "promptbook diff SPEC SPEC compares two versions",
    ),
    (
        &["fsck", "check", "doctor"],
        "promptbook verify checks the whole store",
    ),
    (
        &["dump", "archive", "bundle", "save-all"],
        "promptbook export FOLDER writes a file for each prompt, \
         and promptbook export --bundle FILE the whole history",
    ),
    (
        &["load", "apply"],
        "promptbook import FOLDER imports a folder of JSON files, and promptbook import FILE a bundle",
    ),
    (
        &["start", "server", "up"],
        "promptbook serve serves the store over HTTP, and promptbook fake a fake for tests",
    ),
    (
        &["stash", "worktree", "index"],
        "there is no working copy: promptbook commit PROMPT FILE -m MESSAGE stores a file as a version",
    ),
    (
        &["cherry-pick", "bisect"],
        "promptbook log -p shows what each version changed, \
         and promptbook commit PROMPT FILE -m MESSAGE commits a new version",
    ),
    (
        &["info", "du", "count-objects", "config"],
        "promptbook stats shows what the store contains",
    ),
    (
        &["build", "lock", "snapshot"],
        "promptbook freeze FILE writes one file for an app without a store",
    ),
];

/// The words below `env`, each with the right command.
const ENV_WORDS: Words = &[
    (
        &[
            "add", "move", "mv", "promote", "point", "create", "update", "new",
        ],
        "promptbook env set PROMPT ENVIRONMENT VERSION points an environment to a version",
    ),
    (
        &["ls", "show", "get", "status"],
        "promptbook env list PROMPT lists the environments of a prompt",
    ),
    (
        &["rm", "delete", "del", "unset"],
        "promptbook help env remove explains how an environment is removed",
    ),
    (
        &["log", "history"],
        "promptbook log PROMPT --env ENVIRONMENT shows the history of an environment",
    ),
];

/// The words below `environments`, each with the right command.
const ENVIRONMENT_LIST_WORDS: Words = &[
    (
        &["set", "create", "new", "put", "allow"],
        "promptbook environments add NAME adds a name to the list, \
         and promptbook env set PROMPT ENVIRONMENT VERSION points an environment to a version",
    ),
    (
        &["ls", "show", "get", "status"],
        "promptbook environments list lists the names",
    ),
    (
        &["rm", "delete", "del", "unset"],
        "promptbook help environments remove explains how a name is removed from the list",
    ),
];

/// The words below `tag`, each with the right command.
const TAG_WORDS: Words = &[
    (
        &["create", "new", "put"],
        "promptbook tag add PROMPT TAG adds a tag to a prompt",
    ),
    (
        &["ls", "show", "get", "status"],
        "promptbook tag list PROMPT lists the tags of a prompt",
    ),
    (
        &["rm", "delete", "del", "unset"],
        "promptbook help tag remove explains how a tag is removed from a prompt",
    ),
];

/// The commands that have commands below them, each with the words there, and what any other word
/// probably means.
const GROUPS: [(&str, Words, &str); 3] = [
    (
        "env",
        ENV_WORDS,
        "promptbook env list PROMPT lists the environments of a prompt",
    ),
    (
        "environments",
        ENVIRONMENT_LIST_WORDS,
        "promptbook environments list shows the names that environments can have",
    ),
    (
        "tag",
        TAG_WORDS,
        "promptbook tag list PROMPT lists the tags of a prompt",
    ),
];

/// Returns whether a command has commands below it.
pub(super) fn is_group(command: &str) -> bool {
    GROUPS.iter().any(|(group, ..)| *group == command)
}

/// Returns the right command for a word of another tool, typed alone or after a group's name.
pub(super) fn hint_for_word(word: &str, group: Option<&str>) -> Option<&'static str> {
    let words = match group {
        Some(group) => GROUPS.iter().find(|(name, ..)| *name == group)?.1,
        None => WORDS,
    };
    let found = words.iter().find(|(words, _)| words.contains(&word));
    found.map(|(_, hint)| *hint)
}

/// Returns the command that any other word after a group's name probably means.
pub(super) fn hint_for_group(group: &str) -> Option<&'static str> {
    let found = GROUPS.iter().find(|(name, ..)| *name == group);
    found.map(|(_, _, hint)| *hint)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::args::Arguments;

    /// Returns the words of all groups.
    fn all() -> impl Iterator<Item = &'static (&'static [&'static str], &'static str)> {
        let of_groups = GROUPS.iter().flat_map(|(_, words, _)| *words);
        WORDS.iter().chain(of_groups)
    }

    /// Returns whether a hint names only commands that exist.
    fn is_true(hint: &str, commands: &clap::Command) -> bool {
        let mut named = hint.split("promptbook ").skip(1);
        named.all(|rest| {
            let rest = rest.strip_prefix("help ").unwrap_or(rest);
            let mut words = rest.split([' ', ',', ':']);
            words
                .next()
                .is_some_and(|word| word == "COMMAND" || commands.find_subcommand(word).is_some())
        })
    }

    #[test]
    fn every_hint_names_commands_that_exist() {
        let commands = Arguments::command();
        for (words, hint) in all() {
            #[cfg(not(feature = "server"))]
            if hint.contains("promptbook serve") {
                continue;
            }
            assert!(is_true(hint, &commands), "{words:?}: {hint}");
        }
        for (group, _, hint) in GROUPS {
            assert!(is_true(hint, &commands), "{group}: {hint}");
        }
    }

    #[test]
    fn no_word_is_a_command() {
        let commands = Arguments::command();
        for (group, words, _) in GROUPS {
            let group = commands.find_subcommand(group).unwrap();
            for word in words.iter().flat_map(|(words, _)| *words) {
                assert!(group.find_subcommand(word).is_none(), "{word}");
            }
        }
        for word in WORDS.iter().flat_map(|(words, _)| *words) {
            assert!(commands.find_subcommand(word).is_none(), "{word}");
        }
    }

    #[test]
    fn no_hint_runs_a_command_that_deletes() {
        for (words, hint) in all() {
            for command in [
                "rm",
                "gc",
                "undo",
                "restore",
                "env remove",
                "tag remove",
                "environments remove",
            ] {
                assert!(
                    !hint.contains(&format!("promptbook {command} ")),
                    "{words:?}"
                );
            }
        }
    }
}
