//! The `promptbook` executable, which only calls [`promptbook::cli::main`].

fn main() -> std::process::ExitCode {
    promptbook::cli::main()
}
