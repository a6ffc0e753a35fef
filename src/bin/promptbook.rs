//! The `promptbook` command; all of it is in [`promptbook::cli`].

fn main() -> std::process::ExitCode {
    promptbook::cli::main()
}
