//! Static keys in the AWS profile files, which `object_store` does not read.

use std::env;
use std::fs;
use std::path::PathBuf;

/// Returns the access key id, the secret key and the session token of the selected profile.
///
/// The profile is that of `AWS_PROFILE`, or `default`, in the file that `AWS_SHARED_CREDENTIALS_FILE`
/// names, or in `~/.aws/credentials`. A profile without both keys counts as missing.
pub(super) fn profile() -> Option<(String, String, Option<String>)> {
    let named = env::var_os("AWS_SHARED_CREDENTIALS_FILE").map(PathBuf::from);
    let file = named.or_else(|| Some(env::home_dir()?.join(".aws").join("credentials")))?;
    let profile = env::var("AWS_PROFILE").unwrap_or_else(|_| "default".into());
    profile_in(&fs::read_to_string(file).ok()?, &profile)
}

fn profile_in(text: &str, profile: &str) -> Option<(String, String, Option<String>)> {
    let (mut is_selected, mut found) = (false, [const { None }; 3]);
    for line in text.lines().map(str::trim) {
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|line| line.strip_suffix(']'))
        {
            is_selected = name.trim() == profile;
            continue;
        }
        let Some((name, value)) = line.split_once('=').filter(|_| is_selected) else {
            continue;
        };
        let names = [
            "aws_access_key_id",
            "aws_secret_access_key",
            "aws_session_token",
        ];
        if let Some(number) = names.iter().position(|known| *known == name.trim()) {
            found[number] = Some(value.trim().to_owned());
        }
    }
    let [id, secret, token] = found;
    Some((id?, secret?, token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_selected_profile_counts() {
        let file = "[default]\naws_access_key_id = one\naws_secret_access_key=secret=\n# a note\n\
            [role]\nrole_arn = arn\n[other]\naws_access_key_id=two\naws_secret_access_key=2\n\
            aws_session_token = t\n";
        let one = Some(("one".into(), "secret=".into(), None));
        assert_eq!(profile_in(file, "default"), one);
        let two = Some(("two".into(), "2".into(), Some("t".into())));
        assert_eq!(profile_in(file, "other"), two);
        assert_eq!(profile_in(file, "role"), None);
        assert_eq!(profile_in(file, "missing"), None);
    }
}
