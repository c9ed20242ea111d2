//! Rules: a pattern and what it grants.

use std::collections::HashSet;

use super::{Pattern, PatternError, Rights, RightsError};

/// Most rules that one credential can carry.
const RULES_MAX: usize = 256;
/// Most expressions in the rules of one credential: its owner is anybody, and each costs time.
const EXPRESSIONS_MAX: usize = 64;
/// Most rules that can be given to a role at once.
const ROLE_RULES_MAX: usize = 10_000;

/// One rule of a role or of a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Which URIs.
    pub pattern: Pattern,
    /// What may be done there.
    pub rights: Rights,
}

impl Rule {
    /// Reads the two texts `uri` and `perms`.
    ///
    /// # Errors
    ///
    /// [`PermissionsError`], which says what is wrong with which of the two.
    pub fn parse(uri: &str, perms: &str) -> Result<Self, PermissionsError> {
        Ok(Self {
            pattern: Pattern::parse(uri).map_err(PermissionsError::Pattern)?,
            rights: Rights::parse(perms).map_err(PermissionsError::Rights)?,
        })
    }
}

impl Rule {
    /// Reads a rule that was read by [`Rule::parse`] before it was stored; see [`Pattern::parse_stored`].
    ///
    /// # Errors
    ///
    /// [`PermissionsError`].
    pub fn parse_stored(uri: &str, perms: &str) -> Result<Self, PermissionsError> {
        Ok(Self {
            pattern: Pattern::parse_stored(uri).map_err(PermissionsError::Pattern)?,
            rights: Rights::parse(perms).map_err(PermissionsError::Rights)?,
        })
    }
}

/// Why a list of rules can't be used. The client's to mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PermissionsError {
    /// `uri` is no pattern.
    #[error("permissions: uri: {0}")]
    Pattern(#[source] PatternError),
    /// `perms` is wrong.
    #[error("permissions: perms: {0}")]
    Rights(#[source] RightsError),
    /// The same pattern twice.
    #[error("permissions: {0:?} stands there twice")]
    Repeated(String),
    /// Too many rules.
    #[error("permissions has at most {0} rules")]
    TooMany(usize),
    /// Too many expressions.
    #[error("permissions has at most {EXPRESSIONS_MAX} regular expressions")]
    TooManyExpressions,
    /// Not a list of dictionaries with `uri` and `perms`.
    #[error("permissions is a list of {{\"uri\": pattern, \"perms\": letters}}")]
    Shape,
}

/// Reads a credential's `permissions`: pairs of `uri` and `perms`.
///
/// # Errors
///
/// [`PermissionsError`] by the first rule that can't be used; a pattern that is repeated is
/// one.
pub fn parse_rules<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Vec<Rule>, PermissionsError> {
    let rules = parse_up_to(RULES_MAX, pairs)?;
    let expressions: usize = rules.iter().map(|rule| rule.pattern.expressions().count()).sum();
    if expressions > EXPRESSIONS_MAX { Err(PermissionsError::TooManyExpressions) } else { Ok(rules) }
}

/// Reads all rules of a role: pairs of `uri` and `perms`.
///
/// # Errors
///
/// As [`parse_rules`].
pub fn parse_role_rules<'a>(
    pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<Vec<Rule>, PermissionsError> {
    parse_up_to(ROLE_RULES_MAX, pairs)
}

fn parse_up_to<'a>(
    max: usize,
    pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<Vec<Rule>, PermissionsError> {
    let (mut rules, mut known) = (Vec::new(), HashSet::new());
    for (uri, perms) in pairs {
        if rules.len() == max {
            return Err(PermissionsError::TooMany(max));
        }
        let rule = Rule::parse(uri, perms)?;
        if !known.insert(uri) {
            return Err(PermissionsError::Repeated(uri.to_owned()));
        }
        rules.push(rule);
    }
    Ok(rules)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_pairs_in_order() {
        let rules = parse_rules([("a.b", "c"), ("a.*", "")]).unwrap();
        assert_eq!(rules.len(), 2);
        assert_eq!(rules[0].pattern.as_str(), "a.b");
    }

    #[test]
    fn refuses_the_whole_list_for_one_bad_rule() {
        assert!(matches!(parse_rules([("a.b", "c"), ("a..b", "c")]), Err(PermissionsError::Pattern(_))));
        assert!(matches!(parse_rules([("a.b", "x")]), Err(PermissionsError::Rights(_))));
        assert_eq!(parse_rules([("a", "c"), ("a", "s")]), Err(PermissionsError::Repeated("a".into())));
    }

    #[test]
    fn takes_as_many_rules_as_allowed_and_not_one_more() {
        let uris: Vec<String> = (0..=RULES_MAX).map(|n| format!("a.{n}")).collect();
        let pairs = |count: usize| parse_rules(uris.iter().take(count).map(|uri| (uri.as_str(), "c")));
        assert!(pairs(RULES_MAX).is_ok());
        assert_eq!(pairs(RULES_MAX + 1), Err(PermissionsError::TooMany(RULES_MAX)));
        let expressions: Vec<String> = (0..=EXPRESSIONS_MAX / 2).map(|n| format!("/a{n}/./b/")).collect();
        let pairs = |count: usize| parse_rules(expressions.iter().take(count).map(|uri| (uri.as_str(), "c")));
        assert!(pairs(EXPRESSIONS_MAX / 2).is_ok());
        assert_eq!(pairs(EXPRESSIONS_MAX / 2 + 1), Err(PermissionsError::TooManyExpressions));
        let of_role = |count: usize| parse_role_rules(uris.iter().cycle().take(count).map(|uri| (uri.as_str(), "c")));
        assert_eq!(of_role(RULES_MAX + 1).map(|rules| rules.len()), Ok(RULES_MAX + 1));
        let many: Vec<String> = (0..=ROLE_RULES_MAX).map(|n| format!("a.{n}")).collect();
        let of_role = |count: usize| parse_role_rules(many.iter().take(count).map(|uri| (uri.as_str(), "c")));
        assert!(of_role(ROLE_RULES_MAX).is_ok());
        assert_eq!(of_role(ROLE_RULES_MAX + 1), Err(PermissionsError::TooMany(ROLE_RULES_MAX)));
    }
}
