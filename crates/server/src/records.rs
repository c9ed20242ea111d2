//! Records as their users' programs see them, the same through every door.

use countersign_identity::permission::Rule;
use countersign_identity::{Credential, LoginName, Secret};
use countersign_wamp::{Dict, Value};

/// A one-time password: the dict of the seed, its eight fields in the order of the bus that
/// this replaces. The key in the clear is there once, when it was made.
pub fn otp(credential: &Credential, login: &LoginName, plaintext: Option<&Secret>) -> Dict {
    Dict::new()
        .with("uuid", credential.id.to_bus())
        .with("origin", credential.origin.as_str())
        .with("expires", credential.expires.to_iso8601())
        .with("permissions", rules(&credential.permissions))
        .with("key", credential.digest.to_bus())
        .with("owner", credential.owner.to_bus())
        .with("plaintext_key", plaintext.map(Secret::expose))
        .with("login", login.as_str())
}

/// Rules: a list of `{uri, perms}`.
pub fn rules(rules: &[Rule]) -> Vec<Value> {
    let rule =
        |rule: &Rule| Dict::new().with("uri", rule.pattern.as_str()).with("perms", rule.rights.to_string()).into();
    rules.iter().map(rule).collect()
}
