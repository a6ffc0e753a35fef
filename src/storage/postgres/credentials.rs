//! The user and the password of a connection, from the places where libpq looks for them.

use std::env;
use std::fs;
use std::path::PathBuf;

use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// Adds the user and the password, unless the URL contains them.
///
/// The user is `PGUSER`, or else that of the system. The password is `PGPASSWORD`, or else that of
/// the first line in the password file that matches: `PGPASSFILE`, or else `~/.pgpass`.
pub(super) fn complete(config: &mut Config) {
    if config.get_user().is_none() {
        let user = env::var("PGUSER").or_else(|_| env::var("USER"));
        config.user(user.unwrap_or_else(|_| "postgres".into()));
    }
    if config.get_password().is_some() {
        return;
    }
    if let Ok(password) = env::var("PGPASSWORD") {
        config.password(password);
        return;
    }
    let found = password_file().and_then(|path| fs::read_to_string(path).ok());
    if let Some(password) = found.and_then(|text| password_in(&text, config)) {
        config.password(password);
    }
}

fn password_file() -> Option<PathBuf> {
    let named = env::var_os("PGPASSFILE").map(PathBuf::from);
    named.or_else(|| Some(env::home_dir()?.join(".pgpass")))
}

/// Returns the password of the first line that matches a connection.
///
/// See <https://www.postgresql.org/docs/current/libpq-pgpass.html>.
fn password_in(text: &str, config: &Config) -> Option<String> {
    let host = config
        .get_hosts()
        .first()
        .map_or("localhost", |host| match host {
            Host::Tcp(name) => name,
            #[cfg(unix)]
            Host::Unix(_) => "localhost",
        });
    let port = config
        .get_ports()
        .first()
        .copied()
        .unwrap_or(5432)
        .to_string();
    let user = config.get_user().unwrap_or_default();
    let wanted = [host, &port, config.get_dbname().unwrap_or(user), user];
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(fields).find_map(|fields| {
        let matches = |(field, wanted): (&String, &&str)| field == "*" || field == wanted;
        let is_match = fields.len() == 5 && fields.iter().zip(&wanted).all(matches);
        is_match.then(|| fields[4].clone())
    })
}

/// Returns the fields of a line. A backslash makes the next character part of a field.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        let character = match character {
            ':' if fields.len() < 5 => {
                fields.push(String::new());
                continue;
            }
            '\\' => characters.next(),
            character => Some(character),
        };
        if let (Some(field), Some(character)) = (fields.last_mut(), character) {
            field.push(character);
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_matches_counts() {
        let config: Config = "postgres://me@db:5433/prompts".parse().unwrap();
        let file =
            "# a note\nother:*:*:*:no\ndb:5432:*:*:no\n*:*:prompts:me:a\\:b\\\\\n*:*:*:*:late\n";
        assert_eq!(password_in(file, &config).as_deref(), Some("a:b\\"));
        assert_eq!(password_in("db:5433:prompts:you:no\n", &config), None);
    }
}
