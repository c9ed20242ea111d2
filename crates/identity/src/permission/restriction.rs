//! What one session may do: its role, narrowed by the credential that opened it.

use std::sync::Arc;

use super::{Action, Refusal, Right, Rights, Rule, RuleSet, UriMatch};
use crate::role::rule;

/// What a session that was opened with a key never gets from a rule that doesn't name it exactly: making further
/// credentials and reaching into the records. `~` stands for the URI prefix.
const DENIED: &[(&str, Withheld)] = &[
    ("my.otp.*", Withheld::Otps),
    ("my.otps.*", Withheld::Otps),
    ("my.apikeys.*", Withheld::ApiKeys),
    ("my.apikey.*", Withheld::ApiKeys),
    ("system.otp.*", Withheld::Otps),
    ("system.otps.*", Withheld::Otps),
    ("system.apikeys.*", Withheld::ApiKeys),
    ("system.db.*", Withheld::Records),
    ("system.document.*", Withheld::Records),
];

/// The right to say for whom a request of the sign-on API is made. It is no procedure, so it has one spelling.
pub const ACT_FOR: &str = "sso:act-for";

/// What is withheld from the sessions of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Withheld {
    /// Making and withdrawing one-time passwords.
    Otps,
    /// Making and withdrawing API keys.
    ApiKeys,
    /// Changing users, roles and other records.
    Records,
    /// Saying for whom a request is made: [`ACT_FOR`].
    ActFor,
}

/// What of it the rules of a key give back, by exact URI. Which URI, the session's rights decide; this is what a rule that
/// is reached otherwise goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Named(u8);

impl Named {
    /// Whether it is given back.
    pub fn has(self, what: Withheld) -> bool {
        self.0 & what.bit() != 0
    }

    fn add(&mut self, what: Withheld) {
        self.0 |= what.bit();
    }
}

impl Withheld {
    fn bit(self) -> u8 {
        match self {
            Self::Otps => 1,
            Self::ApiKeys => 2,
            Self::Records => 4,
            Self::ActFor => 8,
        }
    }
}

/// The denials that every session of an OTP or key carries, for one URI prefix.
#[derive(Debug, Clone)]
pub struct KeySessionDenials {
    denied: Arc<RuleSet>,
    kinds: Arc<[(Withheld, RuleSet); 4]>,
    /// The restriction of a credential without rules of its own: nearly all credentials.
    plain: Arc<Restriction>,
}

impl KeySessionDenials {
    /// The denials in both spellings: with `prefix` and short.
    pub fn new(prefix: &str) -> Self {
        let denying = |takes: &dyn Fn(Withheld) -> bool| {
            let taken = DENIED.iter().filter(|(_, what)| takes(*what));
            let spellings =
                taken.flat_map(|(pattern, _)| [rule(prefix, pattern, ""), rule(prefix, &format!("~.{pattern}"), "")]);
            let act_for = takes(Withheld::ActFor).then(|| rule(prefix, ACT_FOR, "")).flatten();
            RuleSet::of_role(spellings.flatten().chain(act_for).collect())
        };
        let denied = Arc::new(denying(&|_| true));
        let kinds = [Withheld::Otps, Withheld::ApiKeys, Withheld::Records, Withheld::ActFor];
        let kinds = Arc::new(kinds.map(|kind| (kind, denying(&|what| what == kind))));
        let plain = Arc::new(Restriction { own: None, denied: Arc::clone(&denied) });
        Self { denied, kinds, plain }
    }

    /// The restriction of a session that was opened with a credential of these `permissions`.
    pub fn restriction(&self, permissions: &[Rule]) -> Arc<Restriction> {
        if permissions.is_empty() {
            return Arc::clone(&self.plain);
        }
        let own = RuleSet::of_key(permissions.to_vec());
        Arc::new(Restriction { own: Some(own), denied: Arc::clone(&self.denied) })
    }

    /// What these rules let their session call, by exact URI, of that which is withheld.
    pub fn named(&self, permissions: &[Rule]) -> Named {
        let mut named = Named::default();
        for rule in permissions.iter().filter(|rule| rule.pattern.is_exact() && rule.rights.get(Action::Call).is_some())
        {
            let uri = UriMatch::Exact(rule.pattern.as_str());
            for (kind, _) in self.kinds.iter().filter(|(_, rules)| rules.touches(uri)) {
                named.add(*kind);
            }
        }
        named
    }

    /// Whether a rule names exactly what is withheld.
    pub fn names_withheld(&self, permissions: &[Rule]) -> bool {
        let exact = permissions.iter().filter(|rule| rule.pattern.is_exact() && !rule.is_denial());
        exact.into_iter().any(|rule| self.denied.touches(UriMatch::Exact(rule.pattern.as_str())))
    }
}

/// How far a credential reaches.
#[derive(Debug)]
pub struct Restriction {
    /// Its own rules; without any it reaches as far as the role.
    own: Option<RuleSet>,
    /// What it reaches only where a rule of its own names the very URI.
    denied: Arc<RuleSet>,
}

impl Restriction {
    /// Whether it reaches everything that `uri` stands for.
    ///
    /// # Errors
    ///
    /// [`Refusal::Restricted`].
    pub fn decide(&self, action: Action, uri: UriMatch<'_>) -> Result<(), Refusal> {
        let own_allows = self.own.as_ref().is_none_or(|own| own.decide(action, uri).is_ok());
        let is_named = || self.own.as_ref().is_some_and(|own| own.names(uri));
        if own_allows && (!self.denied.touches(uri) || is_named()) { Ok(()) } else { Err(Refusal::Restricted) }
    }
}

/// The rights of one session: what its role grants *and* its restriction leaves.
#[derive(Debug, Clone)]
pub struct SessionRights {
    role: Arc<RuleSet>,
    restriction: Option<Arc<Restriction>>,
}

impl SessionRights {
    /// Rights of a role, narrowed by a restriction if there is one.
    pub fn new(role: Arc<RuleSet>, restriction: Option<Arc<Restriction>>) -> Self {
        Self { role, restriction }
    }

    /// Whether these are the rules of its role.
    pub fn has_role(&self, role: &Arc<RuleSet>) -> bool {
        Arc::ptr_eq(&self.role, role)
    }

    /// The same session after its role was changed or edited.
    #[must_use]
    pub fn with_role(&self, role: Arc<RuleSet>) -> Self {
        Self { role, restriction: self.restriction.clone() }
    }

    /// Whether the session may do `action` on everything that `uri` stands for, and under which marks.
    ///
    /// Marks count in the role's rules only; in a credential's they mean nothing (contract of
    /// the bus, section 3.5).
    ///
    /// # Errors
    ///
    /// [`Refusal`]: what is missing.
    pub fn decide(&self, action: Action, uri: UriMatch<'_>) -> Result<Right, Refusal> {
        let right = self.role.decide(action, uri)?;
        if let Some(restriction) = &self.restriction {
            restriction.decide(action, uri)?;
        }
        Ok(right)
    }
}

impl Rule {
    /// Whether this rule grants nothing at all.
    pub fn is_denial(&self) -> bool {
        self.rights == Rights::NONE
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::permission::parse_rules;

    fn may(role: &[(&str, &str)], own: &[(&str, &str)], uri: &str) -> Result<(), Refusal> {
        let role = Arc::new(RuleSet::new(parse_rules(role.iter().copied()).unwrap()));
        let denials = KeySessionDenials::new("com.izaber.wamp");
        let own = parse_rules(own.iter().copied()).unwrap();
        SessionRights::new(role, Some(denials.restriction(&own))).decide(Action::Call, UriMatch::Exact(uri)).map(drop)
    }

    const ALL: &[(&str, &str)] = &[("*", "crspoq")];

    #[test]
    fn a_credential_without_rules_reaches_all_but_the_denials() {
        assert_eq!(may(ALL, &[], "com.izaber.wamp.auth.whoami"), Ok(()));
        for short in ["my.otp.create", "my.otps.create", "my.apikeys.create", "system.otp.create", "system.db.update"] {
            assert_eq!(may(ALL, &[], short), Err(Refusal::Restricted), "{short}");
            assert_eq!(may(ALL, &[], &format!("com.izaber.wamp.{short}")), Err(Refusal::Restricted), "{short}");
        }
    }

    #[test]
    fn rules_of_a_credential_narrow_and_never_widen() {
        let own = &[("com.izaber.wamp.auth.whoami", "c")];
        assert_eq!(may(ALL, own, "com.izaber.wamp.auth.whoami"), Ok(()));
        assert_eq!(may(ALL, own, "com.izaber.wamp.public.x"), Err(Refusal::Restricted));
        assert_eq!(may(&[("a.*", "c")], &[("*", "crspoq")], "b.c"), Err(Refusal::NoRule));
    }

    #[test]
    fn an_exact_rule_beats_a_denial_but_the_denials_own_pattern_does_not() {
        let exact = &[("com.izaber.wamp.my.apikeys.create", "c")];
        assert_eq!(may(ALL, exact, "com.izaber.wamp.my.apikeys.create"), Ok(()));
        let same = &[("*", "crspoq"), ("com.izaber.wamp.my.apikeys.*", "c")];
        assert_eq!(may(ALL, same, "com.izaber.wamp.my.apikeys.create"), Err(Refusal::Restricted));
    }

    #[test]
    fn a_regex_or_broader_rule_lifts_no_denial() {
        for pattern in ["com.izaber.wamp.my./.*/.create", "com.izaber.wamp.my.*", "com.izaber.wamp./m/./.*/./.*/"] {
            assert_eq!(may(ALL, &[(pattern, "c")], "com.izaber.wamp.my.apikeys.create"), Err(Refusal::Restricted));
        }
    }

    #[test]
    fn marks_of_the_role_hold_and_those_of_a_credential_mean_nothing() {
        let check = |role: &str, own: &str, elevated, documented| {
            let rules = |perms| parse_rules([("a.b", perms)]).unwrap();
            let restriction = KeySessionDenials::new("com.izaber.wamp").restriction(&rules(own));
            let rights = SessionRights::new(Arc::new(RuleSet::new(rules(role))), Some(restriction));
            let right = rights.decide(Action::Call, UriMatch::Exact("a.b"));
            assert_eq!(right, Ok(Right { elevated, documented }), "{role} {own}");
        };
        check("c", "c", false, false);
        check("c", "c!+", false, false);
        check("c+", "c", true, false);
        check("c!", "c+", false, true);
        check("c!+", "c", true, true);
        check("c+!", "c", true, true);
    }

    #[test]
    fn only_an_exact_rule_gives_back_what_is_withheld_and_only_that() {
        let check = |own: &[(&str, &str)], want: [bool; 4]| {
            let own = parse_rules(own.iter().copied()).unwrap();
            let denials = KeySessionDenials::new("com.izaber.wamp");
            let named = denials.named(&own);
            let got =
                [Withheld::Otps, Withheld::ApiKeys, Withheld::Records, Withheld::ActFor].map(|what| named.has(what));
            assert_eq!(got, want, "{own:?}");
            assert_eq!(denials.names_withheld(&own), want.contains(&true), "{own:?}");
        };
        check(&[], [false; 4]);
        check(&[("*", "crspoq"), ("my.*", "c"), ("my.apikeys.*", "c"), ("my./.*/.create", "c")], [false; 4]);
        check(&[("my.apikeys.create", "c")], [false, true, false, false]);
        check(&[("com.izaber.wamp.my.otp.create", "c")], [true, false, false, false]);
        check(&[("system.otps.create", "c"), ("system.apikeys.delete", "c")], [true, true, false, false]);
        check(&[("com.izaber.wamp.system.db.update", "c")], [false, false, true, false]);
        check(&[("sso:act-for", "c")], [false, false, false, true]);
        check(&[("com.izaber.wamp.sso:act-for", "c"), ("/sso:act-for/", "c"), ("sso:act-for.*", "c")], [false; 4]);
        check(&[("my.apikeys.create", "")], [false; 4]);
        check(&[("org.example.my.apikeys.create", "c")], [false; 4]);
    }
}
