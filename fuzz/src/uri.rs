//! URIs and patterns, against the specification's rules said in another way.

use countersign_wamp::{MatchPolicy, Uri, UriPattern, UriRules};

/// The first byte chooses the rules, the next line is a pattern, the rest a URI.
pub fn uri(input: &[u8]) {
    let Some((&choice, text)) = input.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let (pattern, uri) = text.split_once('\n').unwrap_or((text, text));
    let rules = UriRules { strict: choice & 1 == 1, bytes_max: if choice & 2 == 2 { 40 } else { 1024 } };
    let parsed = Uri::parse(uri, rules).ok();
    assert_eq!(parsed.is_some(), is_valid(uri, rules, |component| !component.is_empty()), "{uri:?}");
    for policy in [MatchPolicy::Exact, MatchPolicy::Prefix, MatchPolicy::Wildcard] {
        let checked = UriPattern::parse(pattern, policy, rules).ok();
        assert_eq!(checked.is_some(), is_pattern(pattern, policy, rules), "{pattern:?} {policy:?}");
        let (Some(pattern), Some(uri)) = (checked, &parsed) else { continue };
        assert_eq!(pattern.matches(uri), matches(&pattern, uri.as_str()), "{pattern:?} {uri:?}");
    }
}

fn is_valid(text: &str, rules: UriRules, component: impl Fn(&str) -> bool) -> bool {
    let strict = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let loose = |c: char| !c.is_whitespace() && c != '#';
    let character = |c: char| c == '.' || if rules.strict { strict(c) } else { loose(c) };
    text.len() <= rules.bytes_max && text.chars().all(character) && text.split('.').all(component)
}

fn is_pattern(text: &str, policy: MatchPolicy, rules: UriRules) -> bool {
    match policy {
        MatchPolicy::Exact => is_valid(text, rules, |component| !component.is_empty()),
        // A prefix ends anywhere, behind a dot too.
        MatchPolicy::Prefix => {
            let whole = text.strip_suffix('.').unwrap_or(text);
            text.is_empty()
                || (text.len() <= rules.bytes_max && is_valid(whole, rules, |component| !component.is_empty()))
        }
        MatchPolicy::Wildcard => {
            is_valid(text, rules, |_| true) && text.split('.').count() <= UriPattern::WILDCARD_COMPONENTS_MAX
        }
    }
}

fn matches(pattern: &UriPattern, uri: &str) -> bool {
    let text = pattern.as_str();
    match pattern.policy() {
        MatchPolicy::Exact => uri == text,
        MatchPolicy::Prefix => uri.get(..text.len()) == Some(text),
        MatchPolicy::Wildcard => {
            let (wanted, given): (Vec<_>, Vec<_>) = (text.split('.').collect(), uri.split('.').collect());
            wanted.len() == given.len() && wanted.iter().zip(given).all(|(wanted, given)| ["", given].contains(wanted))
        }
    }
}
