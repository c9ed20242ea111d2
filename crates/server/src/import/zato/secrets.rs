//! `secrets.conf`: the key under which Zato has encrypted what it stores.

use crate::fernet::{BadKey, FernetKey};

/// Why there is no key in the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretsError {
    /// The file has no such entry.
    #[error("secrets.conf has no key1 in its table [secret_keys]")]
    NoKey,
    /// The key is in a variable that isn't set.
    #[error("secrets.conf takes its key from the environment variable {0}, which is not set here")]
    NoVariable(String),
    /// The key was typed in at the server's start.
    #[error("secrets.conf says that the key is given on standard input; write it into a copy of the file")]
    FromStdin,
    /// The entry is no key.
    #[error("key1 of secrets.conf {0}")]
    BadKey(#[from] BadKey),
}

/// What Zato writes where the key is to be given at its start.
const STDIN_MARKER: &str = "zato+secret://";

/// The key of a `secrets.conf`; `variable` reads the environment.
pub fn key(file: &str, variable: impl FnOnce(&str) -> Option<String>) -> Result<FernetKey, SecretsError> {
    let value = entry(file).ok_or(SecretsError::NoKey)?;
    if value.is_empty() || value == "-" || value.starts_with(STDIN_MARKER) {
        return Err(SecretsError::FromStdin);
    }
    match value.strip_prefix('$') {
        Some(name) => {
            let value = variable(name).ok_or_else(|| SecretsError::NoVariable(name.to_owned()))?;
            Ok(FernetKey::parse(&value)?)
        }
        None => Ok(FernetKey::parse(value)?),
    }
}

/// The value of `key1` in `[secret_keys]`. The file is an INI file with `=`; a value may stand in quotes.
fn entry(file: &str) -> Option<&str> {
    let lines = file.lines().map(str::trim).skip_while(|line| *line != "[secret_keys]").skip(1);
    let (_, value) = lines
        .take_while(|line| !line.starts_with('['))
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('='))
        .find(|(name, _)| name.trim() == "key1")?;
    Some(value.trim().trim_matches(['"', '\'']))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const KEY: &str = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=";

    #[test]
    fn finds_the_key_in_the_file_or_in_the_environment() {
        let check =
            |file: &str| assert!(key(file, |name| (name == "ZATO_KEY").then(|| KEY.to_owned())).is_ok(), "{file}");
        check(&format!("[secret_keys]\nkey1={KEY}\n"));
        check(&format!(
            "# about\n[other]\nkey1=x\n\n[secret_keys]\n#key1=x\n key1 = \"{KEY}\" \n[zato]\nwell_known_data=x\n"
        ));
        check("[secret_keys]\nkey1=$ZATO_KEY\n");
    }

    #[test]
    fn says_what_is_missing() {
        #[track_caller]
        fn check(file: &str, want: &SecretsError) {
            assert_eq!(key(file, |_| None).unwrap_err(), *want);
        }
        check("", &SecretsError::NoKey);
        check("[secret_keys]\nkey2=x\n[zato]\nkey1=x\n", &SecretsError::NoKey);
        check("[secret_keys]\nkey1=$ZATO_KEY\n", &SecretsError::NoVariable("ZATO_KEY".into()));
        check("[secret_keys]\nkey1=-\n", &SecretsError::FromStdin);
        check("[secret_keys]\nkey1=abc\n", &SecretsError::BadKey(BadKey));
    }
}
