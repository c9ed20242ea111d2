//! Keys of Zato SSO's configuration that have no meaning here: refused by name, with the reason.
//!
//! Source: contract of the sign-on API, section 6.1. Whoever brings an old file learns what became of each line.

use toml::Table;

use super::ConfigError;

/// Table, key, and why there is no such setting.
const DEAD: &[(&str, &str, &str)] = &[
    ("main", "encrypt_password", "passwords are kept as Argon2id hashes, which nothing has to hide"),
    ("main", "email_service", "mails go out by [mail]; no service is called"),
    ("main", "smtp_conn", "the mail server is set in [mail.smtp]"),
    ("backend", "default", "the database is set by storage.url"),
    ("sql", "name", "the database is set by storage.url"),
    ("hash_secret", "rounds", "passwords are hashed by Argon2id, whose cost is fixed"),
    ("hash_secret", "salt_size", "passwords are hashed by Argon2id, with salts of 16 bytes"),
    ("apps", "login_metadata_allowed", "whom to believe an address is set by proxies.trusted"),
    ("password_reset", "email_title_en_US", "mails are in one language; the key is password_reset.email_title_en_GB"),
    ("session", "expiry_hook", "no service is called; set session.expiry"),
    ("password", "min_complexity_algorithm", "it is always zxcvbn"),
    ("signup", "email_required", "the key is signup.is_email_required"),
    ("signup", "callback_service_list", "no service is called after a sign-up"),
    ("signup", "password_allow_whitespace", "blanks are allowed in every password"),
    ("user_validation", "service", "no service is called; the rules are those of [user_validation]"),
];

/// Refuses a file with such a key.
pub(super) fn check(file: &Table) -> Result<(), ConfigError> {
    let given = |(table, key, _): &&(&str, &str, &str)| {
        file.get(*table).and_then(toml::Value::as_table).is_some_and(|table| table.contains_key(*key))
    };
    match DEAD.iter().find(given) {
        Some((table, key, reason)) => {
            Err(ConfigError::Dead { key: format!("{table}.{key}"), reason: (*reason).to_owned() })
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    #[test]
    fn dead_keys_are_refused_by_name_with_the_reason() {
        for (table, key, reason) in DEAD {
            let error = Config::parse(&format!("[{table}]\n{key} = ''")).unwrap_err().to_string();
            assert!(error.contains(&format!("{table}.{key}")) && error.contains(reason), "{error}");
        }
    }

    #[test]
    fn a_key_of_the_same_name_elsewhere_is_another_one() {
        assert!(check(&"rounds = 1\n[sessions]\nname = 'x'".parse().unwrap()).is_ok());
    }
}
