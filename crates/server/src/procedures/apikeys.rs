//! `my.apikeys.*` and `system.apikeys.*`
//!
//! Source: contract of the bus, sections 1.1, 3.5, 4.1 and 9.

use countersign_identity::keys::KeyKind;
use futures_util::FutureExt as _;

use super::errors::FailureKind::{InvalidArgument, LimitExceeded, NotAuthorized, NotFound, PermissionDenied};
use super::{Procedure, Spellings, keys};

/// API keys.
pub const PROCEDURES: &[Procedure] = &[
    Procedure {
        names: &["my.apikeys.create"],
        spellings: Spellings::Both,
        summary: "Makes an API key for the caller, good for logins until it expires, if it does, or is withdrawn.",
        arguments: "data_rec={}",
        result: "the API key: `uuid`, `plaintext_key`, `description`, `expires`, `permissions`, `key`, `owner`",
        errors: &[InvalidArgument, PermissionDenied, NotAuthorized, LimitExceeded],
        rule: "signed-in users; not from a session that was opened with a one-time password, nor of an API key without a rule for this URI",
        run: |call| keys::create_own(call, KeyKind::ApiKey).boxed(),
    },
    Procedure {
        names: &["my.apikeys.list"],
        spellings: Spellings::Both,
        summary: "The caller's API keys that can still be used.",
        arguments: "",
        result: "a list of API keys, `plaintext_key` null",
        errors: &[InvalidArgument, PermissionDenied],
        rule: "signed-in users",
        run: |call| keys::list_own(call, KeyKind::ApiKey).boxed(),
    },
    Procedure {
        names: &["my.apikeys.delete"],
        spellings: Spellings::Both,
        summary: "Withdraws one of the caller's API keys, and ends its sessions. One that isn't there counts as withdrawn.",
        arguments: "uuid",
        result: "`true`",
        errors: &[InvalidArgument, PermissionDenied, NotAuthorized],
        rule: "the owner; not from a session that was opened with a one-time password, nor of an API key without a rule for this URI",
        run: |call| keys::delete_own(call, KeyKind::ApiKey).boxed(),
    },
    Procedure {
        names: &["system.apikeys.create"],
        spellings: Spellings::Both,
        summary: "Makes an API key for a user.",
        arguments: "login, data_rec=null",
        result: "the API key, as of `my.apikeys.create`",
        errors: &[InvalidArgument, PermissionDenied, NotAuthorized, NotFound, LimitExceeded],
        rule: "`trust` for another user's login; not from a session that was opened with a one-time password, nor of an API key without a rule for this URI",
        run: |call| keys::create_for(call, KeyKind::ApiKey).boxed(),
    },
    Procedure {
        names: &["system.apikeys.list"],
        spellings: Spellings::Both,
        summary: "A user's API keys that can still be used.",
        arguments: "login",
        result: "a list of API keys, `plaintext_key` null",
        errors: &[InvalidArgument, PermissionDenied, NotFound],
        rule: "`trust` for another user's login",
        run: |call| keys::list_of(call, KeyKind::ApiKey).boxed(),
    },
    Procedure {
        names: &["system.apikeys.delete"],
        spellings: Spellings::Both,
        summary: "Withdraws anybody's API key, and ends its sessions. One that isn't there counts as withdrawn.",
        arguments: "uuid",
        result: "`true`",
        errors: &[InvalidArgument, PermissionDenied, NotAuthorized],
        rule: "`trust`; not from a session that was opened with a one-time password, nor of an API key without a rule for this URI",
        run: |call| keys::delete_any(call, KeyKind::ApiKey).boxed(),
    },
];
