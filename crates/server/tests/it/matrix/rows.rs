//! Who reaches what: a row for each procedure, written from the contract of the bus, sections 1.1, 2.5, 3.5, 4.1, 4.6 and 9.
//!
//! A column is a caller, in the order of [`super::CALLERS`]: without a login, and users of the shipped roles `public`, `frontend`
//! and `backend`; a trusted user by password, token and cookie; the same by a one-time password, plain and with an exact rule
//! for every URI, and by an API key with the rule `*`, and with exact rules as well.

pub mod signatures;

/// What becomes of each caller's call, in one spelling.
///
/// | letter | |
/// |---|---|
/// | `+` | the procedure itself answers, whatever it is |
/// | `-` | the session may not call the URI |
/// | `x` | the session may call the URI, but not for this |
/// | `.` | not tried |
pub type Expected = &'static str;

/// Name, arguments that do no harm as JSON text, and who reaches it in the long and in the short spelling. Empty: there is
/// no such spelling.
pub type Row = (&'static str, &'static str, Expected, Expected);

/// Everybody whose role reaches the long spelling, and of the short one the trusted user alone: most of the table.
const SIGNED_IN: Expected = "--++ +++ ++++";
pub const BACKEND: Expected = "---+ +++ ++++";
pub const TRUST: Expected = "---- +++ ++++";

pub const PROCEDURES: &[Row] = &[
    // Only the exact rule of an API key reaches what makes and withdraws keys; of a one-time password nothing does.
    ("my.apikeys.create", "[{}]", "--++ +++ ---+", "--+- +++ ---+"),
    ("my.apikeys.list", "[]", "--++ +++ -+-+", "--+- +++ -+-+"),
    ("my.apikeys.delete", r#"["AAAAAAAAAAAAAAAAAAAAAA"]"#, "--++ +++ ---+", "--+- +++ ---+"),
    ("my.otp.create", "[]", "--++ +++ ---+", "--+- +++ ---+"),
    ("my.otp.list", "[]", "--++ +++ -+-+", "--+- +++ -+-+"),
    ("my.otp.delete", r#"["AAAAAAAAAAAAAAAAAAAAAA"]"#, "--++ +++ ---+", "--+- +++ ---+"),
    // For others: the role `trust` alone, in both spellings.
    ("system.apikeys.create", r#"["spare"]"#, "---- +++ ---+", "---- +++ ---+"),
    ("system.apikeys.list", r#"["spare"]"#, "---- +++ -+-+", "---- +++ -+-+"),
    ("system.apikeys.delete", r#"["AAAAAAAAAAAAAAAAAAAAAA"]"#, "---- +++ ---+", "---- +++ ---+"),
    ("system.otp.create", r#"["spare"]"#, "---- +++ ---+", "---- +++ ---+"),
    ("system.otp.list", r#"["spare"]"#, "---- +++ -+-+", "---- +++ -+-+"),
    ("system.otp.delete", r#"["AAAAAAAAAAAAAAAAAAAAAA"]"#, "---- +++ ---+", "---- +++ ---+"),
    ("auth.whoami", "[]", SIGNED_IN, TRUST),
    ("auth.refresh_authorizer", "[]", SIGNED_IN, TRUST),
    // Who came by a one-time password or a key is never elevated, by whatever it shows.
    ("auth.reauthenticate", r#"["guess"]"#, "--++ +++ ----", "---- +++ ----"),
    ("auth.is_reauthenticated", "[]", SIGNED_IN, TRUST),
    ("auth.extend_reauthenticate", "[]", SIGNED_IN, TRUST),
    ("auth.reauthenticate_expire", "[]", SIGNED_IN, TRUST),
    ("auth.authenticate", r#"["spare", "guess"]"#, SIGNED_IN, ""),
    ("system.reauthenticate", r#"["guess"]"#, "---+ +++ ----", ""),
    ("system.is_reauthenticated", "[]", SIGNED_IN, ""),
    ("system.extend_reauthenticate", "[]", SIGNED_IN, ""),
    // Roles and other people are the records of `trust`; ids that nobody has are passed over for everybody.
    ("system.db.query", r#"["roles"]"#, "--xx +++ -+-+", "---- +++ -+-+"),
    ("system.db.create", r#"["%root", "roles", {"role": "spare"}]"#, "--xx +++ ---+", "---- +++ ---+"),
    ("system.db.upsert", r#"["%root", "roles", {"role": "spare"}]"#, "--xx +++ ---+", "---- +++ ---+"),
    ("system.db.update", r#"[["AAAAAAAAAAAAAAAAAAAAAA"], {"name": "x"}]"#, "--++ +++ ---+", "---- +++ ---+"),
    ("system.db.delete", r#"[["AAAAAAAAAAAAAAAAAAAAAA"]]"#, "--++ +++ ---+", "---- +++ ---+"),
    ("system.db.stats", "[]", "---+ +++ -+-+", "---- +++ -+-+"),
    ("system.db.bulk_unload", r#"["users"]"#, "---+ +++ -+-+", "---- +++ -+-+"),
    ("my.metadata.list", "[]", SIGNED_IN, "--+- +++ ++++"),
    ("my.metadata.get", r#"["k"]"#, SIGNED_IN, "--+- +++ ++++"),
    ("my.metadata.set", r#"["k", 1]"#, SIGNED_IN, "--+- +++ ++++"),
    ("my.metadata.delete", r#"["k"]"#, SIGNED_IN, "--+- +++ ++++"),
    ("system.preference.get", r#"["k"]"#, SIGNED_IN, ""),
    ("system.preference.set", r#"["k", 1]"#, SIGNED_IN, ""),
    ("ad.users", "[]", SIGNED_IN, TRUST),
    ("ad.groups", "[]", SIGNED_IN, TRUST),
    ("directory.users", "[]", SIGNED_IN, ""),
    ("directory.groups", "[]", SIGNED_IN, ""),
    ("system.sync", "[]", BACKEND, TRUST),
    ("system.roster.register", r#"["roster.spare", 1]"#, SIGNED_IN, TRUST),
    ("system.roster.unregister", r#"["roster.spare"]"#, SIGNED_IN, TRUST),
    ("system.roster.query", r#"["roster.spare"]"#, "++++ +++ ++++", TRUST),
    ("system.document.set", r#"["call", "com.example.spare", {}]"#, "---+ +++ -+-+", "---- +++ -+-+"),
    ("system.document.get", r#"["exact", "com.example.spare"]"#, "---x +++ -+-+", "---- +++ -+-+"),
    ("system.subscribed", "[]", BACKEND, TRUST),
    ("system.state.registrations.list", "[]", BACKEND, ""),
    ("system.vacuum", "[]", BACKEND, TRUST),
    ("system.vacuum.sessions", "[]", BACKEND, TRUST),
    ("system.vacuum.otps", "[]", BACKEND, TRUST),
    ("system.vacuum.registrations", "[]", BACKEND, TRUST),
    ("systems.handle.alerts", "[]", BACKEND, TRUST),
];

/// The meta API: in its own spelling, for `trust` only.
pub const META: &[Row] = &[
    ("wamp.session.count", "[]", "", TRUST),
    ("wamp.session.list", "[]", "", TRUST),
    ("wamp.session.get", "[1]", "", TRUST),
    ("wamp.session.kill", "[1]", "", TRUST),
    ("wamp.session.kill_by_authid", r#"["spare"]"#, "", TRUST),
    ("wamp.session.kill_by_authrole", r#"["spare"]"#, "", TRUST),
    ("wamp.session.kill_all", "[]", "", "---- ... ...."),
    ("wamp.session.add_testament", r#"["com.example.spare", [], {}]"#, "", TRUST),
    ("wamp.session.flush_testaments", "[]", "", TRUST),
    ("wamp.registration.list", "[]", "", TRUST),
    ("wamp.registration.lookup", r#"["com.example.spare"]"#, "", TRUST),
    ("wamp.registration.match", r#"["com.example.spare"]"#, "", TRUST),
    ("wamp.registration.get", "[1]", "", TRUST),
    ("wamp.registration.list_callees", "[1]", "", TRUST),
    ("wamp.registration.count_callees", "[1]", "", TRUST),
    ("wamp.registration.remove_callee", "[1, 1]", "", TRUST),
    ("wamp.subscription.list", "[]", "", TRUST),
    ("wamp.subscription.lookup", r#"["com.example.spare"]"#, "", TRUST),
    ("wamp.subscription.match", r#"["com.example.spare"]"#, "", TRUST),
    ("wamp.subscription.get", "[1]", "", TRUST),
    ("wamp.subscription.list_subscribers", "[1]", "", TRUST),
    ("wamp.subscription.count_subscribers", "[1]", "", TRUST),
    ("wamp.subscription.remove_subscriber", "[1, 1]", "", TRUST),
    ("wamp.subscription.get_events", "[1]", "", TRUST),
];

/// What the bus had and this has not (W15), and spellings that don't exist: who may call the URI hears that nobody has
/// registered it, and who may not doesn't learn that.
pub const ABSENT: &[&str] = &["auth.authenticator", "auth.authorizer"];
