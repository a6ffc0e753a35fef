//! The `promptbook` command, run as its users run it.
