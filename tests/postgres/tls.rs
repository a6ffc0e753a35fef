//! TLS, and servers whose settings are refused.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

use promptbook::StoreOptions;

use crate::postgres_server::{Server, new_schema};
use crate::support::{is_sound, with_prompt};

/// Makes a certificate authority, and a certificate for the address of this machine.
const SCRIPT: &str = r#"
set -e
cd "$1"
new() { openssl req -newkey rsa:2048 -nodes "$@" 2>/dev/null; }
new -x509 -days 2 -subj /CN=tests -keyout ca.key -out ca.pem
new -subj /CN=server -keyout server.key -out server.csr
echo subjectAltName=IP:127.0.0.1 >names
openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.pem 2>/dev/null
"#;

fn certificates(directory: &Path) -> bool {
    let mut make = Command::new("sh");
    make.args(["-c", SCRIPT, "sh"]).arg(directory);
    if !make.status().unwrap().success() {
        println!("not run: no openssl, which makes certificates");
        return false;
    }
    let key = directory.join("server.key");
    let owner = u32::from(rustix::process::geteuid().is_root()) * 65534;
    if owner > 0 {
        chown(&key, Some(owner), Some(owner)).unwrap();
    }
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).unwrap();
    true
}

#[test]
fn the_certificate_of_a_server_is_verified() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    if !certificates(place) {
        return;
    }
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let file = |name: &str| place.join(name).display().to_string();
    let options = [
        "-c",
        "listen_addresses=127.0.0.1",
        "-c",
        &format!("port={port}"),
        "-c",
        "ssl=on",
        "-c",
        &format!("ssl_cert_file={}", file("server.pem")),
        "-c",
        &format!("ssl_key_file={}", file("server.key")),
    ];
    let Some(_server) = Server::start(&options) else {
        return;
    };
    let url = |host: &str, parameters: &str| {
        let schema = new_schema();
        format!("postgres://tests@{host}:{port}/postgres?schema={schema}&{parameters}")
    };
    let create = |url: &str| StoreOptions::new().create_url(url);
    let root = format!("sslrootcert={}", file("ca.pem"));
    let refused = |url: &str, words: &str| {
        let error = create(url).unwrap_err().to_string();
        assert!(error.contains(words), "{url}: {error}");
    };
    refused(&url("127.0.0.1", "sslmode=require"), "certificate");
    refused(&url("127.0.0.1", "sslmode=verify-full"), "certificate");
    // The certificate is for another name.
    refused(
        &url("localhost", &format!("sslmode=require&{root}")),
        "certificate",
    );
    let missing = "sslmode=require&sslrootcert=/none";
    refused(&url("127.0.0.1", missing), "/none");
    let accepted = url("127.0.0.1", &format!("sslmode=verify-full&{root}"));
    is_sound(&with_prompt(&accepted, "secure".parse().unwrap()));
    create(&url("127.0.0.1", "sslmode=disable")).unwrap();
}

#[test]
fn a_server_that_does_not_flush_is_refused() {
    let Some(server) = Server::start(&["-c", "fsync=off"]) else {
        return;
    };
    let url = server.new_url();
    let error = StoreOptions::new().create_url(&url).unwrap_err();
    assert!(error.to_string().contains("fsync"), "{error}");
    let error = StoreOptions::new().open_url(&url).unwrap_err();
    assert!(
        matches!(error, promptbook::error::OpenError::NotAStore { .. }),
        "{error}"
    );
    let forced = format!("{url}&allow_fsync_off=1");
    is_sound(&with_prompt(&forced, "forced".parse().unwrap()));
    let error = StoreOptions::new().open_url(&url).unwrap_err();
    assert!(error.to_string().contains("allow_fsync_off=1"), "{error}");
}
