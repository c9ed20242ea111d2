//! What the server offers on the bus, for people: `countersign procedure list` and `docs/procedures.md`.

use std::fmt::Write as _;

use countersign_identity::permission::{Action, RuleSet, UriMatch};
use countersign_identity::role::{Role, shipped};
use serde_json::{Value, json};

use super::errors::{ErrorUris, FailureKind};
use super::{GROUPS, Procedure};

/// What stands before the tables.
const INTRODUCTION: &str = "\
# Procedures

What the server itself offers on the bus. `countersign procedure list` shows the same.

Every procedure is there in two spellings, unless its table says otherwise: *long*, with the prefix of the bus
(`com.izaber.wamp.auth.whoami`), and *short* (`auth.whoami`). *Roles* tells who has the permission to call it in a fresh
installation, by spelling; `+` asks for a session that has just shown a credential again. Roles can be edited
([permissions](permissions.md)). *Rule* is what the procedure itself demands beside that. Arguments are taken by position and by
name. Every procedure can answer `unavailable` when the server can't answer at the moment.
";

/// Every procedure: names, URIs, arguments, result, errors, roles that may call it in a fresh installation, rule.
pub fn described(prefix: &str) -> Vec<Value> {
    let roles: Vec<(String, RuleSet)> =
        shipped(prefix).into_iter().map(|Role { name, rules }| (name.to_string(), RuleSet::new(rules))).collect();
    let errors = ErrorUris::new(prefix);
    GROUPS.iter().copied().flatten().map(|procedure| describe(procedure, prefix, &roles, &errors)).collect()
}

fn describe(procedure: &Procedure, prefix: &str, roles: &[(String, RuleSet)], errors: &ErrorUris) -> Value {
    let errors: Vec<&str> = procedure.errors.iter().map(|kind| errors.of(*kind)).collect();
    json!({
        "name": procedure.names.first(),
        "uris": procedure.uris(prefix).collect::<Vec<_>>(),
        "summary": procedure.summary,
        "arguments": procedure.arguments,
        "result": procedure.result,
        "errors": errors,
        "roles": callers(procedure, prefix, roles),
        "rule": procedure.rule,
    })
}

/// The shipped roles that may call it, with the spellings they may use where these aren't all.
fn callers(procedure: &Procedure, prefix: &str, roles: &[(String, RuleSet)]) -> Vec<String> {
    let uris: Vec<String> = procedure.uris(prefix).collect();
    let of_role = |(role, rules): &(String, RuleSet)| {
        let right = |uri: &&String| rules.decide(Action::Call, UriMatch::Exact(uri)).ok();
        let may: Vec<&String> = uris.iter().filter(|uri| right(uri).is_some()).collect();
        let mark = if may.iter().any(|uri| right(uri).is_some_and(|right| right.elevated)) { "+" } else { "" };
        let is_long = |uri: &&String| uri.starts_with(prefix);
        match may.as_slice() {
            [] => None,
            all if all.len() == uris.len() => Some(format!("{role}{mark}")),
            some if some.iter().all(is_long) => Some(format!("{role}{mark} (long)")),
            some if !some.iter().any(is_long) => Some(format!("{role}{mark} (short)")),
            some => Some(format!(
                "{role}{mark} (as {})",
                some.iter().map(|uri| uri.as_str()).collect::<Vec<_>>().join(", ")
            )),
        }
    };
    roles.iter().filter_map(of_role).collect()
}

/// The page of the manual.
pub fn markdown(prefix: &str) -> String {
    let mut page = INTRODUCTION.to_owned();
    let texts = |value: &Value, field: &str| -> Vec<String> {
        let list = value.get(field).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let mut group = String::new();
    for procedure in described(prefix) {
        let text = |field: &str| procedure.get(field).and_then(Value::as_str).unwrap_or_default();
        let names: Vec<String> = texts(&procedure, "uris").into_iter().filter(|uri| !uri.starts_with(prefix)).collect();
        let name = names.first().cloned().unwrap_or_else(|| text("name").to_owned());
        let its_group = name.rsplit_once('.').map_or(name.as_str(), |(group, _)| group).to_owned();
        if its_group != group {
            let _ = write!(page, "\n## `{its_group}`\n");
            group = its_group;
        }
        let errors: Vec<String> = texts(&procedure, "errors")
            .into_iter()
            .map(|uri| format!("`{}`", uri.rsplit('.').next().unwrap_or(&uri)))
            .collect();
        let _ = write!(page, "\n### `{name}({})`\n\n{}\n\n", text("arguments"), text("summary"));
        if names.len() > 1 {
            let others: Vec<String> = names.iter().skip(1).map(|name| format!("`{name}`")).collect();
            let _ = writeln!(page, "- Also as: {}", others.join(", "));
        }
        if names.is_empty() {
            page.push_str("- Only in the long spelling.\n");
        }
        let _ = writeln!(page, "- Result: {}", text("result"));
        let _ = writeln!(page, "- Roles: {}", texts(&procedure, "roles").join(", "));
        if !text("rule").is_empty() {
            let _ = writeln!(page, "- Rule: {}", text("rule"));
        }
        let _ = writeln!(page, "- Errors: {}", errors.join(", "));
    }
    page.push_str("\n## Errors\n\n| URI | means |\n|---|---|\n");
    let errors = ErrorUris::new(prefix);
    for kind in FailureKind::ALL {
        let _ = writeln!(page, "| `{}` | {} |", errors.of(kind), kind.meaning());
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEPT: &str = include_str!("../../../../docs/procedures.md");

    #[test]
    fn the_page_is_fresh() {
        let fresh = markdown("com.izaber.wamp");
        assert!(
            KEPT == fresh,
            "docs/procedures.md is not fresh; write it with `countersign procedure list --markdown`"
        );
    }

    #[test]
    fn every_procedure_is_described_and_no_name_is_used_twice() {
        let mut seen = std::collections::HashSet::new();
        for procedure in GROUPS.iter().copied().flatten() {
            assert!(!procedure.summary.is_empty() && !procedure.result.is_empty(), "{procedure:?}");
            for uri in procedure.uris("p") {
                assert!(seen.insert(uri.clone()), "{uri} twice");
            }
        }
    }

    #[test]
    fn tells_the_roles_by_spelling() {
        let all = described("com.izaber.wamp");
        let roles = |name: &str| all.iter().find(|one| one["name"] == name).unwrap()["roles"].clone();
        assert_eq!(roles("auth.whoami"), json!(["trust", "backend (long)", "frontend (long)"]));
        assert_eq!(roles("system.otp.create"), json!(["trust"]));
    }
}
