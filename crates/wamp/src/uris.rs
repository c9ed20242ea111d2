//! The URIs that the specification itself defines.

/// Where the URIs of the protocol start. Clients may neither register nor publish below it.
pub const RESERVED_PREFIX: &str = "wamp.";

/// Errors: in ERROR and ABORT.
#[expect(missing_docs, reason = "each constant is the URI of its name in the specification")]
pub mod error {
    pub const INVALID_URI: &str = "wamp.error.invalid_uri";
    pub const NO_SUCH_PROCEDURE: &str = "wamp.error.no_such_procedure";
    pub const PROCEDURE_ALREADY_EXISTS: &str = "wamp.error.procedure_already_exists";
    pub const NO_SUCH_REGISTRATION: &str = "wamp.error.no_such_registration";
    pub const NO_SUCH_SUBSCRIPTION: &str = "wamp.error.no_such_subscription";
    pub const INVALID_ARGUMENT: &str = "wamp.error.invalid_argument";
    pub const PROTOCOL_VIOLATION: &str = "wamp.error.protocol_violation";
    pub const NOT_AUTHORIZED: &str = "wamp.error.not_authorized";
    pub const AUTHORIZATION_FAILED: &str = "wamp.error.authorization_failed";
    pub const NO_SUCH_REALM: &str = "wamp.error.no_such_realm";
    pub const NO_SUCH_ROLE: &str = "wamp.error.no_such_role";
    pub const NO_MATCHING_AUTH_METHOD: &str = "wamp.error.no_matching_auth_method";
    pub const AUTHENTICATION_FAILED: &str = "wamp.error.authentication_failed";
    pub const AUTHENTICATION_DENIED: &str = "wamp.error.authentication_denied";
    pub const AUTHENTICATION_REQUIRED: &str = "wamp.error.authentication_required";
    pub const CANCELED: &str = "wamp.error.canceled";
    pub const TIMEOUT: &str = "wamp.error.timeout";
    pub const OPTION_NOT_ALLOWED: &str = "wamp.error.option_not_allowed";
    pub const PAYLOAD_SIZE_EXCEEDED: &str = "wamp.error.payload_size_exceeded";
    pub const NETWORK_FAILURE: &str = "wamp.error.network_failure";
    pub const UNAVAILABLE: &str = "wamp.error.unavailable";
    pub const NO_AVAILABLE_CALLEE: &str = "wamp.error.no_available_callee";
    pub const FEATURE_NOT_SUPPORTED: &str = "wamp.error.feature_not_supported";
    pub const NO_SUCH_SESSION: &str = "wamp.error.no_such_session";
}

/// Reasons: in GOODBYE and ABORT.
#[expect(missing_docs, reason = "each constant is the URI of its name in the specification")]
pub mod close {
    pub const NORMAL: &str = "wamp.close.normal";
    pub const GOODBYE_AND_OUT: &str = "wamp.close.goodbye_and_out";
    pub const CLOSE_REALM: &str = "wamp.close.close_realm";
    pub const SYSTEM_SHUTDOWN: &str = "wamp.close.system_shutdown";
    pub const KILLED: &str = "wamp.close.killed";
    pub const LOGOUT: &str = "wamp.close.logout";
}

/// The meta API: procedures that a router answers itself, and topics to which it publishes.
pub mod meta {
    /// About sessions.
    #[expect(missing_docs, reason = "each constant is the URI of its name in the specification")]
    pub mod session {
        pub const COUNT: &str = "wamp.session.count";
        pub const LIST: &str = "wamp.session.list";
        pub const GET: &str = "wamp.session.get";
        pub const KILL: &str = "wamp.session.kill";
        pub const KILL_BY_AUTHID: &str = "wamp.session.kill_by_authid";
        pub const KILL_BY_AUTHROLE: &str = "wamp.session.kill_by_authrole";
        pub const KILL_ALL: &str = "wamp.session.kill_all";
        pub const ADD_TESTAMENT: &str = "wamp.session.add_testament";
        pub const FLUSH_TESTAMENTS: &str = "wamp.session.flush_testaments";
        pub const ON_JOIN: &str = "wamp.session.on_join";
        pub const ON_LEAVE: &str = "wamp.session.on_leave";
    }

    /// About registrations.
    #[expect(missing_docs, reason = "each constant is the URI of its name in the specification")]
    pub mod registration {
        pub const LIST: &str = "wamp.registration.list";
        pub const LOOKUP: &str = "wamp.registration.lookup";
        pub const MATCH: &str = "wamp.registration.match";
        pub const GET: &str = "wamp.registration.get";
        pub const LIST_CALLEES: &str = "wamp.registration.list_callees";
        pub const COUNT_CALLEES: &str = "wamp.registration.count_callees";
        pub const REMOVE_CALLEE: &str = "wamp.registration.remove_callee";
        pub const ON_CREATE: &str = "wamp.registration.on_create";
        pub const ON_REGISTER: &str = "wamp.registration.on_register";
        pub const ON_UNREGISTER: &str = "wamp.registration.on_unregister";
        pub const ON_DELETE: &str = "wamp.registration.on_delete";
    }

    /// About subscriptions.
    #[expect(missing_docs, reason = "each constant is the URI of its name in the specification")]
    pub mod subscription {
        pub const LIST: &str = "wamp.subscription.list";
        pub const LOOKUP: &str = "wamp.subscription.lookup";
        pub const MATCH: &str = "wamp.subscription.match";
        pub const GET: &str = "wamp.subscription.get";
        pub const LIST_SUBSCRIBERS: &str = "wamp.subscription.list_subscribers";
        pub const COUNT_SUBSCRIBERS: &str = "wamp.subscription.count_subscribers";
        pub const REMOVE_SUBSCRIBER: &str = "wamp.subscription.remove_subscriber";
        pub const GET_EVENTS: &str = "wamp.subscription.get_events";
        pub const ON_CREATE: &str = "wamp.subscription.on_create";
        pub const ON_SUBSCRIBE: &str = "wamp.subscription.on_subscribe";
        pub const ON_UNSUBSCRIBE: &str = "wamp.subscription.on_unsubscribe";
        pub const ON_DELETE: &str = "wamp.subscription.on_delete";
    }
}
