//! URIs of realms, topics, procedures, errors and reasons, and patterns over them.
//!
//! Source: WAMP specification, basic profile "URIs", advanced profile "Pattern-based
//! Subscriptions" and "Pattern-based Registrations".

use std::borrow::Borrow;
use std::fmt;

use compact_str::CompactString;

/// Text that stands where a URI belongs, not yet checked.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct UriText(CompactString);

impl UriText {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for UriText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl From<&str> for UriText {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for UriText {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<Uri> for UriText {
    fn from(uri: Uri) -> Self {
        Self(uri.0)
    }
}

impl From<&Uri> for UriText {
    fn from(uri: &Uri) -> Self {
        Self(uri.0.clone())
    }
}

/// How strictly a realm reads URIs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UriRules {
    /// Only `[0-9a-z_]` in a component (the specification's strict rule); otherwise anything
    /// but white space, `.` and `#`.
    pub strict: bool,
    /// Longest URI in bytes.
    pub bytes_max: usize,
}

impl UriRules {
    /// Longest URI in bytes, unless set otherwise.
    pub const BYTES_MAX_DEFAULT: usize = 1024;
}

impl Default for UriRules {
    fn default() -> Self {
        Self { strict: false, bytes_max: Self::BYTES_MAX_DEFAULT }
    }
}

/// Why a text is no URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UriError {
    /// Nothing is there.
    #[error("a URI can't be empty")]
    Empty,
    /// Longer than [`UriRules::bytes_max`].
    #[error("a URI has at most {bytes_max} bytes")]
    TooLong {
        /// The limit, in bytes.
        bytes_max: usize,
    },
    /// Two dots in a row, or one at an end.
    #[error("a URI can't have an empty component")]
    EmptyComponent,
    /// More than [`UriPattern::WILDCARD_COMPONENTS_MAX`].
    #[error("a wildcard pattern has at most {max} components", max = UriPattern::WILDCARD_COMPONENTS_MAX)]
    TooManyComponents,
    /// White space, `#`, or under strict rules anything but `[0-9a-z_]`.
    #[error("a URI can't contain {0:?}")]
    Character(char),
}

/// A checked URI without empty components.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uri(CompactString);

impl Uri {
    /// Checks `text` against `rules`.
    ///
    /// # Errors
    ///
    /// [`UriError`], by the first thing found wrong.
    pub fn parse(text: &str, rules: UriRules) -> Result<Self, UriError> {
        check(text, rules, EmptyComponents::Refused)?;
        Ok(Self(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Borrow<str> for Uri {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// How a subscription or registration compares its URI with the one of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum MatchPolicy {
    /// Equal.
    #[default]
    Exact,
    /// The URI starts with the pattern, as text: `com.myapp` matches `com.myapplication`.
    Prefix,
    /// Component by component; an empty component of the pattern matches any one.
    Wildcard,
}

impl MatchPolicy {
    /// The policy with this name in an option `match`.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "exact" => Some(Self::Exact),
            "prefix" => Some(Self::Prefix),
            "wildcard" => Some(Self::Wildcard),
            _ => None,
        }
    }

    /// The name in options and in the meta API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Prefix => "prefix",
            Self::Wildcard => "wildcard",
        }
    }
}

/// What a subscription or registration stands for: a URI or a pattern with its policy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UriPattern {
    text: CompactString,
    policy: MatchPolicy,
}

impl UriPattern {
    /// Most components of a wildcard pattern. Each costs a node in the tree of patterns, and a
    /// branch of the walk wherever one is empty.
    pub const WILDCARD_COMPONENTS_MAX: usize = 32;

    /// Checks `text` as a pattern of `policy`: a wildcard pattern may have empty components,
    /// a prefix may end with a dot (or be empty), an exact one is a [`Uri`].
    ///
    /// # Errors
    ///
    /// [`UriError`], by the first thing found wrong.
    pub fn parse(text: &str, policy: MatchPolicy, rules: UriRules) -> Result<Self, UriError> {
        let empty = match policy {
            MatchPolicy::Exact => EmptyComponents::Refused,
            MatchPolicy::Prefix => EmptyComponents::LastOnly,
            MatchPolicy::Wildcard => EmptyComponents::Anywhere,
        };
        check(text, rules, empty)?;
        if policy == MatchPolicy::Wildcard && text.split('.').count() > Self::WILDCARD_COMPONENTS_MAX {
            return Err(UriError::TooManyComponents);
        }
        Ok(Self { text: text.into(), policy })
    }

    /// The pattern's text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// How it is compared.
    pub fn policy(&self) -> MatchPolicy {
        self.policy
    }

    /// Whether `uri` is one that this pattern stands for.
    pub fn matches(&self, uri: &Uri) -> bool {
        match self.policy {
            MatchPolicy::Exact => self.text == uri.0,
            MatchPolicy::Prefix => uri.0.starts_with(self.text.as_str()),
            MatchPolicy::Wildcard => {
                let mut components = uri.0.split('.');
                self.text
                    .split('.')
                    .all(|wanted| components.next().is_some_and(|given| wanted.is_empty() || wanted == given))
                    && components.next().is_none()
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum EmptyComponents {
    Refused,
    LastOnly,
    Anywhere,
}

fn check(text: &str, rules: UriRules, empty: EmptyComponents) -> Result<(), UriError> {
    if text.len() > rules.bytes_max {
        return Err(UriError::TooLong { bytes_max: rules.bytes_max });
    }
    if text.is_empty() {
        return if empty == EmptyComponents::Refused { Err(UriError::Empty) } else { Ok(()) };
    }
    let is_refused = |c: char| {
        if rules.strict { !matches!(c, '0'..='9' | 'a'..='z' | '_') } else { c.is_whitespace() || c == '#' }
    };
    let mut is_component_empty = true;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'.' if is_component_empty && empty != EmptyComponents::Anywhere => return Err(UriError::EmptyComponent),
            b'.' => is_component_empty = true,
            // What every rule allows, and most URIs are made of, is not looked at as characters.
            b'0'..=b'9' | b'a'..=b'z' | b'_' => is_component_empty = false,
            _ => {
                is_component_empty = false;
                // Inside of a character nothing starts.
                let found = text.get(at..).and_then(|rest| rest.chars().next());
                if let Some(found) = found.filter(|found| is_refused(*found)) {
                    return Err(UriError::Character(found));
                }
            }
        }
    }
    if is_component_empty && empty == EmptyComponents::Refused { Err(UriError::EmptyComponent) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOSE: UriRules = UriRules { strict: false, bytes_max: 20 };
    const STRICT: UriRules = UriRules { strict: true, bytes_max: 20 };

    #[test]
    fn refuses_what_the_loose_rule_refuses() {
        let check = |text, want| assert_eq!(Uri::parse(text, LOOSE).err(), want, "{text:?}");
        check("com.myapp.topic1", None);
        check("Com.My-App.ü", None);
        check("", Some(UriError::Empty));
        check("com..topic", Some(UriError::EmptyComponent));
        check(".com", Some(UriError::EmptyComponent));
        check("com.", Some(UriError::EmptyComponent));
        check("com.my app", Some(UriError::Character(' ')));
        check("com.my#app", Some(UriError::Character('#')));
        check("com.ü\u{a0}.b", Some(UriError::Character('\u{a0}')));
        check("\u{85}", Some(UriError::Character('\u{85}')));
        check("a#..b", Some(UriError::Character('#')));
        check("a..#b", Some(UriError::EmptyComponent));
        check("aaaaaaaaaaaaaaaaaaaa", None);
        check("aaaaaaaaaaaaaaaaaaaaa", Some(UriError::TooLong { bytes_max: 20 }));
    }

    #[test]
    fn strict_rule_allows_lower_case_digits_and_underscore_only() {
        let check = |text, want| assert_eq!(Uri::parse(text, STRICT).err(), want, "{text:?}");
        check("com.my_app.9", None);
        check("com.My", Some(UriError::Character('M')));
        check("com.my-app", Some(UriError::Character('-')));
        check("com.ü", Some(UriError::Character('ü')));
    }

    #[test]
    fn patterns_may_have_the_empty_components_of_their_policy() {
        let check = |text, policy, ok| {
            assert_eq!(UriPattern::parse(text, policy, LOOSE).is_ok(), ok, "{text:?} {policy:?}");
        };
        check("a..c", MatchPolicy::Exact, false);
        check("a..c", MatchPolicy::Prefix, false);
        check("a..c", MatchPolicy::Wildcard, true);
        check("a.b.", MatchPolicy::Prefix, true);
        check("", MatchPolicy::Prefix, true);
        check(".b.", MatchPolicy::Wildcard, true);
    }

    #[test]
    fn wildcard_patterns_have_a_bounded_number_of_components() {
        let parse = |components: usize| {
            let text = vec!["a"; components].join(".");
            UriPattern::parse(&text, MatchPolicy::Wildcard, UriRules::default()).err()
        };
        assert_eq!(parse(UriPattern::WILDCARD_COMPONENTS_MAX), None);
        assert_eq!(parse(UriPattern::WILDCARD_COMPONENTS_MAX + 1), Some(UriError::TooManyComponents));
    }

    #[test]
    fn matches_as_the_policy_says() {
        let check = |pattern, policy, uri, want| {
            let pattern = UriPattern::parse(pattern, policy, UriRules::default()).unwrap();
            let uri = Uri::parse(uri, UriRules::default()).unwrap();
            assert_eq!(pattern.matches(&uri), want, "{pattern:?} {uri:?}");
        };
        check("com.myapp", MatchPolicy::Prefix, "com.myapplication", true);
        check("com.myapp", MatchPolicy::Prefix, "com.my", false);
        check("a..c", MatchPolicy::Wildcard, "a.b.c", true);
        check("a..c", MatchPolicy::Wildcard, "a.b.c.d", false);
        check("a..c", MatchPolicy::Wildcard, "a.b", false);
        check("a.b", MatchPolicy::Exact, "a.b", true);
        check("a.b", MatchPolicy::Exact, "a.b.c", false);
    }
}
