//! Features of the advanced profile: what clients announce and what this router announces.
//!
//! **Invariant:** [`announced_roles`] names exactly what this crate does.

use countersign_wamp::{Dict, Value};

/// A feature of a client that changes what the router sends to it, or takes from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub enum Feature {
    /// Callee: understands INTERRUPT.
    CallCanceling = 1,
    /// Callee: keeps to `INVOCATION.Details.timeout` itself.
    CallTimeout = 1 << 1,
    /// Callee: can send YIELD with `progress`.
    ProgressiveCallResults = 1 << 2,
    /// Callee: understands an UNREGISTERED that it did not ask for.
    RegistrationRevocation = 1 << 3,
    /// Subscriber: understands an UNSUBSCRIBED that it did not ask for.
    SubscriptionRevocation = 1 << 4,
    /// Caller: sends CALL with `progress`.
    ProgressiveCallsAsCaller = 1 << 5,
    /// Callee: understands INVOCATION with `progress`.
    ProgressiveCallsAsCallee = 1 << 6,
    /// Caller: payload passthru mode, both ways.
    PassthruAsCaller = 1 << 7,
    /// Callee: payload passthru mode, both ways.
    PassthruAsCallee = 1 << 8,
    /// Publisher: payload passthru mode.
    PassthruAsPublisher = 1 << 9,
    /// Subscriber: payload passthru mode.
    PassthruAsSubscriber = 1 << 10,
}

/// Role and name under which a client announces each feature.
const ANNOUNCEMENTS: [(&str, &str, Feature); 12] = [
    ("callee", "call_canceling", Feature::CallCanceling),
    // The other spelling stands in the chapter on progressive call invocations.
    ("callee", "call_cancelling", Feature::CallCanceling),
    ("callee", "call_timeout", Feature::CallTimeout),
    ("callee", "progressive_call_results", Feature::ProgressiveCallResults),
    ("callee", "registration_revocation", Feature::RegistrationRevocation),
    ("subscriber", "subscription_revocation", Feature::SubscriptionRevocation),
    ("caller", "progressive_call_invocations", Feature::ProgressiveCallsAsCaller),
    ("callee", "progressive_call_invocations", Feature::ProgressiveCallsAsCallee),
    ("caller", "payload_passthru_mode", Feature::PassthruAsCaller),
    ("callee", "payload_passthru_mode", Feature::PassthruAsCallee),
    ("publisher", "payload_passthru_mode", Feature::PassthruAsPublisher),
    ("subscriber", "payload_passthru_mode", Feature::PassthruAsSubscriber),
];

/// All roles that a client can have.
const CLIENT_ROLES: [&str; 4] = ["caller", "callee", "publisher", "subscriber"];

/// The features that a client announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClientFeatures(u16);

impl ClientFeatures {
    /// What [`ClientFeatures::is_plain`] looks for. No feature has this bit.
    pub const PLAIN: Self = Self(1 << 15);

    /// Reads `HELLO.Details`: `roles.*.features.*`. What is missing or not `true` is absent.
    pub fn from_hello(details: &Dict) -> Self {
        let is_bare = |role: &&str| {
            let roles = details.get("roles").and_then(Value::as_dict);
            roles.and_then(|roles| roles.get(role)?.as_dict()).is_some_and(Dict::is_empty)
        };
        if CLIENT_ROLES.iter().all(is_bare) {
            return Self::PLAIN;
        }
        let announces = |role: &str, name: &str| {
            let role = details.get("roles")?.as_dict()?.get(role)?.as_dict()?;
            role.get("features")?.as_dict()?.get(name)?.as_bool()
        };
        ANNOUNCEMENTS
            .into_iter()
            .filter(|(role, name, _)| announces(role, name) == Some(true))
            .fold(Self::default(), |features, (_, _, feature)| features.with(feature))
    }

    /// These features and one more.
    #[must_use]
    pub fn with(self, feature: Feature) -> Self {
        Self(self.0 | feature as u16)
    }

    /// Whether the client announced `feature`.
    pub fn has(self, feature: Feature) -> bool {
        self.0 & feature as u16 != 0
    }

    /// Whether the client takes every role and announces no feature of any. So does swampyer, and what its programs rely
    /// on is done for clients that show themselves so, even where the protocol would have it otherwise.
    pub fn is_plain(self) -> bool {
        self.0 == Self::PLAIN.0
    }
}

/// `WELCOME.Details.roles`: the roles of this router with the features that it has.
pub fn announced_roles() -> Dict {
    let role = |features: &[&str]| {
        let features: Dict = features.iter().map(|&name| (name.to_owned(), true.into())).collect();
        Dict::new().with("features", features)
    };
    Dict::new()
        .with(
            "broker",
            role(&[
                "publisher_identification",
                "publication_trustlevels",
                "publisher_exclusion",
                "subscriber_blackwhite_listing",
                "pattern_based_subscription",
                "sharded_subscription",
                "subscription_revocation",
                "event_retention",
                "event_history",
                "payload_passthru_mode",
                "session_meta_api",
                "subscription_meta_api",
            ]),
        )
        .with(
            "dealer",
            role(&[
                "caller_identification",
                "call_trustlevels",
                "pattern_based_registration",
                "shared_registration",
                "sharded_registration",
                "call_reroute",
                "call_canceling",
                "call_timeout",
                "progressive_call_results",
                "progressive_call_invocations",
                "payload_passthru_mode",
                "registration_revocation",
                "session_meta_api",
                "registration_meta_api",
                "testament_meta_api",
            ]),
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_a_callee_announces() {
        let check = |details: Dict, feature, want| {
            assert_eq!(ClientFeatures::from_hello(&details).has(feature), want, "{details:?}");
        };
        let hello = |role: &str, features: Dict| {
            let role = Dict::new().with(role, Dict::new().with("features", features));
            Dict::new().with("roles", role)
        };
        let announced = |name: &str| hello("callee", Dict::new().with(name, true));
        check(announced("call_canceling"), Feature::CallCanceling, true);
        check(announced("call_timeout"), Feature::CallTimeout, true);
        check(announced("progressive_call_results"), Feature::ProgressiveCallResults, true);
        check(announced("registration_revocation"), Feature::RegistrationRevocation, true);
        check(announced("call_cancelling"), Feature::CallCanceling, true);
        check(announced("progressive_call_invocations"), Feature::ProgressiveCallsAsCallee, true);
        check(announced("progressive_call_invocations"), Feature::ProgressiveCallsAsCaller, false);
        check(announced("payload_passthru_mode"), Feature::PassthruAsCallee, true);
        check(announced("payload_passthru_mode"), Feature::PassthruAsSubscriber, false);
        check(announced("call_timeout"), Feature::CallCanceling, false);
        let revocation = hello("subscriber", Dict::new().with("subscription_revocation", true));
        check(revocation, Feature::SubscriptionRevocation, true);
        let of_caller = hello("caller", Dict::new().with("call_canceling", true));
        check(of_caller, Feature::CallCanceling, false);
        let not_true = hello("callee", Dict::new().with("call_canceling", 1_i64));
        check(not_true, Feature::CallCanceling, false);
        check(Dict::new().with("roles", "callee"), Feature::CallCanceling, false);
        check(Dict::new(), Feature::CallCanceling, false);
    }

    #[test]
    fn a_client_with_every_role_and_no_feature_is_plain() {
        let check = |roles: &[(&str, Dict)], want| {
            let roles: Dict =
                roles.iter().map(|(role, content)| ((*role).to_owned(), content.clone().into())).collect();
            assert_eq!(ClientFeatures::from_hello(&Dict::new().with("roles", roles)).is_plain(), want);
        };
        let none = Dict::new;
        let three = [("callee", none()), ("publisher", none()), ("subscriber", none())];
        check(&three, false);
        check(&[&three[..], &[("caller", none())]].concat(), true);
        let announcing = Dict::new().with("features", Dict::new().with("call_canceling", true));
        check(&[&three[..], &[("caller", announcing)]].concat(), false);
        check(&[&three[..], &[("caller", none().with("features", none()))]].concat(), false);
        assert!(!ClientFeatures::default().is_plain());
    }

    /// Each of these names is tested for what it promises in the tests of the realm.
    #[test]
    fn announces_what_there_is_and_nothing_else() {
        let check = |role: &str, want: &[&str]| {
            let roles = announced_roles();
            let features = roles.get(role).unwrap().as_dict().unwrap().get("features").unwrap().as_dict().unwrap();
            let mut names: Vec<_> = features.iter().map(|(name, value)| (name, value.as_bool())).collect();
            names.sort_unstable();
            let want: Vec<_> = want.iter().map(|&name| (name, Some(true))).collect();
            assert_eq!(names, want);
        };
        check(
            "broker",
            &[
                "event_history",
                "event_retention",
                "pattern_based_subscription",
                "payload_passthru_mode",
                "publication_trustlevels",
                "publisher_exclusion",
                "publisher_identification",
                "session_meta_api",
                "sharded_subscription",
                "subscriber_blackwhite_listing",
                "subscription_meta_api",
                "subscription_revocation",
            ],
        );
        check(
            "dealer",
            &[
                "call_canceling",
                "call_reroute",
                "call_timeout",
                "call_trustlevels",
                "caller_identification",
                "pattern_based_registration",
                "payload_passthru_mode",
                "progressive_call_invocations",
                "progressive_call_results",
                "registration_meta_api",
                "registration_revocation",
                "session_meta_api",
                "sharded_registration",
                "shared_registration",
                "testament_meta_api",
            ],
        );
        assert_eq!(announced_roles().len(), 2);
    }
}
