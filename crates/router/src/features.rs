//! Features of the advanced profile: what clients announce and what this router announces.
//!
//! **Invariant:** [`announced_roles`] names exactly what this crate does.

use countersign_wamp::{Dict, Value};

/// A feature of a client that changes what the router sends to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Feature {
    /// Callee: understands INTERRUPT.
    CallCanceling = 1,
    /// Callee: keeps to `INVOCATION.Details.timeout` itself.
    CallTimeout = 2,
    /// Callee: can send YIELD with `progress`.
    ProgressiveCallResults = 4,
    /// Callee: understands an UNREGISTERED that it did not ask for.
    RegistrationRevocation = 8,
}

/// The features that a client announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClientFeatures(u8);

impl ClientFeatures {
    /// Reads `HELLO.Details`: `roles.callee.features.*`. What is missing or not `true` is absent.
    pub fn from_hello(details: &Dict) -> Self {
        let callee = details
            .get("roles")
            .and_then(|roles| roles.as_dict()?.get("callee")?.as_dict()?.get("features")?.as_dict());
        let Some(callee) = callee else { return Self::default() };
        [
            ("call_canceling", Feature::CallCanceling),
            ("call_timeout", Feature::CallTimeout),
            ("progressive_call_results", Feature::ProgressiveCallResults),
            ("registration_revocation", Feature::RegistrationRevocation),
        ]
        .into_iter()
        .filter(|(name, _)| callee.get(name).and_then(Value::as_bool) == Some(true))
        .fold(Self::default(), |features, (_, feature)| features.with(feature))
    }

    /// These features and one more.
    #[must_use]
    pub fn with(self, feature: Feature) -> Self {
        Self(self.0 | feature as u8)
    }

    /// Whether the client announced `feature`.
    pub fn has(self, feature: Feature) -> bool {
        self.0 & feature as u8 != 0
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
                "publisher_exclusion",
                "subscriber_blackwhite_listing",
                "pattern_based_subscription",
            ]),
        )
        .with(
            "dealer",
            role(&[
                "caller_identification",
                "pattern_based_registration",
                "shared_registration",
                "call_reroute",
                "call_canceling",
                "call_timeout",
                "progressive_call_results",
                "registration_revocation",
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
        check(announced("call_timeout"), Feature::CallCanceling, false);
        let of_caller = hello("caller", Dict::new().with("call_canceling", true));
        check(of_caller, Feature::CallCanceling, false);
        let not_true = hello("callee", Dict::new().with("call_canceling", 1_i64));
        check(not_true, Feature::CallCanceling, false);
        check(Dict::new().with("roles", "callee"), Feature::CallCanceling, false);
        check(Dict::new(), Feature::CallCanceling, false);
    }

    #[test]
    fn announces_both_roles_of_a_router() {
        let roles = announced_roles();
        let has = |role: &str, feature: &str| {
            let features = roles.get(role)?.as_dict()?.get("features")?.as_dict()?;
            features.get(feature)?.as_bool()
        };
        assert_eq!(has("broker", "pattern_based_subscription"), Some(true));
        assert_eq!(has("dealer", "call_canceling"), Some(true));
        assert_eq!(has("dealer", "sharded_registration"), None);
    }
}
