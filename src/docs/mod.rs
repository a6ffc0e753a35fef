//! The guide and the design of this crate, as pages.
//!
//! | page | for |
//! |---|---|
//! | [`command`] | people who use `promptbook` in a shell: history, backups, exit codes |
//! | [`mod@files`] | people who keep prompts as files: status, import, export, formats |
//! | [`remotes`] | people who move from Helicone, or work with it: clone, pull, push |
//! | [`bump_rules`] | everyone who commits: which changes are minor versions |
//! | [`serving`] | Helicone's API on a store: `promptbook serve` |
//! | [`faking`] | a Helicone for tests: `promptbook fake` |
//! | [`async_programs`] | programs with an async runtime: which calls wait, and for what |
//! | [`mod@tracing`] | programs that observe the store: its spans, with the feature `tracing` |
//! | [`reliability`] | what was tested against each promise, and what is not promised |
//! | [`performance`] | measurements, and how to repeat them |
//! | [`performance_peers`] | the same work in other stores: all tables |
//! | [`scale`] | services that outgrow one machine: a store in Postgres |
//! | [`formats`] | the files of a store |
//! | [`design`] | the architecture and its invariants |
//! | [`glossary`], [`style`] | contributors: the words, and how they are used |

macro_rules! pages {
    ($($(#[$attribute:meta])* $page:ident = $file:literal,)*) => {
        $(
            #[doc = include_str!($file)]
            $(#[$attribute])*
            pub mod $page {}
        )*
    };
}

pages! {
    async_programs = "async_programs.md",
    bump_rules = "bump_rules.md",
    command = "command.md",
    design = "design.md",
    faking = "faking.md",
    files = "files.md",
    formats = "formats.md",
    glossary = "glossary.md",
    performance = "performance.md",
    performance_peers = "performance_peers.md",
    reliability = "reliability.md",
    remotes = "remotes.md",
    scale = "scale.md",
    serving = "serving.md",
    style = "style.md",
    tracing = "tracing.md",
}
