//! `my.otp.*` and `system.otp.*`
//!
//! Source: the seed on one-time passwords; contract of the bus, sections 1.1 and 3.

use countersign_identity::keys::KeyKind;
use futures_util::FutureExt as _;

use super::errors::FailureKind::{InvalidArgument, LimitExceeded, NotAuthorized, NotFound, PermissionDenied};
use super::{Procedure, Spellings, keys};

/// One-time passwords.
pub const PROCEDURES: &[Procedure] = &[
    Procedure {
        names: &["my.otp.create", "my.otps.create"],
        spellings: Spellings::Both,
        summary: "Makes a one-time password for the caller, good for one login within ten minutes.",
        arguments: "",
        result: "the one-time password: `uuid`, `origin`, `expires`, `permissions`, `key`, `owner`, `plaintext_key`, `login`",
        errors: &[InvalidArgument, PermissionDenied, NotAuthorized, LimitExceeded],
        rule: "signed-in users; not from a session that was opened with a one-time password, nor of an API key without a rule for this URI",
        run: |call| keys::create_own(call, KeyKind::Otp).boxed(),
    },
    Procedure {
        names: &["my.otp.list", "my.otps.list"],
        spellings: Spellings::Both,
        summary: "The caller's one-time passwords that can still be used.",
        arguments: "",
        result: "a list of one-time passwords, `plaintext_key` null",
        errors: &[InvalidArgument, PermissionDenied],
        rule: "signed-in users",
        run: |call| keys::list_own(call, KeyKind::Otp).boxed(),
    },
    Procedure {
        names: &["my.otp.delete", "my.otps.delete"],
        spellings: Spellings::Both,
        summary: "Withdraws one of the caller's one-time passwords. One that isn't there counts as withdrawn.",
        arguments: "uuid",
        result: "`true`",
        errors: &[InvalidArgument, PermissionDenied, NotAuthorized],
        rule: "the owner; not from a session that was opened with a one-time password, nor of an API key without a rule for this URI",
        run: |call| keys::delete_own(call, KeyKind::Otp).boxed(),
    },
    Procedure {
        names: &["system.otp.create", "system.otps.create"],
        spellings: Spellings::Both,
        summary: "Makes a one-time password for a user, with `expires` and `permissions` of the caller's choice.",
        arguments: "login, data_rec=null",
        result: "the one-time password, as of `my.otp.create`",
        errors: &[InvalidArgument, PermissionDenied, NotAuthorized, NotFound, LimitExceeded],
        rule: "`trust` for another user's login; not from a session that was opened with a one-time password, nor of an API key without a rule for this URI",
        run: |call| keys::create_for(call, KeyKind::Otp).boxed(),
    },
    Procedure {
        names: &["system.otp.list", "system.otps.list"],
        spellings: Spellings::Both,
        summary: "A user's one-time passwords that can still be used.",
        arguments: "login",
        result: "a list of one-time passwords, `plaintext_key` null",
        errors: &[InvalidArgument, PermissionDenied, NotFound],
        rule: "`trust` for another user's login",
        run: |call| keys::list_of(call, KeyKind::Otp).boxed(),
    },
    Procedure {
        names: &["system.otp.delete", "system.otps.delete"],
        spellings: Spellings::Both,
        summary: "Withdraws anybody's one-time password. One that isn't there counts as withdrawn.",
        arguments: "uuid",
        result: "`true`",
        errors: &[InvalidArgument, PermissionDenied, NotAuthorized],
        rule: "`trust`; not from a session that was opened with a one-time password, nor of an API key without a rule for this URI",
        run: |call| keys::delete_any(call, KeyKind::Otp).boxed(),
    },
];
