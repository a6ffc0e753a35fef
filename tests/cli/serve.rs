//! `serve`: what it writes, and how it ends.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::support::{Desk, command};

/// Signals are heard before anybody knows whom to send them to.
#[cfg(unix)]
#[test]
fn it_ends_well_on_a_signal_as_soon_as_it_has_told_where_it_is() {
    let desk = Desk::new();
    for name in ["TERM", "INT", "TERM", "INT", "TERM"] {
        let mut serve = command(desk.path());
        serve.args(["serve", "--addr", "127.0.0.1:0"]);
        let mut child = serve.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        let kill = Command::new("kill")
            .args(["-s", name, &child.id().to_string()])
            .status();
        assert!(kill.unwrap().success());
        assert!(line.starts_with("Listening on http://127.0.0.1:"), "{line}");
        assert_eq!(child.wait().unwrap().code(), Some(0), "{name}");
    }
}

#[test]
fn what_is_no_address_is_a_mistake_of_usage() {
    let desk = Desk::new();
    for address in ["nonsense", "8585", "127.0.0.1:99999"] {
        let told = desk.run(&["serve", "--addr", address]).fails(2);
        assert!(
            told.contains(&format!("{address} can't be listened on")),
            "{told}"
        );
    }
}

#[test]
fn other_machines_need_a_key_given_on_purpose() {
    let desk = Desk::new();
    for arguments in [
        &["serve", "--addr", "0.0.0.0:0"][..],
        &["serve", "--addr", "0.0.0.0:0", "--key", ""],
        &["fake", "--addr", "0.0.0.0"],
    ] {
        let told = desk.run(arguments).fails(2);
        assert!(
            told.ends_with("a key must be given for it\nhint: --key KEY gives one\n"),
            "{told}"
        );
    }
}
